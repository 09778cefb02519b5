// Section 6, and identity-and-auth 9.1: issuers that answer late, too much, nonsense, or not as themselves.
// Each is an issuer of its own, so that what is remembered of one says nothing about the next.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import path from "node:path";
import test from "node:test";
import { run, tempDir } from "../support.mjs";
import { apiUrl, assertError, exchange, Template, withApp, withEvent } from "./harness.mjs";
import { claims, INVALID, jwk, jwt } from "./tokens.mjs";

const DISCOVERY = "/.well-known/openid-configuration";
const JWKS = INVALID("JWKS communication error");
const OIDC = INVALID("OIDC discovery endpoint communication error");

/** A certificate for localhost, signed by `by` or by itself. */
async function certificate(dir, name, { by, host = "localhost" } = {}) {
	const file = (end) => path.join(dir, `${name}.${end}`);
	const { code, stderr } = await run("openssl", [
		...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", `/CN=${name}`],
		...["-keyout", file("key"), "-out", file("crt")],
		...(by ? ["-CA", path.join(dir, `${by}.crt`), "-CAkey", path.join(dir, `${by}.key`)] : []),
		...(by ? ["-addext", "basicConstraints=critical,CA:FALSE"] : []),
		...["-addext", `subjectAltName=DNS:${host}`],
	]);
	assert.equal(code, 0, stderr);
	return { key: readFileSync(file("key")), cert: readFileSync(file("crt")), file: file("crt") };
}

async function listen(t, server) {
	await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => {
		server.close();
		server.closeAllConnections();
	});
	return server.address().port;
}

/** The whole of a key set that holds the key `one` and is `size` bytes long. */
function padded(size) {
	const text = JSON.stringify({ keys: [jwk("one")], padding: "" });
	return text.replace('"padding":""', `"padding":"${"x".repeat(size - text.length)}"`);
}

