// Section 8: Lambda authorizers.

import assert from "node:assert/strict";
import test from "node:test";
import { apiUrl, assertError, exchange, Template, withApp, withEvent } from "./harness.mjs";

const template = new Template()
	.fn("Echo", "echo.handler")
	.fn("Auth", "authorizer.handler", { Timeout: 20 })
	.fn("AuthOne", "authorizer-v1.handler")
	.api("A", { stages: [{ StageName: "$default" }, { StageName: "dev", StageVariables: { key: "k" } }] });
const simple = { AuthorizerPayloadFormatVersion: "2.0", EnableSimpleResponses: true };
const authorizer = (id, sources, more, fn = "Auth") =>
	template.authorizer("A", id, { IdentitySource: sources, AuthorizerResultTtlInSeconds: 0, ...more }, fn);
authorizer("Simple", ["$request.header.X-Key"], simple);
authorizer("Many", ["$request.header.X-Key", "$request.querystring.Q", "$context.routeKey", "$stageVariables.key"], simple);
authorizer("Open", [], { ...simple, AuthorizerResultTtlInSeconds: 300 });
authorizer("Kept", ["$request.header.X-Key"], { ...simple, AuthorizerResultTtlInSeconds: 300 });
authorizer("Brief", ["$request.header.X-Key"], { ...simple, AuthorizerResultTtlInSeconds: 1 });
authorizer("Iam", ["$request.header.X-Key"], { AuthorizerPayloadFormatVersion: "2.0" });
authorizer("KeptIam", ["$request.header.X-Key"], { AuthorizerPayloadFormatVersion: "2.0", AuthorizerResultTtlInSeconds: 300 });
authorizer("One", ["$request.header.X-Key", "$request.querystring.Q"], { AuthorizerPayloadFormatVersion: "1.0" }, "AuthOne");
authorizer("Routed", ["$request.header.X-Key", "$context.routeKey"], { ...simple, AuthorizerResultTtlInSeconds: 300 });
const route = (key, id, more) => template.route("A", key, "Echo", { auth: "CUSTOM", authorizer: id, ...more });
for (const id of ["Simple", "Many", "Open", "Kept", "Brief", "Iam", "KeptIam", "One", "Routed"]) {
	route(`GET /${id}`, id);
	route(`GET /${id}/{more}`, id);
}
route("POST /v1", "One", { v1: true });
route("POST /v1s", "Simple", { v1: true });

const allow = (resource, more = {}) =>
	JSON.stringify({
		principalId: "p",
		policyDocument: {
			Version: "2012-10-17",
			Statement: [{ Action: "execute-api:Invoke", Effect: "Allow", Resource: resource }],
		},
		...more,
	});

