// The login provider's stand-in, as Auth0's clients see it, and what the identity pool makes of its tokens.

import assert from "node:assert/strict";
import { createHmac, createPublicKey, createSign, generateKeyPairSync, verify } from "node:crypto";
import path from "node:path";
import { test } from "node:test";
import {
	authorizeUrl,
	Aws,
	Browser,
	browserLogin,
	CALLBACK,
	claimsOf,
	cognito,
	passwordLogin,
	pkce,
	token,
} from "./clients.mjs";
import { CLIENT_ID, copyApp, get, ISSUER, LOGIN_KEY, Program, run, send } from "./support.mjs";

const USER = "jane.doe@example.com";
const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const headerOf = (jwt) => JSON.parse(Buffer.from(jwt.split(".")[0], "base64url"));

function assertTokenError(answer, status, error, description) {
	assert.equal(answer.status, status, answer.body);
	assert.deepEqual(answer.json, { error, error_description: description });
	assert.match(answer.headers["content-type"], /^application\/json/);
	assert.equal(answer.headers["cache-control"], "no-store");
}

/** The stand-in's own key: with it come tokens that are bad in one way only. */
async function signingKey(program) {
	const script = `import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
print(db.execute("SELECT pem FROM keys WHERE kid = ?", (sys.argv[2],)).fetchone()[0])`;
	const { kid } = headerOf((await passwordLogin(program.login, USER)).id_token);
	const state = path.join(program.dir, ".offstage/state.db");
	const { code, stdout, stderr } = await run("python3", ["-c", script, state, kid]);
	assert.equal(code, 0, stderr);
	return stdout;
}

