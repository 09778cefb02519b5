// What becomes of processes that nobody needs any more, by a clock that the test moves.

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { eventually, run, SOURCE, tempDir } from "../support.mjs";
import { call, invoke, lambdaClient, startFunctions, stop } from "./support.mjs";

const seconds = (n) => {
	const bytes = Buffer.alloc(8);
	bytes.writeBigInt64LE(BigInt(n));
	return bytes;
};

const isAlive = (pid) =>
	existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));

test("idle processes", { timeout: 120_000 }, async (t) => {
	const dir = tempDir(t);
	const clock = path.join(dir, "clock");
	const library = path.join(dir, "later_clock.so");
	const source = path.join(SOURCE, "tests/support/later_clock.c");
	const { code, stderr } = await run("cc", ["-O1", "-shared", "-fPIC", "-o", library, source]);
	assert.equal(code, 0, stderr);
	writeFileSync(clock, seconds(0));
	// A sanitizer wants to be the first library otherwise.
	const ASAN_OPTIONS = `${process.env.ASAN_OPTIONS ?? ""}:verify_asan_link_order=0`;
	const program = await startFunctions(
		t,
		{
			Busy: { code: "code", handler: "worker.sleep", timeout: 20 },
			Other: { code: "code", handler: "worker.sleep", timeout: 20 },
		},
		{
			args: ["--max-concurrency", "4"],
			env: { LD_PRELOAD: library, LATER_FILE: clock, ASAN_OPTIONS },
		},
	);
	const client = lambdaClient(program);
	const step = (name, fn) => program.step(t, name, fn);
	const together = async (name, n) => {
		const answers = await Promise.all(
			Array.from({ length: n }, () => invoke(client, name, { ms: 1500 })),
		);
		return [...new Set(answers.map((answer) => answer.json))];
	};
	let now = 0;
	const later = (n) => writeFileSync(clock, seconds((now += n)), { flag: "r+" });
	let pids;

	await step("many at once get many processes, and no more than the total", async () => {
		pids = await together("Busy", 8);
		assert.ok(pids.length > 1 && pids.length <= 4, pids.join());
	});

	await step("a function that finds the total used up is served all the same", async () => {
		const all = [...pids, ...(await together("Other", 4))];
		await eventually("no more than the total are left", () => all.filter(isAlive).length <= 4);
	});

	await step("after a minute all but one have gone", async () => {
		pids = await together("Busy", 3);
		later(61);
		await eventually("one is left", () => pids.filter(isAlive).length === 1);
		const [last] = pids.filter(isAlive);
		assert.equal(await call(client, "Busy", { ms: 1 }), last, "it serves the next");
		pids = [last];
	});

	await step("after ten minutes the last one goes, and the next request starts a new one", async () => {
		later(599);
		await call(client, "Other", { ms: 1 });
		assert.ok(isAlive(pids[0]));
		later(2);
		await eventually("none is left", () => !isAlive(pids[0]));
		assert.ok(!pids.includes(await call(client, "Busy", { ms: 1 })));
	});

	await stop(program);
});
