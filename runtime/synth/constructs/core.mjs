// App, Stack and Construct: the tree that a stacks file builds, and the templates it becomes.
//
// Facts: reference sst 1.3-1.5. Ids are derived from the construct's path alone, so the same source
// gives the same template in every run.

import { createHash } from "node:crypto";
import { warn, warnInert } from "./inert.mjs";
import { Reference, resolve, token } from "./token.mjs";

/** The first 8 hexadecimal digits of a text's digest: enough to tell a stack's ids apart. */
export function shortHash(text) {
	return createHash("sha256").update(text).digest("hex").slice(0, 8).toUpperCase();
}

/** A construct's place in the tree: the parts of the CDK's node that stacks files use. */
class Node {
	#dependencies = [];

	constructor(host, scope, id) {
		this.host = host;
		this.scope = scope;
		// As in the CDK: a slash parts the path, so in an id it is written "--".
		this.id = String(id ?? "").replaceAll("/", "--");
		this.children = [];
		this.context = {};
		if (scope) {
			scope.node.adopt(host, this.id);
		}
	}

	adopt(child, id) {
		if (this.tryFindChild(id)) {
			const parent = this.host.constructor.name;
			throw new Error(`There is already a Construct with name '${id}' in ${parent} [${this.path}]`);
		}
		this.children.push(child);
	}

	get path() {
		const above = this.scope?.node.path;
		return above ? `${above}/${this.id}` : this.id;
	}

	get root() {
		return this.scope ? this.scope.node.root : this.host;
	}

	get addr() {
		return shortHash(this.path).toLowerCase();
	}

	get defaultChild() {
		return this.tryFindChild("Resource") ?? this.tryFindChild("Default");
	}

	get dependencies() {
		return this.#dependencies;
	}

	tryFindChild(id) {
		return this.children.find((child) => child.node.id === id);
	}

	findChild(id) {
		const child = this.tryFindChild(id);
		if (!child) {
			throw new Error(`No child with id: '${id}'`);
		}
		return child;
	}

	findAll() {
		return [this.host, ...this.children.flatMap((child) => child.node.findAll())];
	}

	addDependency(...others) {
		this.#dependencies.push(...others);
	}

	tryGetContext(key) {
		return this.context[key] ?? this.scope?.node.tryGetContext(key);
	}

	setContext(key, value) {
		this.context[key] = value;
	}

	addMetadata() {}

	addValidation() {}
}

/** The base of all constructs. */
export class Construct {
	constructor(scope, id) {
		if (scope !== undefined && !(scope?.node instanceof Node)) {
			const name = this.constructor.name;
			throw new Error(`The first argument of ${name} "${id}" has to be a stack or another construct`);
		}
		this.node = new Node(this, scope, id);
	}

	toString() {
		return this.node.path || "<root>";
	}
}

/** An SST construct: its id has to follow SST's rules (reference sst 1.5). */
export class SstConstruct extends Construct {
	constructor(scope, id) {
		super(scope, id);
		this.id = id;
		Stack.of(this);
		if (!/^[a-zA-Z][a-zA-Z0-9-_]*$/.test(id)) {
			const name = this.constructor.name;
			warn(`${name} id "${id}" is refused by SST 1.16 and later: use letters, digits, "-" and "_"`);
		}
	}
}

/** One CloudFormation resource. Add it under a construct; its logical id comes from its path. */
export class Resource extends Construct {
	constructor(scope, id, type, properties = {}, more = {}) {
		super(scope, id);
		this.stack = Stack.of(this);
		this.cfnResourceType = type;
		this.properties = properties;
		this.metadata = more.metadata;
		this.dependsOn = [];
		this.deletionPolicy = undefined;
		this.logicalId = this.stack.addResource(this, more.logicalId);
		this.ref = token(new Reference(this));
	}

	/** A token of Fn::GetAtt. */
	getAtt(attribute) {
		return token(new Reference(this, attribute));
	}

	addDependency(other) {
		this.dependsOn.push(other);
	}

	addDependsOn(other) {
		this.addDependency(other);
	}

	addPropertyOverride(path, value) {
		const keys = path.split(".");
		const last = keys.pop();
		let place = this.properties;
		for (const key of keys) {
			place = place[key] ??= {};
		}
		place[last] = value;
	}

	addPropertyDeletionOverride(path) {
		this.addPropertyOverride(path, undefined);
	}

	addOverride(path, value) {
		if (path.startsWith("Properties.")) {
			this.addPropertyOverride(path.slice("Properties.".length), value);
		}
	}

	addMetadata(key, value) {
		this.metadata = { ...this.metadata, [key]: value };
	}

	overrideLogicalId(id) {
		this.stack.renameResource(this, id);
		this.logicalId = id;
	}

	applyRemovalPolicy(policy) {
		const words = { destroy: "Delete", retain: "Retain", snapshot: "Snapshot" };
		this.deletionPolicy = words[policy] ?? this.deletionPolicy;
	}

