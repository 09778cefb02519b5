// Bad input reads well: what, where, and what to do; exit codes as in design 5.

import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { test } from "node:test";
import { cleanEnv, copyApp, eventually, get, OFFSTAGE, Program, run, tempDir } from "./support.mjs";

const offstage = (cwd, ...args) => run(OFFSTAGE, args, { cwd, env: cleanEnv({ HOME: cwd }), ms: 30_000 });

/** A command that fails says why on stderr, once, and leaves nothing running. */
async function assertFails(cwd, args, code, ...patterns) {
	const ended = await offstage(cwd, ...args);
	const shown = `offstage ${args.join(" ")}\n${ended.stdout}${ended.stderr}`;
	assert.equal(ended.code, code, shown);
	for (const pattern of patterns) {
		assert.match(ended.stderr, pattern, shown);
	}
	assert.doesNotMatch(shown, /Sanitizer|ENSURE|\bat .*\.mjs:|node:internal/, "no innards");
	assert.doesNotMatch(ended.stderr, /[ \t]\n|\n\n$/, `no empty end: ${shown}`);
}

function change(dir, file, from, to) {
	const name = path.join(dir, file);
	const text = readFileSync(name, "utf8");
	assert.ok(text.includes(from), `${file} has ${from}`);
	writeFileSync(name, text.replace(from, to));
}

const START = ["start", "--port", "0"];

test("wrong usage exits 2 and says what to type", async () => {
	const dir = tempDir();
	const cases = [
		[["frobnicate"], /unknown command 'frobnicate'.*offstage help/],
		[["start", "--prot", "1"], /unknown option '--prot': did you mean '--port'\?/],
		[["start", "--port", "99999"], /--port must be a number from 0 to 65535, not '99999'/],
		[["start", "--port"], /--port/],
		[["start", "one", "two"], /'two' is one word too many/],
		[["start", "--stage", "9lives"], /'9lives' is no stage name/],
		[["start", "--login", "never"], /--login is 'local' or 'remote', not 'never'/],
		[["deploy"], /which stage\? Add --stage NAME/],
		[["token"], /Add --user EMAIL/],
		[["exec"], /Add -- COMMAND/],
		[["request", "GET"], /needs METHOD PATH/],
		[["help", "frob"], /unknown command 'frob': see `offstage help`/],
		[["start", "--user", "x"], /`offstage start` has no option --user: see `offstage help start`/],
		[["connect"], /needs URL \[DIR\]/],
		[["connect", "http://x"], /'http:\/\/x' is no bridge URL: take the one that `offstage serve` prints/],
		[["serve", "--tls-key", "x"], /go together: add --tls-cert FILE/],
	];
	for (const [args, pattern] of cases) {
		await assertFails(dir, args, 2, pattern);
	}
	const help = await offstage(dir, "help");
	assert.equal(help.code, 0);
	for (const command of ["start", "exec", "deploy", "remove", "status", "serve", "connect", "invoke"]) {
		assert.match(help.stdout, new RegExp(`offstage ${command}`));
		const one = await offstage(dir, "help", command);
		assert.match(one.stdout, new RegExp(`^offstage ${command}`));
		assert.doesNotMatch(one.stdout, /[ \t]\n/, command);
	}
});

test("an app that cannot be read exits 1 with the place", async (t) => {
	await assertFails(tempDir(), START, 1, /sst\.json/, /template\.yaml/);
	await assertFails(tempDir(), ["start", "nowhere"], 1, /'nowhere'.*No such file/);
	await assertFails(tempDir(), ["connect", "ws://localhost:1/bridge", "nowhere"], 1, /'nowhere'.*No such file/);
	const empty = tempDir();
	await assertFails(empty, ["deploy", "--stage", "x"], 1, new RegExp(`\\(${empty} has no sst\\.json`));
	const cases = {
		"broken JSON": [
			(dir) => writeFileSync(path.join(dir, "sst.json"), '{\n  "name": "x",\n}\n'),
			/sst\.json:3:\d+: .*valid JSON/,
		],
		"no such main": [
			(dir) => change(dir, "sst.json", "stacks/index.ts", "stacks/nope.ts"),
			/sst\.json/,
			/"main" names a file that does not exist/,
		],
		"syntax error in a stack": [
			(dir) => change(dir, "stacks/MyStack.ts", "routes: {", "routes {"),
			/stacks\/MyStack\.ts:5:\d+: /,
			/\n {2}.*routes \{\n\s*\^/,
		],
		"a stack that throws": [
			(dir) => change(dir, "stacks/MyStack.ts", "  const api", '  throw new Error("no luck");\n  const api'),
			/stacks\/MyStack\.ts:3:9: no luck\n.*throw new Error\("no luck"\);\n\s*\^/,
		],
		"an import that is not there": [
			(dir) => change(dir, "stacks/index.ts", '"./MyStack"', '"./YourStack"'),
			/stacks\/index\.ts:1:\d+: .*"\.\/YourStack"/,
		],
	};
	for (const [name, [spoil, ...patterns]] of Object.entries(cases)) {
		const dir = copyApp("api-auth-auth0");
		spoil(dir);
		await t.test(name, () => assertFails(dir, START, 1, ...patterns));
	}
});

test("a template the service would refuse names the resource", async (t) => {
	const bad = {
		"invalid route key": ["GET notes", /'BadRoute'.*RouteKey.*'GET notes'.*must start with '\/'/],
		"unknown method": ["FETCH /notes", /'BadRoute'.*RouteKey.*'FETCH \/notes'/],
	};
	for (const [name, [key, pattern]] of Object.entries(bad)) {
		const dir = copyApp("sam-http-api");
		const route = `  BadRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref HttpApi
      RouteKey: ${key}

Outputs:`;
		change(dir, "template.yaml", "Outputs:", route);
		await t.test(name, () => assertFails(dir, START, 1, pattern));
	}
	const dir = copyApp("sam-http-api");
	writeFileSync(path.join(dir, "template.yaml"), "Resources:\n  A: [1,\n");
	await t.test("broken YAML", () => assertFails(dir, START, 1, /template\.yaml:\d+:\d+: /));
});

test("a busy port names itself, its owner and the flag", async (t) => {
	const server = createServer();
	await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close());
	const { port } = server.address();
	const owner = new RegExp(`port ${port} is in use by node \\(pid ${process.pid}\\).*--port`);
	const dir = copyApp("api-auth-auth0");
	await assertFails(dir, ["start", "--port", String(port)], 1, owner);
	await assertFails(dir, ["start", "--host", "192.0.2.1"], 1, /'192\.0\.2\.1' port 4510: is it an address of this machine \(--host\)/);
});

