// The stand-ins accept the forms of SST 0.x, 1.x and 2.x (reference sst 1.5, 2, 3).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Builder, fixture, makeApp, ofType, save, stackApp } from "./helper.mjs";

let builder;

before(() => {
	builder = new Builder({ FROM_SHELL: "shell" });
});

after(() => builder.close());

async function synth(app, more = {}) {
	const answer = await builder.ask({ op: "synth", app, stage: "dev", local: true, ...more });
	assert.equal(answer.ok, true, JSON.stringify(answer.error));
	return answer;
}

async function refusal(app) {
	const answer = await builder.ask({ op: "synth", app, stage: "dev", local: true });
	assert.equal(answer.ok, false, "expected an error");
	return answer.error;
}

test("JWT authorizer: scopes, audience and CORS", async () => {
	const answer = await synth(fixture("jwt-auth"));
	const [authorizer] = ofType(answer, "AWS::ApiGatewayV2::Authorizer");
	assert.equal(authorizer.Properties.AuthorizerType, "JWT");
	assert.deepEqual(authorizer.Properties.IdentitySource, ["$request.header.Authorization"]);
	assert.deepEqual(authorizer.Properties.JwtConfiguration, {
		Issuer: "https://myorg.us.auth0.com/",
		Audience: ["https://api.example.com"],
	});
	const routes = ofType(answer, "AWS::ApiGatewayV2::Route").map(({ Properties }) => Properties);
	// A route's scopes replace the defaults, they do not add to them.
	assert.deepEqual(
		routes.map((route) => route.AuthorizationScopes),
		[["read:notes"], ["write:notes"], undefined],
	);
	assert.deepEqual(routes[0].AuthorizerId, { Ref: authorizer.id });
	assert.equal(
		ofType(answer, "AWS::ApiGatewayV2::Api")[0].Properties.CorsConfiguration.MaxAge,
		600,
	);
});

test("Lambda authorizers: simple and IAM response", async () => {
	const answer = await synth(fixture("lambda-authorizer"));
	const [simple, policy] = ofType(answer, "AWS::ApiGatewayV2::Authorizer");
	assert.equal(simple.Properties.AuthorizerPayloadFormatVersion, "2.0");
	assert.equal(simple.Properties.EnableSimpleResponses, true);
	assert.equal(simple.Properties.AuthorizerResultTtlInSeconds, 30);
	assert.equal(policy.Properties.AuthorizerPayloadFormatVersion, "1.0");
	assert.equal(policy.Properties.AuthorizerResultTtlInSeconds, 0);
	const types = ofType(answer, "AWS::ApiGatewayV2::Route").map(
		(route) => route.Properties.AuthorizationType,
	);
	assert.deepEqual(types, ["CUSTOM", "CUSTOM", "NONE"]);
});

test("the class syntax of 0.x, with its names for authorization and Auth", async () => {
	const answer = await synth(fixture("v0-class"));
	assert.equal(answer.stacks[0].name, "dev-v0-class-my-stack");
	const types = ofType(answer, "AWS::ApiGatewayV2::Route").map(
		(route) => route.Properties.AuthorizationType,
	);
	assert.deepEqual(types, ["AWS_IAM", "NONE"]);
	assert.equal(ofType(answer, "AWS::Cognito::IdentityPool").length, 1);
	assert.equal(ofType(answer, "AWS::Cognito::UserPool").length, 0);
	assert.equal(ofType(answer, "AWS::Lambda::Function")[0].Metadata.offstage.srcPath, ".");
});

test("sst.config.ts of v2, with a value that crosses stacks", async () => {
	const answer = await synth(fixture("v2-config"));
	assert.equal(answer.kind, "sst-v2");
	assert.deepEqual(
		answer.stacks.map(({ name }) => name),
		["dev-v2-config-Storage", "dev-v2-config-API"],
	);
	const [fn] = ofType(answer, "AWS::Lambda::Function", 1);
	const imported =
		fn.Properties.Environment.Variables.SST_Table_tableName_Notes["Fn::ImportValue"];
	const exports = Object.values(answer.stacks[0].template.Outputs);
	assert.ok(exports.some(({ Export }) => Export.Name === imported));
	assert.equal(fn.Metadata.offstage.bundle.format, "esm");
});

