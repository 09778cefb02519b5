// App, and what stack functions use to reach each other (reference sst 1.3, 1.4).

import { Construct } from "./construct.mjs";
import { Stack } from "./stack.mjs";
import { token } from "./token.mjs";

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
			throw new Error(
				`StackDuplicates: Attempting to initialize stack ${define.name} several times`,
			);
		}
		if (!id) {
			throw new Error(
				'A stack function without a name needs an id: app.stack(fn, { id: "MyStack" })',
			);
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
		throw new Error(
			`StackWrongOrder: Initialize "${name}" stack before "${callerName()}" stack`,
		);
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
