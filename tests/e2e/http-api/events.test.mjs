// Sections 2 and 3: what a function is given, key for key.

import assert from "node:assert/strict";
import test from "node:test";
import { ACCOUNT, apiUrl, eventOf, REQUEST_ID, Template, withApp } from "./harness.mjs";

const TRACE = /^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/;
const TIME = /^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/;

const template = new Template()
	.fn("Echo", "echo.handler")
	.api("Two")
	.route("Two", "ANY /{proxy+}", "Echo")
	.route("Two", "GET /plain", "Echo")
	.api("One")
	.route("One", "ANY /{proxy+}", "Echo", { v1: true })
	.route("One", "GET /plain", "Echo", { v1: true });

// Content type, and whether the body is text; undefined: no header.
const TYPES = [
	["text/plain", true],
	["text/html", true],
	["text/csv", true],
	["text/xml", true],
	["TEXT/PLAIN", true],
	["text/plain; charset=utf-8", true],
	["text/plain;charset=UTF-8", true],
	['text/plain; charset="utf-8"', true],
	["application/json", true],
	["Application/JSON", true],
	["application/json; charset=utf-8", true],
	["application/xml", true],
	["application/javascript", true],
	["application/graphql", true],
	[undefined, false],
	["text/plain; charset=iso-8859-1", false],
	["application/x-www-form-urlencoded", false],
	["multipart/form-data; boundary=x", false],
	["application/octet-stream", false],
	["application/x-protobuf", false],
	["application/zip", false],
	["application/pdf", false],
	["image/png", false],
	["image/svg+xml", false],
	["audio/mpeg", false],
	["video/mp4", false],
	["idk", false],
	["", false],
];