test("many constructs together", async () => {
	const answer = await synth(fixture("kitchen-sink"));
	assert.deepEqual(answer.warnings, []);
	const urls = ofType(answer, "AWS::ApiGatewayV2::Integration").filter(
		({ Properties }) => Properties.IntegrationType === "HTTP_PROXY",
	);
	assert.equal(urls[0].Properties.IntegrationUri, "https://example.com/{proxy}");
	const keys = ofType(answer, "AWS::ApiGatewayV2::Route").map(
		(route) => route.Properties.RouteKey,
	);
	assert.deepEqual(keys, [
		"$connect",
		"$default",
		"GET /notes",
		"GET /notes/{id}",
		"GET /python",
		"ANY /proxy/{proxy+}",
		"$default",
	]);
	const hello = ofType(answer, "AWS::Lambda::Function").find(
		({ Metadata }) => Metadata.offstage.construct === "MyStack/Hello",
	);
	assert.equal(hello.Properties.Timeout, 20);
	assert.equal(hello.Properties.MemorySize, 2048);
	assert.equal(hello.Properties.Environment.Variables.SST_Parameter_value_VERSION, "1.2.0");
	const [url] = ofType(answer, "AWS::Lambda::Url");
	assert.equal(url.Properties.AuthType, "AWS_IAM");
	const { SocketUrl, ...others } = answer.stacks[0].template.Outputs;
	assert.deepEqual(Object.keys(others), ["ApiEndpoint", "FunctionUrl", "Notes", "SiteUrl"]);
	assert.equal(SocketUrl.Value["Fn::Join"][1].at(-1), "/dev");
});

test("function props merge: app, stack, construct, route", async (t) => {
	const app = makeApp(t, {
		"sst.json": { name: "app", main: "stacks/index.ts" },
		"stacks/index.ts": `
			import { Api, App } from "@serverless-stack/resources";
			export default (app: App) => {
				app.setDefaultFunctionProps({
					timeout: 1, memorySize: 128, environment: { A: "app", B: "app" }, permissions: ["s3"],
				});
				app.stack(function One({ stack }) {
					stack.setDefaultFunctionProps(() => ({ timeout: 2, environment: { B: "stack" } }));
					new Api(stack, "Api", {
						defaults: { function: { timeout: 3, environment: { C: "api" } } },
						routes: {
							"GET /a": "a.handler",
							"GET /b": { function: { handler: "b.handler", timeout: "4 seconds", permissions: "*" } },
						},
					});
				});
			};`,
	});
	const answer = await synth(app);
	const [a, b] = ofType(answer, "AWS::Lambda::Function").map(({ Properties }) => Properties);
	assert.deepEqual([a.Timeout, b.Timeout, a.MemorySize], [3, 4, 128]);
	const { A, B, C } = a.Environment.Variables;
	assert.deepEqual({ A, B, C }, { A: "app", B: "stack", C: "api" });
	const actions = ofType(answer, "AWS::IAM::Policy").map(
		({ Properties }) => Properties.PolicyDocument.Statement.at(-1).Action,
	);
	assert.deepEqual(actions, ["s3:*", "*"]);
});

test("permissions of everything stay so, whatever is added later", async (t) => {
	const app = stackApp(
		t,
		`stack.setDefaultFunctionProps({ permissions: "*" });
		new sst.Function(stack, "Fn", { handler: "a.handler", permissions: ["s3"] });`,
	);
	const { Statement } = ofType(await synth(app), "AWS::IAM::Policy")[0].Properties.PolicyDocument;
	assert.deepEqual(
		Statement.slice(1).map(({ Action }) => Action),
		["*"],
	);
});