	toTemplate() {
		const dependsOn = [...this.dependsOn, ...this.node.dependencies]
			.filter((other) => other instanceof Resource && other.stack === this.stack)
			.map((other) => other.logicalId);
		return {
			Type: this.cfnResourceType,
			Properties: this.properties,
			DependsOn: dependsOn.length > 0 ? dependsOn : undefined,
			DeletionPolicy: this.deletionPolicy,
			Metadata: this.metadata,
		};
	}
}

/** A stack: owns resources and outputs. Stacks files extend it, or get one in their context. */
export class Stack extends Construct {
	#resources = new Map();
	#outputs = new Map();
	#exports = new Map();

	constructor(scope, id, props = {}) {
		if (!(scope instanceof App)) {
			throw new Error(`The stack "${id}" has to be created in the app`);
		}
		if (props?.env) {
			throw new Error(`Do not directly set the environment for a stack (stack "${id}")`);
		}
		super(scope, id);
		this.app = scope;
		this.id = id;
		this.stage = scope.stage;
		this.region = scope.region;
		this.account = scope.account;
		this.partition = "aws";
		this.urlSuffix = "amazonaws.com";
		this.stackName = props?.stackName ?? scope.logicalPrefixedName(id);
		this.stackId = token({ Ref: "AWS::StackId" });
		this.description = props?.description;
		this.defaultFunctionProps = [];
		this.functions = [];
		if (!this.stackName.includes(scope.stage)) {
			throw new Error(
				`Stack "${this.stackName}" is not parameterized with the stage name. The stack name needs ` +
					"to either start with the stage name, or contain it.",
			);
		}
		scope.addStack(this);
	}

	/** The stack that a construct is in. */
	static of(construct) {
		for (let at = construct; at; at = at.node.scope) {
			if (at instanceof Stack) {
				return at;
			}
		}
		throw new Error(`${construct.constructor.name} "${construct.node.id}" has to be inside a stack`);
	}

	setDefaultFunctionProps(props) {
		if (this.functions.length > 0) {
			throw new Error(
				'Default function props for the stack must be set before any functions have been added. ' +
					'Use "addDefaultFunctionEnv" or "addDefaultFunctionPermissions" instead to add more ' +
					"default properties.",
			);
		}
		this.defaultFunctionProps.push(props);
	}

	addDefaultFunctionEnv(environment) {
		this.defaultFunctionProps.push({ environment });
	}

	addDefaultFunctionPermissions(permissions) {
		this.defaultFunctionProps.push({ permissions });
	}

	addDefaultFunctionLayers(layers) {
		this.defaultFunctionProps.push({ layers });
	}

	addDefaultFunctionBinding(bind) {
		this.defaultFunctionProps.push({ bind });
	}

	addDefaultFunctionConfig(config) {
		this.defaultFunctionProps.push({ config });
	}

	getAllFunctions() {
		return [...this.functions];
	}

	/** Adds outputs: a string, or {value, description, exportName}; undefined values are refused. */
	addOutputs(outputs) {
		for (const [key, output] of Object.entries(outputs)) {
			const value = typeof output === "object" ? output?.value : output;
			if (value === undefined) {
				throw new Error(`The stack output "${key}" is undefined`);
			}
			this.addOutput(key, typeof output === "object" ? output : { value });
		}
	}

	addOutput(key, { value, description, exportName }) {
		const exported = exportName === undefined ? undefined : { Name: exportName };
		this.#outputs.set(key, { Description: description, Value: value, Export: exported });
	}

	/** The export name under which another stack imports a value of this one. */
	exportValue(reference) {
		const kind = reference.attribute ? `FnGetAtt${reference.resource.logicalId}` : "Ref";
		const tail = reference.attribute ?? reference.resource.logicalId;
		const key = `ExportsOutput${kind}${tail}`.replace(/[^A-Za-z0-9]/g, "");
		const name = `${this.stackName}:${key}`;
		this.#exports.set(key, { Value: reference.intrinsic(), Export: { Name: name } });
		return name;
	}

	/** Registers a resource; answers its logical id: readable parts of the path, and a hash. */
	addResource(resource, logicalId) {
		const id = logicalId ?? this.#logicalIdOf(resource);
		if (this.#resources.has(id)) {
			throw new Error(`Two resources of stack "${this.node.id}" have the logical id "${id}"`);
		}
		this.#resources.set(id, resource);
		return id;
	}

	renameResource(resource, id) {
		this.#resources.delete(resource.logicalId);
		this.#resources.set(id, resource);
	}

