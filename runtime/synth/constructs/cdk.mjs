// The parts of aws-cdk-lib that SST stacks use beside SST's own constructs. Every class called `CfnX` of
// a service is the CloudFormation resource of that name; what is not here is inert.

import { HttpJwtAuthorizer, HttpLambdaAuthorizer, HttpUserPoolAuthorizer } from "./authorizers.mjs";
import { Construct } from "./construct.mjs";
import { Resource, Stack } from "./stack.mjs";
import { PolicyStatement, Principal, Role } from "./iam.mjs";
import { isToken, token } from "./token.mjs";
import { Duration, pascalKeys, Size } from "./values.mjs";

// CloudFormation's spelling of the services whose modules are not simply capitalized.
const SERVICES = {
	apigateway: "ApiGateway",
	apigatewayv2: "ApiGatewayV2",
	appsync: "AppSync",
	autoscaling: "AutoScaling",
	certificatemanager: "CertificateManager",
	cloudfront: "CloudFront",
	cloudwatch: "CloudWatch",
	codebuild: "CodeBuild",
	dynamodb: "DynamoDB",
	ec2: "EC2",
	ecr: "ECR",
	ecs: "ECS",
	efs: "EFS",
	elasticache: "ElastiCache",
	elasticloadbalancingv2: "ElasticLoadBalancingV2",
	iam: "IAM",
	iot: "IoT",
	kinesisfirehose: "KinesisFirehose",
	kms: "KMS",
	rds: "RDS",
	s3: "S3",
	secretsmanager: "SecretsManager",
	ses: "SES",
	sns: "SNS",
	sqs: "SQS",
	ssm: "SSM",
	stepfunctions: "StepFunctions",
	wafv2: "WAFv2",
};

class CfnOutput extends Construct {
	constructor(scope, id, { value, description, exportName }) {
		super(scope, id);
		this.value = value;
		Stack.of(this).addOutput(id.replace(/[^A-Za-z0-9]/g, ""), {
			value,
			description,
			exportName,
		});
	}
}

/** A resource of any type, with the properties given as CloudFormation writes them. */
class CfnResource extends Resource {
	constructor(scope, id, { type, properties }) {
		super(scope, id, type, properties);
	}
}

const intrinsic =
	(name) =>
	(...args) =>
		token({ [`Fn::${name}`]: args.length === 1 ? args[0] : args });

const Fn = {
	base64: intrinsic("Base64"),
	findInMap: intrinsic("FindInMap"),
	getAtt: (id, attribute) => token({ "Fn::GetAtt": [id, attribute] }),
	importValue: intrinsic("ImportValue"),
	join: (separator, list) => token({ "Fn::Join": [separator, list] }),
	ref: (id) => token({ Ref: id }),
	select: (index, list) => token({ "Fn::Select": [String(index), list] }),
	split: (separator, text) => ({ "Fn::Split": [separator, text] }),
	sub: (text, values) => token({ "Fn::Sub": values ? [text, values] : text }),
};

const pseudo = (name) => token({ Ref: `AWS::${name}` });

const Aws = {
	ACCOUNT_ID: pseudo("AccountId"),
	NO_VALUE: pseudo("NoValue"),
	PARTITION: pseudo("Partition"),
	REGION: pseudo("Region"),
	STACK_ID: pseudo("StackId"),
	STACK_NAME: pseudo("StackName"),
	URL_SUFFIX: pseudo("URLSuffix"),
};

const Tags = { of: () => ({ add() {}, remove() {} }) };

const RemovalPolicy = { DESTROY: "destroy", RETAIN: "retain", SNAPSHOT: "snapshot" };

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
	ManagedPolicy: { fromAwsManagedPolicyName: (name) => `arn:aws:iam::aws:policy/${name}` },
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
	LayerVersion: { fromLayerVersionArn: (_scope, _id, arn) => ({ layerVersionArn: arn }) },
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