test("a stack is named after its function, also when another file has the name too", async (t) => {
	const app = makeApp(t, {
		"sst.json": { name: "app", main: "stacks/index.js" },
		"stacks/settings.js": "const API = 1; export const settings = () => API;",
		"stacks/api.js": "export function API() {}",
		"stacks/index.js": `
			import { settings } from "./settings.js";
			import { API } from "./api.js";
			export default (app) => { settings(); app.stack(API); }`,
	});
	assert.equal((await synth(app)).stacks[0].id, "API");
});

test("Auth of 1.10 and later, Cognito, social providers and both arities of attach", async (t) => {
	const app = stackApp(
		t,
		`
		const api = new sst.Api(stack, "Api", { routes: {} });
		const auth = new sst.Cognito(stack, "Cognito", {
			login: ["email"],
			triggers: { preSignUp: "a.handler" },
			identityPoolFederation: {
				google: { clientId: "google" },
				twitter: { consumerKey: "key", consumerSecret: "secret" },
				cdk: { cfnIdentityPool: { allowUnauthenticatedIdentities: false } },
			},
		});
		auth.attachPermissionsForAuthUsers(stack, [api, "s3"]);
		auth.attachPermissionsForUnauthUsers(["sns:Publish"]);
		const login = new sst.Auth(stack, "Login", { authenticator: "auth.handler" });
		login.attach(stack, { api });
		stack.addOutputs({ Pool: auth.cdk.cfnIdentityPool.ref, Same: auth.cognitoIdentityPoolId });
	`,
	);
	const answer = await synth(app);
	const [pool] = ofType(answer, "AWS::Cognito::IdentityPool");
	assert.equal(pool.Properties.AllowUnauthenticatedIdentities, false);
	assert.deepEqual(pool.Properties.SupportedLoginProviders, {
		"accounts.google.com": "google",
		"api.twitter.com": "key;secret",
	});
	const [users] = ofType(answer, "AWS::Cognito::UserPool");
	assert.deepEqual(users.Properties.UsernameAttributes, ["email"]);
	assert.ok(users.Properties.LambdaConfig.PreSignUp);
	const keys = ofType(answer, "AWS::ApiGatewayV2::Route").map(
		(route) => route.Properties.RouteKey,
	);
	assert.deepEqual(keys, ["ANY /auth/{proxy+}", "GET /auth"]);
	const { Pool, Same } = answer.stacks[0].template.Outputs;
	assert.deepEqual(Pool, Same);
});

test("permissions given in a later stack are a policy of that stack", async (t) => {
	const app = makeApp(t, {
		"sst.json": { name: "app", main: "stacks/index.js" },
		"stacks/index.js": `
			import { Api, Cognito, use } from "@serverless-stack/resources";
			function First({ stack }) { return new Cognito(stack, "Auth"); }
			function Second({ stack }) {
				const api = new Api(stack, "Api", {});
				use(First).attachPermissionsForAuthUsers(stack, [api]);
				use(First).attachPermissionsForAuthUsers(stack, ["s3"]);
			}
			export default (app) => { app.stack(First).stack(Second); }`,
	});
	const answer = await synth(app);
	const [policy, ...none] = ofType(answer, "AWS::IAM::Policy", 1);
	assert.deepEqual(none, []);
	assert.equal(policy.Properties.PolicyDocument.Statement.length, 2);
	assert.ok(policy.Properties.Roles[0]["Fn::ImportValue"]);
	assert.ok(!JSON.stringify(answer.stacks[0].template).includes("Fn::ImportValue"));
});

test("secrets come from the environment; an empty one is named", async (t) => {
	const app = stackApp(
		t,
		`
		const { KEY, NONE } = sst.Config.Secret.create(stack, "KEY", "NONE");
		new sst.Function(stack, "Fn", { handler: "a.handler", bind: [KEY, NONE] });
	`,
		{ ".env": "KEY=value" },
	);
	const answer = await synth(app);
	const { Variables } = ofType(answer, "AWS::Lambda::Function")[0].Properties.Environment;
	assert.equal(Variables.SST_Secret_value_KEY, "value");
	assert.match(answer.warnings[0].message, /^Secret "NONE" is empty/);
});

