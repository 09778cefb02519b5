// Section 4: what becomes of a function's result; 5.1 and 10: errors and limits.

import assert from "node:assert/strict";
import test from "node:test";
import {
	apiUrl, assertError, eventsSince, exchange, parseResponses, raw, REQUEST_ID, Template, told, withApp, withEvent,
} from "./harness.mjs";

const template = new Template()
	.fn("Answer", "answer.handler")
	.fn("Behave", "behave.handler")
	.fn("Brief", "behave.handler", { Timeout: 1 })
	.fn("Echo", "echo.handler")
	.fn("Bare", "bootstrap", { Runtime: "provided.al2", Code: "src/bare" })
	.api("Two")
	.route("Two", "ANY /answer", "Answer")
	.route("Two", "GET /bare", "Bare")
	.route("Two", "GET /behave", "Behave")
	.route("Two", "GET /late", "Behave", { timeout: 50 })
	.route("Two", "GET /brief", "Brief")
	.route("Two", "ANY /echo", "Echo")
	.api("One")
	.route("One", "ANY /answer", "Answer", { v1: true });
template.authorizer("Two", "Open", {
	IdentitySource: ["$request.header.X-Key"], AuthorizerResultTtlInSeconds: 0,
	AuthorizerPayloadFormatVersion: "2.0", EnableSimpleResponses: true,
}, "Allow").fn("Allow", "authorizer.handler");
template.route("Two", "GET /guarded/{proxy+}", "Echo", { auth: "CUSTOM", authorizer: "Open" });
template.route("Two", "GET /free/{proxy+}", "Echo");
// A function that no permission lets the API call.
template.fn("Locked", "echo.handler").route("Two", "GET /locked", "Locked");
delete template.resources.LockedPermission;
// A route without a target.
template.resource("Loose", "AWS::ApiGatewayV2::Route", { ApiId: { Ref: "Two" }, RouteKey: "GET /loose" });

const JSON_TYPE = "application/json";
const TEXT = "text/plain; charset=utf-8";
const FAILED = "Internal Server Error";
const ok = (status, body, type, more = {}) => ({ status, body, type, ...more });
const failed = { status: 500 };

