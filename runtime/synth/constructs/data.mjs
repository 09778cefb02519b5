// Table, Bucket, Queue, Topic, Cron, EventBus, KinesisStream and RDS (reference sst 5): one resource of
// the right type each, with the functions that they call.

import { Construct, Resource, SstConstruct, Stack } from "./core.mjs";
import { BINDING } from "./binding.mjs";
import { Function } from "./function.mjs";
import { allow, STATEMENTS } from "./iam.mjs";
import { warn, withInertMembers } from "./inert.mjs";
import { toSeconds } from "./values.mjs";

const FIELD_TYPES = { string: "S", number: "N", binary: "B", S: "S", N: "N", B: "B" };

const PRINCIPALS = { sns: "sns.amazonaws.com", events: "events.amazonaws.com" };

/** What all of these share: one main resource, consumers by name, grants on its ARN. */
class DataConstruct extends SstConstruct {
	#functions = new Map();

	constructor(scope, id, props = {}) {
		super(scope, id);
		this.props = props;
		this.name = Stack.of(this).app.logicalPrefixedName(id);
	}

	getFunction(name) {
		return this.#functions.get(name);
	}

	bind(constructs) {
		this.#each((fn) => fn.bind(constructs));
	}

	attachPermissions(permissions) {
		this.#each((fn) => fn.attachPermissions(permissions));
	}

	/** A function from a definition, or from the `function` member of an object around it. */
	functionFor(name, id, definition, inherited = this.props.defaults?.function) {
		const fn = Function.fromDefinition(this, id, definition?.function ?? definition, inherited);
		this.#functions.set(name, fn);
		return fn;
	}

	/** A function that polls `source` for records. */
	poll(name, id, definition, source, settings) {
		const fn = this.functionFor(name, id, definition);
		fn.attachPermissions([this]);
		new Resource(this, `Source_${name}`, "AWS::Lambda::EventSourceMapping", {
			EventSourceArn: source,
			FunctionName: fn.functionName,
			...settings,
		});
		return fn;
	}

	/** Lets a service call a function. */
	permit(fn, name, service, sourceArn) {
		new Resource(this, `Permission_${name}`, "AWS::Lambda::Permission", {
			Action: "lambda:InvokeFunction",
			FunctionName: fn.functionArn,
			Principal: PRINCIPALS[service],
			SourceArn: sourceArn,
		});
	}

	#each(action) {
		for (const fn of this.#functions.values()) {
			action(fn);
		}
	}
}

// The grant methods of a CDK construct, as one: all of the service's actions on the ARNs.
function cdkObject(construct, attributes, statement) {
	const object = Object.assign(new Construct(construct, "Cdk"), attributes);
	return new Proxy(withInertMembers(`${construct.constructor.name}.cdk`, object), {
		get(target, key, receiver) {
			if (typeof key === "string" && key.startsWith("grant")) {
				return (grantee) => (grantee.role ?? grantee).addToPolicy(statement);
			}
			return Reflect.get(target, key, receiver);
		},
	});
}

/** A DynamoDB table, with consumers of its stream. */
export class Table extends DataConstruct {
	constructor(scope, id, props = {}) {
		super(scope, id, props);
		const given = props.cdk?.table ?? props.dynamodbTable ?? {};
		this.imported = given.tableArn !== undefined;
		this.resource = this.imported ? undefined : this.#create(given);
		this.tableName = this.resource?.ref ?? given.tableName;
		this.tableArn = this.resource?.getAtt("Arn") ?? given.tableArn;
		const { tableName, tableArn } = this;
		this.cdk = { table: cdkObject(this, { tableName, tableArn }, this[STATEMENTS]()[0]) };
		this.addConsumers(this, props.consumers ?? {});
	}

	// The name of SST 0.x.
	get dynamodbTable() {
		return this.cdk.table;
	}

	addConsumers(_scope, consumers) {
		for (const [name, consumer] of Object.entries(consumers)) {
			if (!this.props.stream && !this.imported) {
				throw new Error(`Please enable the "stream" option to add consumers to the "${this.id}" Table.`);
			}
			this.poll(name, `Consumer_${name}`, consumer, this.resource?.getAtt("StreamArn"), {
				StartingPosition: "LATEST",
				BatchSize: 100,
			});
		}
	}