test("nothing runs: the commands that need a running app say how to start one", async (t) => {
	const dir = copyApp("api-auth-auth0");
	for (const args of [
		["token", "--user", "jane@example.com"],
		["credentials", "--user", "jane@example.com"],
		["request", "GET", "/public"],
		["invoke", "functions/public.handler"],
	]) {
		await assertFails(dir, args, 1, /nothing runs at stage 'dev'.*offstage start/);
	}
});

test("an unknown construct is a warning that names it; a handler that is missing is the request's error", async (t) => {
	const dir = copyApp("api-auth-auth0");
	change(dir, "stacks/MyStack.ts", "import { StackContext", "import { Teleporter, StackContext");
	change(dir, "stacks/MyStack.ts", "  const auth", '  new Teleporter(stack, "T", {}).beam(api);\n  const auth');
	rmSync(path.join(dir, "backend/functions/public.ts"));
	const program = await Program.start(t, dir);
	await program.step(t, "warns", () =>
		program.says(() => program.stdout + program.stderr, /Teleporter" is not emulated/),
	);
	await program.step(t, "answers 500 until the file is there", async () => {
		const heard = program.listen();
		const missing = await get(`${program.api}/public`);
		assert.deepEqual([missing.status, missing.body], [500, '{"message":"Internal Server Error"}']);
		await program.says(heard, /functions\/public/);
		writeFileSync(
			path.join(dir, "backend/functions/public.ts"),
			'export const handler = async () => ({ statusCode: 200, body: "back" });\n',
		);
		await eventually("the new file is found", async () => (await get(`${program.api}/public`)).body === "back");
	});
});

test("--json: one object per event on stdout, and nothing else", async (t) => {
	const program = await Program.start(t, copyApp("api-auth-auth0"), { args: ["--json"] });
	await program.step(t, "events", async () => {
		await get(`${program.api}/public`);
		await get(`${program.api}/private`);
		const isRefusal = ({ event, path }) => event === "refused" && path === "/private";
		const events = await eventually("the refusal", () => {
			const parsed = program.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
			return parsed.some(isRefusal) && parsed;
		});
		const find = (name) => events.find(({ event }) => event === name);
		const { event: _event, ...rest } = find("ready");
		assert.deepEqual(rest, program.endpoints);
		assert.equal(find("request").handler, "functions/public.handler");
		assert.equal(find("response").requestId, find("request").requestId);
		const { status, check, reason } = events.find(isRefusal);
		assert.deepEqual([status, check], [403, "credentials"]);
		assert.match(reason, /did not sign/);
	});
	assert.equal((await program.stop("SIGINT")).code, 130);
});

test("two stages of an app run side by side", async (t) => {
	const dir = copyApp("api-auth-auth0");
	const program = await Program.start(t, dir);
	const other = await Program.start(t, dir, { stage: "two" });
	await program.step(t, "each with its own addresses and identities", async () => {
		assert.notEqual(other.api, program.api);
		assert.equal((await get(`${other.api}/public`)).body, "Hello stranger!");
		assert.notEqual(other.outputs.IdentityPoolId, program.outputs.IdentityPoolId);
		assert.equal((await other.stop("SIGINT")).code, 130);
		assert.equal((await get(`${program.api}/public`)).body, "Hello stranger!");
	});
	assert.equal((await program.stop("SIGINT")).code, 130);
});
