// The tutorial's app becomes the template that the cloud would get (reference sst 3.4, 3.5).

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";
import { Builder, fixture, ofType } from "./helper.mjs";

const app = fixture("api-auth-auth0");
let builder;
let answer;

before(async () => {
	builder = new Builder();
	answer = await builder.ask({ op: "synth", app, stage: "dev", local: true });
	assert.equal(answer.ok, true, JSON.stringify(answer.error));
});

after(() => builder.close());

test("the app, its stack and its outputs are named as in the cloud", () => {
	assert.equal(answer.kind, "sst-v1");
	assert.deepEqual(answer.app, { name: "api-auth-auth0", region: "us-east-1", stage: "dev" });
	assert.deepEqual(
		answer.stacks.map(({ id, name }) => [id, name]),
		[["MyStack", "dev-api-auth-auth0-MyStack"]],
	);
	const [api] = ofType(answer, "AWS::ApiGatewayV2::Api");
	const [pool] = ofType(answer, "AWS::Cognito::IdentityPool");
	assert.deepEqual(answer.stacks[0].template.Outputs, {
		ApiEndpoint: { Value: { "Fn::GetAtt": [api.id, "ApiEndpoint"] } },
		IdentityPoolId: { Value: { Ref: pool.id } },
	});
	assert.deepEqual(answer.warnings, []);
});

test("all resource types are there, in order of construction", () => {
	const counts = {};
	for (const { Type } of Object.values(answer.stacks[0].template.Resources)) {
		counts[Type] = (counts[Type] ?? 0) + 1;
	}
	assert.deepEqual(counts, {
		"AWS::ApiGatewayV2::Api": 1,
		"AWS::Logs::LogGroup": 1,
		"AWS::ApiGatewayV2::Stage": 1,
		"AWS::IAM::Role": 4,
		"AWS::IAM::Policy": 4,
		"AWS::Lambda::Function": 2,
		"AWS::ApiGatewayV2::Integration": 2,
		"AWS::ApiGatewayV2::Route": 2,
		"AWS::Lambda::Permission": 2,
		"AWS::Cognito::UserPool": 1,
		"AWS::Cognito::UserPoolClient": 1,
		"Custom::AWSCDKOpenIdConnectProvider": 1,
		"AWS::Cognito::IdentityPool": 1,
		"AWS::Cognito::IdentityPoolRoleAttachment": 1,
	});
	assert.equal(Object.keys(counts)[0], "AWS::ApiGatewayV2::Api");
});

test("the API has the default CORS, and routes with their authorization", () => {
	const [api] = ofType(answer, "AWS::ApiGatewayV2::Api");
	assert.equal(api.Properties.Name, "dev-api-auth-auth0-Api");
	assert.deepEqual(api.Properties.CorsConfiguration, {
		AllowCredentials: false,
		AllowHeaders: ["*"],
		AllowMethods: ["*"],
		AllowOrigins: ["*"],
	});
	assert.deepEqual(api.Metadata.offstage, { id: "Api" });
	const routes = ofType(answer, "AWS::ApiGatewayV2::Route");
	assert.deepEqual(
		routes.map(({ Properties }) => [Properties.RouteKey, Properties.AuthorizationType]),
		[
			["GET /private", "AWS_IAM"],
			["GET /public", "NONE"],
		],
	);
	const [permission] = ofType(answer, "AWS::Lambda::Permission");
	assert.deepEqual(permission.Properties.SourceArn["Fn::Join"][1].at(-1), "/*/*/private");
});

test("a function carries what the agent needs to build and run it", () => {
	const [fn] = ofType(answer, "AWS::Lambda::Function");
	assert.deepEqual(fn.Metadata.offstage, {
		construct: "MyStack/Api/Lambda_GET_--private",
		handler: "functions/private.handler",
		srcPath: "backend",
		bundle: { format: "esm" },
		runtime: "nodejs16.x",
		enableLiveDev: true,
	});
	const { Handler, MemorySize, Timeout, Runtime, FunctionName, Environment } = fn.Properties;
	assert.deepEqual(
		{ Handler, MemorySize, Timeout, Runtime },
		{
			Handler: "backend/functions/private.handler",
			MemorySize: 1024,
			Timeout: 10,
			Runtime: "nodejs16.x",
		},
	);
	assert.match(FunctionName, /^dev-api-auth-auth0-MyStack-ApiLambdaGETprivate[0-9A-F]{8}$/);
	assert.deepEqual(Environment.Variables, {
		AWS_NODEJS_CONNECTION_REUSE_ENABLED: "1",
		SST_APP: "api-auth-auth0",
		SST_STAGE: "dev",
		IS_LOCAL: "true",
	});
});

test("the identity pool trusts Auth0, and its users may call the API", () => {
	const [api] = ofType(answer, "AWS::ApiGatewayV2::Api");
	const [provider] = ofType(answer, "Custom::AWSCDKOpenIdConnectProvider");
	const [pool] = ofType(answer, "AWS::Cognito::IdentityPool");
	assert.deepEqual(provider.Properties, {
		Url: "https://myorg.us.auth0.com",
		ClientIDList: ["UsGRQJJz5sDfPQDs6bhQ9Oc3hNISuVif"],
	});
	assert.deepEqual(pool.Properties.OpenIdConnectProviderARNs, [{ Ref: provider.id }]);
	assert.equal(pool.Properties.AllowUnauthenticatedIdentities, true);
	const [attachment] = ofType(answer, "AWS::Cognito::IdentityPoolRoleAttachment");
	const roleId = attachment.Properties.Roles.authenticated["Fn::GetAtt"][0];
	const [policy] = ofType(answer, "AWS::IAM::Policy").filter(
		({ Properties }) => Properties.Roles[0].Ref === roleId,
	);
	assert.deepEqual(policy.Properties.PolicyDocument.Statement, [
		{
			Effect: "Allow",
			Action: ["mobileanalytics:PutEvents", "cognito-sync:*", "cognito-identity:*"],
			Resource: "*",
		},
		{
			Effect: "Allow",
			Action: "execute-api:Invoke",
			Resource: {
				"Fn::Join": [
					"",
					[
						"arn:aws:execute-api:us-east-1:",
						{ Ref: "AWS::AccountId" },
						":",
						{ Ref: api.id },
						"/*",
					],
				],
			},
		},
	]);
	const role = answer.stacks[0].template.Resources[roleId];
	assert.deepEqual(role.Properties.AssumeRolePolicyDocument.Statement[0].Condition, {
		StringEquals: { "cognito-identity.amazonaws.com:aud": { Ref: pool.id } },
		"ForAnyValue:StringLike": { "cognito-identity.amazonaws.com:amr": "authenticated" },
	});
});

test("the files that a change has to be watched for are listed", () => {
	const names = answer.inputs.map((input) => path.relative(app, input)).sort();
	assert.deepEqual(names, ["sst.json", "stacks/MyStack.ts", "stacks/index.ts"]);
	assert.ok(answer.missing.includes(path.join(app, ".env")));
});

test("two runs, in two processes, give the same template; another stage other names", async () => {
	const other = new Builder();
	const again = await other.ask({ op: "synth", app, stage: "dev", local: true });
	const prod = await builder.ask({ op: "synth", app, stage: "prod", local: true });
	await other.close();
	assert.equal(JSON.stringify(again.stacks), JSON.stringify(answer.stacks));
	assert.equal(prod.stacks[0].name, "prod-api-auth-auth0-MyStack");
});