test("the login provider's stand-in", async (t) => {
	const program = await Program.start(t, copyApp("api-auth-auth0"));
	const { login } = program;

	const codeLogin = async (scope) => {
		const { verifier, challenge } = pkce();
		const callback = await browserLogin(login, USER, { ...challenge, scope });
		const answer = await token(login, {
			grant_type: "authorization_code",
			code: callback.searchParams.get("code"),
			redirect_uri: CALLBACK,
			code_verifier: verifier,
		});
		assert.equal(answer.status, 200, answer.body);
		return answer.json;
	};

	await program.step(t, "discovery names the real issuer, with endpoints here", async () => {
		const answer = await get(`${login}/.well-known/openid-configuration`);
		const found = JSON.parse(answer.body);
		assert.equal(found.issuer, `${ISSUER}/`);
		assert.equal(answer.headers["access-control-allow-origin"], "*");
		for (const [name, path] of Object.entries({
			authorization_endpoint: "/authorize",
			token_endpoint: "/oauth/token",
			userinfo_endpoint: "/userinfo",
			jwks_uri: "/.well-known/jwks.json",
			revocation_endpoint: "/oauth/revoke",
		})) {
			assert.equal(found[name], login + path);
		}
		assert.ok(found.code_challenge_methods_supported.includes("S256"));
	});

	await program.step(t, "the id_token is signed by a key of the JWKS", async () => {
		const { keys } = JSON.parse((await get(`${login}/.well-known/jwks.json`)).body);
		const { id_token: jwt } = await passwordLogin(login, USER);
		const key = keys.find(({ kid }) => kid === headerOf(jwt).kid);
		assert.deepEqual([key.kty, key.use, key.alg, key.e], ["RSA", "sig", "RS256", "AQAB"]);
		assert.deepEqual({ ...headerOf(jwt), kid: 0 }, { alg: "RS256", typ: "JWT", kid: 0 });
		const [head, body, signature] = jwt.split(".");
		const publicKey = createPublicKey({ key, format: "jwk" });
		const good = verify("sha256", `${head}.${body}`, publicKey, Buffer.from(signature, "base64url"));
		assert.ok(good);
		const [certificate] = key.x5c;
		assert.match(certificate, /^MII[A-Za-z0-9+/]+=*$/);
	});

	await program.step(t, "claims follow the scope; the subject is the user's for good", async () => {
		const bare = claimsOf((await codeLogin("openid")).id_token);
		assert.deepEqual(Object.keys(bare).sort(), ["aud", "exp", "iat", "iss", "sid", "sub"]);
		const full = claimsOf((await codeLogin("openid profile email")).id_token);
		assert.deepEqual(
			[full.sub, full.email, full.email_verified, full.name, full.nickname],
			[bare.sub, USER, true, USER, "jane.doe"],
		);
		assert.equal(claimsOf((await passwordLogin(login, USER)).id_token).sub, bare.sub);
		assert.match(full.updated_at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
	});

	await program.step(t, "authorization code with PKCE: one use, one client, one verifier", async () => {
		const { verifier, challenge } = pkce();
		const login1 = () => browserLogin(login, USER, challenge);
		const trade = async (callback, more) =>
			token(login, {
				grant_type: "authorization_code",
				code: callback.searchParams.get("code"),
				redirect_uri: CALLBACK,
				code_verifier: verifier,
				...more,
			});
		const callback = await login1();
		assertTokenError(
			await trade(callback, { code_verifier: "x".repeat(43) }),
			403,
			"invalid_grant",
			"Failed to verify code verifier",
		);
		const fresh = await login1();
		assert.equal((await trade(fresh)).status, 200);
		const invalid = [403, "invalid_grant", "Invalid authorization code"];
		assertTokenError(await trade(fresh), ...invalid);
		assertTokenError(await trade(fresh, { code: "nonsense" }), ...invalid);
		assertTokenError(
			await trade(await login1(), { redirect_uri: `${CALLBACK}/other` }),
			...invalid,
		);
		assertTokenError(
			await trade(callback, { code: "" }),
			400,
			"invalid_request",
			"Missing required parameter: code",
		);
	});

	await program.step(t, "a session skips the page; prompt and logout bring it back", async () => {
		const browser = new Browser(login);
		const page = await browser.go(authorizeUrl(login));
		assert.ok((await browser.submit(page, USER)).callback.searchParams.get("code"));
		const again = await browser.go(authorizeUrl(login, { prompt: "none" }));
		assert.ok(again.callback.searchParams.get("code"));
		assert.match((await browser.go(authorizeUrl(login, { prompt: "login" }))).body, /<form/);
		const url = `${login}/v2/logout?client_id=${CLIENT_ID}&returnTo=${encodeURIComponent(CALLBACK)}`;
		assert.equal((await browser.go(url)).callback.origin, CALLBACK);
		const silent = await browser.go(authorizeUrl(login, { prompt: "none" }));
		assert.equal(silent.callback.searchParams.get("error"), "login_required");
		assert.equal(silent.callback.searchParams.get("error_description"), "Login required");
		const elsewhere = await browser.go(`${login}/v2/logout?returnTo=https://evil.example.com/`);
		assert.equal(elsewhere.status, 400);
		assert.match(elsewhere.body, /is not defined as a valid URL in/);
	});

	await program.step(t, "never a redirect to a stranger", async () => {
		for (const redirect_uri of ["https://evil.example.com/", "http://localhost.evil.com/", "javascript:1"]) {
			const answer = await get(authorizeUrl(login, { redirect_uri }));
			assert.equal(answer.headers.location, undefined);
			assert.equal(answer.status, 403);
			assert.match(answer.body, /Callback URL mismatch/);
		}
		const unknown = await get(authorizeUrl(login, { client_id: "nobody" }));
		assert.deepEqual([unknown.status, unknown.headers.location], [403, undefined]);
		const rebound = await get(`${login}/.well-known/jwks.json`, { host: "evil.example.com" });
		assert.ok(rebound.status >= 400, "a name that is not ours (DNS rebinding)");
	});

	await program.step(t, "password and refresh grants", async () => {
		const tokens = await passwordLogin(login, USER, { scope: "openid offline_access" });
		const refresh = { grant_type: "refresh_token", refresh_token: tokens.refresh_token };
		const again = await token(login, refresh);
		assert.equal(again.status, 200, again.body);
		assert.equal(claimsOf(again.json.id_token).sub, claimsOf(tokens.id_token).sub);
		assert.equal(again.json.refresh_token, undefined, "no rotation");
		const unknown = [403, "invalid_grant", "Unknown or invalid refresh token."];
		assertTokenError(await token(login, { ...refresh, refresh_token: "v1.x" }), ...unknown);
		const revoked = await send({
			url: `${login}/oauth/revoke`,
			method: "POST",
			headers: { "content-type": "application/json" },
			body: JSON.stringify({ client_id: CLIENT_ID, token: tokens.refresh_token }),
		});
		assert.deepEqual([revoked.status, revoked.body], [200, ""]);
		assertTokenError(await token(login, refresh), ...unknown);
		const bad = { grant_type: "password", username: "not an address", password: "x" };
		assertTokenError(await token(login, bad), 403, "invalid_grant", "Wrong email or password.");
		const nobody = await token(login, { ...refresh, client_id: "nobody" });
		assert.deepEqual([nobody.status, nobody.json.error_description], [401, "Unauthorized"]);
		const audience = await token(login, {
			grant_type: "password",
			username: USER,
			password: "x",
			audience: "https://nothing",
		});
		assertTokenError(
			audience,
			403,
			"access_denied",
			"Service not enabled within domain: https://nothing",
		);
	});

	await program.step(t, "userinfo", async () => {
		const { access_token: access } = await passwordLogin(login, USER, {
			scope: "openid profile email",
		});
		const known = await get(`${login}/userinfo`, { authorization: `Bearer ${access}` });
		assert.equal(known.status, 200);
		const { sub, email } = JSON.parse(known.body);
		assert.equal(email, USER);
		assert.match(sub, /^auth0\|/);
		for (const authorization of ["", "Bearer nonsense"]) {
			const answer = await get(`${login}/userinfo`, { authorization });
			assert.deepEqual([answer.status, answer.body], [401, "Unauthorized"]);
		}
	});

	await program.step(t, "the identity pool refuses what is no login, in the service's words", async (t) => {
		const pool = program.outputs.IdentityPoolId;
		const { id_token: good, access_token: opaque } = await passwordLogin(login, USER);
		const [head, , signature] = good.split(".");
		const claims = claimsOf(good);
		const now = Math.floor(Date.now() / 1000);
		const { privateKey: stranger } = generateKeyPairSync("rsa", { modulusLength: 2048 });
		const own = await signingKey(program);
		const signed = (body, key) => {
			const text = `${head}.${encode(body)}`;
			return `${text}.${createSign("sha256").update(text).sign(key, "base64url")}`;
		};
		const { aud: _aud, ...homeless } = claims;
		const none = `${encode({ alg: "none", typ: "JWT" })}.${encode(claims)}.`;
		const hs256 = `${encode({ ...headerOf(good), alg: "HS256" })}.${encode(claims)}`;
		const jwks = (await get(`${login}/.well-known/jwks.json`)).body;
		const confused = `${hs256}.${createHmac("sha256", jwks).update(hs256).digest("base64url")}`;
		const notJwt = "Invalid login token. Not a valid OpenId Connect identity token.";
		const unverified = "Invalid login token. Couldn't verify signed token.";
		const cases = {
			"not a token": ["hello", notJwt],
			"the opaque access token": [opaque, notJwt],
			"changed claims": [
				`${head}.${encode({ ...claims, sub: "auth0|000000000000000000000000" })}.${signature}`,
				unverified,
			],
			"signed by a stranger": [signed(claims, stranger), unverified],
			expired: [
				signed({ ...claims, exp: now - 3600 }, own),
				new RegExp(`^Invalid login token\\. Token expired: \\d+ >= ${now - 3600}$`),
			],
			"of another issuer": [
				signed({ ...claims, iss: "https://other.us.auth0.com/" }, stranger),
				"Invalid login token. Issuer doesn't match providerName",
			],
			"for nobody": [signed(homeless, own), "Invalid login token. Missing a required claim: aud"],
			"for another client": [signed({ ...claims, aud: "another" }, own), /^Invalid login token\./],
			unsigned: [none, /^Invalid login token\./],
			"HS256 with the public key": [confused, /^Invalid login token\./],
		};
		for (const [name, [jwt, text]] of Object.entries(cases)) {
			await program.step(t, name, async () => {
				const { status, headers, json } = await cognito(program, "GetId", {
					IdentityPoolId: pool,
					Logins: { [LOGIN_KEY]: jwt },
				});
				assert.equal(status, 400);
				assert.equal(json.__type, "NotAuthorizedException");
				assert.equal(headers["x-amzn-errortype"], "NotAuthorizedException:");
				if (text instanceof RegExp) {
					assert.match(json.message, text);
				} else {
					assert.equal(json.message, text);
				}
			});
		}
		await program.step(t, "a login under another's name", async () => {
			const { json } = await cognito(program, "GetId", {
				IdentityPoolId: pool,
				Logins: { "accounts.google.com": good },
			});
			assert.equal(json.__type, "NotAuthorizedException");
		});
		await program.step(t, "another's identity", async () => {
			const { json: jane } = await cognito(program, "GetId", {
				IdentityPoolId: pool,
				Logins: { [LOGIN_KEY]: good },
			});
			const { id_token: other } = await passwordLogin(login, "john@example.com");
			for (const Logins of [{ [LOGIN_KEY]: other }, undefined]) {
				const { status, json } = await cognito(program, "GetCredentialsForIdentity", {
					IdentityId: jane.IdentityId,
					Logins,
				});
				assert.equal(status, 400);
				assert.equal(json.Credentials, undefined);
			}
		});
		await program.step(t, "unknown and malformed ids", async () => {
			const unknown = "us-east-1:00000000-0000-0000-0000-000000000000";
			assert.deepEqual((await cognito(program, "GetId", { IdentityPoolId: unknown })).json, {
				__type: "ResourceNotFoundException",
				message: `IdentityPool '${unknown}' not found.`,
			});
			const { json } = await cognito(program, "GetId", { IdentityPoolId: "bogus" });
			assert.equal(json.__type, "ValidationException");
			assert.match(json.message, /^1 validation error detected: Value 'bogus' at 'identityPoolId'/);
		});
		await program.step(t, "and the AWS CLI reads it", async () => {
			const aws = new Aws(program);
			const logins = ["--logins", `${LOGIN_KEY}=hello`];
			const refused = await aws.run("cognito-identity", "get-id", "--identity-pool-id", pool, ...logins);
			assert.notEqual(refused.code, 0);
			assert.match(
				refused.stderr,
				/An error occurred \(NotAuthorizedException\) when calling the GetId operation: Invalid login token\. Not a valid OpenId Connect identity token\./,
			);
		});
	});
});
