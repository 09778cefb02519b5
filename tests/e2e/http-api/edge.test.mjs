// Sections 9 and 10, and HTTP integrations: CORS, throttling, access logs, routes to URLs.

import assert from "node:assert/strict";
import http from "node:http";
import test from "node:test";
import { eventually } from "../support.mjs";
import { apiUrl, assertError, eventsSince, exchange, raw, Template, withApp, withEvent } from "./harness.mjs";

/** A backend on loopback that keeps what it was asked and answers as its path says. */
async function backend(t) {
	const state = { asked: [] };
	const server = http.createServer((request, response) => {
		let body = "";
		request.setEncoding("latin1").on("data", (more) => (body += more));
		request.on("end", () => {
			state.asked.push({ method: request.method, url: request.url, raw: request.rawHeaders, headers: request.headers, body });
			if (request.url.startsWith("/stream")) {
				response.writeHead(200, { "content-type": "text/event-stream" });
				response.write("one");
				state.more = () => response.end("two");
			} else if (request.url.startsWith("/break")) {
				response.writeHead(200, { "content-length": "100" });
				response.write("half", () => response.destroy());
			} else if (request.url.startsWith("/hang")) {
				// Never answers.
			} else {
				response.writeHead(207, "Multi", [
					["x-back", "1"], ["set-cookie", "a=1"], ["set-cookie", "b=2"], ["access-control-allow-origin", "*"],
					["connection", "close"], ["apigw-requestid", "forged"],
				].flat());
				response.end(`${request.method} ${request.url}`);
			}
		});
	});
	await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close());
	server.unref();
	state.url = `http://127.0.0.1:${server.address().port}`;
	return state;
}

const LOG = [
	"accountId", "apiId", "domainName", "domainPrefix", "extendedRequestId", "httpMethod", "identity.sourceIp",
	"identity.userAgent", "path", "protocol", "requestId", "requestTime", "requestTimeEpoch", "responseLength",
	"routeKey", "stage", "status", "integration.status", "integrationStatus", "integration.integrationStatus",
	"integration.requestId", "integrationErrorMessage", "error.message", "error.messageString", "authorizer.error",
	"authorizer.principalId", "identity.user", "authorizer.claims", "customDomain.basePathMatched", "nonsense",
];

