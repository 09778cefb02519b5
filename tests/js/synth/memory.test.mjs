// A day of saves does not make the builder grow: a 300-function app, rebuilt over and over. REBUILDS says how often
// (10000 take some minutes; they ended at 208 MB, after 210 at a quarter and 220 at most).

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Builder, makeApp, save } from "./helper.mjs";

const FUNCTIONS = 300;
const SHARED = 20;
const REBUILDS = Number(process.env.REBUILDS ?? 1200);
const MOST_MB = 250;

const numbers = (n) => Array.from({ length: n }, (_, i) => i);

function appOf300(t) {
	const files = {};
	for (const i of numbers(SHARED)) {
		files[`src/shared/s${i}.ts`] = `export const s${i}: string = ${JSON.stringify(`${i} `.repeat(2000))};\n`;
	}
	const imports = numbers(SHARED).map((i) => `import { s${i} } from "./shared/s${i}";\n`).join("");
	const use = `[${numbers(SHARED).map((i) => `s${i}`).join(", ")}].length`;
	for (const i of numbers(FUNCTIONS)) {
		files[`src/f${i}.ts`] = `${imports}export const handler = async () => ${i} + ${use};\n`;
	}
	return makeApp(t, files);
}

/** Resident memory of a process and its children, by /proc. */
function treeMB(pid) {
	const status = readFileSync(`/proc/${pid}/status`, "utf8");
	const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
		readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean),
	);
	const own = Number(/^VmRSS:\s+(\d+)/m.exec(status)[1]) / 1024;
	return { mb: children.reduce((sum, child) => sum + treeMB(child).mb, own), children };
}

test("memory stays bounded however often a large app is rebuilt, and esbuild is one process", async (t) => {
	const app = appOf300(t);
	const builder = new Builder();
	t.after(() => builder.close());
	const { pid } = await builder.ask({ op: "ping" });
	const samples = [];
	const versions = new Set();
	for (const n of numbers(REBUILDS)) {
		const i = n % FUNCTIONS;
		save(app, { "src/shared/s0.ts": `export const s0: string = "version ${n}";\n` });
		const { ok, changed, error } = await builder.ask({
			op: "build",
			function: `f${i}`,
			app,
			srcPath: "src",
			entry: `f${i}.handler`,
			outdir: path.join(app, "out", `f${i}`),
			target: "nodejs18.x",
		});
		assert.deepEqual({ ok, changed, error }, { ok: true, changed: true, error: undefined });
		if (n % 100 === 99) {
			const { mb, children } = treeMB(pid);
			samples.push(mb);
			children.forEach((child) => versions.add(child));
		}
	}
	const quarter = samples[Math.floor(samples.length / 4)];
	const end = samples.at(-1);
	t.diagnostic(`after a quarter ${quarter.toFixed(0)} MB, at the end ${end.toFixed(0)} MB, most ${Math.max(...samples).toFixed(0)} MB`);
	assert.equal(versions.size, 1, "one esbuild from the first build to the last");
	assert.ok(Math.max(...samples) < MOST_MB, `${samples.map((mb) => mb.toFixed(0))} MB`);
});
