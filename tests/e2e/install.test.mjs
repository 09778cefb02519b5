// `cmake --install` takes along all that the program needs: an installed copy writes the starter app and
// runs it for a command, from a folder that is not the source tree.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { cleanEnv, OFFSTAGE, run, tempDir } from "./support.mjs";

test("installed: init, then exec", async () => {
	const prefix = tempDir();
	const build = path.resolve(path.dirname(OFFSTAGE), "../..");
	const installed = await run("cmake", ["--install", build, "--prefix", prefix]);
	assert.equal(installed.code, 0, installed.stderr);
	const program = path.join(prefix, "bin/offstage");
	assert.ok(existsSync(path.join(prefix, "share/offstage/runtime/bootstrap")));

	// Spares only get slower when their rehearsal fails, so nothing else would tell.
	const rehearsal = path.join(prefix, "share/offstage/runtime/bootstrap/node/rehearsal.cjs");
	const rehearse = `require(${JSON.stringify(rehearsal)}).rehearse()`;
	const rehearsed = await run("node", ["-e", rehearse]);
	assert.equal(rehearsed.code, 0, rehearsed.stderr);

	const cwd = tempDir();
	const offstage = (...args) =>
		run(program, args, { cwd, env: cleanEnv({ HOME: cwd }), ms: 60_000 });
	const init = await offstage("init", "hello");
	assert.equal(init.code, 0, init.stderr);
	assert.match(init.stdout, /cd hello\n\s*offstage start/);
	const again = await offstage("init", "hello");
	assert.equal(again.code, 1);
	assert.match(again.stderr, /'hello' is not empty, and nothing is overwritten/);

	const script = 'curl -s -S "$OFFSTAGE_OUTPUT_ApiEndpoint/public" && exit 7';
	const { code, stdout, stderr } = await offstage("exec", "hello", "--", "sh", "-c", script);
	assert.equal(code, 7, stderr);
	assert.match(stdout, /Hello stranger!/);
	assert.equal(existsSync(path.join(cwd, "hello/.offstage/test/endpoints.json")), false);
});