test("an unknown construct is inert, and named in one warning", async (t) => {
	const app = stackApp(
		t,
		`
		const one = new sst.AppSyncApi(stack, "GraphQL", { schema: "x" });
		const two = new sst.AppSyncApi(stack, "Other", {});
		one.addDataSources(stack, {}).anything.at.all();
		class Own extends sst.AppSyncApi { name() { return "own"; } }
		const own = new Own(stack, "Own");
		stack.addOutputs({ Url: one.url, Own: own.name() });
		cdk.Tags.of(stack).add("a", "b");
		new cdk.aws_made_up.Thing(stack, "Thing");
	`,
	);
	const answer = await synth(app);
	const texts = answer.warnings.map(({ message }) => message);
	assert.equal(texts.filter((text) => text.includes('resources.AppSyncApi"')).length, 1);
	assert.ok(texts.some((text) => text.includes("Thing")));
	assert.equal(answer.stacks[0].template.Outputs.Own.Value, "own");
	assert.deepEqual(answer.stacks[0].template.Resources, {});
});

test("unknown members of the CDK objects behind constructs are inert", async (t) => {
	const app = stackApp(
		t,
		`
		const api = new sst.Api(stack, "Api", {});
		api.cdk.httpApi.addStage("Beta", { stageName: "beta" });
		const bucket = new sst.Bucket(stack, "Bucket");
		bucket.cdk.bucket.addToResourcePolicy({});
		new sst.Function(stack, "Fn", { handler: "a.handler", permissions: [bucket.cdk.bucket] });
	`,
	);
	const answer = await synth(app);
	assert.deepEqual(
		answer.warnings.map(({ message }) => /^"(\S+)"/.exec(message)[1]),
		["Api.cdk.httpApi.addStage", "Bucket.cdk.addToResourcePolicy"],
	);
	const statement = ofType(answer, "AWS::IAM::Policy")[0].Properties.PolicyDocument.Statement.at(
		-1,
	);
	assert.equal(statement.Action, "s3:*");
});

test("classes of the CDK: the usual ones are resources, the rest is inert", async (t) => {
	const app = makeApp(t, {
		"sst.json": { name: "app", main: "stacks/index.js" },
		"stacks/index.js": `
			import sst, { Cognito, Function, Queue, Table } from "@serverless-stack/resources";
			import { Code, LayerVersion, Runtime } from "aws-cdk-lib/aws-lambda";
			import * as cognito from "aws-cdk-lib/aws-cognito";
			import { Queue as RawQueue } from "@aws-cdk/aws-sqs";
			import { Duration } from "@aws-cdk/core";
			export function debugApp() {}
			export default class Only extends sst.Stack {
				constructor(...args) {
					super(...args);
					const layer = new LayerVersion(this, "Layer", { code: Code.fromAsset("x") });
					const fn = new Function(this, "Fn", {
						handler: "a.b", layers: [layer], runtime: Runtime.NODEJS_18_X, timeout: Duration.minutes(1),
					});
					const dead = new RawQueue(this, "Dead");
					dead.grantSendMessages(fn);
					RawQueue.fromSomewhereElse(this);
					new Queue(this, "Queue", {
						cdk: { queue: { deadLetterQueue: { queue: dead, maxReceiveCount: 3 } } },
					});
					const auth = new Cognito(this, "Auth");
					const google = new cognito.UserPoolIdentityProviderGoogle(this, "Google", {
						userPool: auth.cdk.userPool,
					});
					auth.cdk.userPoolClient.node.addDependency(google);
					const domain = auth.cdk.userPool.addDomain("D", { cognitoDomain: { domainPrefix: "x" } });
					this.addOutputs({ Domain: domain.baseUrl() });
				}
			}`,
	});
	const answer = await synth(app);
	assert.equal(answer.stacks[0].name, "dev-app-Only");
	const [fn] = ofType(answer, "AWS::Lambda::Function");
	const { Runtime, Timeout, Layers } = fn.Properties;
	assert.deepEqual([Runtime, Timeout], ["nodejs18.x", 60]);
	const [layer] = ofType(answer, "AWS::Lambda::LayerVersion");
	assert.deepEqual([layer.id, layer.Properties.Content], [Layers[0].Ref, "x"]);
	const [dead, queue] = ofType(answer, "AWS::SQS::Queue");
	assert.deepEqual(queue.Properties.RedrivePolicy, {
		deadLetterTargetArn: { "Fn::GetAtt": [dead.id, "Arn"] },
		maxReceiveCount: 3,
	});
	const statement = ofType(answer, "AWS::IAM::Policy")[0].Properties.PolicyDocument.Statement.at(
		-1,
	);
	assert.equal(statement.Action, "sqs:*");
	assert.equal(
		answer.stacks[0].template.Outputs.Domain.Value,
		"https://x.auth.us-east-1.amazoncognito.com",
	);
	const named = answer.warnings.map(({ message }) => /"(\S+)"/.exec(message)[1]);
	assert.deepEqual(named, [
		"aws-cdk-lib.fromSomewhereElse",
		"aws-cdk-lib/aws-cognito.UserPoolIdentityProviderGoogle",
		fn.id, // its layer's folder does not exist
	]);
});

