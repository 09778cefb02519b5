// The parts of aws-cdk-lib that SST stacks use beside SST's own constructs. Every class called `CfnX` of
// a service is the CloudFormation resource of that name; what is not here is inert.

import { services } from "./cdk-services.mjs";
import { Construct } from "./construct.mjs";
import { Resource, Stack } from "./stack.mjs";
import { isToken, token } from "./token.mjs";
import { Duration, pascalKeys, Size } from "./values.mjs";

// CloudFormation's spelling of the services whose modules are not simply capitalized.
const SPELLINGS = {
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
		const prefix = SPELLINGS[service] ?? service[0].toUpperCase() + service.slice(1);
		const find = (key) => {
			const type = /^Cfn([A-Z][A-Za-z0-9]*)$/.exec(key)?.[1];
			return type && cfnClass(`AWS::${prefix}::${type}`);
		};
		return { known: services[service] ?? {}, find };
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
