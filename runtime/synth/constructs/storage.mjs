// Table, Bucket and RDS (reference sst 5).

import { BINDING } from "./binding.mjs";
import { cdkObject, DataConstruct } from "./data-construct.mjs";
import { allow, STATEMENTS } from "./iam.mjs";
import { warn } from "./inert.mjs";
import { Queue, Topic } from "./messaging.mjs";
import { Resource } from "./stack.mjs";

const FIELD_TYPES = { string: "S", number: "N", binary: "B", S: "S", N: "N", B: "B" };

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
				throw new Error(
					`Please enable the "stream" option to add consumers to the "${this.id}" Table.`,
				);
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
			[
				primaryIndex,
				...Object.values(globalIndexes ?? {}),
				...Object.values(localIndexes ?? {}),
			]
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
		return Object.keys(this.props.notifications ?? {})
			.map((name) => this.getFunction(name))
			.filter(Boolean);
	}

	addNotifications(_scope, notifications) {
		for (const [name, notification] of Object.entries(notifications)) {
			const {
				events = ["object_created", "object_removed"],
				filters,
				queue,
				topic,
			} = notification;
			if (queue || topic || notification instanceof Queue || notification instanceof Topic) {
				warn(
					`Notification "${name}" of Bucket "${this.id}" to a queue or topic is not emulated`,
				);
				continue;
			}
			const fn = this.functionFor(name, `Notification_${name}`, notification);
			fn.attachPermissions([this]);
			const config = (this.resource.properties.NotificationConfiguration ??= {});
			const list = (config.LambdaConfigurations ??= []);
			for (const event of events) {
				list.push({
					Event: s3Event(event),
					Filter: s3Filter(filters),
					Function: fn.functionArn,
				});
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
	return (
		filters && {
			S3Key: {
				Rules: filters.flatMap((filter) =>
					Object.entries(filter).map(([name, value]) => ({ Name: name, Value: value })),
				),
			},
		}
	);
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
		this.cdk = {
			cluster: { clusterArn: this.clusterArn, secret: { secretArn: this.secretArn } },
		};
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
