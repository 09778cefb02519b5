// deploy, status, remove: a frozen copy in the background, beside a live start.

import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import test from "node:test";
import { background, LONG_MS, makeHome, offstage, stageFile } from "./cli-support.mjs";
import { copyApp, eventually, get, OFFSTAGE, Program, run, tempDir } from "./support.mjs";

const stages = async (dir, options) => {
	const { stdout } = await offstage(["status", "--json"], { cwd: dir, ...options });
	return Object.fromEntries(JSON.parse(stdout).stages.map((stage) => [stage.stage, stage]));
};
const api = (stage) => Object.values(stage.apis)[0];
const bodyOf = async (url) => (await get(`${url}/public`)).body;
/** Gone, or a zombie that nobody has asked after. */
const hasEnded = (pid) => {
	try {
		return / Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
	} catch {
		return true;
	}
};
const handler = (dir) => path.join(dir, "backend/functions/public.ts");
const edit = (dir, from, to) =>
	writeFileSync(handler(dir), readFileSync(handler(dir), "utf8").replace(from, to));

async function setUp(t) {
	const { env } = makeHome();
	const dir = copyApp("api-auth-auth0");
	const cli = (...args) => offstage(args, { cwd: dir, env: env() });
	t.after(async () => {
		for (const stage of ["prod", "demo"]) {
			await cli("remove", "--stage", stage);
		}
	});
	return { dir, cli, env: env() };
}

test("a deployed stage is frozen, beside a live one", async (t) => {
	const { dir, cli, env } = await setUp(t);
	const deployed = await cli("deploy", "--stage", "prod");
	assert.equal(deployed.code, 0, deployed.stderr);
	assert.match(deployed.stdout, /✅ {2}prod-api-auth-auth0-MyStack/);
	assert.match(deployed.stdout, /ApiEndpoint: http:\/\/localhost:\d+/);
	const { prod } = await stages(dir);
	assert.equal(prod.state, "deployed");
	assert.equal(await bodyOf(api(prod)), "Hello stranger!");

	const live = await Program.start(t, dir, { stage: "dev", env });
	assert.notEqual(live.service, prod.service);
	assert.notEqual(live.outputs.IdentityPoolId, Object.values(prod.outputs)[0].IdentityPoolId);
	edit(dir, "Hello stranger!", "Hello again!");
	assert.equal(await bodyOf(live.api), "Hello again!", "start is live");
	assert.equal(await bodyOf(api(prod)), "Hello stranger!", "deploy is not");

	const again = await cli("deploy", "--stage", "prod");
	assert.equal(again.code, 0, again.stderr);
	const after = (await stages(dir)).prod;
	assert.equal(api(after), api(prod), "the same ports");
	assert.equal(await bodyOf(api(after)), "Hello again!");

	const refused = await cli("start", "--stage", "prod");
	assert.equal(refused.code, 1);
	assert.match(refused.stderr, /stage 'prod' is deployed \(pid \d+\)/);
	const terminal = await cli("remove", "--stage", "dev");
	assert.equal(terminal.code, 1);
	assert.match(terminal.stderr, /runs in a terminal/);
	await live.stop("SIGTERM");
});

test("deployed at the same time, each has ports of its own", async (t) => {
	const { env } = makeHome();
	const dirs = Array.from({ length: 4 }, () => copyApp("api-auth-auth0"));
	const all = (command) =>
		Promise.all(dirs.map((cwd) => offstage([command, "--stage", "prod"], { cwd, env: env() })));
	t.after(() => all("remove"));
	for (const { code, stderr } of await all("deploy")) {
		assert.equal(code, 0, stderr);
	}
	const apis = await Promise.all(dirs.map(async (dir) => api((await stages(dir)).prod)));
	assert.equal(new Set(apis).size, dirs.length, apis.join());
	assert.deepEqual(await Promise.all(apis.map(bodyOf)), dirs.map(() => "Hello stranger!"));

	// The lowest block is free again, and yet the others keep theirs.
	const [lowest, , , highest] = [...apis].sort().map((url) => dirs[apis.indexOf(url)]);
	const again = (command, cwd) => offstage([command, "--stage", "prod"], { cwd, env: env() });
	assert.equal((await again("remove", lowest)).code, 0);
	assert.equal((await again("deploy", highest)).code, 0);
	assert.equal(api((await stages(highest)).prod), [...apis].sort().at(-1));
});

test("a stage whose port somebody else has taken meanwhile gets another", async (t) => {
	const { dir, cli } = await setUp(t);
	assert.equal((await cli("deploy", "--stage", "prod")).code, 0);
	const { prod } = await stages(dir);
	process.kill(prod.pid, "SIGTERM"); // the supervisor: as after the machine was off
	const port = Number(new URL(prod.service).port);
	await eventually("it has ended", () => hasEnded(prod.pid));
	const other = createServer().listen(port, "127.0.0.1");
	t.after(() => other.close());
	await once(other, "listening");
	const again = await cli("deploy", "--stage", "prod");
	assert.equal(again.code, 0, again.stderr);
	const now = (await stages(dir)).prod;
	assert.notEqual(now.service, prod.service);
	assert.equal(await bodyOf(api(now)), "Hello stranger!");
});

