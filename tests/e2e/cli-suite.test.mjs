// An app's own Vitest suite under `offstage exec`, in parallel copies.

import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { makeHome, offstage } from "./cli-support.mjs";
import { copyApp, SOURCE } from "./support.mjs";

test("three runs of one suite at the same time", async () => {
	const { env } = makeHome();
	const dir = copyApp("with-suite");
	const modules = path.join(SOURCE, "fixtures/apps/with-suite/node_modules");
	symlinkSync(modules, path.join(dir, "node_modules"));
	const vitest = path.join(modules, ".bin/vitest");
	const runs = await Promise.all(
		Array.from({ length: 3 }, () =>
			offstage(["exec", "--", vitest, "run"], { cwd: dir, env: env(), ms: 120_000 }),
		),
	);
	for (const { code, stdout, stderr } of runs) {
		assert.equal(code, 0, stdout + stderr);
		assert.match(stdout, /Tests {2}3 passed/);
	}
});
