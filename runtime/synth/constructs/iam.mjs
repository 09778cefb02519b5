// IAM statements, roles and SST's permission forms (reference sst 3.3).

import { Construct } from "./construct.mjs";
import { Resource, Stack } from "./stack.mjs";
import { inertName, warnInert } from "./inert.mjs";

/** Constructs answer `[STATEMENTS]()` with what `permissions: [construct]` grants. */
export const STATEMENTS = Symbol("offstage.statements");

const one = (list) => (list.length === 1 ? list[0] : list);
const orNothing = (list) => (list.length > 0 ? one(list) : undefined);

/** The CDK's PolicyStatement. */
export class PolicyStatement {
	constructor(props = {}) {
		this.sid = props.sid;
		this.effect = props.effect ?? "Allow";
		this.actions = [...(props.actions ?? [])];
		this.notActions = [...(props.notActions ?? [])];
		this.resources = [...(props.resources ?? [])];
		this.notResources = [...(props.notResources ?? [])];
		this.principals = [...(props.principals ?? [])];
		this.conditions = { ...props.conditions };
	}

	static fromJson(json) {
		const list = (value) => (value === undefined ? [] : [value].flat());
		return new PolicyStatement({
			sid: json.Sid,
			effect: json.Effect,
			actions: list(json.Action),
			notActions: list(json.NotAction),
			resources: list(json.Resource),
			notResources: list(json.NotResource),
			conditions: json.Condition,
		});
	}

	addActions(...actions) {
		this.actions.push(...actions);
	}

	addResources(...resources) {
		this.resources.push(...resources);
	}

	addAllResources() {
		this.resources.push("*");
	}

	addPrincipals(...principals) {
		this.principals.push(...principals);
	}

	addCondition(operator, values) {
		this.conditions[operator] = { ...this.conditions[operator], ...values };
	}

	addConditions(conditions) {
		for (const [operator, values] of Object.entries(conditions)) {
			this.addCondition(operator, values);
		}
	}

	toTemplate() {
		return {
			Sid: this.sid,
			Effect: this.effect,
			Principal: mergePrincipals(this.principals),
			Action: orNothing(this.actions),
			NotAction: orNothing(this.notActions),
			Resource: orNothing(this.resources),
			NotResource: orNothing(this.notResources),
			Condition: Object.keys(this.conditions).length > 0 ? this.conditions : undefined,
		};
	}
}

