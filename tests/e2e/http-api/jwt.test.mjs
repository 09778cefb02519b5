// Section 6: JWT authorizers, against an issuer that runs here and turns its keys.

import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import http from "node:http";
import test from "node:test";
import { eventually } from "../support.mjs";
import { apiUrl, assertError, exchange, Template, withApp, withEvent } from "./harness.mjs";
import { b64, claims, INVALID, jwk, jwt, KEYS, now } from "./tokens.mjs";

const EC = generateKeyPairSync("ec", { namedCurve: "P-256" });
/** An OIDC issuer on loopback. */
async function issuer(t) {
	const state = { keys: [jwk("one", { alg: undefined })], asked: [], down: false };
	const server = http.createServer((request, response) => {
		state.asked.push(request.url);
		if (state.down) {
			response.writeHead(500).end();
		} else if (request.url.endsWith("/.well-known/openid-configuration")) {
			const at = request.url.slice(0, -"/.well-known/openid-configuration".length);
			response.end(JSON.stringify({ issuer: state.url + at, jwks_uri: `${state.url}/keys${at}` }));
		} else if (request.url.startsWith("/keys")) {
			response.end(JSON.stringify({ keys: state.keys }));
		} else {
			response.writeHead(404).end();
		}
	});
	await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close());
	server.unref();
	state.url = `http://127.0.0.1:${server.address().port}`;
	return state;
}

// What the reference does not have (5.1 lists four) is worded alike: it says no more than what is wrong.
const SEGMENTS = "token contains an invalid number of segments";
const SIGNATURE = "the token's signature is not valid";
const NO_KEY = "no key of the issuer fits the token";
const NO_EXPIRY = "the token has no valid expiry";
const NOT_YET = "the token is not valid yet";
const FUTURE = "the token was issued in the future";
const BASE64 = "a segment of the token is empty or not base64url";
const CRITICAL = "the token's header has a critical extension";
const NO_ALG = "the token's header has no alg";
const KID = "the token's kid is not a string or too long";
const HEADER = "the token's header is not valid JSON";
const PAYLOAD = "the token's payload is not valid JSON";
const NO_OBJECT = "the token's payload is not a JSON object";
const algorithm = (alg) => `signing algorithm '${alg}' is not accepted`;

