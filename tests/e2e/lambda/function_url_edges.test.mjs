// Function URLs at their edges: CORS on every answer, signatures in each place where one may stand, preludes
// that are none.

import assert from "node:assert/strict";
import { test } from "node:test";
import { smithyRequest, smithySigner } from "../clients.mjs";
import { get, send } from "../support.mjs";
import { call, lambdaClient, startFunctions, stop } from "./support.mjs";

const ORIGIN = "https://app.example.com";
const CORS = { AllowOrigins: [ORIGIN], AllowMethods: ["*"], AllowCredentials: true, MaxAge: 86400 };
const http = (name, url, more) => ({ code: "code", handler: `http.${name}`, url, ...more });
const STREAM = "RESPONSE_STREAM";

const functions = {
	Raises: http("raises", { Cors: CORS }),
	None: http("echo", { Cors: CORS }, { reserved: 0 }),
	Stream: http("stream", { Cors: CORS, InvokeMode: STREAM }),
	Prelude: http("prelude", { InvokeMode: STREAM }),
	Result: http("result", {}),
	Iam: http("echo", { AuthType: "AWS_IAM", Cors: CORS }),
	IamStream: http("stream", { AuthType: "AWS_IAM", InvokeMode: STREAM }),
	Strong: { code: "code", handler: "env.handler" },
};

const signer = (credentials) => smithySigner(credentials, "lambda");

/** A role that may do nothing, and a function's policy that lets it call the URL of Iam only. */
const more = {
	WeakRole: {
		Type: "AWS::IAM::Role",
		Properties: { AssumeRolePolicyDocument: { Statement: [] } },
	},
	Weak: {
		Type: "AWS::Lambda::Function",
		Properties: {
			FunctionName: "Weak",
			Code: "code",
			Handler: "env.handler",
			Runtime: "nodejs20.x",
			Role: { "Fn::GetAtt": ["WeakRole", "Arn"] },
		},
	},
	WeakMay: {
		Type: "AWS::Lambda::Permission",
		Properties: {
			FunctionName: { Ref: "Iam" },
			Action: "lambda:InvokeFunctionUrl",
			Principal: { "Fn::GetAtt": ["WeakRole", "Arn"] },
			FunctionUrlAuthType: "AWS_IAM",
		},
	},
};

test("function URLs at their edges", async (t) => {
	const program = await startFunctions(t, functions, { more });
	const url = (name) => program.outputs[`${name}Url`];
	const step = (name, fn) => program.step(t, name, fn);
	const signerOf = async (name) => {
		const { env } = await call(lambdaClient(program), name);
		return signer({
			accessKeyId: env.AWS_ACCESS_KEY_ID,
			secretAccessKey: env.AWS_SECRET_ACCESS_KEY,
			sessionToken: env.AWS_SESSION_TOKEN,
		});
	};
	const sign = await signerOf("Strong");

	await step("CORS stands on failures, refusals and heads of streams, too", async () => {
		for (const [name, path, status] of [
			["Raises", "", 502],
			["None", "", 429],
			["Iam", "", 403],
			["Stream", "described", 418],
			["Stream", "plain", 200],
			["Stream", "first", 502],
		]) {
			const answer = await get(`${url(name)}${path}`, { origin: ORIGIN });
			assert.equal(answer.status, status, name);
			assert.equal(answer.headers["access-control-allow-origin"], ORIGIN, `${name} ${path}`);
			assert.equal(answer.headers["access-control-allow-credentials"], "true");
			assert.match(answer.headers["x-amzn-requestid"], /^[0-9a-f-]{36}$/);
			assert.match(answer.headers["x-amzn-trace-id"], /^root=1-/);
		}
	});

	await step("a preflight needs no signature, and runs nothing", async () => {
		const answer = await send({
			url: url("Iam"),
			method: "OPTIONS",
			headers: { origin: ORIGIN, "access-control-request-method": "PUT" },
		});
		assert.equal(answer.status, 200);
		assert.equal(answer.headers["access-control-allow-methods"], "*");
		assert.equal(answer.headers["access-control-max-age"], "86400");
	});

	await step("AWS_IAM takes a presigned URL as long as it lasts", async () => {
		const presigned = await sign.presign(smithyRequest(`${url("Iam")}a?b=c`), { expiresIn: 60 });
		const query = new URLSearchParams(presigned.query);
		const link = `${url("Iam")}a?${query}`;
		const good = await get(link);
		assert.equal(good.status, 201, good.body);
		const { requestContext } = JSON.parse(good.body);
		assert.match(requestContext.authorizer.iam.userArn, /:assumed-role\/.*\/Strong$/);
		const changed = await get(link.replace("b=c", "b=d"));
		assert.equal(changed.status, 403);
		assert.equal(changed.headers["x-amzn-errortype"], "InvalidSignatureException");
		const old = await sign.presign(smithyRequest(url("Iam")), {
			expiresIn: 60,
			signingDate: new Date(Date.now() - 3600_000),
		});
		assert.equal((await get(`${url("Iam")}?${new URLSearchParams(old.query)}`)).status, 403);
	});

	await step("AWS_IAM in front of a stream", async () => {
		const target = `${url("IamStream")}described`;
		assert.equal((await get(target)).status, 403);
		const { headers } = await sign.sign(smithyRequest(target));
		const answer = await send({ url: target, headers });
		assert.deepEqual([answer.status, answer.body], [418, "part1 part2"]);
	});

	await step("AWS_IAM: the function's own policy may name the caller", async () => {
		const weak = await signerOf("Weak");
		for (const [name, status] of [
			["Iam", 201],
			["IamStream", 403],
		]) {
			const { headers } = await weak.sign(smithyRequest(url(name)));
			assert.equal((await send({ url: url(name), headers })).status, status, name);
		}
	});

	await step("a prelude sets status, headers and cookies, or is a 502", async () => {
		const prelude = (value) => get(`${url("Prelude")}?${encodeURIComponent(value)}`);
		const good = await prelude(
			'{"statusCode":202,"headers":{"x-a":"b"},"cookies":["a=1","b=2; Path=/"]}',
		);
		assert.deepEqual([good.status, good.body, good.headers["x-a"]], [202, "body", "b"]);
		assert.deepEqual(good.headers["set-cookie"], ["a=1", "b=2; Path=/"]);
		const bare = await prelude("{}");
		assert.deepEqual([bare.status, bare.body], [200, "body"]);
		for (const bad of [
			"no JSON",
			"[]",
			'{"statusCode":"x"}',
			'{"statusCode":99}',
			'{"headers":{"x-a":"b\\r\\nc: d"}}',
			"",
		]) {
			const answer = await prelude(bad);
			assert.deepEqual([answer.status, answer.body], [502, "Internal Server Error"], bad);
		}
	});

	await step("what a buffered result may be", async () => {
		const result = async (value) => {
			const answer = await send({
				url: url("Result"),
				method: "POST",
				headers: { "content-type": "application/json" },
				body: JSON.stringify(value),
			});
			return [answer.status, answer.headers["content-type"], answer.body];
		};
		const json = "application/json";
		assert.deepEqual(await result(null), [200, json, "null"]);
		assert.deepEqual(await result([1, "a"]), [200, json, '[1,"a"]']);
		assert.deepEqual(await result(7), [200, json, "7"]);
		const [status, , body] = await result({ statusCode: 204 });
		assert.deepEqual([status, body], [204, ""]);
		assert.deepEqual(
			await result({ statusCode: 200, headers: { "Content-Type": "text/plain" }, body: "x" }),
			[200, "text/plain", "x"],
		);
	});

	await stop(program);
});
