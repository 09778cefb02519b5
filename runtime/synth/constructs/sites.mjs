// The constructs around a backend: web sites, scripts, parameters and secrets (reference sst 1.6, 5).

import { Resource, SstConstruct, Stack } from "./stack.mjs";
import { BINDING } from "./binding.mjs";
import { Function } from "./function.mjs";
import { warn } from "./inert.mjs";

/** A web site: a bucket to stand for it. Its files are served by the developer's own dev server. */
class Site extends SstConstruct {
	constructor(scope, id, props = {}) {
		super(scope, id);
		this.props = props;
		this.resource = new Resource(this, "S3Bucket", "AWS::S3::Bucket", {});
		this.bucketName = this.resource.ref;
		this.bucketArn = this.resource.getAtt("Arn");
		this.cdk = { bucket: { bucketName: this.bucketName, bucketArn: this.bucketArn } };
	}

	/** As of a site that is being developed: the address of the usual dev server. */
	get url() {
		return this.props.dev?.url ?? "http://localhost:3000";
	}

	get customDomainUrl() {
		return undefined;
	}

	attachPermissions() {}

	bind() {}

	[BINDING]() {
		return { type: this.constructor.name, properties: { url: this.url } };
	}
}

export class StaticSite extends Site {}
export class ViteStaticSite extends Site {}
export class ReactStaticSite extends Site {}
export class NextjsSite extends Site {}
export class RemixSite extends Site {}
export class AstroSite extends Site {}
export class SolidStartSite extends Site {}
export class SvelteKitSite extends Site {}

/** A script that runs when a stack is deployed. */
export class Script extends SstConstruct {
	constructor(scope, id, props = {}) {
		super(scope, id);
		if (props.function) {
			throw new Error(
				'The "function" property of a Script has been replaced by "onCreate", "onUpdate" and "onDelete"',
			);
		}
		const given = ["onCreate", "onUpdate", "onDelete"].filter((name) => props[name]);
		if (given.length === 0) {
			throw new Error(
				`Need to provide at least one of "onCreate", "onUpdate", or "onDelete" functions for the "${id}" Script`,
			);
		}
		this.functions = Object.fromEntries(
			given.map((name) => [
				name,
				Function.fromDefinition(
					this,
					`${name}Function`,
					props[name],
					props.defaults?.function,
				),
			]),
		);
		const properties = { params: props.params };
		for (const [name, fn] of Object.entries(this.functions)) {
			properties[`User${name[2]}${name.slice(3)}Function`] = fn.functionName;
		}
		this.resource = new Resource(this, "ScriptResource", "Custom::SSTScript", properties);
	}

	get createFunction() {
		return this.functions.onCreate;
	}

	get updateFunction() {
		return this.functions.onUpdate;
	}

	get deleteFunction() {
		return this.functions.onDelete;
	}

	bind(constructs) {
		Object.values(this.functions).forEach((fn) => fn.bind(constructs));
	}

	attachPermissions(permissions) {
		Object.values(this.functions).forEach((fn) => fn.attachPermissions(permissions));
	}
}

// A parameter or secret in SSM, at the path where SST keeps it.
class Setting extends SstConstruct {
	constructor(scope, id, value) {
		super(scope, id);
		this.name = id;
		this.value = value;
		const { app } = Stack.of(this);
		const kind = this.constructor.name;
		new Resource(this, "Parameter", "AWS::SSM::Parameter", {
			Name: `/sst/${app.name}/${app.stage}/${kind}/${id}/value`,
			Type: "String",
			Value: value,
		});
	}

	[BINDING]() {
		return { type: this.constructor.name, properties: { value: this.value } };
	}
}

class Parameter extends Setting {
	constructor(scope, id, props) {
		super(scope, id, props.value);
	}

	static create(scope, values) {
		return settings(
			Parameter,
			scope,
			Object.entries(values).map(([id, value]) => [id, { value }]),
		);
	}
}

// A secret's value comes from the developer's environment, under the secret's own name.
class Secret extends Setting {
	constructor(scope, id) {
		super(scope, id, process.env[id] ?? "");
		if (process.env[id] === undefined) {
			warn(`Secret "${id}" is empty: set ${id} in the environment or in a .env file`);
		}
	}

	static create(scope, ...ids) {
		return settings(
			Secret,
			scope,
			ids.map((id) => [id]),
		);
	}
}

const settings = (Class, scope, list) =>
	Object.fromEntries(list.map(([id, props]) => [id, new Class(scope, id, props)]));

export const Config = { Parameter, Secret };
