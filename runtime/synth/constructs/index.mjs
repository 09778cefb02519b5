// The modules that a stacks file may import, by name, as stand-ins. The bundler turns each import of
// them into a look-up here.

import { Api, GraphQLApi } from "./api.mjs";
import { Auth, Cognito } from "./auth.mjs";
import { ApiAuthorizationType } from "./authorizers.mjs";
import { cdkExports } from "./cdk.mjs";
import { App, dependsOn, getStack, use } from "./app.mjs";
import { Construct } from "./construct.mjs";
import { Stack } from "./stack.mjs";
import { Function, Job } from "./function.mjs";
import { moduleOf } from "./inert.mjs";
import { ApiGatewayV1Api, WebSocketApi } from "./other-apis.mjs";
import * as messaging from "./messaging.mjs";
import * as storage from "./storage.mjs";
import * as sites from "./sites.mjs";
import { toMegabytes, toSeconds, Duration, Size } from "./values.mjs";

const sst = {
	...messaging,
	...sites,
	...storage,
	Api,
	ApiAuthorizationType,
	ApiGatewayV1Api,
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
	toCdkDuration: (value) => Duration.seconds(toSeconds(value)),
	toCdkSize: (value) => Size.mebibytes(toMegabytes(value)),
	use,
	WebSocketApi,
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
	if (name === "@serverless-stack/resources" || /^sst(\/constructs.*)?$/.test(name)) {
		return moduleOf(name, sst);
	}
	const { known, find } = cdkExports(name, standIn);
	return moduleOf(name, known, find);
}

export { App };
export { warnings } from "./inert.mjs";
