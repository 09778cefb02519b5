// The classes of the CDK's service modules that SST stacks use beside SST's own constructs.

import { HttpJwtAuthorizer, HttpLambdaAuthorizer, HttpUserPoolAuthorizer } from "./authorizers.mjs";
import { Construct } from "./construct.mjs";
import { PolicyStatement, Principal, rawStatements, Role, withGrants } from "./iam.mjs";
import { withInertMembers } from "./inert.mjs";
import { Resource, Stack } from "./stack.mjs";
import { isToken } from "./token.mjs";

const REF = Symbol("Ref");

// A class of the CDK that stands for one resource: it has the attributes that others read from it, and
// grants by its ARN. Of its properties only those that `write` turns into CloudFormation's are kept.
function l2(type, attributes, write = () => ({})) {
	return class extends Construct {
		constructor(scope, id, props = {}) {
			super(scope, id);
			const resource = new Resource(this, "Resource", type, write(props));
			for (const [name, attribute] of Object.entries(attributes)) {
				this[name] = attribute === REF ? resource.ref : resource.getAtt(attribute);
			}
			const statement = rawStatements(this)?.[0];
			const object = withInertMembers(type, this);
			return statement ? withGrants(object, statement) : object;
		}
	};
}

const withStatics = (Class, statics) =>
	withInertMembers("aws-cdk-lib", Object.assign(Class, statics));

const arnName = (arn) => (isToken(arn) ? arn : arn.slice(arn.lastIndexOf(":") + 1));

const tableArn = (scope, tableName) =>
	Stack.of(scope).formatArn({ service: "dynamodb", resource: "table", resourceName: tableName });

class PolicyDocument {
	constructor({ statements = [] } = {}) {
		this.statements = [...statements];
	}

	addStatements(...statements) {
		this.statements.push(...statements);
	}

	toTemplate() {
		return { Version: "2012-10-17", Statement: this.statements };
	}
}

const principalClass = (kind) =>
	class extends Principal {
		constructor(value, conditions, action) {
			super(kind, value, conditions, action);
		}
	};

class AnyPrincipal extends Principal {
	constructor() {
		super("AWS", "*");
	}
}

const iam = {
	AccountPrincipal: principalClass("AWS"),
	AnyPrincipal,
	ArnPrincipal: principalClass("AWS"),
	Effect: { ALLOW: "Allow", DENY: "Deny" },
	FederatedPrincipal: principalClass("Federated"),
	ManagedPolicy: withStatics(l2("AWS::IAM::ManagedPolicy", { managedPolicyArn: REF }), {
		fromAwsManagedPolicyName: (name) => `arn:aws:iam::aws:policy/${name}`,
	}),
	PolicyDocument,
	PolicyStatement,
	Role,
	ServicePrincipal: principalClass("Service"),
	WebIdentityPrincipal: class extends Principal {
		constructor(value, conditions) {
			super("Federated", value, conditions, "sts:AssumeRoleWithWebIdentity");
		}
	},
};

// NODEJS_16_X is "nodejs16.x", PYTHON_3_9 "python3.9", PROVIDED_AL2 "provided.al2".
const Runtime = new Proxy(
	{},
	{
		get(_target, key) {
			const match = /^(NODEJS|PYTHON|PROVIDED|JAVA|GO|DOTNET)_?(.*)$/.exec(String(key));
			if (!match) {
				return undefined;
			}
			const version = match[2].toLowerCase().replace("_", ".");
			const family = match[1].toLowerCase();
			return {
				name: family === "provided" && version ? `provided.${version}` : family + version,
			};
		},
	},
);

const lambda = {
	Architecture: { ARM_64: "arm_64", X86_64: "x86_64" },
	Code: withInertMembers("aws-cdk-lib/aws-lambda.Code", { fromAsset: (folder) => ({ folder }) }),
	LayerVersion: withStatics(
		l2("AWS::Lambda::LayerVersion", { layerVersionArn: REF }, ({ code }) => ({ Content: code?.folder })),
		{ fromLayerVersionArn: (_scope, _id, layerVersionArn) => ({ layerVersionArn }) },
	),
	Runtime,
	Tracing: { ACTIVE: "active", DISABLED: "disabled", PASS_THROUGH: "pass_through" },
};

const events = {
	Schedule: {
		cron: ({ minute = "*", hour = "*", day, month = "*", weekDay, year = "*" }) => {
			// Of the two days one has to be "?".
			const days = day === undefined && weekDay !== undefined ? "?" : (day ?? "*");
			const fields = [minute, hour, days, month, weekDay ?? "?", year];
			return { expressionString: `cron(${fields.join(" ")})` };
		},
		expression: (expressionString) => ({ expressionString }),
		rate: (duration) => ({ expressionString: `rate(${rateOf(duration.toMinutes())})` }),
	},
};

const rateOf = (minutes) => `${minutes} minute${minutes === 1 ? "" : "s"}`;

const cognito = {
	UserPool: withStatics(
		l2("AWS::Cognito::UserPool", {
			userPoolId: REF,
			userPoolArn: "Arn",
			userPoolProviderName: "ProviderName",
		}),
		{ fromUserPoolId: (_scope, _id, userPoolId) => ({ userPoolId }) },
	),
	UserPoolClient: withStatics(
		l2("AWS::Cognito::UserPoolClient", { userPoolClientId: REF }, ({ userPool }) => ({
			UserPoolId: userPool?.userPoolId,
		})),
		{ fromUserPoolClientId: (_scope, _id, userPoolClientId) => ({ userPoolClientId }) },
	),
};

const dynamodb = {
	Table: withStatics(
		l2("AWS::DynamoDB::Table", { tableName: REF, tableArn: "Arn" }, ({ tableName }) => ({
			TableName: tableName,
		})),
		{
			fromTableName: (scope, _id, tableName) => ({
				tableName,
				tableArn: tableArn(scope, tableName),
			}),
		},
	),
};

const s3 = {
	Bucket: withStatics(
		l2("AWS::S3::Bucket", { bucketName: REF, bucketArn: "Arn" }, ({ bucketName }) => ({
			BucketName: bucketName,
		})),
		{
			fromBucketName: (_scope, _id, bucketName) => ({
				bucketName,
				bucketArn: `arn:aws:s3:::${bucketName}`,
			}),
		},
	),
};

const sns = {
	Topic: withStatics(
		l2("AWS::SNS::Topic", { topicArn: REF, topicName: "TopicName" }, ({ topicName }) => ({
			TopicName: topicName,
		})),
		{
			fromTopicArn: (_scope, _id, topicArn) => ({ topicArn, topicName: arnName(topicArn) }),
		},
	),
};

const sqs = {
	Queue: withStatics(
		l2(
			"AWS::SQS::Queue",
			{ queueUrl: REF, queueArn: "Arn", queueName: "QueueName" },
			({ queueName, fifo }) => ({ QueueName: queueName, FifoQueue: fifo }),
		),
		{
			fromQueueArn: (_scope, _id, queueArn) => ({ queueArn, queueName: arnName(queueArn) }),
		},
	),
};

const apigatewayv2 = { HttpJwtAuthorizer, HttpLambdaAuthorizer, HttpUserPoolAuthorizer };

/** The known exports of the service modules, by the service's name in the module's. */
export const services = {
	apigatewayv2,
	cognito,
	dynamodb,
	events,
	iam,
	lambda,
	s3,
	sns,
	sqs,
};
