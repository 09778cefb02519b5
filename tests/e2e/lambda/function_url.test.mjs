// Function URLs, with fetch, curl and AWS's own signer.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { test } from "node:test";
import { smithySign } from "../clients.mjs";
import { eventually, get, run, send, tempDir } from "../support.mjs";
import { call, lambdaClient, startFunctions, stop } from "./support.mjs";

const FORBIDDEN =
	'{"Message":"Forbidden. For troubleshooting Function URL authorization issues, see: ' +
	'https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}';
const CORS = {
	AllowOrigins: ["https://app.example.com"],
	AllowMethods: ["GET", "POST"],
	AllowHeaders: ["x-one"],
	ExposeHeaders: ["x-from"],
	AllowCredentials: true,
	MaxAge: 60,
};
const WEAK_ROLE = {
	Type: "AWS::IAM::Role",
	Properties: { AssumeRolePolicyDocument: { Statement: [] } },
};

const functions = {
	Echo: { code: "code", handler: "http.echo", url: {} },
	Result: { code: "code", handler: "http.result", url: {} },
	Raises: { code: "code", handler: "http.raises", url: {} },
	Slow: { code: "code", handler: "worker.hang", timeout: 1, url: {} },
	Forever: { code: "code", handler: "worker.hang", timeout: 60, url: {} },
	None: { code: "code", handler: "http.echo", reserved: 0, url: {} },
	Cors: { code: "code", handler: "http.echo", url: { Cors: CORS } },
	Stream: { code: "code", handler: "http.stream", url: { InvokeMode: "RESPONSE_STREAM" } },
	StreamEcho: { code: "code", handler: "http.echo", url: { InvokeMode: "RESPONSE_STREAM" } },
	Buffered: { code: "code", handler: "http.stream", url: {} },
	Iam: { code: "code", handler: "http.echo", url: { AuthType: "AWS_IAM" } },
	Strong: { code: "code", handler: "env.handler" },
};
const more = {
	WeakRole: WEAK_ROLE,
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
	Closed: {
		Type: "AWS::Lambda::Function",
		Properties: {
			FunctionName: "Closed",
			Code: "code",
			Handler: "http.echo",
			Runtime: "nodejs20.x",
			Role: { "Fn::GetAtt": ["Role", "Arn"] },
		},
	},
	ClosedUrl: {
		Type: "AWS::Lambda::Url",
		Properties: { TargetFunctionArn: { Ref: "Closed" }, AuthType: "NONE" },
	},
};

async function roleCredentials(client, name) {
	const { env } = await call(client, name);
	return {
		accessKeyId: env.AWS_ACCESS_KEY_ID,
		secretAccessKey: env.AWS_SECRET_ACCESS_KEY,
		sessionToken: env.AWS_SESSION_TOKEN,
	};
}

const sign = (credentials, url, more) =>
	smithySign(credentials, url, { service: "lambda", ...more });

/** Reads pieces as they come, until `enough` says so or the answer ends. */
function pieces(url, enough) {
	return new Promise((resolve, reject) => {
		const request = http.get(url, { agent: false }, (response) => {
			let text = "";
			const end = (how) => resolve({ status: response.statusCode, text, how });
			response.on("data", (piece) => {
				text += piece;
				if (enough?.(text)) {
					request.destroy();
					end("left");
				}
			});
			response.on("end", () => end("end")).on("error", () => end("broken"));
		});
		request.on("error", reject);
	});
}