test("Lambda authorizers", (t) => withApp(t, template, async (program) => {
	const url = apiUrl(program, "A");
	const ask = (target, answer, { key = "k", method = "GET", headers = [], ...more } = {}) =>
		exchange(url, {
			method,
			target,
			headers: [
				...(key === null ? [] : [["X-Key", key]]),
				...(answer === undefined ? [] : [["X-Answer", answer]]),
				...headers,
			],
			...more,
		});
	const context = async (...args) => {
		const answer = await ask(...args);
		assert.equal(answer.status, 200, answer.body);
		return JSON.parse(answer.body).requestContext.authorizer;
	};
	const refused = async (args, status, message, reason) => {
		const { answer, event } = await withEvent(program, "refused", () => ask(...args));
		assertError(answer, status, message);
		assert.equal(answer.header("www-authenticate"), undefined);
		assert.equal(event.status, status);
		assert.match(`${event.check}: ${event.reason}`, reason);
	};

	await program.step(t, "the context is handed on with its types", async () => {
		const given = { stringKey: "value", numberKey: 1, booleanKey: true, arrayKey: ["value1", { a: null }], mapKey: { b: 1.5 } };
		const answer = JSON.stringify({ isAuthorized: true, context: given });
		assert.deepEqual(await context("/Simple", answer), { lambda: given });
		assert.deepEqual(await context("/Simple", '{"isAuthorized":true}'), { lambda: null });
		assert.deepEqual(await context("/Iam", allow("ARN", { context: { n: 1 } })), { lambda: { n: 1 } });
		const one = await context("/v1s", answer, { method: "POST" });
		assert.deepEqual(one, given);
		const { event, ...rest } = await context("/v1?Q=q", undefined, { method: "POST" });
		assert.deepEqual(rest, { n: 7, yes: true, principalId: "user-1" });
		assert.equal(JSON.parse(event).version, "1.0");
	});

	await program.step(t, "its event, 2.0", async () => {
		const { lambda } = await context("/dev/Many/7?Q=1&Q=2", "event", { headers: [["Cookie", "a=1; b=2"]] });
		const { event } = lambda;
		assert.deepEqual([event.version, event.type, "body" in event, "isBase64Encoded" in event], ["2.0", "REQUEST", false, false]);
		assert.match(event.routeArn, /^arn:aws:execute-api:us-east-1:\d{12}:[a-z0-9]{10}\/dev\/GET\/Many\/7$/);
		assert.deepEqual(event.identitySource, ["k", "1,2", "GET /Many/{more}", "k"]);
		assert.deepEqual(event.cookies, ["a=1", "b=2"]);
		assert.deepEqual(
			[event.routeKey, event.rawPath, event.rawQueryString, event.pathParameters, event.stageVariables],
			["GET /Many/{more}", "/dev/Many/7", "Q=1&Q=2", { more: "7" }, { key: "k" }],
		);
		assert.deepEqual([event.requestContext.stage, "authorizer" in event.requestContext], ["dev", false]);
		const open = await context("/Open", "event", { key: null });
		assert.equal(open.lambda.event.identitySource ?? null, null);
	});

	await program.step(t, "its event, 1.0", async () => {
		const { lambda } = await context("/One/7?Q=2");
		const event = JSON.parse(lambda.event);
		assert.match(event.methodArn, /\/\$default\/GET\/One\/7$/);
		assert.deepEqual(
			[event.version, event.type, event.identitySource, event.authorizationToken, event.httpMethod, event.path],
			["1.0", "REQUEST", "k,2", "k,2", "GET", "/One/7"],
		);
		assert.deepEqual([event.resource, event.pathParameters, event.stageVariables], ["/One/{more}", { more: "7" }, {}]);
		assert.deepEqual([event.headers["X-Key"], event.queryStringParameters], ["k", { Q: "2" }]);
		assert.equal(event.requestContext.identity.sourceIp, "127.0.0.1");
		assert.deepEqual(JSON.parse((await context("/One?Q=2")).lambda.event).pathParameters, {});
	});

	await program.step(t, "a missing or empty identity source is 401, and nothing runs", async () => {
		const cases = [["/Simple", null], ["/Simple", ""], ["/dev/Many", "k"], ["/dev/Many?Q=", "k"], ["/dev/Many?q=1", "k"], ["/Many?Q=1", "k"]];
		for (const [target, key] of cases) {
			const from = program.stdout.length;
			await refused([target, undefined, { key }], 401, "Unauthorized", /identity source/);
			assert.ok(!program.stdout.slice(from).includes('"event":"request"'), target);
		}
		assert.equal((await ask("/dev/Many?Q=1", undefined, { key: null, headers: [["x-KEY", "v"]] })).status, 200);
	});

	await program.step(t, "denied: 403", async () => {
		await refused(["/Simple", '{"isAuthorized":false}'], 403, "Forbidden", /isAuthorized: false/);
		await refused(["/Iam", allow("arn:aws:execute-api:*:*:*/$default/GET/other")], 403, "Forbidden", /execute-api:Invoke/);
		await refused(["/Iam", allow("ARN").replace("Allow", "Deny")], 403, "Forbidden", /[Dd]en/);
	});

	await program.step(t, "failed, or of another shape: 500", async () => {
		const bad = [
			["/Simple", "throw"], ["/Simple", "null"], ["/Simple", "{}"], ["/Simple", '"yes"'], ["/Simple", "[true]"],
			["/Simple", '{"isAuthorized":"true"}'], ["/Simple", '{"isAuthorized":1}'], ["/Simple", allow("ARN")],
			["/Simple", '{"isAuthorized":true,"context":[1]}'],
			["/Iam", '{"isAuthorized":true}'], ["/Iam", '{"principalId":"p"}'],
			["/Iam", '{"principalId":"p","policyDocument":{}}'],
		];
		for (const each of bad) {
			await refused(each, 500, "Internal Server Error", /authorizer/);
		}
	});

	await program.step(t, "no answer within 10 s: 500", async () => {
		await refused(["/Simple", "sleep"], 500, "Internal Server Error", /10 s/);
	});

	const counted = '{"isAuthorized":true,"context":{"n":"N"}}';
	const count = async (target, key) => (await context(target, counted, { key })).lambda.n;

	await program.step(t, "answers are kept for their time, for all routes, by identity", async () => {
		const first = await count("/Kept", "a");
		assert.equal(await count("/Kept", "a"), first);
		assert.equal(await count("/Kept/other", "a"), first, "other routes share it");
		const other = await count("/Kept", "b");
		assert.notEqual(other, first);
		assert.notEqual(await count("/Simple", "a"), await count("/Simple", "a"), "TTL 0 keeps nothing");
		assert.notEqual(await count("/Open", "a"), await count("/Open", "a"), "nor does one without identity");
		assert.notEqual(await count("/Routed", "a"), await count("/Routed/x", "a"), "$context.routeKey splits");
		const brief = await count("/Brief", "a");
		await new Promise((resolve) => setTimeout(resolve, 1100));
		assert.notEqual(await count("/Brief", "a"), brief);
	});

	await program.step(t, "denials are kept too; failures are not; a kept policy is judged by each route", async () => {
		await refused(["/Kept", '{"isAuthorized":false}', { key: "no" }], 403, "Forbidden", /isAuthorized/);
		await refused(["/Kept", counted, { key: "no" }], 403, "Forbidden", /isAuthorized/);
		await refused(["/Kept", "throw", { key: "f" }], 500, "Internal Server Error", /authorizer/);
		await count("/Kept", "f");
		assert.equal((await ask("/KeptIam", allow("ARN"))).status, 200);
		await refused(["/KeptIam/other", allow("ARN")], 403, "Forbidden", /execute-api:Invoke/);
	});
}));
