// The other forms an app can have: each starts as it is and answers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { passwordLogin, quickCredentials, signedGet, token } from "./clients.mjs";
import { assertForbidden, CLIENT_ID, copyApp, get, Program, send } from "./support.mjs";

/** A test on a running copy of one of fixtures/apps. */
const appTest = (name, story) =>
	test(name, async (t) => {
		const program = await Program.start(t, copyApp(name));
		try {
			await story(program);
			assert.equal((await program.stop("SIGINT")).code, 130);
		} catch (error) {
			program.dump();
			throw error;
		}
	});

const bearer = (jwt) => ({ authorization: `Bearer ${jwt}` });

appTest("jwt-auth", async (program) => {
	const { api, login } = program;
	const audience = "https://api.example.com";
	const access = async (scope, more = {}) => {
		const values = { username: "jane@example.com", password: "x", scope, audience, ...more };
		const { json } = await token(login, { grant_type: "password", client_id: CLIENT_ID, ...values });
		return json.access_token;
	};
	assert.equal((await get(`${api}/public`)).body, "Hello stranger!");
	const missing = await get(`${api}/private`);
	assert.deepEqual([missing.status, missing.body], [401, '{"message":"Unauthorized"}']);
	assert.equal(missing.headers["www-authenticate"], "Bearer");

	const reader = await access("openid read:notes");
	const read = await get(`${api}/private`, bearer(reader));
	assert.equal(read.status, 200, read.body);
	assert.match(read.body, /^Hello auth0\|[0-9a-f]{24}!$/);

	const url = `${api}/private`;
	const heard = program.listen();
	const write = await send({ url, method: "POST", headers: bearer(reader) });
	assert.deepEqual([write.status, write.body], [403, '{"message":"Forbidden"}']);
	await program.says(heard, /REFUSED POST \/private 403, scope:.*none of the route's scopes/);
	const writer = await access("openid write:notes");
	assert.equal((await send({ url, method: "POST", headers: bearer(writer) })).status, 200);

	const heardForged = program.listen();
	const [head, body, signature] = reader.split(".");
	const claims = { ...JSON.parse(Buffer.from(body, "base64url")), scope: "write:notes" };
	const forged = `${head}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.${signature}`;
	const refused = await get(url, bearer(forged));
	assert.equal(refused.status, 401);
	assert.match(refused.headers["www-authenticate"], /^Bearer .*error="invalid_token"/);
	await program.says(heardForged, /REFUSED GET \/private 401, signature:/);
	const { id_token: wrongAudience } = await passwordLogin(login, "jane@example.com");
	assert.equal((await get(url, bearer(wrongAudience))).status, 401);

	const preflight = await send({
		url,
		method: "OPTIONS",
		headers: {
			origin: "http://localhost:3000",
			"access-control-request-method": "GET",
			"access-control-request-headers": "authorization",
		},
	});
	assert.equal(preflight.status, 204);
	assert.equal(preflight.headers["access-control-allow-origin"], "http://localhost:3000");
	assert.equal(preflight.headers["access-control-max-age"], "600");
	const stranger = await get(`${api}/public`, { origin: "http://evil.example.com" });
	assert.equal(stranger.headers["access-control-allow-origin"], undefined);
});

appTest("lambda-authorizer", async (program) => {
	const { api } = program;
	assert.equal((await get(`${api}/public`)).body, "Hello stranger!");
	for (const kind of ["simple", "policy"]) {
		const missing = await get(`${api}/${kind}`);
		assert.deepEqual([missing.status, missing.body], [401, '{"message":"Unauthorized"}']);
		const good = await get(`${api}/${kind}`, bearer("let-me-in"));
		assert.deepEqual([good.status, good.body], [200, `Hello ${kind}!`]);
		assertForbidden(await get(`${api}/${kind}`, bearer("no")), kind);
	}
});

appTest("sam-http-api", async (program) => {
	const { api } = program;
	assert.equal((await get(`${api}/hello/w%C3%B6rld`)).body, "Hello wörld!");
	const text = { method: "POST", headers: { "content-type": "text/plain" }, body: "as it is" };
	const echo = await send({ url: `${api}/echo`, ...text });
	assert.deepEqual([echo.body, echo.headers["content-type"]], ["as it is", "text/plain"]);
	const cors = await get(`${api}/hello/x`, { origin: "http://anywhere.example.com" });
	assert.equal(cors.headers["access-control-allow-origin"], "*");
	assert.deepEqual(Object.keys(program.endpoints.apis), ["HttpApi"]);
	assert.equal(program.outputs.ApiUrl, api, "not the address that its !Sub has in the cloud");
	assert.match(program.outputs.HelloArn, /^arn:aws:lambda:us-east-1:\d{12}:function:/);
});

appTest("v0-class", async (program) => {
	const { api, login } = program;
	assert.equal((await get(`${api}/public`)).body, "Hello stranger!");
	assertForbidden(await get(`${api}/private`), "unsigned");
	const { id_token: idToken } = await passwordLogin(login, "jane@example.com");
	const credentials = await quickCredentials(program, idToken);
	assert.equal((await signedGet(credentials, `${api}/private`)).body, "Hello user!");
	assert.deepEqual(Object.keys(program.endpoints.outputs), ["dev-v0-class-my-stack"]);
});

appTest("v2-config", async (program) => {
	const answer = await get(`${program.api}/`);
	assert.equal(answer.status, 200, answer.body);
	assert.match(answer.body, /^Notes are in dev-v2-config-Notes/);
});

appTest("kitchen-sink", async (program) => {
	const { api } = program;
	for (const path of ["/notes", "/notes/7", "/anything/else"]) {
		assert.equal((await get(api + path)).body, "Hello kitchen!", path);
	}
	assert.equal((await get(`${api}/python`)).body, "Hello from Python!");
	await program.says(() => program.stdout, /not emulated/);
	const { Notes } = Object.values(program.endpoints.outputs)[0];
	assert.equal(Notes, `${api}/notes`);
});