	addGlobalIndexes(indexes) {
		const list = (this.resource.properties.GlobalSecondaryIndexes ??= []);
		list.push(...indexList(indexes, this.props.primaryIndex));
	}

	[STATEMENTS]() {
		return [allow(["dynamodb:*"], [this.tableArn, `${this.tableArn}/*`])];
	}

	[BINDING]() {
		return { type: "Table", properties: { tableName: this.tableName } };
	}

	#create(given) {
		const { fields = {}, primaryIndex, globalIndexes, localIndexes, stream } = this.props;
		if (!primaryIndex) {
			throw new Error(`No primary index defined for the "${this.id}" Table`);
		}
		const keys = new Set(
			[primaryIndex, ...Object.values(globalIndexes ?? {}), ...Object.values(localIndexes ?? {})]
				.flatMap(({ partitionKey, sortKey }) => [partitionKey, sortKey])
				.filter(Boolean),
		);
		const attributes = [...keys].map((name) => ({
			AttributeName: name,
			AttributeType: FIELD_TYPES[fields[name]] ?? "S",
		}));
		const resource = new Resource(this, "Table", "AWS::DynamoDB::Table", {
			TableName: given.tableName ?? this.name,
			BillingMode: "PAY_PER_REQUEST",
			AttributeDefinitions: attributes,
			KeySchema: keySchema(primaryIndex),
			GlobalSecondaryIndexes: globalIndexes && indexList(globalIndexes, primaryIndex),
			LocalSecondaryIndexes: localIndexes && indexList(localIndexes, primaryIndex),
			PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
			StreamSpecification: stream && { StreamViewType: streamView(stream) },
			TimeToLiveSpecification: this.props.timeToLiveAttribute && {
				AttributeName: this.props.timeToLiveAttribute,
				Enabled: true,
			},
		});
		resource.deletionPolicy = "Retain";
		return resource;
	}
}

const streamView = (stream) =>
	stream === true ? "NEW_AND_OLD_IMAGES" : String(stream).toUpperCase();

function keySchema({ partitionKey, sortKey }) {
	const hash = { AttributeName: partitionKey?.name ?? partitionKey, KeyType: "HASH" };
	return sortKey ? [hash, { AttributeName: sortKey?.name ?? sortKey, KeyType: "RANGE" }] : [hash];
}

function indexList(indexes, primary) {
	return Object.entries(indexes).map(([name, { projection, ...index }]) => ({
		IndexName: name,
		KeySchema: keySchema({ partitionKey: primary.partitionKey, ...index }),
		Projection: Array.isArray(projection)
			? { ProjectionType: "INCLUDE", NonKeyAttributes: projection }
			: { ProjectionType: (projection ?? "all").toUpperCase() },
	}));
}

/** An S3 bucket, with notifications. */
export class Bucket extends DataConstruct {
	constructor(scope, id, props = {}) {
		super(scope, id, props);
		const given = props.cdk?.bucket ?? props.s3Bucket ?? {};
		if (given.bucketArn) {
			this.bucketName = given.bucketName;
			this.bucketArn = given.bucketArn;
		} else {
			this.resource = new Resource(this, "Bucket", "AWS::S3::Bucket", {
				BucketName: props.name ?? given.bucketName,
				CorsConfiguration: bucketCors(props.cors),
			});
			this.bucketName = this.resource.ref;
			this.bucketArn = this.resource.getAtt("Arn");
		}
		const { bucketName, bucketArn } = this;
		this.cdk = { bucket: cdkObject(this, { bucketName, bucketArn }, this[STATEMENTS]()[0]) };
		this.addNotifications(this, props.notifications ?? {});
	}

	get s3Bucket() {
		return this.cdk.bucket;
	}

	get notificationFunctions() {
		return Object.keys(this.props.notifications ?? {}).map((name) => this.getFunction(name)).filter(Boolean);
	}

	addNotifications(_scope, notifications) {
		for (const [name, notification] of Object.entries(notifications)) {
			const { events = ["object_created", "object_removed"], filters, queue, topic } = notification;
			if (queue || topic || notification instanceof Queue || notification instanceof Topic) {
				warn(`Notification "${name}" of Bucket "${this.id}" to a queue or topic is not emulated`);
				continue;
			}
			const fn = this.functionFor(name, `Notification_${name}`, notification);
			fn.attachPermissions([this]);
			const config = (this.resource.properties.NotificationConfiguration ??= {});
			const list = (config.LambdaConfigurations ??= []);
			for (const event of events) {
				list.push({ Event: s3Event(event), Filter: s3Filter(filters), Function: fn.functionArn });
			}
		}
	}