// Result, then what the client gets by 2.0 and by 1.0.
const RESULTS = [
	['{"a":1}', ok(200, '{"a":1}', JSON_TYPE), failed],
	['"Hello, World!"', ok(200, "Hello, World!", JSON_TYPE), failed],
	['""', ok(200, "", JSON_TYPE), failed],
	["42", ok(200, "42", JSON_TYPE), failed],
	["true", ok(200, "true", JSON_TYPE), failed],
	["[1,2]", ok(200, "[1,2]", JSON_TYPE), failed],
	["null", ok(200, "null", JSON_TYPE), failed],
	['{"body":"x","headers":{"a":"b"}}', ok(200, '{"body":"x","headers":{"a":"b"}}', JSON_TYPE), failed],
	['{"statusCode":200}', ok(200, "", TEXT)],
	['{"statusCode":201,"body":null}', ok(201, "", TEXT)],
	['{"statusCode":418,"body":"teapot"}', ok(418, "teapot", TEXT)],
	['{"statusCode":599,"body":"x"}', ok(599, "x", TEXT)],
	['{"statusCode":"202","body":"x"}', ok(202, "x", TEXT)],
	['{"statusCode":200,"body":"λ"}', ok(200, "\xce\xbb", TEXT)],
	['{"statusCode":200,"body":"x","what":"ever"}', ok(200, "x", TEXT)],
	['{"statusCode":200,"headers":null,"body":"x"}', ok(200, "x", TEXT)],
	['{"statusCode":200,"headers":{"content-type":"a/b"},"body":"x"}', ok(200, "x", "a/b")],
	['{"statusCode":200,"headers":{"CONTENT-TYPE":"a/b"},"body":"x"}', ok(200, "x", "a/b")],
	['{"statusCode":200,"body":"AAH/","isBase64Encoded":true}', ok(200, "\0\x01\xff", TEXT)],
	[
		'{"statusCode":200,"body":"AAH/","isBase64Encoded":true,"headers":{"content-type":"image/png"}}',
		ok(200, "\0\x01\xff", "image/png"),
	],
	['{"statusCode":200,"body":"eA==","isBase64Encoded":"true"}', ok(200, "x", TEXT)],
	['{"statusCode":200,"body":"eA==","isBase64Encoded":false}', ok(200, "eA==", TEXT)],
	['{"statusCode":204}', ok(204, "", undefined, { length: undefined })],
	['{"statusCode":204,"body":"dropped"}', ok(204, "", undefined, { length: undefined })],
	['{"statusCode":304,"headers":{"etag":"x"}}', ok(304, "", undefined, { length: undefined })],
	['{"statusCode":302,"headers":{"location":"/x?a=b, c"}}', ok(302, "", TEXT, { headers: { Location: "/x?a=b, c" } })],
	...[
		"0", "200.5", "-1", "99", "100", "101", "199", "600", "1e9", '"abc"', '""', "true", "null", "[]", "{}",
	].map((status) => [`{"statusCode":${status}}`, failed]),
	...["{}", "[]", "1", "true"].map((body) => [`{"statusCode":200,"body":${body}}`, failed]),
	['{"statusCode":200,"body":"!!!","isBase64Encoded":true}', failed],
	['{"statusCode":200,"headers":[]}', failed],
	['{"statusCode":200,"headers":"x"}', failed],
	['{"statusCode":200,"headers":{"a":"b\\r\\nc: d"}}', failed],
	['{"statusCode":200,"headers":{"a":"b\\nc: d"}}', failed],
	['{"statusCode":200,"headers":{"a":"b\\u0000"}}', failed],
	['{"statusCode":200,"headers":{"a\\r\\nb":"c"}}', failed],
	['{"statusCode":200,"headers":{"a b":"c"}}', failed],
	['{"statusCode":200,"headers":{"a:":"c"}}', failed],
	['{"statusCode":200,"headers":{"":"c"}}', failed],
	['{"statusCode":200,"headers":{"λ":"c"}}', failed],
	[
		'{"statusCode":200,"headers":{"x-n":1,"x-b":true,"myheader":"a,b","x-none":null}}',
		ok(200, "", TEXT, { headers: { "X-N": "1", "X-B": "true", Myheader: "a,b", "X-None": undefined } }),
	],
	[
		'{"statusCode":200,"headers":{"connection":"close","transfer-encoding":"chunked","content-length":"99","keep-alive":"1","upgrade":"h2c","trailer":"x","apigw-requestid":"mine"},"body":"x"}',
		ok(200, "x", TEXT, {
			headers: { "Transfer-Encoding": undefined, "Keep-Alive": undefined, Upgrade: undefined, Trailer: undefined },
		}),
	],
];