const arnName = (arn) => (isToken(arn) ? arn : arn.slice(arn.lastIndexOf(":") + 1));

const byService = {
	apigatewayv2: { HttpJwtAuthorizer, HttpLambdaAuthorizer, HttpUserPoolAuthorizer },
	cognito: {
		UserPool: {
			fromUserPoolId: (_scope, _id, userPoolId) => ({ userPoolId }),
		},
		UserPoolClient: {
			fromUserPoolClientId: (_scope, _id, userPoolClientId) => ({ userPoolClientId }),
		},
	},
	dynamodb: {
		Table: {
			fromTableName: (scope, _id, tableName) => ({
				tableName,
				tableArn: Stack.of(scope).formatArn({
					service: "dynamodb",
					resource: "table",
					resourceName: tableName,
				}),
			}),
		},
	},
	events,
	iam,
	lambda,
	s3: {
		Bucket: {
			fromBucketName: (_scope, _id, bucketName) => ({
				bucketName,
				bucketArn: `arn:aws:s3:::${bucketName}`,
			}),
		},
		BlockPublicAccess: { BLOCK_ALL: "block_all" },
	},
	sns: {
		Topic: {
			fromTopicArn: (_scope, _id, topicArn) => ({ topicArn, topicName: arnName(topicArn) }),
		},
	},
	sqs: {
		Queue: {
			fromQueueArn: (_scope, _id, queueArn) => ({ queueArn, queueName: arnName(queueArn) }),
		},
	},
};

const core = {
	Aws,
	CfnOutput,
	CfnResource,
	Construct,
	Duration,
	Fn,
	RemovalPolicy,
	Size,
	Stack,
	Tag: { add() {} },
	Tags,
	Token: { asString: (value) => value, isUnresolved: isToken },
};

/**
 * The exports of a CDK module: "aws-cdk-lib", "aws-cdk-lib/aws-iam", "constructs", or one of the
 * packages of CDK v1 such as "@aws-cdk/aws-iam". Answers {known, find}: `find` makes those that are
 * not listed; `standIn` answers another module.
 */
export function cdkExports(name, standIn) {
	const service = /\/aws-([a-z0-9]+)/.exec(name)?.[1];
	if (service) {
		const prefix = SERVICES[service] ?? service[0].toUpperCase() + service.slice(1);
		const find = (key) => {
			const type = /^Cfn([A-Z][A-Za-z0-9]*)$/.exec(key)?.[1];
			return type && cfnClass(`AWS::${prefix}::${type}`);
		};
		return { known: byService[service] ?? {}, find };
	}
	if (name !== "aws-cdk-lib" && name !== "@aws-cdk/core" && name !== "constructs") {
		return { known: {} };
	}
	// `import { aws_iam } from "aws-cdk-lib"`: any service may be asked for.
	const find = (key) => {
		const each = /^aws_([a-z0-9]+)/.exec(key)?.[1];
		return each && standIn(`aws-cdk-lib/aws-${each}`);
	};
	return { known: core, find };
}

function cfnClass(type) {
	return class extends Resource {
		constructor(scope, id, props = {}) {
			super(scope, id, type, deepPascal(props));
			return new Proxy(this, {
				get(target, key, receiver) {
					const attribute = /^attr([A-Z].*)$/.exec(String(key))?.[1];
					return attribute
						? target.getAtt(attribute)
						: Reflect.get(target, key, receiver);
				},
			});
		}
	};
}

// Names are those of the CDK; the keys of free maps (environment, parameters) are not to be touched,
// and start with a capital or hold other signs than a name.
function deepPascal(value) {
	if (Array.isArray(value)) {
		return value.map(deepPascal);
	}
	if (
		value === null ||
		typeof value !== "object" ||
		Object.getPrototypeOf(value) !== Object.prototype
	) {
		return value;
	}
	const entries = Object.entries(value).map(([key, item]) => [key, deepPascal(item)]);
	return pascalKeys(Object.fromEntries(entries));
}