test("CORS, throttling, logs, URLs", async (t) => {
	const back = await backend(t);
	const template = new Template().fn("Echo", "echo.handler").fn("Answer", "answer.handler").fn("Behave", "behave.handler");
	template.fn("Auth", "authorizer.handler");
	const custom = (api, id) =>
		template.authorizer(api, id, {
			IdentitySource: ["$request.header.X-Key"], AuthorizerResultTtlInSeconds: 0,
			AuthorizerPayloadFormatVersion: "2.0", EnableSimpleResponses: true,
		}, "Auth");

	template.api("Cors", {
		cors: {
			AllowOrigins: ["http://localhost:5173", "https://app.example"], AllowMethods: ["GET", "POST"],
			AllowHeaders: ["authorization", "x-a"], ExposeHeaders: ["x-b", "x-c"], AllowCredentials: true, MaxAge: 600,
		},
	});
	custom("Cors", "CorsAuth");
	template.route("Cors", "POST /answer", "Answer").route("Cors", "GET /behave", "Behave");
	template.route("Cors", "ANY /any", "Echo").route("Cors", "OPTIONS /own", "Answer");
	template.route("Cors", "GET /auth", "Echo", { auth: "CUSTOM", authorizer: "CorsAuth" });
	template.route("Cors", "GET /iam", "Echo", { auth: "AWS_IAM" });
	template.route("Cors", "GET /url", null, { url: `${back.url}/cors` });
	template.api("Star", { cors: { AllowOrigins: ["*"], AllowMethods: ["*"], AllowHeaders: ["*"] } });
	template.route("Star", "GET /x", "Echo");
	template.api("Schemes", { cors: { AllowOrigins: ["https://*"], MaxAge: 0 } }).route("Schemes", "GET /x", "Echo");
	template.api("Default", { cors: { AllowOrigins: ["https://a"] } });
	custom("Default", "DefaultAuth");
	template.route("Default", "$default", "Echo", { auth: "CUSTOM", authorizer: "DefaultAuth" });
	template.api("DefaultOpen", { cors: { AllowOrigins: ["https://a"] } });
	custom("DefaultOpen", "DefaultOpenAuth");
	template.route("DefaultOpen", "$default", "Echo", { auth: "CUSTOM", authorizer: "DefaultOpenAuth" });
	template.route("DefaultOpen", "OPTIONS /{proxy+}", "Behave");
	template.api("None").route("None", "POST /answer", "Answer");

	template.api("Slow", {
		stages: [{
			StageName: "$default",
			DefaultRouteSettings: { ThrottlingRateLimit: 0.01, ThrottlingBurstLimit: 3 },
			RouteSettings: { "GET /one": { ThrottlingRateLimit: 0.01, ThrottlingBurstLimit: 1 } },
		}],
	});
	template.route("Slow", "GET /one", "Behave").route("Slow", "GET /many", "Behave");

	template.api("Log", {
		stages: [
			{ StageName: "$default", AccessLogSettings: { DestinationArn: "x", Format: JSON.stringify(Object.fromEntries(LOG.map((n) => [n, `$context.${n}`]))) } },
			{
				StageName: "clf",
				AccessLogSettings: {
					DestinationArn: "x",
					Format: '$context.identity.sourceIp - - [$context.requestTime] "$context.httpMethod $context.routeKey $context.protocol" $context.status $context.responseLength $context.requestId',
				},
			},
		],
	});
	custom("Log", "LogAuth");
	template.route("Log", "ANY /behave", "Behave").route("Log", "GET /auth", "Echo", { auth: "CUSTOM", authorizer: "LogAuth" });

	template.api("Url", { stages: [{ StageName: "$default" }, { StageName: "dev", StageVariables: { tier: "gold" } }] });
	const route = (key, url, more) => template.route("Url", key, null, { url, ...more });
	route("ANY /plain", `${back.url}/there`);
	route("GET /p/{id}/{rest+}", `${back.url}/q/{id}/r/{rest}`);
	route("GET /method", `${back.url}/m`, { method: "PUT" });
	route("ANY /mapped", `${back.url}/mapped`, {
		mappings: {
			"overwrite:path": "/new/$request.path", "append:header.x-more": "$request.header.x-in",
			"overwrite:header.x-over": "fixed-${stageVariables.tier}", "remove:header.x-gone": "''",
			"append:querystring.q": "$request.querystring.a", "overwrite:querystring.o": "$request.body.deep.er",
			"remove:querystring.r": "''", "append:header.x-id": "$context.requestId",
		},
	});
	route("GET /stream", `${back.url}/stream`);
	route("GET /break", `${back.url}/break`);
	route("GET /hang", `${back.url}/hang`, { timeout: 60 });
	route("GET /nobody", "http://127.0.0.1:9/");

	await withApp(t, template, async (program) => {
		const cors = apiUrl(program, "Cors");
		const GOOD = "http://localhost:5173";
		const BAD = "http://localhost:5174";
		const control = (answer) =>
			Object.fromEntries(answer.headers.filter(([name]) => /^(access-control-|vary)/i.test(name)));
		const preflight = (url, target, origin, more = []) =>
			exchange(url, { method: "OPTIONS", target, headers: [["Origin", origin], ["Access-Control-Request-Method", "POST"], ...more] });
		const ALLOWED = { "access-control-allow-credentials": "true", "access-control-allow-origin": GOOD, vary: "origin" };
		const ACTUAL = { ...ALLOWED, "access-control-expose-headers": "x-b,x-c" };

		await program.step(t, "preflights are the gateway's: on routes of other methods, ANY, auth, and none", async () => {
			const from = program.stdout.length;
			for (const target of ["/answer", "/any", "/auth", "/iam", "/nowhere", "/"]) {
				const answer = await preflight(cors, target, GOOD, [["Access-Control-Request-Headers", "x-z"]]);
				assert.deepEqual([answer.status, answer.body, answer.header("content-length"), answer.header("content-type")], [204, "", undefined, undefined]);
				assert.deepEqual(control(answer), {
					...ALLOWED,
					"access-control-allow-methods": "GET,POST",
					"access-control-allow-headers": "authorization,x-a",
					"access-control-max-age": "600",
				});
			}
			assert.ok(!program.stdout.slice(from).includes('"event":"request"'), "nothing runs");
		});

		await program.step(t, "a refused origin: no allow headers, and the terminal says why", async () => {
			const { answer, event } = await withEvent(program, "refused", () => preflight(cors, "/answer", BAD));
			assert.deepEqual([answer.status, control(answer)], [204, { vary: "origin" }]);
			assert.equal(event.check, "CORS");
			assert.match(event.reason, /localhost:5174/);
			for (const origin of ["null", "http://localhost:51730", "HTTP://localhost:5173", "http://localhost:5173/", "https://app.example.evil"]) {
				assert.equal(control(await preflight(cors, "/answer", origin))["access-control-allow-origin"], undefined, origin);
			}
		});

		await program.step(t, "no preflight without both headers", async () => {
			for (const headers of [[["Origin", GOOD]], [["Access-Control-Request-Method", "POST"]]]) {
				assertError(await exchange(cors, { method: "OPTIONS", target: "/answer", headers }), 404, "Not Found");
			}
			assert.equal((await exchange(cors, { method: "OPTIONS", target: "/any", headers: [["Origin", GOOD]] })).status, 200);
		});

		await program.step(t, "an OPTIONS route of its own takes the preflight", async () => {
			const { answer, event } = await withEvent(program, "request", () => preflight(cors, "/own", GOOD));
			assert.equal(answer.status, 200);
			assert.match(event.source, /OPTIONS \/own/);
		});

		const result = JSON.stringify({
			statusCode: 200,
			headers: { "Access-Control-Allow-Origin": "https://evil", "access-control-max-age": "1", "x-b": "1" },
		});
		const answerOf = (url, origin) =>
			exchange(url, {
				method: "POST", target: "/answer",
				headers: [["Content-Type", "application/json"], ...(origin ? [["Origin", origin]] : [])], body: result,
			});

		await program.step(t, "actual answers: the gateway's headers in place of the function's", async () => {
			assert.deepEqual(control(await answerOf(cors, GOOD)), ACTUAL);
			assert.deepEqual(control(await answerOf(cors, BAD)), { vary: "origin" });
			assert.equal(control(await answerOf(cors))["access-control-allow-origin"], undefined);
			assert.deepEqual(control(await answerOf(apiUrl(program, "None"), GOOD)), {
				"Access-Control-Allow-Origin": "https://evil", "Access-Control-Max-Age": "1",
			});
			assertError(await preflight(apiUrl(program, "None"), "/answer", GOOD), 404, "Not Found");
			const url = await exchange(cors, { target: "/url", headers: [["Origin", GOOD]] });
			assert.deepEqual(control(url), ACTUAL);
		});

		await program.step(t, "errors carry them too", async () => {
			for (const [target, status] of [["/auth", 401], ["/iam", 403], ["/nowhere", 404], ["/behave?throw=x", 500]]) {
				const answer = await exchange(cors, { target, headers: [["Origin", GOOD]] });
				assert.deepEqual([answer.status, control(answer)], [status, ACTUAL]);
			}
		});

		await program.step(t, "* and schemes", async () => {
			const star = apiUrl(program, "Star");
			assert.deepEqual(control(await preflight(star, "/x", "https://any")), {
				"access-control-allow-origin": "*", "access-control-allow-methods": "*", "access-control-allow-headers": "*",
			});
			assert.deepEqual(control(await exchange(star, { target: "/x", headers: [["Origin", "null"]] })), { "access-control-allow-origin": "*" });
			const schemes = apiUrl(program, "Schemes");
			const allowed = await preflight(schemes, "/x", "https://any:1");
			assert.equal(control(allowed)["access-control-allow-origin"], "https://any:1");
			assert.equal(control(allowed)["access-control-max-age"], "0");
			assert.equal(control(await preflight(schemes, "/x", "http://any"))["access-control-allow-origin"], undefined);
		});

		await program.step(t, "$default with an authorizer catches preflights, until OPTIONS /{proxy+} does", async () => {
			const answer = await preflight(apiUrl(program, "Default"), "/x", "https://a");
			assertError(answer, 401, "Unauthorized");
			assert.equal((await preflight(apiUrl(program, "DefaultOpen"), "/x", "https://a")).status, 200);
		});

		await program.step(t, "throttling: a route's own limit, and the stage's", async () => {
			const slow = apiUrl(program, "Slow");
			const statuses = async (target, n) => {
				const out = [];
				for (let i = 0; i < n; i++) {
					out.push((await exchange(slow, { target })).status);
				}
				return out;
			};
			assert.deepEqual(await statuses("/one", 3), [200, 429, 429]);
			assert.deepEqual(await statuses("/many", 5), [200, 200, 200, 429, 429]);
			const { answer, event } = await withEvent(program, "refused", () => exchange(slow, { target: "/one" }));
			assertError(answer, 429, "Too Many Requests");
			assert.equal(event.check, "throttle");
			assert.match(event.reason, /GET \/one/);
			assertError(await exchange(slow, { target: "/none" }), 404, "Not Found");
		});

		await program.step(t, "the access log has the stage's format", async () => {
			const log = apiUrl(program, "Log");
			const line = async (request) => {
				const { answer, event } = await withEvent(program, "access-log", () => exchange(log, request));
				return { answer, line: event.line };
			};
			const ok = await line({ target: "/behave?x=1", headers: [["User-Agent", 'a"b']] });
			const { requestTime, requestTimeEpoch, "integration.requestId": invoked, ...seen } = JSON.parse(ok.line.replace('a"b', "a'b"));
			assert.match(requestTime, /^\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d \+0000$/);
			assert.ok(Math.abs(Number(requestTimeEpoch) - Date.now()) < 60_000);
			assert.match(invoked, /^[0-9a-f-]{36}$/);
			const id = ok.answer.header("apigw-requestid");
			const { host } = new URL(log);
			assert.deepEqual(seen, {
				accountId: seen.accountId, apiId: seen.apiId, domainName: host, domainPrefix: "localhost",
				extendedRequestId: id, httpMethod: "GET", "identity.sourceIp": "127.0.0.1", "identity.userAgent": "a'b",
				path: "/behave", protocol: "HTTP/1.1", requestId: id, responseLength: "4", routeKey: "ANY /behave",
				stage: "$default", status: "200", "integration.status": "200", integrationStatus: "200",
				"integration.integrationStatus": "200", integrationErrorMessage: "-", "error.message": "-",
				"error.messageString": "-", "authorizer.error": "-", "authorizer.principalId": "-", "identity.user": "-",
				"authorizer.claims": "-", "customDomain.basePathMatched": "-", nonsense: "-",
			});
			const failed = (await line({ target: "/behave?throw=x" })).line;
			assert.match(failed, /"status":"500"/);
			assert.match(failed, /"integrationStatus":"200"/);
			assert.match(failed, /"error.message":"Internal Server Error"/);
			assert.match((await line({ target: "/auth" })).line, /"status":"401".*"authorizer.error":"[^-]/);
			assert.match((await line({ target: "/none" })).line, /"routeKey":"-".*"status":"404"/);
			const clf = await line({ method: "POST", target: "/clf/behave" });
			assert.match(clf.line, /^127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4}:[\d:]{8} \+0000\] "POST ANY \/behave HTTP\/1\.1" 200 4 \S{16}$/);
		});

		const url = apiUrl(program, "Url");
		await program.step(t, "a URL: the request as the backend sees it, and its answer", async () => {
			const answer = await exchange(url, {
				method: "POST", target: "/plain?a=1&b=%20&c",
				headers: [["X-Mine", "1"], ["X-Forwarded-For", "203.0.113.9"], ["X-Forwarded-Host", "evil"], ["TE", "trailers"], ["Authorization", "Basic x"]],
				body: "\0\xffbody",
			});
			assert.deepEqual([answer.status, answer.body], [207, "POST /there?a=1&b=%20&c"]);
			assert.deepEqual(answer.headers.filter(([name]) => name === "Set-Cookie").map((each) => each[1]), ["a=1", "b=2"]);
			assert.equal(answer.header("x-back"), "1");
			assert.notEqual(answer.header("apigw-requestid"), "forged");
			const seen = back.asked.at(-1);
			assert.deepEqual([seen.body, seen.headers.host, seen.headers["x-mine"], seen.headers.te], ["\0\xffbody", new URL(back.url).host, "1", undefined]);
			assert.equal(seen.headers.authorization, "Basic x");
			assert.equal(seen.headers["x-forwarded-for"], undefined);
			assert.equal(
				seen.headers.forwarded,
				`for=203.0.113.9, by=127.0.0.1;for=127.0.0.1;host=${new URL(url).host};proto=https`,
			);
		});

		await program.step(t, "a URL: path parameters, another method, HEAD", async () => {
			assert.equal((await exchange(url, { target: "/p/a%20b/c/d?x" })).body, "GET /q/a%20b/r/c/d?x");
			assert.equal((await exchange(url, { target: "/method" })).body, "PUT /m");
			const head = await exchange(url, { method: "HEAD", target: "/plain" });
			assert.deepEqual([head.status, back.asked.at(-1).method], [207, "HEAD"]);
		});

		await program.step(t, "a URL: parameter mappings", async () => {
			const answer = await exchange(url, {
				method: "POST", target: "/dev/mapped?a=1&a=2&r=x&o=old",
				headers: [["X-In", "i"], ["X-More", "m"], ["X-Over", "old"], ["X-Gone", "g"], ["Content-Type", "application/json"]],
				body: '{"deep":{"er":"&v"}}',
			});
			const seen = back.asked.at(-1);
			assert.equal(seen.url, "/new//mapped?a=1&a=2&q=1%2C2&o=%26v");
			assert.deepEqual(
				[seen.headers["x-more"], seen.headers["x-over"], seen.headers["x-gone"], seen.headers["x-id"]],
				["m, i", "fixed-gold", undefined, answer.header("apigw-requestid")],
			);
		});

		await program.step(t, "a URL: the answer is streamed", async () => {
			let heard = "";
			const whole = new Promise((resolve, reject) => {
				http.get(`${url}/stream`, { agent: false }, (response) => {
					response.setEncoding("utf8").on("data", (more) => (heard += more)).on("end", resolve);
					response.on("error", reject);
				}).on("error", reject);
			});
			await eventually("the first piece", () => heard === "one");
			back.more();
			await whole;
			assert.equal(heard, "onetwo");
		});

		await program.step(t, "a URL: nobody there, too late, broken", async () => {
			for (const [target, check] of [["/nobody", "integration"], ["/hang", "timeout"]]) {
				const { answer, event } = await withEvent(program, "refused", () => exchange(url, { target }));
				assertError(answer, 503, "Service Unavailable");
				assert.equal(event.check, check);
			}
			const text = await raw(url, "GET /break HTTP/1.1\r\nHost: h\r\n\r\n");
			// What broke within one turn of the loop may not have been sent at all.
			assert.ok(text === "" || text.endsWith("half"), `closed in the middle: ${text}`);
			assert.equal((await exchange(url, { target: "/plain" })).status, 207);
		});
		assert.ok(eventsSince(program, 0).length > 50);
	});
});
