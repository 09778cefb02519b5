// token, credentials, request, invoke: what scripts use, JSON on stdout and nothing else there.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { makeHome, offstage } from "./cli-support.mjs";
import { copyApp, OFFSTAGE, Program, run } from "./support.mjs";

test("the commands of a running app", async (t) => {
	const { home, env } = makeHome();
	const dir = copyApp("api-auth-auth0");
	const program = await Program.start(t, dir);
	const cli = (...args) => offstage(args, { cwd: dir, env: env() });

	await program.step(t, "token", async () => {
		const { code, stdout } = await cli("token", "--user", "ann@example.com");
		assert.equal(code, 0);
		const claims = JSON.parse(
			Buffer.from(JSON.parse(stdout).id_token.split(".")[1], "base64url"),
		);
		assert.equal(claims.email, "ann@example.com");
	});

	await program.step(t, "credentials, in each format", async () => {
		const json = JSON.parse((await cli("credentials", "--user", "ann@example.com")).stdout);
		assert.match(json.IdentityId, /^us-east-1:/);
		const process = JSON.parse(
			(await cli("credentials", "--user", "ann@example.com", "--format", "process")).stdout,
		);
		assert.equal(process.Version, 1);
		assert.ok(Date.parse(process.Expiration) > Date.now());
		const shell = await cli("credentials", "--user", "ann@example.com", "--format", "env");
		assert.match(shell.stdout, /^export AWS_ACCESS_KEY_ID='ASIA/);
		const wrong = await cli("credentials", "--user", "ann@example.com", "--format", "xml");
		assert.equal(wrong.code, 2);
	});

	await program.step(t, "the AWS CLI takes them by credential_process", async () => {
		mkdirSync(path.join(home, ".aws"), { recursive: true });
		writeFileSync(
			path.join(home, ".aws/config"),
			`[default]\nregion = us-east-1\ncredential_process = sh -c "cd '${dir}' && '${OFFSTAGE}' credentials --user ann@example.com --format process"\n`,
		);
		const args = ["sts", "get-caller-identity", "--endpoint-url", program.service];
		const { code, stdout, stderr } = await run("aws", args, { env: env(), cwd: home, ms: 60_000 });
		assert.equal(code, 0, stderr);
		assert.match(JSON.parse(stdout).Arn, /assumed-role\/.*CognitoIdentityCredentials$/);
	});

	await program.step(t, "request", async () => {
		const signed = await cli("request", "GET", "/private", "--as", "ann@example.com");
		assert.equal(signed.stdout, "Hello user!\n");
		assert.match(signed.stderr, /^HTTP 200 OK/);
		const bare = await cli("request", "GET", "/private");
		assert.equal(bare.code, 1);
		assert.equal(bare.stdout, '{"message":"Forbidden"}\n');
	});

	await program.step(t, "invoke", async () => {
		const done = await cli("invoke", "functions/public.handler");
		assert.equal(done.code, 0, done.stderr);
		assert.equal(JSON.parse(done.stdout).body, "Hello stranger!");
		assert.match(done.stderr, /REPORT RequestId/);
		const none = await cli("invoke", "functions/nothing.handler");
		assert.equal(none.code, 1);
	});

	await program.stop("SIGTERM");
	const gone = await cli("token", "--user", "ann@example.com");
	assert.equal(gone.code, 1);
	assert.match(gone.stderr, /nothing runs at stage 'dev': start it first/);
});