	[STATEMENTS]() {
		return [allow(["s3:*"], [this.bucketArn, `${this.bucketArn}/*`])];
	}

	[BINDING]() {
		return { type: "Bucket", properties: { bucketName: this.bucketName } };
	}
}

// "object_created_put" is "s3:ObjectCreated:Put", "object_created" all of them.
function s3Event(event) {
	const words = event.split("_").map((word) => word[0].toUpperCase() + word.slice(1));
	return `s3:${words[0]}${words[1]}:${words.slice(2).join("") || "*"}`;
}

function s3Filter(filters) {
	return filters && {
		S3Key: {
			Rules: filters.flatMap((filter) =>
				Object.entries(filter).map(([name, value]) => ({ Name: name, Value: value })),
			),
		},
	};
}

function bucketCors(cors) {
	if (!cors) {
		return undefined;
	}
	const any = { allowedMethods: ["GET", "PUT", "HEAD", "POST", "DELETE"], allowedOrigins: ["*"] };
	const rules = cors === true ? [{ ...any, allowedHeaders: ["*"] }] : cors;
	return {
		CorsRules: rules.map((rule) => ({
			AllowedHeaders: rule.allowedHeaders ?? ["*"],
			AllowedMethods: rule.allowedMethods ?? any.allowedMethods,
			AllowedOrigins: rule.allowedOrigins ?? any.allowedOrigins,
			ExposedHeaders: rule.exposedHeaders,
		})),
	};
}

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
		this.cdk = { queue: cdkObject(this, { queueArn, queueName, queueUrl }, this[STATEMENTS]()[0]) };
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
			FunctionResponseTypes: source.reportBatchItemFailures ? ["ReportBatchItemFailures"] : undefined,
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
			: new Resource(this, "Topic", "AWS::SNS::Topic", { TopicName: given.topicName ?? this.name });
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
		return Object.keys(this.props.subscribers ?? {}).map((name) => this.getFunction(name)).filter(Boolean);
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
			Targets: [{ Arn: fn.functionArn, Id: "Target0", Input: input && JSON.stringify(input) }],
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
			: new Resource(this, "EventBus", "AWS::Events::EventBus", { Name: given.eventBusName ?? this.name });
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
			: new Resource(this, "Stream", "AWS::Kinesis::Stream", { Name: this.name, ShardCount: 1 });
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

/** An Aurora cluster with the Data API. */
export class RDS extends DataConstruct {
	constructor(scope, id, props = {}) {
		super(scope, id, props);
		this.defaultDatabaseName = props.defaultDatabaseName;
		const secret = new Resource(this, "Secret", "AWS::SecretsManager::Secret", {
			GenerateSecretString: {
				SecretStringTemplate: '{"username":"admin"}',
				GenerateStringKey: "password",
			},
		});
		this.resource = new Resource(this, "Cluster", "AWS::RDS::DBCluster", {
			DBClusterIdentifier: this.name.toLowerCase(),
			DatabaseName: props.defaultDatabaseName,
			Engine: props.engine?.startsWith("mysql") ? "aurora-mysql" : "aurora-postgresql",
			EngineMode: "serverless",
			EnableHttpEndpoint: true,
		});
		this.secretArn = secret.ref;
		this.clusterIdentifier = this.resource.ref;
		this.clusterEndpoint = this.resource.getAtt("Endpoint.Address");
		this.clusterArn = this.resource.getAtt("DBClusterArn");
		this.cdk = { cluster: { clusterArn: this.clusterArn, secret: { secretArn: this.secretArn } } };
	}

	[STATEMENTS]() {
		const secret = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"];
		return [allow(["rds-data:*"], [this.clusterArn]), allow(secret, [this.secretArn])];
	}

	[BINDING]() {
		const { clusterArn, secretArn, defaultDatabaseName } = this;
		return { type: "RDS", properties: { clusterArn, secretArn, defaultDatabaseName } };
	}
}

/** The field types of SST 0.x's Table. */
export const TableFieldType = { BINARY: "binary", NUMBER: "number", STRING: "string" };