function mergePrincipals(principals) {
	const merged = {};
	for (const { kind, value } of principals) {
		merged[kind] = [...(merged[kind] ?? []), value];
	}
	const entries = Object.entries(merged).map(([kind, values]) => [kind, one(values)]);
	return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

/** A principal: who a statement is about. */
export class Principal {
	constructor(kind, value, conditions, action = "sts:AssumeRole") {
		this.kind = kind;
		this.value = value;
		this.conditions = conditions;
		this.assumeRoleAction = action;
	}
}

/** An Allow statement. */
export function allow(actions, resources, conditions) {
	return new PolicyStatement({ actions, resources, conditions });
}

/** A policy attached to a role; the first statement creates the resource under `scope`. */
export class InlinePolicy {
	#scope;
	#id;
	#role;
	#statements = [];

	constructor(scope, id, role) {
		this.#scope = scope;
		this.#id = id;
		this.#role = role;
	}

	addToPolicy(statement) {
		if (this.#statements.length === 0) {
			this.#create();
		}
		this.#statements.push(statement);
		return true;
	}

	#create() {
		const policy = new Construct(this.#scope, this.#id);
		const properties = {
			PolicyName: undefined,
			PolicyDocument: { Version: "2012-10-17", Statement: this.#statements },
			Roles: [this.#role.roleName],
		};
		const resource = new Resource(policy, "Resource", "AWS::IAM::Policy", properties);
		properties.PolicyName = resource.logicalId;
	}
}

/** An IAM role with one policy of its own. */
export class Role extends Construct {
	#policy = new InlinePolicy(this, "DefaultPolicy", this);

	constructor(scope, id, props = {}) {
		super(scope, id);
		const { assumedBy, managedPolicies = [], roleName, inlinePolicies = {} } = props;
		const trust = allow([assumedBy?.assumeRoleAction ?? "sts:AssumeRole"], []);
		trust.principals = assumedBy ? [assumedBy] : [];
		trust.conditions = assumedBy?.conditions ?? {};
		this.assumeRolePolicy = trust;
		this.resource = new Resource(this, "Resource", "AWS::IAM::Role", {
			RoleName: roleName,
			AssumeRolePolicyDocument: { Version: "2012-10-17", Statement: [trust] },
			ManagedPolicyArns: managedPolicies.length > 0 ? managedPolicies : undefined,
			Policies: inlineForms(inlinePolicies),
		});
		this.roleArn = this.resource.getAtt("Arn");
		this.roleName = this.resource.ref;
		this.grantPrincipal = this;
	}

	addToPolicy(statement) {
		return this.#policy.addToPolicy(statement);
	}

	addToPrincipalPolicy(statement) {
		return this.addToPolicy(statement);
	}

	addToRolePolicy(statement) {
		return this.addToPolicy(statement);
	}

	addManagedPolicy(policy) {
		(this.resource.properties.ManagedPolicyArns ??= []).push(policy);
	}
}

function inlineForms(policies) {
	const forms = Object.entries(policies).map(([name, document]) => ({
		PolicyName: name,
		PolicyDocument: document,
	}));
	return forms.length > 0 ? forms : undefined;
}

/** Attaches permissions in any of SST's forms to a role. */
export function attachPermissions(role, permissions) {
	if (permissions === "*") {
		role.addToPolicy(allow(["*"], ["*"]));
		return;
	}
	if (!Array.isArray(permissions)) {
		throw new Error("The specified permissions are not supported.");
	}
	for (const permission of permissions) {
		attachOne(role, permission);
	}
}

function attachOne(role, permission) {
	const inert = inertName(permission);
	if (inert) {
		warnInert(inert);
		return;
	}
	if (typeof permission === "string") {
		const action = permission.includes(":") ? permission : `${permission}:*`;
		role.addToPolicy(allow([permission === "*" ? "*" : action], ["*"]));
		return;
	}
	if (permission instanceof PolicyStatement) {
		role.addToPolicy(permission);
		return;
	}
	if (Array.isArray(permission) && permission.length === 2) {
		grant(role, permission);
		return;
	}
	const statements = permission?.[STATEMENTS]?.() ?? rawStatements(permission);
	if (!statements) {
		throw new Error("The specified permissions are not supported.");
	}
	for (const statement of statements) {
		role.addToPolicy(statement);
	}
}

function grant(role, [construct, method]) {
	const target = [construct, ...Object.values(construct.cdk ?? {})].find(
		(candidate) => typeof candidate?.[method] === "function",
	);
	if (!target) {
		throw new Error(`The specified grant method is incorrect: "${method}" does not exist`);
	}
	target[method](role);
}

// A construct of the CDK is recognised by the ARN it has.
const RAW = [
	["tableArn", (arn) => [allow(["dynamodb:*"], [arn, `${arn}/*`])]],
	["topicArn", (arn) => [allow(["sns:*"], [arn])]],
	["queueArn", (arn) => [allow(["sqs:*"], [arn])]],
	["eventBusArn", (arn) => [allow(["events:*"], [arn])]],
	["streamArn", (arn) => [allow(["kinesis:*"], [arn])]],
	["deliveryStreamArn", (arn) => [allow(["firehose:*"], [arn])]],
	["bucketArn", (arn) => [allow(["s3:*"], [arn, `${arn}/*`])]],
	["clusterArn", (arn) => [allow(["rds-data:*"], [arn])]],
];

/** What a construct of the CDK grants, or undefined. */
export function rawStatements(construct) {
	const found = RAW.find(([property]) => property in Object(construct));
	return found?.[1](construct[found[0]]);
}

/** A CDK construct whose grant methods all allow the one statement. */
export function withGrants(construct, statement) {
	return new Proxy(construct, {
		get(target, key, receiver) {
			if (typeof key === "string" && key.startsWith("grant")) {
				return (grantee) => (grantee.role ?? grantee).addToPolicy(statement);
			}
			return Reflect.get(target, key, receiver);
		},
	});
}

/** The role that a Lambda function runs with. */
export function functionRole(scope, tracing) {
	const role = new Role(scope, "ServiceRole", {
		assumedBy: new Principal("Service", "lambda.amazonaws.com"),
		managedPolicies: ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"],
	});
	if (tracing !== "disabled") {
		role.addToPolicy(allow(["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"]));
	}
	return role;
}

/** `arn:aws:<service>:<region>:<account>:<rest>` in the construct's own stack. */
export function arnIn(construct, service, rest) {
	const stack = Stack.of(construct);
	return `arn:aws:${service}:${stack.region}:${stack.account}:${rest}`;
}
