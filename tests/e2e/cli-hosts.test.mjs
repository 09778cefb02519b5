// serve on each kind of address, and with a certificate that an authority has signed.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { CLOUD, CLOUD_V6, makeNet } from "./cable.mjs";
import { makeHome, offstage } from "./cli-support.mjs";
import { copyApp, OFFSTAGE, run, tempDir } from "./support.mjs";

/** An app on a served emulator, tried out; answers the URL that serve printed. */
async function tryOut(t, net, machine, host, more = {}) {
	const { home, env } = makeHome();
	const dir = copyApp("api-auth-auth0");
	const options = { cwd: home, env: env() };
	const serve = net.cloud.stays([OFFSTAGE, "serve", "--host", host, ...(more.serve ?? [])], options);
	const [url] = await serve.says(/wss?:\/\/[^']+/);
	const inApp = { cwd: dir, env: env(more.env) };
	const agent = machine.stays([OFFSTAGE, "connect", more.url ?? url], inApp);
	const [, api] = await agent.says(/ApiEndpoint: (\S+)/);
	await agent.says(/Listening for requests/);
	const open = await machine.run(["curl", "-s", "-g", `${api}/public`]);
	assert.equal(open.stdout, "Hello stranger!");
	const signed = await machine.run([OFFSTAGE, "request", "GET", "/private", "--as", "x@example.com"], inApp);
	assert.equal(signed.stdout, "Hello user!\n", signed.stderr);
	assert.equal((await agent.end("SIGTERM")).code, 0);
	assert.equal((await serve.end("SIGTERM")).code, 0);
	return { url, api };
}

const origin = (url) => url.replace(/\/bridge.*/, "");

test("on this machine's own addresses, without TLS", async (t) => {
	const net = await makeNet(t);
	for (const [host, called] of [
		["localhost", "localhost"],
		["127.0.0.2", "127.0.0.2"],
		["::1", "[::1]"],
	]) {
		const { url, api } = await tryOut(t, net, net.cloud, host);
		assert.equal(origin(url), `ws://${called}:4510`);
		assert.equal(api, `http://${called}:4511`);
	}
});

test("on an IPv6 address, and on all", async (t) => {
	const net = await makeNet(t);
	for (const [host, called] of [
		[CLOUD_V6, `[${CLOUD_V6}]`],
		["::", CLOUD],
		["0.0.0.0", CLOUD],
	]) {
		const { url, api } = await tryOut(t, net, net.developer, host);
		assert.equal(origin(url), `wss://${called}:4511`);
		assert.equal(api, `http://${called}:4512`);
	}
});

test("start on another address says where it is", async (t) => {
	const net = await makeNet(t);
	const { env } = makeHome();
	for (const host of ["::1", "::", CLOUD]) {
		const dir = copyApp("api-auth-auth0");
		const program = net.cloud.stays([OFFSTAGE, "start", "--host", host], { cwd: dir, env: env() });
		const [, api] = await program.says(/ApiEndpoint: (\S+)/);
		await program.says(/Listening for requests/);
		assert.equal((await net.cloud.run(["curl", "-s", "-g", `${api}/public`])).stdout, "Hello stranger!");
		assert.equal((await program.end("SIGINT")).code, 130);
	}
});

test("an address that is none exits 2", async () => {
	for (const host of ["[::1]", "my-machine", ""]) {
		const { code, stderr } = await offstage(["serve", "--host", host]);
		assert.equal(code, 2, stderr);
		assert.match(stderr, /--host takes 'localhost' or a number such as 0\.0\.0\.0 or ::1, not '/);
	}
});

/** An authority, and a certificate for the emulator that it has signed: [CA, certificate, key]. */
async function makeCertificate(name) {
	const dir = tempDir();
	const file = (name) => path.join(dir, name);
	const openssl = async (...args) => {
		const { code, stderr } = await run("openssl", args, { cwd: dir });
		assert.equal(code, 0, stderr);
	};
	const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
	await openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test CA", "-days", "2");
	await openssl("req", ...key, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=emulator");
	writeFileSync(file("names"), `subjectAltName=${name}\n`);
	const sign = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names"];
	await openssl("x509", "-req", "-in", "request.pem", ...sign, "-out", "certificate.pem");
	return [file("ca.pem"), file("certificate.pem"), file("key.pem")];
}

test("a certificate of an authority: trusted by it, or by its fingerprint", async (t) => {
	const net = await makeNet(t);
	const [ca, certificate, key] = await makeCertificate(`IP:${CLOUD},IP:${CLOUD_V6}`);
	const serve = ["--tls-cert", certificate, "--tls-key", key];
	const bare = `wss://${CLOUD}:4511/bridge`;
	const { url } = await tryOut(t, net, net.developer, CLOUD, { serve });
	assert.ok(url.startsWith(`${bare}#sha256=`), "the fingerprint is printed in any case");
	await tryOut(t, net, net.developer, CLOUD, { serve, url: bare, env: { SSL_CERT_FILE: ca } });
	const v6 = `wss://[${CLOUD_V6}]:4511/bridge`;
	await tryOut(t, net, net.developer, CLOUD_V6, { serve, url: v6, env: { SSL_CERT_FILE: ca } });
});

test("a certificate that does not hold is refused before anything is said", async (t) => {
	const net = await makeNet(t);
	const [ca, certificate, key] = await makeCertificate("DNS:elsewhere.example.com");
	const { home, env } = makeHome();
	const dir = copyApp("api-auth-auth0");
	const serve = net.cloud.stays(
		[OFFSTAGE, "serve", "--host", CLOUD, "--tls-cert", certificate, "--tls-key", key],
		{ cwd: home, env: env() },
	);
	await serve.says(/wss:/);
	for (const [more, why] of [
		[{}, /unable to get local issuer certificate/],
		[{ SSL_CERT_FILE: ca }, /its certificate is for another address/],
	]) {
		const args = [OFFSTAGE, "connect", `wss://${CLOUD}:4511/bridge`];
		const agent = net.developer.stays(args, { cwd: dir, env: env(more) });
		assert.deepEqual(await agent.exit, { code: 1, signal: null });
		assert.match(agent.out, why);
		assert.match(agent.out, /cannot trust the emulator at 10\.231\.77\.1:4511.*#sha256=.*SSL_CERT_FILE/);
	}
});

test("a certificate without its key, or another's, is an error that names the files", async () => {
	const { env } = makeHome();
	const [, certificate] = await makeCertificate("DNS:localhost");
	const [, , key] = await makeCertificate("DNS:localhost");
	const serve = (...args) => offstage(["serve", "--port", "0", ...args], { env: env() });
	const alone = await serve("--tls-cert", certificate);
	assert.equal(alone.code, 2);
	assert.match(alone.stderr, /--tls-cert and --tls-key go together: add --tls-key FILE/);
	const missing = await serve("--tls-cert", "/nowhere.pem", "--tls-key", key);
	assert.equal(missing.code, 1);
	assert.match(missing.stderr, /nowhere\.pem.*No such file/);
	const foreign = await serve("--tls-cert", certificate, "--tls-key", key);
	assert.equal(foreign.code, 1);
	assert.match(foreign.stderr, /key\.pem' holds no key .* that fits the certificate in '.*certificate\.pem'/);
});