test("L1 constructs of the CDK are the resources of their names", async (t) => {
	const app = stackApp(
		t,
		`
		const queue = new cdk.aws_sqs.CfnQueue(stack, "Raw", { queueName: "raw" });
		new sst.Function(stack, "Fn", {
			handler: "a.handler", permissions: [new cdk.aws_iam.PolicyStatement({
				actions: ["sqs:SendMessage"], resources: [queue.attrArn],
			})],
		});
		new cdk.CfnOutput(stack, "RawUrl", { value: queue.ref });
	`,
	);
	const answer = await synth(app);
	const [queue] = ofType(answer, "AWS::SQS::Queue");
	assert.deepEqual(queue.Properties, { QueueName: "raw" });
	const statement = ofType(answer, "AWS::IAM::Policy")[0].Properties.PolicyDocument.Statement.at(
		-1,
	);
	assert.deepEqual(statement.Resource, { "Fn::GetAtt": ["Raw", "Arn"] });
	assert.deepEqual(answer.stacks[0].template.Outputs.RawUrl, { Value: { Ref: "Raw" } });
});

test(".env files reach the stacks, in order, and never override the shell", async (t) => {
	const app = stackApp(
		t,
		"stack.addOutputs({ A: process.env.A, B: process.env.B, S: process.env.FROM_SHELL, L: process.env.IS_LOCAL });",
		{
			".env": "A=base\nB=${A}-more # comment\nFROM_SHELL=file\n",
			".env.dev.local": "export A='stage'\n",
		},
	);
	const first = await synth(app);
	const values = (answer) =>
		Object.values(answer.stacks[0].template.Outputs).map(({ Value }) => Value);
	assert.deepEqual(values(first), ["stage", "stage-more", "shell", "true"]);
	assert.ok(first.inputs.some((input) => input.endsWith("/.env.dev.local")));
	save(app, { ".env.dev.local": "A=other\n" });
	assert.equal(values(await synth(app))[0], "other");
});

test("what the stacks print is handed over, line by line", async (t) => {
	const app = stackApp(t, 'console.log("one\\ntwo"); console.error("three");');
	assert.deepEqual((await synth(app)).output, ["one", "two", "three"]);
});

test("async stacks, use and chaining", async (t) => {
	const app = makeApp(t, {
		"sst.json": { name: "app", main: "stacks/index.js" },
		"stacks/index.js": `
			import { use } from "@serverless-stack/resources";
			async function A() { return await Promise.resolve({ value: "of A" }); }
			function B({ stack }) { stack.addOutputs({ Value: use(A).value, Bound: String(this === stack) }); }
			export default async function (app) {
				await app.stack(A);
				app.stack(B, { id: "second" });
			}`,
	});
	const answer = await synth(app);
	assert.deepEqual(
		answer.stacks.map(({ id }) => id),
		["A", "second"],
	);
	assert.deepEqual(answer.stacks[1].template.Outputs, {
		Value: { Value: "of A" },
		Bound: { Value: "true" },
	});
});