test("JWT authorizers", async (t) => {
	const idp = await issuer(t);
	const slash = `${idp.url}/tenant/`;
	const template = new Template().fn("Echo", "echo.handler");
	const authorizer = (api, id, Issuer, source = "$request.header.Authorization", Audience = ["shop", "other"]) =>
		template.authorizer(api, id, {
			AuthorizerType: "JWT",
			IdentitySource: [source],
			JwtConfiguration: { Issuer, Audience },
		});
	template.api("A").api("One");
	authorizer("A", "Jwt", idp.url);
	authorizer("A", "Slash", slash);
	authorizer("A", "Query", idp.url, "$request.querystring.token");
	authorizer("A", "Down", `${idp.url}/down`);
	authorizer("A", "Nowhere", "http://127.0.0.1:9");
	authorizer("One", "JwtOne", idp.url);
	const route = (api, key, id, more) => template.route(api, key, "Echo", { auth: "JWT", authorizer: id, ...more });
	route("A", "GET /me", "Jwt");
	route("A", "GET /scoped", "Jwt", { scopes: ["a/read", "a/write"] });
	route("A", "GET /slash", "Slash");
	route("A", "GET /query", "Query");
	route("A", "GET /nowhere", "Nowhere");
	route("One", "GET /me", "JwtOne", { v1: true });
	route("One", "GET /scoped", "JwtOne", { v1: true, scopes: ["b"] });

	await withApp(t, template, async (program) => {
		const url = apiUrl(program, "A");
		const ask = (token, target = "/me", prefix = "Bearer ", at = url) =>
			exchange(at, { target, headers: token === undefined ? [] : [["Authorization", prefix + token]] });
		const good = () => jwt(claims(idp.url));

		const allowed = async (...args) => {
			const answer = await ask(...args);
			assert.equal(answer.status, 200, `${answer.body} ${answer.header("www-authenticate")}`);
			return JSON.parse(Buffer.from(answer.body, "latin1").toString());
		};
		const refused = async (token, words, reason, target = "/me", prefix = "Bearer ") => {
			const { answer, event } = await withEvent(program, "refused", () => ask(token, target, prefix));
			assertError(answer, 401, "Unauthorized");
			assert.equal(answer.header("www-authenticate"), words);
			assert.equal(event.status, 401);
			assert.match(`${event.check}: ${event.reason}`, reason);
			if (token && token.length > 30) {
				assert.ok(!JSON.stringify(event).includes(token.slice(0, 12)), `the token is shown: ${event.reason}`);
			}
			return event;
		};

		await program.step(t, "RS256, RS384 and RS512; with and without the prefix, in any case", async () => {
			for (const alg of ["RS256", "RS384", "RS512"]) {
				await allowed(jwt(claims(idp.url), { alg }));
			}
			for (const prefix of ["", "bearer ", "BEARER "]) {
				await allowed(good(), "/me", prefix);
			}
			assert.ok(idp.asked.filter((each) => each.startsWith("/keys")).length === 1, "keys are kept");
		});

		await program.step(t, "every claim is handed on as a string, in 2.0 and 1.0", async () => {
			const more = {
				aud: ["x", "shop"],
				auth_time: 1635015339,
				big: 9007199254740991,
				yes: true,
				no: false,
				nothing: null,
				empty: "",
				"cognito:groups": ["USERS", "ADMINS"],
				nested: { sign_in_provider: "password", identities: { email: ["x@y"] } },
				list: [],
				quote: 'a"λ\\',
				scope: "a b",
			};
			const payload = claims(idp.url, more);
			const expected = {
				iss: idp.url,
				aud: "[x shop]",
				sub: "jane",
				iat: String(payload.iat),
				exp: String(payload.exp),
				auth_time: "1635015339",
				big: "9007199254740991",
				yes: "true",
				no: "false",
				empty: "",
				"cognito:groups": "[USERS ADMINS]",
				nested: "map[identities:map[email:[x@y]] sign_in_provider:password]",
				list: "[]",
				quote: 'a"λ\\',
				scope: "a b",
			};
			const event = await allowed(jwt(payload));
			assert.deepEqual(event.requestContext.authorizer, { jwt: { claims: expected, scopes: null } });
			const one = await allowed(jwt(payload), "/me", "Bearer ", apiUrl(program, "One"));
			assert.deepEqual(one.requestContext.authorizer, { claims: expected, scopes: null });
			const scoped = await allowed(jwt(payload), "/scoped", "Bearer ", apiUrl(program, "One"));
			assert.deepEqual(scoped.requestContext.authorizer.scopes, ["a", "b"]);
		});

		await program.step(t, "scopes: one of them is enough; the whole list is handed on; scp before scope", async () => {
			const scopes = async (more) => (await allowed(jwt(claims(idp.url, more)), "/scoped")).requestContext.authorizer.jwt.scopes;
			assert.deepEqual(await scopes({ scope: "x a/write y" }), ["x", "a/write", "y"]);
			assert.deepEqual(await scopes({ scp: ["a/read", "z"] }), ["a/read", "z"]);
			assert.deepEqual(await scopes({ scp: "a/read z" }), ["a/read", "z"]);
			assert.deepEqual(await scopes({ scp: ["a/read"], scope: "other" }), ["a/read"]);
			for (const more of [{}, { scope: "x" }, { scope: "a/rea" }, { scp: ["A/READ"] }, { scp: ["x"], scope: "a/read" }]) {
				const { answer, event } = await withEvent(program, "refused", () => ask(jwt(claims(idp.url, more)), "/scoped"));
				assertError(answer, 403, "Forbidden");
				assert.equal(
					answer.header("www-authenticate"),
					'Bearer scope="a/read a/write" error="insufficient_scope" error_description="expected scopes: [a/read a/write]"',
				);
				assert.deepEqual([event.check, event.status], ["scope", 403]);
				assert.match(event.reason, /a\/read a\/write/);
			}
		});

		await program.step(t, "no token: Bearer alone", async () => {
			await refused(undefined, "Bearer", /no token in \$request\.header\.Authorization/);
			await refused("", "Bearer", /no token/);
			await refused("", "Bearer", /no token/, "/scoped");
		});

		await program.step(t, "the number of segments", async () => {
			const words = INVALID(SEGMENTS);
			for (const token of ["abc", "a.b", "a.b.c.d", "a.b.c.d.e"]) {
				await refused(token, words, /segments/);
			}
			await refused("abc", INVALID(SEGMENTS, "a/read a/write"), /segments/, "/scoped");
		});

		await program.step(t, "issuer, audience, times", async () => {
			const bad = (more, words, reason) => refused(jwt(claims(idp.url, more)), INVALID(words), reason);
			await bad({ iss: `${idp.url}/` }, "issuer does not match", /final slash/);
			await bad({ iss: "https://elsewhere" }, "issuer does not match", /elsewhere/);
			await bad({ iss: undefined }, "issuer does not match", /absent/);
			await bad({ iss: [idp.url] }, "issuer does not match", /issuer/);
			const audience = "the token does not have a valid audience";
			await bad({ aud: "Shop" }, audience, /"Shop".*"shop", "other"/);
			await bad({ aud: ["x"] }, audience, /aud/);
			await bad({ aud: [] }, audience, /aud/);
			await bad({ aud: [{ shop: 1 }] }, audience, /aud/);
			await bad({ aud: "x", client_id: "shop" }, audience, /aud/);
			await bad({ aud: undefined }, audience, /client_id/);
			await bad({ aud: undefined, client_id: "x" }, audience, /client_id/);
			await allowed(jwt(claims(idp.url, { aud: undefined, client_id: "other" })));
			await bad({ exp: now() - 1 }, "the token has expired", /expired/);
			await bad({ exp: now() }, "the token has expired", /expired/);
			await bad({ exp: undefined }, NO_EXPIRY, /exp/);
			for (const exp of [String(now() + 600), null, true, [now() + 600]]) {
				await bad({ exp }, NO_EXPIRY, /exp/);
			}
			await bad({ nbf: now() + 60 }, NOT_YET, /nbf/);
			await bad({ nbf: "1" }, NOT_YET, /nbf/);
			await bad({ iat: now() + 60 }, FUTURE, /iat/);
			await allowed(jwt(claims(idp.url, { nbf: now() - 1, exp: now() + 30.5 })));
			const infinite = JSON.stringify(claims(idp.url, { exp: 1 })).replace('"exp":1', '"exp":1e400');
			await refused(jwt(infinite), INVALID(NO_EXPIRY), /exp/);
		});

		await program.step(t, "an issuer with a final slash is another issuer", async () => {
			await allowed(jwt(claims(slash)), "/slash");
			await refused(jwt(claims(slash.slice(0, -1))), INVALID("issuer does not match"), /slash/, "/slash");
		});

		await program.step(t, "another way to sign, or none", async () => {
			const payload = claims(idp.url);
			const unsigned = (alg) => `${b64({ alg, kid: "one" })}.${b64(payload)}.`;
			for (const alg of ["none", "None", "NONE", "nOnE", ""]) {
				await refused(unsigned(alg), INVALID(BASE64), /segment/);
				await refused(`${unsigned(alg)}AAAA`, INVALID(algorithm(alg)), /signing algorithm/);
			}
			const pem = KEYS.one.publicKey.export({ type: "spki", format: "pem" });
			const der = KEYS.one.publicKey.export({ type: "spki", format: "der" });
			for (const [alg, hash] of [["HS256", "sha256"], ["HS512", "sha512"]]) {
				for (const secret of [pem, pem.trim(), der, JSON.stringify(jwk("one"))]) {
					const text = `${b64({ alg, kid: "one" })}.${b64(payload)}`;
					await refused(`${text}.${createHmac(hash, secret).update(text).digest("base64url")}`, INVALID(algorithm(alg)), /only RS256, RS384 and RS512 are/);
				}
			}
			idp.keys.push({ ...EC.publicKey.export({ format: "jwk" }), kid: "ec", use: "sig" });
			const text = `${b64({ alg: "ES256", kid: "ec" })}.${b64(payload)}`;
			const signature = sign("sha256", Buffer.from(text), { key: EC.privateKey, dsaEncoding: "ieee-p1363" });
			await refused(`${text}.${signature.toString("base64url")}`, INVALID(algorithm("ES256")), /ES256/);
			await refused(jwt(payload, { alg: "rs256" }), INVALID(algorithm("rs256")), /rs256/);
			await refused(jwt(payload, { alg: "PS256" }), INVALID(algorithm("PS256")), /PS256/);
			await refused(jwt(payload, { alg: ["RS256"] }), INVALID(NO_ALG), /alg/);
		});

		await program.step(t, "keys that the token brings are not looked at", async () => {
			const before = idp.asked.length;
			const own = jwk("two", { kid: "one" });
			const header = { kid: "one", jwk: own, jku: `${idp.url}/evil`, x5u: `${idp.url}/evil` };
			const text = `${b64({ alg: "RS256", ...header })}.${b64(claims(idp.url))}`;
			const forged = `${text}.${sign("sha256", Buffer.from(text), KEYS.two.privateKey).toString("base64url")}`;
			await refused(forged, INVALID(SIGNATURE), /signature/);
			assert.ok(!idp.asked.slice(before).includes("/evil"));
		});

		await program.step(t, "crit, duplicate members, non-canonical base64url, what is no JSON", async () => {
			const payload = claims(idp.url);
			const json = JSON.stringify(payload);
			await refused(jwt(payload, { crit: ["exp"], exp: 1 }), INVALID(CRITICAL), /crit/);
			await refused(jwt(payload, { crit: [] }), INVALID(CRITICAL), /crit/);
			await refused(jwt(payload, { b64: false, crit: ["b64"] }), INVALID(CRITICAL), /crit/);
			await refused(jwt(payload, '{"alg":"none","alg":"RS256","kid":"one"}'), INVALID(HEADER), /header.*alg/);
			await refused(jwt(json.replace("{", '{"aud":"shop",')), INVALID(PAYLOAD), /payload.*aud/);
			await refused(jwt(`${json}x`), INVALID(PAYLOAD), /payload/);
			await refused(jwt(`[${json}]`), INVALID(NO_OBJECT), /object/);
			await refused(jwt(json.replace("jane", "ja\0ne")), INVALID(PAYLOAD), /payload/);
			const [head, body, signature] = jwt(payload).split(".");
			for (const [token, words] of [
				[`${head}=.${body}.${signature}`, BASE64],
				[`${head}.${body}=.${signature}`, BASE64],
				[`${head}.${body}.${signature}=`, BASE64],
				[`${head}.${body}.${signature}==`, BASE64],
				[`${head}.${body}.${signature.replaceAll("-", "+").replaceAll("_", "/")}+`, BASE64],
				[`${head}.${body}.${signature.slice(0, -1)}${String.fromCharCode(signature.at(-1).charCodeAt(0) + 1)}`, BASE64],
				[`${head}.${body}.${signature}A`, SIGNATURE],
				[`${head}.${body}. ${signature}`, BASE64],
				[`${head}.${body}.${signature.slice(4)}`, SIGNATURE],
				[`${head}..${signature}`, SIGNATURE],
				[`.${body}.${signature}`, BASE64],
				[`${head}.${body}.`, BASE64],
			]) {
				await refused(token, INVALID(words), /./);
			}
			await refused(`${head}.${b64({ ...payload, sub: "admin" })}.${signature}`, INVALID(SIGNATURE), /signature/);
			await refused(jwt(payload, { kid: "../../one" }), INVALID(NO_KEY), /no key with kid/);
			await refused(jwt(payload, { kid: 1 }), INVALID(KID), /kid/);
		});

		await program.step(t, "the token from the query", async () => {
			const answer = await exchange(url, { target: `/query?a=1&token=${good()}` });
			assert.equal(answer.status, 200, answer.body);
			const bearer = await exchange(url, { target: `/query?token=Bearer%20${good()}` });
			assert.equal(bearer.status, 200, bearer.body);
			for (const target of ["/query", `/query?Token=${good()}`]) {
				const missing = await exchange(url, { target, headers: [["Authorization", `Bearer ${good()}`]] });
				assertError(missing, 401, "Unauthorized");
				assert.equal(missing.header("www-authenticate"), "Bearer");
			}
		});

		await program.step(t, "an issuer that cannot be reached: 401, never a token let through", async () => {
			const words = INVALID("OIDC discovery endpoint communication error");
			await refused(jwt(claims("http://127.0.0.1:9")), words, /127\.0\.0\.1:9/, "/nowhere");
		});

		await program.step(t, "rotation: a new key is fetched; an unknown one is not asked for again and again", async () => {
			idp.keys = [jwk("two")];
			// The first key stays good while it is kept; the new one is fetched, though not at once.
			await eventually("the new key is known", async () => (await ask(jwt(claims(idp.url), {}, "two"))).status === 200, 15_000);
			await refused(jwt(claims(idp.url), {}, "one"), INVALID(NO_KEY), /no key with kid 'one'/);
			const before = idp.asked.length;
			for (let i = 0; i < 20; i++) {
				await refused(jwt(claims(idp.url), {}, "three"), INVALID(NO_KEY), /no key with kid 'three'/);
			}
			assert.ok(idp.asked.length - before <= 2, `${idp.asked.length - before} fetches`);
			await allowed(jwt(claims(idp.url), {}, "two"));
			await refused(jwt(claims(idp.url), { kid: undefined }, "one"), INVALID(SIGNATURE), /signature/);
			await allowed(jwt(claims(idp.url), { kid: undefined }, "two"));
		});
	});
});

test("an issuer that is down comes back", async (t) => {
	const idp = await issuer(t);
	idp.down = true;
	const template = new Template()
		.fn("Echo", "echo.handler")
		.api("A")
		.authorizer("A", "Jwt", {
			AuthorizerType: "JWT",
			IdentitySource: ["$request.header.Authorization"],
			JwtConfiguration: { Issuer: idp.url, Audience: ["shop"] },
		})
		.route("A", "GET /me", "Echo", { auth: "JWT", authorizer: "Jwt" });
	await withApp(t, template, async (program) => {
		const ask = () =>
			exchange(apiUrl(program, "A"), {
				target: "/me",
				headers: [["Authorization", `Bearer ${jwt(claims(idp.url))}`]],
			});
		const answer = await ask();
		assertError(answer, 401, "Unauthorized");
		assert.equal(answer.header("www-authenticate"), INVALID("OIDC discovery endpoint communication error"));
		const asked = idp.asked.length;
		for (let i = 0; i < 10; i++) {
			assertError(await ask(), 401, "Unauthorized");
		}
		assert.ok(idp.asked.length - asked <= 1, "the failure is remembered for a while");
		idp.down = false;
		await eventually("it comes back", async () => (await ask()).status === 200, 15_000);
	});
});
