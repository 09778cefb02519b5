// Queue, Topic, Cron, EventBus and KinesisStream (reference sst 5).

import { BINDING } from "./binding.mjs";
import { cdkObject, DataConstruct } from "./data-construct.mjs";
import { allow, STATEMENTS } from "./iam.mjs";
import { Resource, Stack } from "./stack.mjs";
import { toSeconds } from "./values.mjs";

/** An SQS queue with at most one consumer. */
export class Queue extends DataConstruct {
	constructor(scope, id, props = {}) {
		super(scope, id, props);
		const given = props.cdk?.queue ?? props.sqsQueue ?? {};
		this.resource = given.queueArn ? undefined : this.#create(given);
		this.queueArn = this.resource?.getAtt("Arn") ?? given.queueArn;
		this.queueName = this.resource?.getAtt("QueueName") ?? given.queueName;
		this.queueUrl = this.resource?.ref ?? given.queueUrl;
		const { queueArn, queueName, queueUrl } = this;
		this.cdk = {
			queue: cdkObject(this, { queueArn, queueName, queueUrl }, this[STATEMENTS]()[0]),
		};
		if (props.consumer) {
			this.addConsumer(this, props.consumer);
		}
	}

	get sqsQueue() {
		return this.cdk.queue;
	}

	get consumerFunction() {
		return this.getFunction("Consumer");
	}

	addConsumer(_scope, consumer) {
		if (this.consumerFunction) {
			throw new Error("Cannot configure more than 1 consumer for a Queue");
		}
		const source = consumer.cdk?.eventSource ?? consumer.consumerProps ?? {};
		this.poll("Consumer", "Consumer", consumer, this.queueArn, {
			BatchSize: source.batchSize ?? 10,
			MaximumBatchingWindowInSeconds: source.maxBatchingWindow,
			FunctionResponseTypes: source.reportBatchItemFailures
				? ["ReportBatchItemFailures"]
				: undefined,
		});
	}

	[STATEMENTS]() {
		return [allow(["sqs:*"], [this.queueArn])];
	}

	[BINDING]() {
		return { type: "Queue", properties: { queueUrl: this.queueUrl } };
	}

	#create(given) {
		const suffix = given.fifo ? ".fifo" : "";
		return new Resource(this, "Queue", "AWS::SQS::Queue", {
			QueueName: given.queueName ?? `${this.name}${suffix}`,
			FifoQueue: given.fifo ? true : undefined,
			ContentBasedDeduplication: given.contentBasedDeduplication,
			VisibilityTimeout: given.visibilityTimeout && toSeconds(given.visibilityTimeout),
			RedrivePolicy: given.deadLetterQueue && {
				deadLetterTargetArn: given.deadLetterQueue.queue.queueArn,
				maxReceiveCount: given.deadLetterQueue.maxReceiveCount,
			},
		});
	}
}

/** An SNS topic with named subscribers. */
export class Topic extends DataConstruct {
	constructor(scope, id, props = {}) {
		super(scope, id, props);
		const given = props.cdk?.topic ?? props.snsTopic ?? {};
		this.resource = given.topicArn
			? undefined
			: new Resource(this, "Topic", "AWS::SNS::Topic", {
					TopicName: given.topicName ?? this.name,
				});
		this.topicArn = this.resource?.ref ?? given.topicArn;
		this.topicName = this.resource?.getAtt("TopicName") ?? given.topicName;
		const { topicArn, topicName } = this;
		this.cdk = { topic: cdkObject(this, { topicArn, topicName }, this[STATEMENTS]()[0]) };
		this.addSubscribers(this, props.subscribers ?? {});
	}

	get snsTopic() {
		return this.cdk.topic;
	}

	get subscriberFunctions() {
		return Object.keys(this.props.subscribers ?? {})
			.map((name) => this.getFunction(name))
			.filter(Boolean);
	}

	// SST 0.x and early 1.x take a list, later versions a record.
	addSubscribers(_scope, subscribers) {
		for (const [name, subscriber] of Object.entries(subscribers)) {
			const queue = subscriber instanceof Queue ? subscriber : subscriber.queue;
			const fn = queue ? undefined : this.functionFor(name, `Subscriber_${name}`, subscriber);
			new Resource(this, `Subscription_${name}`, "AWS::SNS::Subscription", {
				TopicArn: this.topicArn,
				Protocol: queue ? "sqs" : "lambda",
				Endpoint: queue ? queue.queueArn : fn.functionArn,
			});
			if (fn) {
				this.permit(fn, name, "sns", this.topicArn);
			}
		}
	}

	[STATEMENTS]() {
		return [allow(["sns:*"], [this.topicArn])];
	}