test("packages come from the app's node_modules, those that build on the CDK get the stand-ins", async (t) => {
	const app = makeApp(t, {
		"sst.json": { name: "app", main: "stacks/index.ts" },
		"stacks/index.ts": `
			import plain from "plain";
			import { Thing } from "cdk-thing";
			export default (app) => { app.stack(function Main({ stack }) {
				new Thing(stack, "Thing");
				stack.addOutputs({ Plain: plain.value });
			}); };`,
		"node_modules/plain/package.json": { name: "plain", main: "index.js" },
		"node_modules/plain/index.js":
			'module.exports = { value: require("node:path").basename(__dirname) };',
		"node_modules/cdk-thing/package.json": {
			name: "cdk-thing",
			peerDependencies: { "aws-cdk-lib": "2" },
		},
		"node_modules/cdk-thing/index.js":
			'const { aws_sns } = require("aws-cdk-lib");\n' +
			"exports.Thing = class { constructor(scope, id) { new aws_sns.CfnTopic(scope, id, {}); } };",
	});
	const answer = await synth(app);
	assert.equal(answer.stacks[0].template.Outputs.Plain.Value, "plain");
	assert.equal(ofType(answer, "AWS::SNS::Topic").length, 1);
});

const REFUSALS = [
	[
		'new sst.Api(stack, "A", { routes: { "GET /": { handler: "a.b" } } });',
		/nested under the "function" key/,
	],
	[
		'new sst.Api(stack, "A", { routes: { "GET /": "a.b", "get  /": "a.b" } });',
		/A route already exists for "GET \/"/,
	],
	[
		'new sst.Api(stack, "A", { routes: { "FETCH /": "a.b" } });',
		/Invalid method in route "FETCH \/"/,
	],
	[
		'new sst.Api(stack, "A", { routes: { "GET /": { function: "a.b", authorizer: "x" } } });',
		/Cannot find authorizer "x"/,
	],
	['new sst.Api(stack, "A", { authorizers: { iam: {} } });', /Cannot name an authorizer "iam"/],
	[
		'new sst.Api(stack, "A", { defaults: { payloadFormatVersion: "3.0" }, routes: { "GET /": "a.b" } });',
		/3\.0/,
	],
	[
		'new sst.Api(stack, "A", {}); new sst.Api(stack, "A", {});',
		/already a Construct with name 'A'/,
	],
	[
		'new sst.Auth(stack, "A", { identityPoolFederation: { auth0: { clientId: "x" } } });',
		/^Auth0Domain:/,
	],
	['new sst.Auth(stack, "A", { identityPoolFederation: { google: {} } });', /^GoogleClientId:/],
	['new sst.Function(stack, "F", {});', /No handler defined for the "F" Lambda function/],
	[
		'new sst.Function(stack, "F", { handler: "a.b", runtime: "cobol" });',
		/Only NodeJS, Python, Go, and \.NET/,
	],
	[
		'new sst.Function(stack, "F", { handler: "a.b", timeout: "soon" });',
		/Invalid duration "soon"/,
	],
	[
		'new sst.Function(stack, "F", { handler: "a.b", permissions: [{}] });',
		/permissions are not supported/,
	],
	["stack.addOutputs({ K: undefined });", /The stack output "K" is undefined/],
	[
		"sst.use(function Other() {});",
		/StackWrongOrder: Initialize "Other" stack before "Main" stack/,
	],
];

for (const [body, wording] of REFUSALS) {
	test(`refused: ${body.slice(0, 90)}`, async (t) => {
		const error = await refusal(stackApp(t, `\n${body}`));
		assert.match(error.message, wording);
		assert.equal(error.errors[0].file, "stacks/index.ts");
		// The body is on the sixth line of the file.
		assert.equal(error.errors[0].line, 6);
		assert.equal(error.errors[0].lineText, body);
	});
}