test("events", (t) => withApp(t, template, async (program) => {
	const two = apiUrl(program, "Two");
	const one = apiUrl(program, "One");
	const host = (url) => new URL(url).host;

	await program.step(t, "2.0: a GET without anything has these keys and no others", async () => {
		const before = Date.now();
		const event = await eventOf(two, { target: "/plain" });
		const { requestContext: c, headers } = event;
		assert.deepEqual(Object.keys(event), [
			"version", "routeKey", "rawPath", "rawQueryString", "headers", "requestContext", "isBase64Encoded",
		]);
		assert.deepEqual(Object.keys(c), [
			"accountId", "apiId", "domainName", "domainPrefix", "http", "requestId", "routeKey", "stage",
			"time", "timeEpoch",
		]);
		assert.match(c.accountId, ACCOUNT);
		assert.match(c.apiId, /^[a-z0-9]{10}$/);
		assert.match(c.requestId, REQUEST_ID);
		assert.match(c.time, TIME);
		assert.ok(Number.isInteger(c.timeEpoch) && c.timeEpoch >= before - 1 && c.timeEpoch <= Date.now());
		assert.deepEqual([c.domainName, c.domainPrefix], [host(two), "localhost"]);
		assert.deepEqual(c.http, {
			method: "GET",
			path: "/plain",
			protocol: "HTTP/1.1",
			sourceIp: "127.0.0.1",
			userAgent: "",
		});
		assert.match(headers["x-amzn-trace-id"], TRACE);
		delete headers["x-amzn-trace-id"];
		assert.deepEqual(headers, {
			"content-length": "0",
			host: host(two),
			"x-forwarded-for": "127.0.0.1",
			"x-forwarded-port": "443",
			"x-forwarded-proto": "https",
		});
		assert.deepEqual([event.version, event.isBase64Encoded], ["2.0", false]);
	});

	await program.step(t, "2.0: headers, cookies, repeats", async () => {
		const event = await eventOf(two, {
			method: "POST",
			target: "/x?a=1",
			headers: [
				["X-Probe", "first"],
				["COOKIE", "session=abc%20123; theme=dark;;  x"],
				["x-probe", "second"],
				["Cookie", "more=1"],
				["User-Agent", "me/1"],
				["X-Forwarded-For", "203.0.113.9"],
				["X-Forwarded-Port", "80"],
				["X-Forwarded-Proto", "http"],
				["X-AMZ-Date", "20200101T000000Z"],
				["Authorization", "whatever"],
				["Content-Type", "application/json"],
				["TE", "trailers"],
				["Keep-Alive", "timeout=5"],
				["X-Empty", ""],
				["X-Latin", "caf\xe9"],
			],
			body: '{ "a" : 1 }',
		});
		assert.deepEqual(event.cookies, ["session=abc%20123", "theme=dark", "x", "more=1"]);
		const { headers } = event;
		delete headers["x-amzn-trace-id"];
		assert.deepEqual(headers, {
			authorization: "whatever",
			"content-length": "11",
			"content-type": "application/json",
			host: host(two),
			"user-agent": "me/1",
			"x-amz-date": "20200101T000000Z",
			"x-empty": "",
			"x-forwarded-for": "203.0.113.9, 127.0.0.1",
			"x-forwarded-port": "443",
			"x-forwarded-proto": "https",
			"x-latin": headers["x-latin"],
			"x-probe": "first,second",
		});
		assert.equal(event.requestContext.http.sourceIp, "127.0.0.1");
		assert.equal(event.requestContext.http.userAgent, "me/1");
		assert.equal(event.body, '{ "a" : 1 }');
		assert.equal("authorizer" in event.requestContext, false);
	});

	await program.step(t, "the Host as called names the domain", async () => {
		const headers = [["Host", "Shop.example.com:8080"]];
		const { requestContext: c, headers: seen } = await eventOf(two, { target: "/plain", headers });
		assert.deepEqual(
			[c.domainName, c.domainPrefix, seen.host],
			["Shop.example.com:8080", "Shop", "Shop.example.com:8080"],
		);
	});

	await program.step(t, "a trace that the client began goes on", async () => {
		const id = "Root=1-5e9f0c65-1de4d666d4dd26aced652b6c";
		const event = await eventOf(two, { target: "/plain", headers: [["X-Amzn-Trace-Id", id]] });
		assert.equal(event.headers["x-amzn-trace-id"], id);
	});

	await program.step(t, "an empty body is absent in 2.0 and null in 1.0; POST gets a content type", async () => {
		for (const [method, type] of [["POST", "text/plain; charset=utf-8"], ["GET", undefined]]) {
			const event = await eventOf(two, { method, target: "/x" });
			assert.equal("body" in event, false);
			assert.equal(event.headers["content-type"], type);
			assert.equal(event.headers["content-length"], "0");
			const first = await eventOf(one, { method, target: "/x" });
			assert.deepEqual([first.body, first.isBase64Encoded], [null, false]);
			assert.equal(first.headers["Content-Type"], type);
		}
	});

	for (const [type, text] of TYPES) {
		await program.step(t, `body of type ${type} is ${text ? "text" : "base64"}`, async () => {
			const headers = type === undefined ? [] : [["Content-Type", type]];
			const body = '{"λ":\t"\\u00e9"}\r\n\0';
			const bytes = Buffer.from(body).toString("latin1");
			for (const url of [two, one]) {
				const event = await eventOf(url, { method: "POST", target: "/x", headers, body: bytes });
				assert.equal(event.isBase64Encoded, !text);
				assert.equal(event.body, text ? body : Buffer.from(body).toString("base64"));
			}
		});
	}

	await program.step(t, "1.0: a GET without anything has nulls", async () => {
		const event = await eventOf(one, { target: "/plain" });
		assert.deepEqual(Object.keys(event), [
			"version", "resource", "path", "httpMethod", "headers", "multiValueHeaders",
			"queryStringParameters", "multiValueQueryStringParameters", "requestContext", "pathParameters",
			"stageVariables", "body", "isBase64Encoded",
		]);
		for (const name of [
			"queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables", "body",
		]) {
			assert.equal(event[name], null, name);
		}
		const { requestContext: c } = event;
		assert.deepEqual(Object.keys(c), [
			"accountId", "apiId", "domainName", "domainPrefix", "extendedRequestId", "httpMethod", "identity",
			"path", "protocol", "requestId", "requestTime", "requestTimeEpoch", "resourceId", "resourcePath",
			"stage",
		]);
		assert.deepEqual(c.identity, {
			accessKey: null, accountId: null, caller: null, cognitoAmr: null,
			cognitoAuthenticationProvider: null, cognitoAuthenticationType: null, cognitoIdentityId: null,
			cognitoIdentityPoolId: null, principalOrgId: null, sourceIp: "127.0.0.1", user: null,
			userAgent: "", userArn: null,
		});
		assert.deepEqual(
			[c.httpMethod, c.path, c.protocol, c.resourceId, c.resourcePath, c.stage, event.resource],
			["GET", "/plain", "HTTP/1.1", "GET /plain", "/plain", "$default", "/plain"],
		);
		assert.match(c.requestId, REQUEST_ID);
		assert.equal(c.extendedRequestId, c.requestId);
		assert.match(c.requestTime, TIME);
		assert.ok(Number.isInteger(c.requestTimeEpoch));
	});

	await program.step(t, "1.0: canonical header names, last and all values, cookies stay", async () => {
		const event = await eventOf(one, {
			method: "PUT",
			target: "/a%20b/c?tag=important&tag=urgent",
			headers: [
				["x-cUSTOM-header", "one"],
				["X-Custom-Header", "two"],
				["cookie", "a=1; b=2"],
				["content-type", "application/json"],
			],
			body: '{"a":1}',
		});
		const { headers, multiValueHeaders: all } = event;
		assert.match(headers["X-Amzn-Trace-Id"], TRACE);
		delete headers["X-Amzn-Trace-Id"];
		assert.deepEqual(headers, {
			"Content-Length": "7",
			"Content-Type": "application/json",
			Cookie: "a=1; b=2",
			Host: host(one),
			"X-Custom-Header": "two",
			"X-Forwarded-For": "127.0.0.1",
			"X-Forwarded-Port": "443",
			"X-Forwarded-Proto": "https",
		});
		assert.deepEqual(all["X-Custom-Header"], ["one", "two"]);
		assert.deepEqual(all.Cookie, ["a=1; b=2"]);
		assert.equal("cookies" in event, false);
		assert.deepEqual(event.queryStringParameters, { tag: "urgent" });
		assert.deepEqual(event.multiValueQueryStringParameters, { tag: ["important", "urgent"] });
		assert.deepEqual(event.pathParameters, { proxy: "a b/c" });
		assert.deepEqual([event.path, event.requestContext.path], ["/a%20b/c", "/a b/c"]);
		assert.deepEqual(
			[event.resource, event.requestContext.resourceId],
			["/{proxy+}", "ANY /{proxy+}"],
		);
		assert.deepEqual([event.body, event.httpMethod], ['{"a":1}', "PUT"]);
	});
}));
