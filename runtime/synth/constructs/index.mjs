// The modules that a stacks file may import, by name, as stand-ins. The bundler turns each import of
// them into a look-up here.

import { Api, GraphQLApi } from "./api.mjs";
import { Auth, Cognito } from "./auth.mjs";
import { ApiAuthorizationType } from "./authorizers.mjs";
import { App, Construct, dependsOn, getStack, Stack, use } from "./core.mjs";
import { Function, Job } from "./function.mjs";
import { moduleOf } from "./inert.mjs";

const sst = {
	Api,
	ApiAuthorizationType,
	ApiPayloadFormatVersion: { V1: "1.0", V2: "2.0" },
	App,
	Auth,
	Cognito,
	Construct,
	dependsOn,
	Function,
	getStack,
	GraphQLApi,
	Job,
	Stack,
	use,
};

const modules = new Map();

/** The stand-in for the module `name`. */
export function standIn(name) {
	if (!modules.has(name)) {
		modules.set(name, create(name));
	}
	return modules.get(name);
}

function create(name) {
	return moduleOf(name, /^(sst|@serverless-stack)/.test(name) ? sst : {});
}

export { App };
export { warnings } from "./inert.mjs";