test("its code is minified", async (t) => {
	const { dir, cli } = await setUp(t);
	writeFileSync(
		handler(dir),
		"export async function handler() {\n\tconst aVeryLongName = 1;\n\treturn { statusCode: 200, body: String(aVeryLongName + Date.now()) };\n}\n",
	);
	assert.equal((await cli("deploy", "--stage", "prod")).code, 0);
	const { prod } = await stages(dir);
	assert.equal((await get(`${api(prod)}/public`)).status, 200);
	const bundles = readdirSync(stageFile(dir, "prod", "build"), { recursive: true })
		.map(String)
		.filter((file) => /public\.(m|c)?js$/.test(file));
	assert.ok(bundles.length > 0);
	for (const file of bundles) {
		const text = readFileSync(path.join(stageFile(dir, "prod", "build"), file), "utf8");
		assert.doesNotMatch(text, /aVeryLongName/);
	}
});

test("it comes back after a crash", async (t) => {
	const { dir, cli } = await setUp(t);
	assert.equal((await cli("deploy", "--stage", "prod")).code, 0);
	const file = stageFile(dir, "prod", "endpoints.json");
	const before = JSON.parse(readFileSync(file));
	process.kill(before.pid, "SIGKILL");
	const now = await eventually("another process", () => {
		const read = JSON.parse(readFileSync(file));
		return read.pid !== before.pid && read;
	});
	assert.deepEqual(now.apis, before.apis);
	assert.equal(await bodyOf(api(now)), "Hello stranger!");
});

test("a copy that does not come up leaves the former one", async (t) => {
	const { dir, cli } = await setUp(t);
	assert.equal((await cli("deploy", "--stage", "prod")).code, 0);
	const { prod } = await stages(dir);
	writeFileSync(path.join(dir, "stacks/MyStack.ts"), "export function MyStack() { oops( }\n");
	const failed = await cli("deploy", "--stage", "prod");
	assert.equal(failed.code, 1);
	assert.match(failed.stderr, /MyStack\.ts/);
	assert.match(failed.stderr, /former copy of stage 'prod' runs again/);
	assert.equal(await bodyOf(api(prod)), "Hello stranger!");
});

test("remove ends it and leaves nothing, as often as one likes", async (t) => {
	const { dir, cli } = await setUp(t);
	assert.equal((await cli("deploy", "--stage", "prod")).code, 0);
	const { prod } = await stages(dir);
	const removed = await cli("remove", "--stage", "prod");
	assert.equal(removed.code, 0, removed.stderr);
	assert.match(removed.stdout, /Status: removed/);
	assert.equal(existsSync(path.join(dir, ".offstage/prod")), false);
	assert.ok(hasEnded(prod.pid));
	await assert.rejects(get(api(prod)));
	assert.equal((await cli("remove", "--stage", "prod")).code, 0);
	assert.deepEqual(await stages(dir), {});
});

test("npm's ways of losing the flag", async (t) => {
	const { dir, cli, env } = await setUp(t);
	const lost = await cli("deploy");
	assert.equal(lost.code, 2);
	assert.match(lost.stderr, /npm run deploy -- --stage NAME/);
	const eaten = { cwd: dir, env: { ...env, npm_config_stage: "true" } };
	assert.equal((await offstage(["deploy", "demo"], eaten)).code, 0);
	assert.equal((await stages(dir)).demo.state, "deployed");
	assert.equal((await offstage(["remove", "demo"], eaten)).code, 0);
	assert.deepEqual(await stages(dir), {});
});

// As the tutorial has them (sst.md 6.2), by npm itself and the app's own scripts.
test("npm run deploy and remove, the flag in each place", async (t) => {
	const { dir, env } = await setUp(t);
	const bin = tempDir();
	symlinkSync(OFFSTAGE, path.join(bin, "offstage"));
	const npm = (...args) =>
		run("npm", args, { cwd: dir, env: { ...env, PATH: `${bin}:${env.PATH}` }, ms: LONG_MS });
	for (const tail of [
		["--", "--stage", "prod"],
		["--stage", "prod"],
		["--stage=prod"],
	]) {
		const deployed = await npm("run", "deploy", ...tail);
		assert.equal(deployed.code, 0, deployed.stderr);
		assert.deepEqual(Object.keys(await stages(dir)), ["prod"], tail.join(" "));
		const removed = await npm("run", "remove", ...tail);
		assert.equal(removed.code, 0, removed.stderr);
		assert.deepEqual(await stages(dir), {}, tail.join(" "));
	}
	const lost = await npm("run", "deploy");
	assert.equal(lost.code, 2);
	assert.match(lost.stderr, /npm run deploy -- --stage NAME/);
});

test("a stage runs once", async (t) => {
	const { dir, env } = await setUp(t);
	const first = background(t, ["start", "--port", "0"], { cwd: dir, env });
	await first.says(/Listening for requests/);
	const second = await offstage(["start", "--port", "0"], { cwd: dir, env });
	assert.equal(second.code, 1);
	assert.match(second.stderr, /stage 'dev' runs already \(pid \d+, offstage start\)/);
	await first.end("SIGKILL");
	const third = background(t, ["start", "--port", "0"], { cwd: dir, env });
	await third.says(/Listening for requests/);
	assert.equal((await third.end("SIGINT")).code, 130);
});