	[BINDING]() {
		return { type: "Topic", properties: { topicArn: this.topicArn } };
	}
}

/** A schedule that calls one function. */
export class Cron extends DataConstruct {
	constructor(scope, id, props = {}) {
		super(scope, id, props);
		const schedule = props.schedule ?? props.cdk?.rule?.schedule;
		if (!schedule) {
			throw new Error(`No schedule defined for the "${id}" Cron`);
		}
		if (!props.job) {
			throw new Error(`No job defined for the "${id}" Cron`);
		}
		const fn = this.functionFor("job", "Job", props.job);
		const input = props.job.cdk?.target?.event ?? props.job.jobProps?.event;
		this.resource = new Resource(this, "Rule", "AWS::Events::Rule", {
			ScheduleExpression: schedule.expressionString ?? schedule,
			State: props.enabled === false ? "DISABLED" : "ENABLED",
			Targets: [
				{ Arn: fn.functionArn, Id: "Target0", Input: input && JSON.stringify(input) },
			],
		});
		this.permit(fn, "job", "events", this.resource.getAtt("Arn"));
		this.cdk = { rule: this.resource };
	}

	get jobFunction() {
		return this.getFunction("job");
	}
}

/** An EventBridge bus with rules. */
export class EventBus extends DataConstruct {
	constructor(scope, id, props = {}) {
		super(scope, id, props);
		const given = props.cdk?.eventBus ?? props.eventBridgeEventBus ?? {};
		this.resource = given.eventBusArn
			? undefined
			: new Resource(this, "EventBus", "AWS::Events::EventBus", {
					Name: given.eventBusName ?? this.name,
				});
		this.eventBusArn = this.resource?.getAtt("Arn") ?? given.eventBusArn;
		this.eventBusName = this.resource?.ref ?? given.eventBusName;
		const { eventBusArn, eventBusName } = this;
		const statement = this[STATEMENTS]()[0];
		this.cdk = { eventBus: cdkObject(this, { eventBusArn, eventBusName }, statement) };
		this.addRules(this, props.rules ?? {});
	}

	addRules(_scope, rules) {
		for (const [name, rule] of Object.entries(rules)) {
			const targets = Object.entries(rule.targets ?? {}).map(([target, definition]) =>
				this.#target(name, target, definition),
			);
			const { source, detail, detailType } = rule.pattern ?? rule.eventPattern ?? {};
			const resource = new Resource(this, `Rule_${name}`, "AWS::Events::Rule", {
				Name: Stack.of(this).app.logicalPrefixedName(name),
				EventBusName: this.eventBusName,
				EventPattern: { source, detail, "detail-type": detailType },
				State: "ENABLED",
				Targets: targets.map(({ arn }, index) => ({ Arn: arn, Id: `Target${index}` })),
			});
			for (const { fn, key } of targets.filter((target) => target.fn)) {
				this.permit(fn, key, "events", resource.getAtt("Arn"));
			}
		}
	}

	#target(rule, name, definition) {
		const queue = definition instanceof Queue ? definition : definition.queue;
		if (queue) {
			return { arn: queue.queueArn };
		}
		const key = `${rule}_${name}`;
		const fn = this.functionFor(key, `Target_${key}`, definition);
		return { arn: fn.functionArn, fn, key };
	}

	[STATEMENTS]() {
		return [allow(["events:*"], [this.eventBusArn])];
	}

	[BINDING]() {
		return { type: "EventBus", properties: { eventBusName: this.eventBusName } };
	}
}

/** A Kinesis stream with consumers. */
export class KinesisStream extends DataConstruct {
	constructor(scope, id, props = {}) {
		super(scope, id, props);
		const given = props.cdk?.stream ?? {};
		this.resource = given.streamArn
			? undefined
			: new Resource(this, "Stream", "AWS::Kinesis::Stream", {
					Name: this.name,
					ShardCount: 1,
				});
		this.streamArn = this.resource?.getAtt("Arn") ?? given.streamArn;
		this.streamName = this.resource?.ref ?? given.streamName;
		const { streamArn, streamName } = this;
		this.cdk = { stream: cdkObject(this, { streamArn, streamName }, this[STATEMENTS]()[0]) };
		this.addConsumers(this, props.consumers ?? {});
	}

	addConsumers(_scope, consumers) {
		for (const [name, consumer] of Object.entries(consumers)) {
			const settings = { StartingPosition: "LATEST", BatchSize: 100 };
			this.poll(name, `Consumer_${name}`, consumer, this.streamArn, settings);
		}
	}

	[STATEMENTS]() {
		return [allow(["kinesis:*"], [this.streamArn])];
	}

	[BINDING]() {
		return { type: "KinesisStream", properties: { streamName: this.streamName } };
	}
}
