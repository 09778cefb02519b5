// init: the tutorial's app, which runs as it is.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { makeHome, offstage } from "./cli-support.mjs";
import { get, Program, SOURCE, tempDir } from "./support.mjs";

test("init writes an app that runs", async (t) => {
	const { env } = makeHome();
	const dir = tempDir();
	const { code, stdout } = await offstage(["init", "my-app"], { cwd: dir, env: env() });
	assert.equal(code, 0);
	assert.match(stdout, /cd my-app\n {2}offstage start/);
	const file = "stacks/MyStack.ts";
	assert.equal(
		readFileSync(path.join(dir, "my-app", file), "utf8"),
		readFileSync(path.join(SOURCE, "fixtures/apps/api-auth-auth0", file), "utf8"),
	);
	const program = await Program.start(t, path.join(dir, "my-app"));
	assert.equal((await get(`${program.api}/public`)).body, "Hello stranger!");
	await program.stop("SIGTERM");
});

test("init takes an empty folder and nothing else", async (t) => {
	const { env } = makeHome();
	const dir = tempDir();
	mkdirSync(path.join(dir, "empty"));
	assert.equal((await offstage(["init"], { cwd: path.join(dir, "empty"), env: env() })).code, 0);
	mkdirSync(path.join(dir, "full"));
	writeFileSync(path.join(dir, "full/sst.json"), "mine");
	const refused = await offstage(["init", "full"], { cwd: dir, env: env() });
	assert.equal(refused.code, 1);
	assert.match(refused.stderr, /'full' is not empty, and nothing is overwritten/);
	assert.equal(readFileSync(path.join(dir, "full/sst.json"), "utf8"), "mine");
});
