// What tables, buckets, queues and their like have in common: functions that they call or that poll them.

import { Construct } from "./construct.mjs";
import { Function } from "./function.mjs";
import { withGrants } from "./iam.mjs";
import { withInertMembers } from "./inert.mjs";
import { Resource, SstConstruct, Stack } from "./stack.mjs";

const PRINCIPALS = { sns: "sns.amazonaws.com", events: "events.amazonaws.com" };

/** What all of these share: one main resource, consumers by name, grants on its ARN. */
export class DataConstruct extends SstConstruct {
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

/** A CDK construct's attributes; each of its grant methods is one: all actions of `statement`. */
export function cdkObject(construct, attributes, statement) {
	const object = Object.assign(new Construct(construct, "Cdk"), attributes);
	return withGrants(withInertMembers(`${construct.constructor.name}.cdk`, object), statement);
}
