// Stack and Resource: what a template is made of. Ids are derived from paths alone, so the same source
// gives the same template in every run. Facts: reference sst 1.5.

import { Construct, shortHash } from "./construct.mjs";
import { warn, warnInert } from "./inert.mjs";
import { Reference, resolve, token } from "./token.mjs";

/** A stack: owns resources and outputs. Stacks files extend it, or get one in their context. */
export class Stack extends Construct {
	#resources = new Map();
	#outputs = new Map();
	#exports = new Map();

	constructor(scope, id, props = {}) {
		if (!scope?.stacks) {
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
		throw new Error(
			`${construct.constructor.name} "${construct.node.id}" has to be inside a stack`,
		);
	}

	setDefaultFunctionProps(props) {
		if (this.functions.length > 0) {
			throw new Error(
				"Default function props for the stack must be set before any functions have been added. " +
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
		const slash =
			sep ?? (arnFormat === "arn:aws:service:region:account:resource:name" ? ":" : "/");
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

/** An SST construct: its id has to follow SST's rules (reference sst 1.5). */
export class SstConstruct extends Construct {
	constructor(scope, id) {
		super(scope, id);
		this.id = id;
		Stack.of(this);
		if (!/^[a-zA-Z][a-zA-Z0-9-_]*$/.test(id)) {
			const name = this.constructor.name;
			warn(
				`${name} id "${id}" is refused by SST 1.16 and later: use letters, digits, "-" and "_"`,
			);
		}
	}
}
