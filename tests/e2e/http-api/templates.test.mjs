// What the service refuses when an API is made (sections 1.1, 1.2, 4.4, 9, 10): the first start ends with 1
// and names the resource; an app that runs says the same and goes on as it was.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { cleanEnv, eventually, OFFSTAGE, run, tempDir } from "../support.mjs";
import { apiUrl, assertError, eventOf, exchange, Template, withApp, withEvent } from "./harness.mjs";

const base = () => new Template().fn("Echo", "echo.handler").api("A").route("A", "GET /good", "Echo");
const stage = (more) => base().api("B", { stages: [{ StageName: "dev", ...more }] });
const cors = (CorsConfiguration) => base().api("B", { cors: CorsConfiguration });
const jwt = (more) =>
	base().authorizer("A", "BadAuth", {
		AuthorizerType: "JWT", IdentitySource: ["$request.header.Authorization"],
		JwtConfiguration: { Issuer: "https://issuer.example", Audience: ["a"] }, ...more,
	});

const ROUTE = (reason) => new RegExp(`'ARoute\\d' \\(AWS::ApiGatewayV2::Route\\), RouteKey: .*${reason}`);
const BAD = {
	// 1.1
	"a method in small letters": [() => base().route("A", "get /x", "Echo"), ROUTE("'get /x'.*method")],
	"an unknown method": [() => base().route("A", "FETCH /x", "Echo"), ROUTE("'FETCH /x'.*method")],
	"no path": [() => base().route("A", "GET", "Echo"), ROUTE("'GET'.*METHOD /path")],
	"a path without a slash": [() => base().route("A", "GET x", "Echo"), ROUTE("start with '/'")],
	"a slash at the end": [() => base().route("A", "GET /x/", "Echo"), ROUTE("must not end in '/'")],
	"part of a segment": [() => base().route("A", "GET /a{x}", "Echo"), ROUTE("whole path segment")],
	"greedy in the middle": [() => base().route("A", "GET /{x+}/y", "Echo"), ROUTE("last segment")],
	"a variable without a name": [() => base().route("A", "GET /{+}", "Echo"), ROUTE("plain name")],
	"a query": [() => base().route("A", "GET /x?y", "Echo"), ROUTE("must not hold '\\?'")],
	"the same key twice": [() => base().route("A", "GET /good", "Echo"), ROUTE("a route 'GET /good' already")],
	// 1.2
	"a stage with a blank": [() => base().api("B", { stages: [{ StageName: "a b" }] }), /'BStage\d'.*StageName: 'a b'/],
	"a stage name of 129 letters": [
		() => base().api("B", { stages: [{ StageName: "s".repeat(129) }] }),
		/'BStage\d'.*StageName: .*128/,
	],
	"the same stage twice": [
		() => base().api("B", { stages: [{ StageName: "s" }, { StageName: "s" }] }),
		/'BStage\d'.*StageName: .*'s' already/,
	],
	// Authorizers
	"an unknown authorizer type": [
		() => base().authorizer("A", "BadAuth", { AuthorizerType: "TOKEN" }), /'BadAuth'.*AuthorizerType: 'TOKEN'/,
	],
	"a JWT authorizer without an issuer": [() => jwt({ JwtConfiguration: { Audience: ["a"] } }), /'BadAuth'.*Issuer/],
	"an authorizer that is not there": [
		() => base().route("A", "GET /x", "Echo", { auth: "JWT", authorizer: "Nobody" }), /'ARoute\d'.*AuthorizerId|Nobody/,
	],
	"an authorizer of another type": [
		() => jwt().route("A", "GET /x", "Echo", { auth: "CUSTOM", authorizer: "BadAuth" }), /'ARoute\d'.*Authoriz/,
	],
	// Integrations: 4.4 and 10
	"too short a timeout": [() => base().route("A", "GET /x", "Echo", { timeout: 49 }), /'AIntegration\d'.*TimeoutInMillis: .*50 to 30000/],
	"too long a timeout": [() => base().route("A", "GET /x", "Echo", { timeout: 30001 }), /'AIntegration\d'.*TimeoutInMillis: .*50 to 30000/],
	"a mapping of a header that is the gateway's": [
		() => base().route("A", "GET /x", null, { url: "http://b", mappings: { "append:header.x-amz-date": "x" } }),
		/'A': route 'GET \/x': .*'append:header.x-amz-date'.*cannot be mapped/,
	],
	"a mapping that is none": [
		() => base().route("A", "GET /x", null, { url: "http://b", mappings: { "header.x": "x" } }),
		/'A': route 'GET \/x': .*'header.x' must be append:/,
	],
	"a response mapping that is none": [
		() => base().route("A", "GET /x", "Echo", { responses: { 200: { ResponseParameters: [{ Destination: "overwrite:path", Source: "/" }] } } }),
		/'A': route 'GET \/x': .*'overwrite:path' must be/,
	],
	"a response mapping of no status": [
		() => base().route("A", "GET /x", "Echo", { responses: { ok: { ResponseParameters: [] } } }),
		/'AIntegration\d'.*ResponseParameters: 'ok' must be a status/,
	],
	"a URL that is none": [
		() => base().route("A", "GET /x", null, { url: "ftp://b" }), /'AIntegration\d'.*IntegrationUri: 'ftp:\/\/b'/,
	],
	// 9
	"credentials for any origin": [
		() => cors({ AllowOrigins: ["*"], AllowCredentials: true }),
		/'B'.*allow-credentials is not supported if 'allow-origin' is \*/,
	],
	"a max age above a day": [() => cors({ AllowOrigins: ["https://a"], MaxAge: 86401 }), /'B'.*MaxAge: .*-1 to 86400/],
	"a max age below -1": [() => cors({ AllowOrigins: ["https://a"], MaxAge: -2 }), /'B'.*MaxAge: .*-1 to 86400/],
	// 10
	"a stage variable with a blank": [() => stage({ StageVariables: { v: "a b" } }), /'BStage\d'.*StageVariables/],
	"a stage variable that is too long": [() => stage({ StageVariables: { v: "v".repeat(513) } }), /'BStage\d'.*StageVariables.*512/],
};