test("function URLs", async (t) => {
	const program = await startFunctions(t, functions, { more });
	const client = lambdaClient(program);
	const url = (name) => program.outputs[`${name}Url`];
	const step = (name, fn) => program.step(t, name, fn);

	await step("an event is payload 2.0 of a URL", async () => {
		const response = await fetch(`${url("Echo")}a%20b/c?x=1&x=2&y=%20`, {
			method: "POST",
			headers: { "Content-Type": "application/json", Cookie: "k=v; l=w", "X-Two": "a" },
			body: '{"ž":1}',
		});
		assert.equal(response.status, 201);
		assert.equal(response.headers.get("content-type"), "application/json");
		assert.equal(response.headers.get("x-from"), "handler");
		assert.equal(response.headers.get("access-control-allow-origin"), "handler");
		// fetch of older Node joins them: line by line they are seen by node:http.
		const lines = await new Promise((resolve, reject) => {
			http.get(url("Echo"), resolve).on("error", reject);
		});
		lines.resume();
		assert.deepEqual(lines.headers["set-cookie"], ["a=1", "b=2; Path=/"]);
		const event = await response.json();
		const { host } = new URL(url("Echo"));
		assert.equal(event.version, "2.0");
		assert.equal(event.routeKey, "$default");
		assert.equal(event.rawPath, "/a%20b/c");
		assert.equal(event.rawQueryString, "x=1&x=2&y=%20");
		assert.deepEqual(event.queryStringParameters, { x: "1,2", y: " " });
		assert.deepEqual(event.cookies, ["k=v", "l=w"]);
		assert.equal(event.headers.cookie, "k=v; l=w");
		assert.equal(event.headers["x-two"], "a");
		assert.equal(event.headers["x-amzn-tls-version"], "TLSv1.3");
		assert.match(event.headers["x-amzn-tls-cipher-suite"], /^TLS_/);
		for (const name of ["pathParameters", "stageVariables"]) {
			assert.ok(event[name] === undefined || event[name] === null, name);
		}
		assert.equal(event.body, '{"ž":1}');
		assert.equal(event.isBase64Encoded, false);
		const { requestContext } = event;
		assert.equal(requestContext.accountId, "anonymous");
		assert.match(requestContext.apiId, /^[a-z0-9]{32}$/);
		assert.equal(requestContext.domainPrefix, requestContext.apiId);
		assert.equal(requestContext.domainName, host);
		assert.equal(requestContext.stage, "$default");
		assert.equal(requestContext.http.path, "/a b/c");
		assert.equal(requestContext.authorizer, undefined);
		assert.match(requestContext.requestId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
		assert.equal(requestContext.requestId, response.headers.get("x-amzn-requestid"));
		assert.match(response.headers.get("x-amzn-trace-id"), /^root=1-[0-9a-f]{8}-[0-9a-f]{24}/i);
		assert.equal(requestContext.routeKey, "$default");
	});

	await step("results are mapped as the service maps them", async () => {
		const result = (value) =>
			send({
				url: url("Result"),
				method: "POST",
				headers: { "content-type": "application/json" },
				body: JSON.stringify(value),
			});
		const plain = await result({ a: [1] });
		assert.deepEqual([plain.status, plain.body], [200, '{"a":[1]}']);
		assert.equal(plain.headers["content-type"], "application/json");
		assert.equal((await result("hello")).body, "hello");
		assert.equal((await result({ statusCode: "418" })).status, 418);
		const binary = await result({ statusCode: 200, body: "aGk=", isBase64Encoded: true });
		assert.equal(binary.body, "hi");
		assert.equal(
			(await result({ statusCode: 200, body: "x" })).headers["content-type"],
			"application/json",
		);
		const heard = program.listen();
		const bad = await result({ statusCode: "nope" });
		assert.deepEqual([bad.status, bad.body], [502, "Internal Server Error"]);
		await program.says(heard, /REFUSED POST \/ 502, result:[^]*statusCode/);
	});

	await step("failures say nothing to the client", async () => {
		for (const name of ["Raises", "Slow"]) {
			const response = await get(url(name));
			assert.deepEqual([response.status, response.body], [502, "Internal Server Error"], name);
		}
		const throttled = await get(url("None"));
		assert.equal(throttled.status, 429);
		assert.equal(throttled.headers["x-amzn-errortype"], "TooManyRequestsException");
		assert.equal(JSON.parse(throttled.body).message, "Rate Exceeded.");
		const large = await send({
			url: url("Echo"),
			method: "POST",
			body: Buffer.alloc(6291457, "a"),
		});
		assert.equal(large.status, 413);
		const closed = await get(program.outputs.ClosedUrl);
		assert.deepEqual([closed.status, closed.body], [403, FORBIDDEN]);
	});

	await step("CORS of the configuration wins", async () => {
		const origin = "https://app.example.com";
		const preflight = await send({
			url: url("Cors"),
			method: "OPTIONS",
			headers: { origin, "access-control-request-method": "POST" },
		});
		assert.equal(preflight.status, 200);
		assert.equal(preflight.body, "");
		assert.equal(preflight.headers["access-control-allow-origin"], origin);
		assert.equal(preflight.headers["access-control-allow-methods"], "GET,POST");
		assert.equal(preflight.headers["access-control-allow-headers"], "x-one");
		assert.equal(preflight.headers["access-control-max-age"], "60");
		assert.equal(preflight.headers["access-control-allow-credentials"], "true");
		const answer = await get(url("Cors"), { origin });
		assert.equal(answer.headers["access-control-allow-origin"], origin);
		assert.equal(answer.headers["access-control-expose-headers"], "x-from");
		const other = await get(url("Cors"), { origin: "https://evil.example.com" });
		assert.equal(other.status, 201);
		assert.equal(other.headers["access-control-allow-origin"], undefined);
	});

	await step("AWS_IAM asks for a signature and a policy", async () => {
		const strong = await roleCredentials(client, "Strong");
		const weak = await roleCredentials(client, "Weak");
		const unsigned = await get(url("Iam"));
		assert.deepEqual([unsigned.status, unsigned.body], [403, FORBIDDEN]);
		assert.equal(unsigned.headers["x-amzn-errortype"], "AccessDeniedException");

		const signed = await send(await sign(strong, `${url("Iam")}p?q=1`));
		assert.equal(signed.status, 201, signed.body);
		const { requestContext } = JSON.parse(signed.body);
		const { iam } = requestContext.authorizer;
		assert.equal(iam.accessKey, strong.accessKeyId);
		assert.match(iam.userArn, /:assumed-role\/.*\/Strong$/);
		assert.equal(iam.cognitoIdentity, null);
		assert.equal(requestContext.accountId, iam.accountId);

		const heard = program.listen();
		const denied = await send(await sign(weak, url("Iam")));
		assert.deepEqual([denied.status, denied.body], [403, FORBIDDEN]);
		await program.says(heard, /REFUSED GET \/ 403, policy:[^]*lambda:InvokeFunctionUrl/);

		const forged = await sign(strong, url("Iam"));
		forged.headers.authorization = forged.headers.authorization.replace(/.$/, (c) =>
			c === "0" ? "1" : "0",
		);
		const refused = await send(forged);
		assert.equal(refused.status, 403);
		assert.equal(refused.headers["x-amzn-errortype"], "InvalidSignatureException");
		assert.match(
			JSON.parse(refused.body).message,
			/^The request signature we calculated does not match/,
		);
		assert.equal(
			(await send(await sign(strong, url("Iam"), { service: "execute-api" }))).status,
			403,
		);

		const { code, stdout, stderr } = await run("curl", [
			...["-s", "-S", "--max-time", "20", "--aws-sigv4", "aws:amz:us-east-1:lambda"],
			...["--user", `${strong.accessKeyId}:${strong.secretAccessKey}`],
			...["-H", `x-amz-security-token: ${strong.sessionToken}`, "-d", "a=1", url("Iam")],
		]);
		assert.equal(code, 0, stderr);
		assert.equal(JSON.parse(stdout).body, "a=1");
	});

	await step("RESPONSE_STREAM: the head, the pieces, the end", async () => {
		const described = await get(`${url("Stream")}described`);
		assert.deepEqual([described.status, described.body], [418, "part1 part2"]);
		assert.equal(described.headers["x-from"], "stream");
		assert.equal(described.headers["content-type"], "text/plain");
		assert.deepEqual(described.headers["set-cookie"], ["c=1"]);
		assert.equal(described.headers["transfer-encoding"], "chunked");
		const plain = await get(`${url("Stream")}plain`);
		assert.deepEqual([plain.status, plain.body], [200, "<p></p>"]);
		assert.equal(plain.headers["content-type"], "text/html");
		const bytes = await fetch(`${url("Stream")}bytes`);
		assert.equal(bytes.headers.get("content-type"), "application/octet-stream");
		assert.deepEqual([...new Uint8Array(await bytes.arrayBuffer())], [0, 1, 2, 255]);
		const empty = await get(`${url("Stream")}nothing`);
		assert.deepEqual([empty.status, empty.body], [200, ""]);
		const large = await fetch(`${url("Stream")}large`);
		assert.equal((await large.arrayBuffer()).byteLength, 40 * 256 * 1024);
		const buffered = await get(url("StreamEcho"));
		assert.equal(buffered.status, 201);
	});

	await step("a stream's first bytes arrive before it ends", async () => {
		const gate = path.join(tempDir(t), "gate");
		const arrived = await pieces(`${url("Stream")}gate?${encodeURIComponent(gate)}`, (text) => {
			writeFileSync(gate, "");
			return text === "beforeafter";
		});
		assert.equal(arrived.text, "beforeafter");
	});

	await step("a stream that fails is a 502 before its head, broken after", async () => {
		const first = await get(`${url("Stream")}first`);
		assert.deepEqual([first.status, first.body], [502, "Internal Server Error"]);
		const midway = await pieces(`${url("Stream")}midway`);
		assert.deepEqual(midway, { status: 200, text: "so far", how: "broken" });
	});

	await step("a client that leaves does not stop the function", async () => {
		const heard = program.listen();
		const { how } = await pieces(`${url("Stream")}leave`, (text) => text.startsWith("begun"));
		assert.equal(how, "left");
		await program.says(heard, /ran to its end/);
		assert.equal((await get(`${url("Stream")}plain`)).status, 200);
	});

	await step("a streaming function behind BUFFERED: its bytes as they are", async () => {
		const response = await get(`${url("Buffered")}plain`);
		assert.deepEqual([response.status, response.body], [200, "<p></p>"]);
	});

	await step(
		"a URL stays at its address when stacks change, and goes with its function",
		async () => {
			const file = path.join(program.dir, "template.json");
			const before = url("Echo");
			const template = JSON.parse(readFileSync(file));
			delete template.Resources.EchoUrl;
			delete template.Outputs.EchoUrl;
			writeFileSync(file, JSON.stringify(template));
			const gone = await eventually("the URL is gone", async () => {
				const response = await get(before);
				return response.status === 403 && response;
			});
			assert.equal(gone.body, '{"Message":null}');
			assert.equal((await get(`${url("Stream")}plain`)).status, 200);
		},
	);

	// Under way when it stops: a stream that has begun, a function that runs.
	const begun = program.listen();
	let seen = "";
	const stream = pieces(`${url("Stream")}gate?%2Fno%2Fsuch%2Ffile`, (text) => {
		seen = text;
		return false;
	});
	const running = get(url("Forever")).then(
		(response) => response.status,
		() => "closed",
	);
	await program.says(begun, /REQUEST Forever /);
	await eventually("the stream has begun", () => seen === "before");
	await stop(program);
	assert.equal((await stream).how, "broken");
	assert.ok([502, "closed"].includes(await running));
});
