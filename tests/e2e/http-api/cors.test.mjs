// Section 9: CORS as configured on the API.

import assert from "node:assert/strict";
import http from "node:http";
import test from "node:test";
import { apiUrl, assertError, exchange, Template, withApp, withEvent } from "./harness.mjs";

/** A backend that has ideas of its own about CORS. */
async function backend(t) {
	const server = http.createServer((request, response) => {
		response.writeHead(207, { "access-control-allow-origin": "*", "access-control-max-age": "1" });
		response.end();
	});
	await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close());
	server.unref();
	return `http://127.0.0.1:${server.address().port}`;
}

test("CORS", async (t) => {
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
	template.route("Cors", "GET /url", null, { url: `${back}/cors` });
	template.api("Star", { cors: { AllowOrigins: ["*"], AllowMethods: ["*"], AllowHeaders: ["*"] } });
	template.route("Star", "GET /x", "Echo");
	template.api("Schemes", { cors: { AllowOrigins: ["https://*"], MaxAge: 0 } }).route("Schemes", "GET /x", "Echo");
	template.api("Plain", { cors: { AllowOrigins: ["http://*"] } }).route("Plain", "GET /x", "Echo");
	template.api("Default", { cors: { AllowOrigins: ["https://a"] } });
	custom("Default", "DefaultAuth");
	template.route("Default", "$default", "Echo", { auth: "CUSTOM", authorizer: "DefaultAuth" });
	template.api("DefaultOpen", { cors: { AllowOrigins: ["https://a"] } });
	custom("DefaultOpen", "DefaultOpenAuth");
	template.route("DefaultOpen", "$default", "Echo", { auth: "CUSTOM", authorizer: "DefaultOpenAuth" });
	template.route("DefaultOpen", "OPTIONS /{proxy+}", "Behave");
	template.api("None").route("None", "POST /answer", "Answer");

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
			const plain = apiUrl(program, "Plain");
			assert.equal(control(await preflight(plain, "/x", "http://any:1"))["access-control-allow-origin"], "http://any:1");
			assert.equal(control(await preflight(plain, "/x", "https://any"))["access-control-allow-origin"], undefined);
		});

		await program.step(t, "$default with an authorizer catches preflights, until OPTIONS /{proxy+} does", async () => {
			const answer = await preflight(apiUrl(program, "Default"), "/x", "https://a");
			assertError(answer, 401, "Unauthorized");
			assert.equal((await preflight(apiUrl(program, "DefaultOpen"), "/x", "https://a")).status, 200);
		});
	});
});