test("responses", (t) => withApp(t, template, async (program) => {
	const two = apiUrl(program, "Two");
	const one = apiUrl(program, "One");
	const ask = (url, result, method = "POST") =>
		exchange(url, {
			method,
			target: "/answer",
			headers: [["Content-Type", "application/json"]],
			body: Buffer.from(result).toString("latin1"),
		});

	for (const [result, byTwo, byOne = byTwo] of RESULTS) {
		await program.step(t, result, async () => {
			for (const [url, expected] of [[two, byTwo], [one, byOne]]) {
				if (expected.status === 500) {
					const { answer, event } = await withEvent(program, "refused", () => ask(url, result));
					assertError(answer, 500, FAILED);
					assert.deepEqual([event.check, event.status], ["result", 500]);
					assert.ok(event.reason.length > 10, event.reason);
					continue;
				}
				const answer = await ask(url, result);
				assert.deepEqual(
					[answer.status, answer.body, answer.header("content-type")],
					[expected.status, expected.body, expected.type],
				);
				const length = "length" in expected ? undefined : String(expected.body.length);
				assert.equal(answer.header("content-length"), length);
				assert.match(answer.header("apigw-requestid"), REQUEST_ID);
				for (const [name, value] of Object.entries(expected.headers ?? {})) {
					assert.equal(answer.headers.find((each) => each[0] === name)?.[1], value, name);
				}
			}
		});
	}

	await program.step(t, "cookies: one line each, in order, before set-cookie of headers; 2.0 only", async () => {
		const result = JSON.stringify({
			statusCode: 200,
			cookies: ["a=1; Path=/", "b=2, 3"],
			headers: { "set-cookie": "c=3" },
			multiValueHeaders: { "x-many": ["1", "2"] },
		});
		const lines = async (url, name) =>
			(await ask(url, result)).headers.filter((each) => each[0] === name).map((each) => each[1]);
		assert.deepEqual(await lines(two, "Set-Cookie"), ["a=1; Path=/", "b=2, 3", "c=3"]);
		assert.deepEqual(await lines(two, "X-Many"), []);
		assert.deepEqual(await lines(one, "Set-Cookie"), ["c=3"]);
		assert.deepEqual(await lines(one, "X-Many"), ["1", "2"]);
		for (const cookies of ['["a=1\\r\\nx: y"]', "{}", '"a=1"', "[1]"]) {
			assertError(await ask(two, `{"statusCode":200,"cookies":${cookies}}`), 500, FAILED);
		}
	});

	await program.step(t, "1.0: of both maps the single value comes first", async () => {
		const answer = await ask(one, '{"statusCode":200,"multiValueHeaders":{"x-a":["2","3"]},"headers":{"x-a":"1"}}');
		assert.deepEqual(answer.headers.filter((each) => each[0] === "X-A").map((each) => each[1]), ["1", "2", "3"]);
		assertError(await ask(one, '{"statusCode":200,"multiValueHeaders":{"x-a":"2"}}'), 500, FAILED);
	});

	await program.step(t, "the names on the wire", async () => {
		const names = (await ask(two, '{"statusCode":200,"body":"x"}')).headers.map(([name]) => name).sort();
		assert.deepEqual(names, ["Apigw-Requestid", "Connection", "Content-Length", "Content-Type", "Date"]);
		const { host } = new URL(two);
		const text = await raw(two, [
			`POST /answer HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\n42`,
			`GET /none HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
		]);
		const [first, second] = parseResponses(text);
		assert.equal(first.header("connection"), "keep-alive");
		assert.equal(second.header("connection"), "close");
		assert.notEqual(first.header("apigw-requestid"), second.header("apigw-requestid"));
		assert.match(first.header("date"), /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
	});

	await program.step(t, "the gateway's own 401 has its names in small letters; a function's has not", async () => {
		const names = (answer) => answer.headers.map(([name]) => name).filter((name) => /^(apigw|www)/i.test(name));
		const refused = await exchange(two, { target: "/guarded/x" });
		assertError(refused, 401, "Unauthorized");
		assert.deepEqual(names(refused), ["apigw-requestid"]);
		assert.deepEqual(names(await ask(two, '{"statusCode":401}')), ["Apigw-Requestid"]);
	});

	await program.step(t, "a result that is no JSON at all", async () => {
		const answer = await exchange(two, { target: "/bare" });
		assert.deepEqual([answer.status, answer.body, answer.header("content-type")], [200, "bare words", JSON_TYPE]);
	});

	await program.step(t, "HEAD: the function runs, the body stays behind", async () => {
		const { answer, event } = await withEvent(program, "response", () =>
			exchange(two, { method: "HEAD", target: "/echo" }),
		);
		assert.deepEqual([answer.status, answer.body], [200, ""]);
		assert.equal(answer.header("content-type"), "application/json");
		assert.match(event.result, /HEAD/);
	});

	const ERRORS = [
		["GET /none", 404, "Not Found", "route", /no route matches GET \/none/],
		["OPTIONS /none", 404, "Not Found", "route", /OPTIONS/],
		["GET /behave?throw=boom", 500, FAILED, "function error", /boom/],
		["GET /behave?exit=3", 500, FAILED, "function error", /./],
		["GET /late?ms=3000", 503, "Service Unavailable", "timeout", /within 50 ms/],
		["GET /brief?ms=5000", 500, FAILED, "function error", /timed ?out/i],
		["GET /locked", 500, FAILED, "permission", /AWS::Lambda::Permission/],
		["GET /loose", 500, FAILED, "integration", /no integration/],
	];
	for (const [line, status, message, check, reason] of ERRORS) {
		await program.step(t, line, async () => {
			const [method, target] = line.split(" ");
			const from = await told(program);
			const { answer, event } = await withEvent(program, "refused", () => exchange(two, { method, target }));
			assertError(answer, status, message);
			assert.deepEqual(
				answer.headers.map(([name]) => name.toLowerCase()).sort(),
				["apigw-requestid", "connection", "content-length", "content-type", "date"],
			);
			assert.deepEqual(
				[event.check, event.status, event.method, event.path, event.requestId],
				[check, status, method, target.split("?")[0], answer.header("apigw-requestid")],
			);
			assert.match(event.reason, reason);
			assert.equal(eventsSince(program, from).filter((each) => each.event === "refused").length, 1);
		});
	}

	await program.step(t, "after errors the functions go on", async () => {
		for (const target of ["/behave", "/late", "/brief"]) {
			const { status, body } = await exchange(two, { target });
			assert.deepEqual([status, body], [200, "done"]);
		}
	});

	const { host } = new URL(two);
	const post = (length, type = "text/plain") =>
		`POST /echo HTTP/1.1\r\nHost: ${host}\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n` +
		"Connection: close\r\n\r\n";

	await program.step(t, "413 above 10 MB, by Content-Length and by chunks", async () => {
		const from = await told(program);
		const [first] = parseResponses(await raw(two, post(10 * 1024 * 1024 + 1)));
		assertError(first, 413, "Request Entity Too Large");
		assert.equal(first.header("connection"), "close");
		const megabyte = Buffer.alloc(1024 * 1024, "x");
		const chunk = Buffer.concat([Buffer.from("100000\r\n"), megabyte, Buffer.from("\r\n")]);
		const text = await raw(two, [
			`POST /echo HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n`,
			...Array(11).fill(chunk),
			"0\r\n\r\n",
		]);
		assertError(parseResponses(text)[0], 413, "Request Entity Too Large");
		assert.equal(eventsSince(program, from).some((each) => each.event === "request"), false);
	});

	await program.step(t, "413 above Lambda's 6 MB", async () => {
		const body = "x".repeat(6 * 1024 * 1024);
		assertError(await exchange(two, {
			method: "POST", target: "/echo", headers: [["Content-Type", "text/plain"]], body,
		}), 413, "Request Entity Too Large");
		const five = "x".repeat(5 * 1024 * 1024);
		const answer = await exchange(two, {
			method: "POST", target: "/echo", headers: [["Content-Type", "text/plain"]], body: five,
		});
		assert.equal(JSON.parse(answer.body).body.length, five.length);
		// A result above 6 MB is the function's error.
		assertError(await exchange(two, { target: "/behave?size=7000000" }), 500, FAILED);
	});

	await program.step(t, "414 for an ARN above 1600 bytes, where the ARN is asked for", async () => {
		const { requestContext: c } = JSON.parse((await exchange(two, { target: "/echo" })).body);
		const arn = `arn:aws:execute-api:us-east-1:${c.accountId}:${c.apiId}/$default/GET/guarded/`;
		const ask = (name, n) => exchange(two, { target: `/${name}/${"p".repeat(n)}`, headers: [["X-Key", "k"]] });
		const room = 1600 - arn.length;
		assert.equal((await ask("guarded", room)).status, 200);
		const { answer, event } = await withEvent(program, "refused", () => ask("guarded", room + 1));
		assertError(answer, 414, "Request URI too long");
		assert.deepEqual([event.check, event.status], ["uri length", 414]);
		assert.equal((await ask("free", 5000)).status, 200);
	});

	await program.step(t, "431 above 10240 bytes of head", async () => {
		const head = (n) => {
			const start = `GET /echo HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nX-Fill: `;
			return `${start}${"f".repeat(n - start.length - 4)}\r\n\r\n`;
		};
		assert.equal(parseResponses(await raw(two, head(10240)))[0].status, 200);
		assertError(parseResponses(await raw(two, head(10241)))[0], 431, "Request Header Fields Too Large");
		const long = `GET /${"u".repeat(12000)} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
		assertError(parseResponses(await raw(two, long))[0], 431, "Request Header Fields Too Large");
	});
}));
