// The tutorial and its login page where there is no network: a namespace that has only loopback.

import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { cleanEnv, OFFSTAGE, run, SOURCE } from "./support.mjs";

const IN_NAMESPACE = `ip link set lo up
[ "$(ip -o link show | wc -l)" = 1 ] || { echo "more than loopback" >&2; exit 9; }
exec node "$1"`;

for (const name of ["tutorial", "browser"]) {
	test(`${name} with no network`, async () => {
		const file = path.join(SOURCE, `tests/e2e/${name}.test.mjs`);
		// Without root, a user namespace makes us root of the network namespace.
		const flags = process.getuid() === 0 ? ["-n"] : ["-r", "-n"];
		const { code, stdout, stderr } = await run(
			"unshare",
			[...flags, "sh", "-euc", IN_NAMESPACE, "sh", file],
			{ env: cleanEnv({ OFFSTAGE }), ms: 120_000 },
		);
		assert.equal(code, 0, `${stdout}\n${stderr}`);
		assert.match(stdout, /# fail 0|ℹ fail 0/);
	});
}