const INNARDS = /Sanitizer|ENSURE|\bat .*\.mjs:|node:internal/;

test("the first start ends with 1 and names the resource", async (t) => {
	for (const [name, [make, pattern]] of Object.entries(BAD)) {
		await t.test(name, async (t) => {
			const dir = path.join(tempDir(t), "bad");
			make().write(dir);
			const ended = await run(OFFSTAGE, ["start", "--port", "0"], { cwd: dir, env: cleanEnv({ HOME: dir }), ms: 30_000 });
			const shown = ended.stdout + ended.stderr;
			assert.equal(ended.code, 1, shown);
			assert.match(ended.stderr, pattern);
			assert.doesNotMatch(shown, INNARDS);
		});
	}
});

test("an app that runs says so and goes on", (t) => withApp(t, base(), async (program) => {
	const url = apiUrl(program, "A");
	for (const name of [
		"a slash at the end", "a JWT authorizer without an issuer", "credentials for any origin",
		"a mapping of a header that is the gateway's",
	]) {
		await program.step(t, name, async () => {
			const [make, pattern] = BAD[name];
			const heard = program.listen();
			make().route("A", "GET /later", "Echo").write(program.dir);
			await program.says(heard, pattern);
			assert.equal((await eventOf(url, { target: "/good" })).routeKey, "GET /good");
			assert.equal((await exchange(url, { target: "/later" })).status, 404);
		});
	}
	await program.step(t, "the next good template is taken", async () => {
		base().route("A", "GET /mended", "Echo").write(program.dir);
		await eventually("the new route", async () => (await exchange(url, { target: "/mended" })).status === 200);
	});
	await program.step(t, "one that cannot be read, too", async () => {
		const heard = program.listen();
		writeFileSync(path.join(program.dir, "template.json"), '{"Resources": {');
		await program.says(heard, /template\.json/);
		assert.equal((await exchange(url, { target: "/mended" })).status, 200);
	});
}));

test("a disabled endpoint answers 404, unless a custom domain maps to it", async (t) => {
	const template = base().api("Mapped").route("Mapped", "GET /good", "Echo");
	for (const id of ["A", "Mapped"]) {
		template.resources[id].Properties.DisableExecuteApiEndpoint = true;
	}
	template.resource("Mapping", "AWS::ApiGatewayV2::ApiMapping", {
		ApiId: { Ref: "Mapped" }, DomainName: "api.example.com", Stage: "$default",
	});
	await withApp(t, template, async (program) => {
		const { answer, event } = await withEvent(program, "refused", () =>
			exchange(apiUrl(program, "A"), { target: "/good" }),
		);
		assertError(answer, 404, "Not Found");
		assert.match(event.reason, /DisableExecuteApiEndpoint/);
		assert.equal((await exchange(apiUrl(program, "Mapped"), { target: "/good" })).status, 200);
	});
});