	#logicalIdOf(resource) {
		const prefix = this.node.path.length + 1;
		const path = resource.node.path.slice(prefix);
		const parts = path.split("/").filter((part) => part !== "Default");
		const shown = parts.filter((part) => part !== "Resource");
		const human = shown.map((part) => part.replace(/[^A-Za-z0-9]/g, "")).join("");
		if (parts.length === 1 && human === parts[0]) {
			return human;
		}
		return human.slice(0, 240) + shortHash(parts.join("/"));
	}

	/** Resolves all resources; foreign references add exports to the stacks they name. */
	resolveResources() {
		const resources = {};
		for (const [id, resource] of this.#resources) {
			resources[id] = resolve(resource, this, warnInert);
		}
		return resources;
	}

	resolveOutputs() {
		return resolve(Object.fromEntries(this.#outputs), this, warnInert);
	}

	get exportedOutputs() {
		return Object.fromEntries(this.#exports);
	}

	toJsonString(value) {
		return JSON.stringify(value);
	}

	formatArn({ service, resource, resourceName, region, account, arnFormat, sep }) {
		const slash = sep ?? (arnFormat === "arn:aws:service:region:account:resource:name" ? ":" : "/");
		const name = resourceName === undefined ? resource : `${resource}${slash}${resourceName}`;
		return `arn:aws:${service}:${region ?? this.region}:${account ?? this.account}:${name}`;
	}

	addDependency(other) {
		this.node.addDependency(other);
	}

	addTransform(name) {
		this.transform = name;
	}
}

/** The app: what the entry's default function gets. */
export class App extends Construct {
	constructor({ name, stage = "dev", region = "us-east-1", local = false, mode } = {}) {
		super(undefined, "");
		this.name = name;
		this.stage = stage;
		this.region = region;
		// The emulator's account, filled in where the template is evaluated.
		this.account = token({ Ref: "AWS::AccountId" });
		this.local = local;
		if (mode) {
			this.mode = mode;
		}
		this.stacks = [];
		this.defaultFunctionProps = [];
		this.removalPolicy = undefined;
		current = this;
	}

	logicalPrefixedName(name) {
		return [this.stage, this.name, name].filter(Boolean).join("-");
	}

	addStack(stack) {
		this.stacks.push(stack);
	}

	setDefaultFunctionProps(props) {
		if (this.stacks.some((stack) => stack.functions.length > 0)) {
			throw new Error(
				'Cannot call "setDefaultFunctionProps" after a stack with functions have been created. ' +
					'Please use "addDefaultFunctionEnv" or "addDefaultFunctionPermissions" to add more ' +
					"default properties.",
			);
		}
		this.defaultFunctionProps.push(props);
	}

	addDefaultFunctionEnv(environment) {
		this.defaultFunctionProps.push({ environment });
	}

	addDefaultFunctionPermissions(permissions) {
		this.defaultFunctionProps.push({ permissions });
	}

	addDefaultFunctionLayers(layers) {
		this.defaultFunctionProps.push({ layers });
	}

	addDefaultFunctionBinding(bind) {
		this.defaultFunctionProps.push({ bind });
	}

	addDefaultFunctionConfig(config) {
		this.defaultFunctionProps.push({ config });
	}

	setDefaultRemovalPolicy(policy) {
		this.removalPolicy = policy;
	}

	/** Runs a stack function; answers the app, or a promise of it when the function is async. */
	stack(define, props = {}) {
		const { id = define.name, ...rest } = props ?? {};
		if (results.has(define)) {
			throw new Error(`StackDuplicates: Attempting to initialize stack ${define.name} several times`);
		}
		if (!id) {
			throw new Error('A stack function without a name needs an id: app.stack(fn, { id: "MyStack" })');
		}
		if (/^class[\s{]/.test(globalThis.Function.prototype.toString.call(define))) {
			new define(this, id, rest);
			return this;
		}
		const stack = new Stack(this, id, rest);
		stacksOf.set(define, stack);
		const result = define.call(stack, { app: this, stack });
		if (typeof result?.then === "function") {
			return result.then((value) => {
				results.set(define, value);
				return this;
			});
		}
		results.set(define, result);
		return this;
	}

	/** The templates of all stacks, in order of creation. */
	synthesize() {
		if (this.removalPolicy) {
			for (const construct of this.node.findAll()) {
				construct.applyRemovalPolicy?.(this.removalPolicy);
			}
		}
		const resources = this.stacks.map((stack) => stack.resolveResources());
		const outputs = this.stacks.map((stack) => stack.resolveOutputs());
		return this.stacks.map((stack, index) => ({
			id: stack.node.id,
			name: stack.stackName,
			template: {
				AWSTemplateFormatVersion: "2010-09-09",
				...(stack.description ? { Description: stack.description } : {}),
				...(stack.transform ? { Transform: stack.transform } : {}),
				Resources: resources[index],
				Outputs: { ...outputs[index], ...stack.exportedOutputs },
			},
		}));
	}
}

let current;
const results = new Map();
const stacksOf = new Map();

/** What a stack function returned, for the stacks that come after it. */
export function use(define) {
	if (!results.has(define)) {
		const name = define?.name;
		throw new Error(`StackWrongOrder: Initialize "${name}" stack before "${callerName()}" stack`);
	}
	return results.get(define);
}

/** Makes the stack being defined depend on another. */
export function dependsOn(define) {
	const other = getStack(define);
	current.stacks.at(-1).node.addDependency(other);
}

/** The stack that a stack function defined. */
export function getStack(define) {
	if (!stacksOf.has(define)) {
		throw new Error(`StackWrongOrder: Initialize "${define?.name}" stack first`);
	}
	return stacksOf.get(define);
}

function callerName() {
	return current?.stacks.at(-1)?.node.id ?? "";
}