test("issuers", async (t) => {
	const dir = tempDir();
	await certificate(dir, "authority");
	const good = await certificate(dir, "good", { by: "authority" });
	const other = await certificate(dir, "other", { by: "authority", host: "elsewhere.example" });
	const self = await certificate(dir, "self");

	const asked = [];
	const held = [];
	let origin;
	/** What each issuer answers to its discovery, and for its keys. */
	const KINDS = {
		plain: {},
		big: { keys: () => padded(150_000) },
		toobig: { keys: () => padded(150_001) },
		broken: { keys: () => "{" },
		nokeys: { keys: () => "{}" },
		error: { keysStatus: 500 },
		moved: { keysStatus: 302, location: () => `${origin}/plain/keys` },
		slow: { keys: null },
		silent: { discovery: null },
		missing: { discoveryStatus: 404 },
		discoverymoved: { discoveryStatus: 301, location: () => `${origin}/plain${DISCOVERY}` },
		nonsense: { discovery: () => "<html>" },
		nouri: { discovery: () => "{}" },
		insecure: { discovery: () => '{"jwks_uri":"http://keys.example/jwks"}' },
		unreachable: { discovery: () => '{"jwks_uri":"http://127.0.0.1:9/keys"}' },
		mixed: { keys: () => JSON.stringify({ keys: [{ kty: "RSA", kid: "bad", n: "!", e: "AQAB" }, jwk("one")] }) },
	};
	const answer = (base) => (request, response) => {
		asked.push(request.url);
		const [, name, ...rest] = request.url.split("/");
		const kind = KINDS[name];
		const isKeys = rest.join("/") === "keys";
		const given = isKeys ? kind.keys : kind.discovery;
		if (given === null) {
			held.push(response);
			return;
		}
		const usual = () => (isKeys ? { keys: [jwk("one")] } : { jwks_uri: `${base()}/${name}/keys` });
		const status = (isKeys ? kind.keysStatus : kind.discoveryStatus) ?? 200;
		response.writeHead(status, kind.location && status > 299 ? { location: kind.location() } : {});
		response.end(given ? given() : JSON.stringify(usual()));
	};
	origin = `http://127.0.0.1:${await listen(t, http.createServer(answer(() => origin)))}`;
	const tls = async ({ key, cert }) => {
		const base = { url: "" };
		base.url = `https://localhost:${await listen(t, https.createServer({ key, cert }, answer(() => base.url)))}`;
		return base.url;
	};
	const secure = await tls(good);
	const issuers = {
		...Object.fromEntries(Object.keys(KINDS).map((name) => [name, `${origin}/${name}`])),
		secure: `${secure}/plain`,
		othername: `${await tls(other)}/plain`,
		selfsigned: `${await tls(self)}/plain`,
	};

	const template = new Template().fn("Echo", "echo.handler").api("A");
	for (const [name, Issuer] of Object.entries(issuers)) {
		template.authorizer("A", name, {
			AuthorizerType: "JWT",
			IdentitySource: ["$request.header.Authorization"],
			JwtConfiguration: { Issuer, Audience: ["shop"] },
		});
		template.route("A", `GET /${name}`, "Echo", { auth: "JWT", authorizer: name });
	}

	await withApp(t, template, async (program) => {
		const ask = (name) =>
			exchange(apiUrl(program, "A"), {
				target: `/${name}`,
				headers: [["Authorization", `Bearer ${jwt(claims(issuers[name]))}`]],
			});
		const passes = async (name) => {
			const { status, body, header } = await ask(name);
			assert.equal(status, 200, `${body} ${header("www-authenticate")}`);
		};
		const REFUSED = [
			["toobig", JWKS, /key set of issuer .*\/toobig: .*answer too large/],
			["broken", JWKS, /issuer .*\/broken: key set/],
			["nokeys", JWKS, /no "keys" array/],
			["error", JWKS, /key set of issuer .*\/error: it answered 500/],
			["moved", JWKS, /key set of issuer .*\/moved: it answered 302/],
			["slow", JWKS, /key set of issuer .*\/slow: .*[Tt]im/],
			["unreachable", JWKS, /key set of issuer .*\/unreachable: .*127\.0\.0\.1:9/],
			["silent", OIDC, /discovery document of issuer .*\/silent: .*[Tt]im/],
			["missing", OIDC, /discovery document of issuer .*\/missing: it answered 404/],
			["discoverymoved", OIDC, /it answered 301/],
			["nonsense", OIDC, /no https jwks_uri/],
			["nouri", OIDC, /no https jwks_uri/],
			["insecure", OIDC, /no https jwks_uri/],
			["selfsigned", OIDC, /discovery document of issuer https:\/\/localhost:\d+\/plain: .*self[- ]signed certificate \(an authority of your own can be named in SSL_CERT_FILE\)/],
			["othername", OIDC, /discovery document of issuer .*: .*(subject|host ?name|localhost)/],
		];
		for (const [name, words, reason] of REFUSED) {
			await program.step(t, `${name}: 401, and why is told here only`, async () => {
				const started = Date.now();
				const { answer, event } = await withEvent(program, "refused", () => ask(name));
				assertError(answer, 401, "Unauthorized");
				assert.equal(answer.header("www-authenticate"), words);
				assert.equal(event.check, "signing key");
				assert.match(event.reason, reason);
				assert.ok(Date.now() - started < 15_000, "given up, not waited for");
				const before = asked.length;
				const again = await ask(name);
				assertError(again, 401, "Unauthorized");
				assert.equal(again.header("www-authenticate"), words);
				// It took the first answer some time to come; within 5 s of that nobody is asked again.
				if (Date.now() - started < 4000) {
					assert.equal(asked.length, before, "the failure is remembered");
				}
			});
		}

		await program.step(t, "150000 bytes of keys are not too many, and a broken key hides no good one", async () => {
			await passes("big");
			await passes("mixed");
		});

		await program.step(t, "TLS by an authority that SSL_CERT_FILE names", async () => {
			await passes("secure");
		});

		await program.step(t, "fetched once, on demand, for all who wait", async () => {
			const before = asked.length;
			await Promise.all(Array.from({ length: 8 }, () => passes("plain")));
			assert.deepEqual(asked.slice(before), [`/plain${DISCOVERY}`, "/plain/keys"]);
		});
	}, { env: { SSL_CERT_FILE: path.join(dir, "authority.crt") } });
});
