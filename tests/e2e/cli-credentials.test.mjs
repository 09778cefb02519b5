// token, credentials, request, invoke: what scripts use, JSON on stdout and nothing else there.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { Background, makeHome, offstage } from "./cli-support.mjs";
import { copyApp, eventually, OFFSTAGE, Program, run } from "./support.mjs";

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
		const caller = `eval "$1"; exec aws sts get-caller-identity --endpoint-url ${program.service}`;
		const { code, stdout, stderr } = await run("sh", ["-c", caller, "sh", shell.stdout], { env: env(), ms: 60_000 });
		assert.equal(code, 0, stderr);
		assert.match(JSON.parse(stdout).Arn, /assumed-role\//);
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

	await program.step(t, "a name that is wrong is answered with those that are right", async () => {
		for (const [args, pattern] of [
			[["request", "GET", "/public", "--api", "Nope"], /the app has no API 'Nope': it has Api$/m],
			[["token", "--user", "a@example.com", "--provider", "https://x"], /no login provider 'https:\/\/x': it has https:\/\/myorg\.us\.auth0\.com$/m],
			[["invoke", "nope"], /Function not found[^]*functions\/public\.handler {2}dev-api-auth-auth0-/],
		]) {
			const { code, stdout, stderr } = await cli(...args);
			assert.equal(code, 1);
			assert.equal(stdout, "");
			assert.match(stderr, pattern);
		}
	});

	await program.stop("SIGTERM");
	const gone = await cli("token", "--user", "ann@example.com");
	assert.equal(gone.code, 1);
	assert.match(gone.stderr, /nothing runs at stage 'dev': start it first/);
});

test("an app that was killed runs no more, even if nobody has asked after its process", async (t) => {
	const { env } = makeHome();
	const dir = copyApp("api-auth-auth0");
	// The shell becomes a program that never waits for its children: the app stays a zombie.
	const parent = new Background(t, "sh", ["-c", '"$0" start --port 0 & echo "pid $!"; exec sleep 1000', OFFSTAGE], {
		cwd: dir,
		env: env(),
	});
	await parent.says(/Listening for requests/);
	const [, pid] = await parent.says(/pid (\d+)/);
	const token = () => offstage(["token", "--user", "ann@example.com"], { cwd: dir, env: env() });
	assert.equal((await token()).code, 0);
	process.kill(Number(pid), "SIGKILL");
	await eventually("a zombie", () => /\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1")));
	const gone = await token();
	assert.equal(gone.code, 1);
	assert.match(gone.stderr, /nothing runs at stage 'dev': start it first/);
	assert.equal((await offstage(["status"], { cwd: dir, env: env() })).stdout, "No stage of this app runs.\n");
});
