// exec: a throw-away copy for a command, whatever becomes of the command or of exec itself.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { background, makeHome, offstage } from "./cli-support.mjs";
import { copyApp, eventually, get, tempDir } from "./support.mjs";

function setUp() {
	const { env } = makeHome();
	const tmp = tempDir();
	const dir = copyApp("api-auth-auth0");
	const options = (more = {}) => ({ cwd: dir, env: env({ TMPDIR: tmp, ...more }) });
	const exec = (script, more) => offstage(["exec", "--", "sh", "-c", script], { ...options(), ...more });
	return { dir, tmp, options, exec };
}

/** Processes whose environment holds the mark. */
const marked = (mark) =>
	readdirSync("/proc").filter((pid) => {
		try {
			return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, "latin1").includes(mark);
		} catch {
			return false;
		}
	});

test("the command finds a running copy in its environment", async () => {
	const { tmp, exec } = setUp();
	const { code, stdout, stderr } = await exec(
		'curl -s "$OFFSTAGE_OUTPUT_ApiEndpoint/public"; echo; cat "$OFFSTAGE_ENDPOINTS"; echo; cat; env',
		{ input: "from stdin\n" },
	);
	assert.equal(code, 0, stderr);
	const [body, endpoints, input] = stdout.split("\n");
	assert.equal(body, "Hello stranger!");
	assert.equal(JSON.parse(endpoints).stage, "test");
	assert.equal(input, "from stdin");
	assert.match(stdout, /^AWS_ENDPOINT_URL=http:\/\/localhost:\d+$/m);
	assert.match(stdout, /^AWS_REGION=us-east-1$/m);
	assert.match(stdout, /^OFFSTAGE_OUTPUT_IdentityPoolId=us-east-1:/m);
	assert.deepEqual(readdirSync(tmp), [], "nothing is left");
});

test("its AWS credentials work", async () => {
	const { exec } = setUp();
	// Named as well as in the environment: the AWS CLI of Debian 12 does not read AWS_ENDPOINT_URL.
	const { code, stdout, stderr } = await exec(
		'aws sts get-caller-identity --endpoint-url "$AWS_ENDPOINT_URL"',
	);
	assert.equal(code, 0, stderr);
	assert.match(JSON.parse(stdout).Arn, /:user\/exec$/);
});

test("assertions: what ran, by route, function or request id", async () => {
	const { exec } = setUp();
	const { code, stdout, stderr } = await exec(
		`list() { curl -sf "$AWS_ENDPOINT_URL/_offstage/invocations?$1"; echo; }
		curl -sf "$OFFSTAGE_OUTPUT_ApiEndpoint/public?n=1" > /dev/null
		curl -sf "$OFFSTAGE_OUTPUT_ApiEndpoint/public?n=2" > /dev/null
		list; list route=GET%20/public; list route=GET%20/private; list function=functions/public.handler
		list requestId=$(list limit=1 | sed 's/^\\[{"requestId":"\\([^"]*\\)".*/\\1/')`,
	);
	assert.equal(code, 0, stderr);
	const [all, route, other, named, one] = stdout.trim().split("\n").map((line) => JSON.parse(line));
	assert.deepEqual(all.map(({ event }) => event.queryStringParameters.n), ["1", "2"]);
	assert.deepEqual([route, named, other], [all, all, []]);
	assert.deepEqual(one, [all[1]]);
	const [{ response, outcome, logs, durationMs }] = one;
	assert.deepEqual([response.body, outcome, typeof logs, typeof durationMs], ["Hello stranger!", "ok", "string", "number"]);
});

test("exit codes are a shell's", async () => {
	const { options, exec } = setUp();
	const codes = await Promise.all([
		exec("exit 7"),
		exec("kill -TERM $$"),
		offstage(["exec", "--", "/nonexistent"], options()),
		offstage(["exec", "--", "/etc/passwd"], options()),
	]);
	assert.deepEqual(
		codes.map(({ code }) => code),
		[7, 143, 127, 126],
	);
});

test("an app that does not come up runs no command", async () => {
	const { dir, exec } = setUp();
	writeFileSync(path.join(dir, "stacks/MyStack.ts"), "export function MyStack() { oops( }\n");
	const { code, stdout, stderr } = await exec("echo started");
	assert.equal(code, 1);
	assert.equal(stdout, "");
	assert.match(stderr, /MyStack\.ts/);
});

test("signals reach the command, whose code comes back", async (t) => {
	const { options } = setUp();
	for (const [signal, code] of [
		["SIGTERM", 9],
		["SIGINT", 4],
	]) {
		const script = "trap 'exit 9' TERM; trap 'exit 4' INT; echo up; sleep 100 & wait";
		const program = background(t, ["exec", "--", "sh", "-c", script], options());
		await program.says(/up/);
		assert.deepEqual(await program.end(signal), { code, signal: null });
	}
});

test("ten at once do not collide", async () => {
	const { tmp, exec } = setUp();
	const all = await Promise.all(
		Array.from({ length: 10 }, () => exec('curl -sf "$OFFSTAGE_OUTPUT_ApiEndpoint/public"')),
	);
	for (const { code, stdout, stderr } of all) {
		assert.equal(code, 0, stderr);
		assert.equal(stdout, "Hello stranger!");
	}
	assert.deepEqual(readdirSync(tmp), []);
});

test("kill -9 leaves no process, and its folder goes with the next", async (t) => {
	const { tmp, options, exec } = setUp();
	const mark = `EXEC_MARK=${path.basename(tmp)}`;
	const script = 'curl -s "$OFFSTAGE_OUTPUT_ApiEndpoint/public"; setsid sleep 1000 & echo up; sleep 1000';
	const [name, value] = mark.split("=");
	const program = background(t, ["exec", "--", "sh", "-c", script], options({ [name]: value }));
	await program.says(/up/);
	assert.ok(marked(mark).length > 4, "emulator, guard, shell, sleeps, handler");
	await program.end("SIGKILL");
	await eventually("all have ended", () => marked(mark).length === 0);
	assert.equal(readdirSync(tmp).length, 1);
	assert.equal((await exec("true")).code, 0);
	assert.deepEqual(readdirSync(tmp), []);
});

test("what the command leaves running ends with it", async () => {
	const { tmp, exec } = setUp();
	const file = path.join(tmp, "pid");
	const { code } = await exec(`setsid sleep 1000 & echo $! > ${file}`);
	assert.equal(code, 0);
	assert.throws(() => process.kill(Number(readFileSync(file, "utf8")), 0));
});

test("copies know nothing of a live stage", async (t) => {
	const { dir, options, exec } = setUp();
	const live = background(t, ["start", "--port", "0"], options());
	await live.says(/Listening for requests/);
	const endpoints = JSON.parse(readFileSync(path.join(dir, ".offstage/dev/endpoints.json")));
	const { stdout } = await exec('echo "$OFFSTAGE_OUTPUT_ApiEndpoint"');
	assert.notEqual(stdout.trim(), endpoints.apis.Api);
	assert.equal((await get(`${endpoints.apis.Api}/public`)).status, 200);
	await live.end("SIGTERM");
});
