// The tutorial, step by step and letter for letter, with the clients that its reader has.

import assert from "node:assert/strict";
import { readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import {
	authorizeUrl,
	aws4Sign,
	browserLogin,
	CALLBACK,
	claimsOf,
	cliCredentials,
	curl,
	curlSigned,
	passwordLogin,
	pkce,
	quickCredentials,
	signedGet,
	smithySign,
	token,
} from "./clients.mjs";
import {
	assertForbidden,
	CLIENT_ID,
	copyApp,
	eventually,
	get,
	ISSUER,
	Program,
	run,
	send,
} from "./support.mjs";

const USER = "jane.doe@example.com";
const UUID = /^us-east-1:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const STEP_6 = `export async function handler(event) {
  console.log("private was called");
  return {
    statusCode: 200,
    body: \`Hello \${event.requestContext.authorizer.iam.cognitoIdentity.identityId}!\`,
  };
}
`;

test("the tutorial runs, start to finish", async (t) => {
	const dir = copyApp("api-auth-auth0");
	const privateFile = path.join(dir, "backend/functions/private.ts");
	const original = readFileSync(privateFile, "utf8");
	const program = await Program.start(t, dir);
	const { api, login } = program;
	const poolId = program.outputs.IdentityPoolId;
	let tokens;
	let credentials;

	await program.step(t, "1. start prints the phases, the outputs and the URLs", async () => {
		await program.says(() => program.stdout, /Listening for requests/);
		const order = [
			"Using stage: dev",
			"dev-api-auth-auth0-MyStack",
			`ApiEndpoint: ${api}`,
			`IdentityPoolId: ${program.outputs.IdentityPoolId}`,
			"Starting Live Lambda Dev",
			login,
			program.service,
			"Listening for requests",
		].map((text) => [program.stdout.indexOf(text), text]);
		for (const [i, [at, text]] of order.entries()) {
			assert.ok(at >= 0, `"${text}" is missing`);
			assert.ok(i === 0 || at > order[i - 1][0], `"${text}" comes after "${order[i - 1]?.[1]}"`);
		}
		assert.equal(program.outputs.ApiEndpoint, api);
		assert.match(program.outputs.IdentityPoolId, UUID);
		assert.deepEqual(Object.keys(program.endpoints.apis), ["Api"]);
		assert.deepEqual(Object.keys(program.endpoints.login), [ISSUER]);
		assert.equal(program.stderr, "");
		assert.equal(statSync(path.join(dir, ".offstage")).mode & 0o777, 0o700);
		assert.equal(statSync(path.join(dir, ".offstage/state.db")).mode & 0o777, 0o600);
	});

	await program.step(t, "2. public answers, private is forbidden", async () => {
		const heard = program.listen();
		assert.equal((await curl(`${api}/public`)).stdout, "Hello stranger!");
		await program.says(
			heard,
			/^(\S+) REQUEST \S+ \[functions\/public\.handler\] invoked by API GET \/public\n[^]*\1 RESPONSE \{"statusCode":200,"body":"Hello stranger!"\}/m,
		);
		const heardPrivate = program.listen();
		const refused = await curl("-w", "\n%{http_code}", `${api}/private`);
		assert.equal(refused.stdout, '{"message":"Forbidden"}\n403');
		await program.says(heardPrivate, /REFUSED GET \/private 403, credentials:.*Missing/i);
		assert.doesNotMatch(heardPrivate(), /REQUEST/);
		const unknown = await get(`${api}/nothing`);
		assert.deepEqual([unknown.status, unknown.body], [404, '{"message":"Not Found"}']);
	});

	await program.step(t, "3. log in, and trade the code for an id_token like Auth0's", async () => {
		const { verifier, challenge } = pkce();
		const callback = await browserLogin(login, USER, { ...challenge, nonce: "n-1" });
		assert.equal(callback.searchParams.get("state"), "a state+/=");
		const answer = await token(login, {
			grant_type: "authorization_code",
			code: callback.searchParams.get("code"),
			redirect_uri: CALLBACK,
			code_verifier: verifier,
		});
		assert.equal(answer.status, 200, answer.body);
		tokens = answer.json;
		const { iss, aud, sub, exp, iat, email, nonce } = claimsOf(tokens.id_token);
		assert.deepEqual([iss, aud, email, nonce], [`${ISSUER}/`, CLIENT_ID, USER, "n-1"]);
		assert.match(sub, /^auth0\|[0-9a-f]{24}$/);
		assert.equal(exp - iat, 36000);
		assert.deepEqual([tokens.token_type, tokens.expires_in], ["Bearer", 86400]);
		const page = await get(authorizeUrl(login));
		assert.doesNotMatch(page.headers.location, /code=/, "another browser is not logged in");
	});

	await program.step(t, "4. the AWS CLI turns it into an identity and credentials", async () => {
		credentials = await cliCredentials(program, tokens.id_token);
		assert.match(credentials.identityId, UUID);
		assert.match(credentials.accessKeyId, /^ASIA[A-Z2-7]{16}$/);
		const life = (Date.parse(credentials.expiration) || credentials.expiration * 1000) - Date.now();
		assert.ok(life > 3500e3 && life <= 3600e3 + 5000, `an hour, not ${life} ms`);
	});

	await program.step(t, "5. a signed request says hello: curl, @smithy/signature-v4, aws4", async () => {
		const url = `${api}/private`;
		const ok = [200, "Hello user!"];
		for (const answer of [
			await curlSigned(credentials, url),
			await signedGet(credentials, url),
			await signedGet(credentials, `${url}?b=2&a=x%20y&c=%2F`),
			await send(aws4Sign(credentials, `${url}?z=1&a=2`)),
		]) {
			assert.deepEqual([answer.status, answer.body], ok);
		}
	});

	await program.step(t, "5. what is wrong is forbidden, and the terminal says why", async (t) => {
		const url = `${api}/private`;
		const sign = (more) => smithySign(credentials, url, more);
		const signed = await sign();
		const withBody = await sign({ headers: { "x-note": "one" }, body: "one" });
		const old = new Date(Date.now() - 6 * 60_000);
		const early = new Date(Date.now() + 6 * 60_000);
		const foreign = { ...credentials, accessKeyId: "ASIAQWERTYUIOPASDFGH" };
		const guest = await quickCredentials(program);
		const without = (name) => {
			const headers = { ...signed.headers };
			delete headers[name];
			return { ...signed, headers };
		};
		const wrongSecret = { ...credentials, secretAccessKey: credentials.secretAccessKey.slice(1) };
		const cases = {
			"wrong secret": [await smithySign(wrongSecret, url), /signature:[^]*wrong secret/],
			"wrong secret by aws4": [aws4Sign(wrongSecret, url), /signature:[^]*wrong secret/],
			"signed for another path": [
				{ ...(await smithySign(credentials, `${api}/public`)), url },
				/signature:[^]*expected canonical request:\n\s*GET\n\s*\/private\n/,
			],
			"changed query": [{ ...signed, url: `${url}?admin=1` }, /query changed: none was signed/],
			"changed header": [
				{ ...withBody, method: "GET", headers: { ...withBody.headers, "x-note": "two" } },
				/signature:/,
			],
			"changed body": [{ ...withBody, body: "two" }, /body hash:/],
			"signed for another method": [
				{ ...(await sign({ method: "POST" })), method: "GET" },
				/method changed: POST was signed, GET was received/,
			],
			"changed host": [
				{ ...signed, headers: { ...signed.headers, host: "api.example.com" } },
				/signature:[^]*Host/i,
			],
			"old date": [await sign({ at: old }), /clock:.*Signature expired/],
			"date to come": [await sign({ at: early }), /clock:.*Signature not yet current/],
			"unknown key": [await smithySign(foreign, url), /access key:[^]*unknown here/],
			"no session token": [without("x-amz-security-token"), /session token:[^]*missing/],
			"another's session token": [
				await smithySign({ ...credentials, sessionToken: guest.sessionToken }, url),
				/session token:[^]*not the one issued with this access key/,
			],
			"guest identity": [await smithySign(guest, url), /policy/],
		};
		for (const [name, [request, reason]] of Object.entries(cases)) {
			await program.step(t, name, async () => {
				// The lines of the request before this one are on their way: two turns of our loop read them.
				await new Promise(setImmediate);
				await new Promise(setImmediate);
				const heard = program.listen();
				assertForbidden(await send(request), name);
				await program.says(heard, /REFUSED GET \/private 403, /, reason);
				assert.doesNotMatch(heard(), /REQUEST/, "no handler ran");
				assert.ok(!heard().includes(credentials.sessionToken), "session tokens are not shown");
			});
		}
	});

	await program.step(t, "6. a save is live at the next request", async () => {
		const hello = `Hello ${credentials.identityId}!`;
		writeFileSync(privateFile, STEP_6);
		const heard = program.listen();
		assert.equal((await signedGet(credentials, `${api}/private`)).body, hello);
		assert.equal((await curlSigned(credentials, `${api}/private`)).body, hello);
		await program.says(heard, /REQUEST[^]*private was called[^]*RESPONSE/);
		for (let i = 0; i < 10; i++) {
			// As editors save: a temporary file, then rename.
			writeFileSync(`${privateFile}.tmp`, STEP_6.replace("Hello", `Save ${i}:`));
			renameSync(`${privateFile}.tmp`, privateFile);
			const { body } = await signedGet(credentials, `${api}/private`);
			assert.equal(body, `Save ${i}: ${credentials.identityId}!`);
		}
		writeFileSync(privateFile, STEP_6);
		assert.equal((await signedGet(credentials, `${api}/private`)).body, hello);
	});

	await program.step(t, "7. a syntax error is shown with its place; the next good save recovers", async () => {
		const heard = program.listen();
		writeFileSync(privateFile, "export async function handler() {\n  return { statusCode: 200, body: ;\n}\n");
		const broken = await signedGet(credentials, `${api}/private`);
		assert.deepEqual([broken.status, broken.body], [500, '{"message":"Internal Server Error"}']);
		await program.says(
			heard,
			/backend\/functions\/private\.ts:2:35: .+\n.*return \{ statusCode: 200, body: ;\n\s*\^/,
		);
		assert.equal((await get(`${api}/public`)).body, "Hello stranger!", "others go on");
		writeFileSync(privateFile, STEP_6);
		const { body } = await signedGet(credentials, `${api}/private`);
		assert.equal(body, `Hello ${credentials.identityId}!`);
	});

	await program.step(t, "7. a new route in the stack needs no restart", async () => {
		const stack = path.join(dir, "stacks/MyStack.ts");
		const text = readFileSync(stack, "utf8");
		assert.equal((await get(`${api}/extra`)).status, 404);
		const line = '      "GET /public":';
		const extra = '      "GET /extra": { function: "functions/public.handler", authorizer: "none" },\n';
		assert.ok(text.includes(line));
		writeFileSync(stack, text.replace(line, extra + line));
		await eventually("GET /extra answers", async () => {
			assert.equal((await get(`${api}/public`)).body, "Hello stranger!", "no request fails");
			return (await get(`${api}/extra`)).body === "Hello stranger!";
		});
		assert.equal(program.api, api, "the API keeps its address");
		assert.equal((await signedGet(credentials, `${api}/private`)).status, 200);
		const heard = program.listen();
		writeFileSync(stack, text.replace("addOutputs", "addOutput("));
		await program.says(heard, /stacks\/MyStack\.ts:\d+:\d+: /);
		assert.equal((await get(`${api}/extra`)).status, 200, "the last good stack stays");
		writeFileSync(stack, text);
		await eventually("GET /extra is gone", async () => (await get(`${api}/extra`)).status === 404);
	});

	const startAgain = async (name) => {
		const next = await Program.start(t, dir);
		await next.step(t, name, async () => {
			assert.equal(next.outputs.IdentityPoolId, poolId);
			const again = await passwordLogin(next.login, USER);
			assert.equal(claimsOf(again.id_token).sub, claimsOf(tokens.id_token).sub);
			const fresh = await quickCredentials(next, again.id_token);
			assert.equal(fresh.identityId, credentials.identityId);
			assert.notEqual(fresh.accessKeyId, credentials.accessKeyId);
			const other = await passwordLogin(next.login, "someone.else@example.com");
			const others = await quickCredentials(next, other.id_token);
			assert.notEqual(others.identityId, credentials.identityId);
			const old = await quickCredentials(next, tokens.id_token);
			assert.equal(old.identityId, credentials.identityId, "id_tokens outlive a restart");
			const { body } = await signedGet(credentials, `${next.api}/private`);
			assert.equal(body, `Hello ${credentials.identityId}!`);
		});
		return next;
	};

	await program.step(t, "8. Ctrl-C leaves nothing behind", async () => {
		const { code, signal } = await program.stopClean("SIGINT");
		assert.deepEqual([code, signal], [130, null]);
		assert.throws(() => readFileSync(program.file), { code: "ENOENT" });
		assert.equal(await get(`${api}/public`).catch((error) => error.code), "ECONNREFUSED");
	});

	const second = await startAgain("8. after Ctrl-C: the same identity, old credentials still work");
	await second.step(t, "8. kill -9 leaves nothing behind either", async () => {
		assert.equal((await second.stopClean("SIGKILL")).signal, "SIGKILL");
	});

	const third = await startAgain("8. after kill -9: the same identity, old credentials still work");
	await third.stop("SIGINT");

	const expired = { accessKeyId: credentials.accessKeyId, state: path.join(dir, ".offstage/state.db") };
	await t.test("their time is over while the program is down", () => expire(expired));
	writeFileSync(privateFile, original);
	const last = await Program.start(t, dir);
	await last.step(t, "5. expired credentials are forbidden, new ones work", async () => {
		const heard = last.listen();
		assertForbidden(await signedGet(credentials, `${last.api}/private`), "expired");
		await last.says(heard, /REFUSED GET \/private 403, expired credentials:/);
		const fresh = await quickCredentials(last, tokens.id_token);
		assert.equal((await signedGet(fresh, `${last.api}/private`)).body, "Hello user!");
	});
	assert.equal((await last.stop("SIGINT")).code, 130);
});

/** Nobody waits an hour for a test: the end of these credentials is moved to now. */
async function expire({ accessKeyId, state }) {
	const script = `import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1])
db.execute("UPDATE credentials SET expires_ms = ? WHERE access_key = ?",
           (int(time.time() * 1000) - 1, sys.argv[2]))
assert db.total_changes == 1
db.commit()`;
	const { code, stderr } = await run("python3", ["-c", script, state, accessKeyId]);
	assert.equal(code, 0, stderr);
}
