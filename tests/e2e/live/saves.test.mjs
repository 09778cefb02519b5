// A request that is sent when a save is complete runs the saved code. Each way of saving is a test; LIVE_SAVES
// says how many saves each does (70 make more than 1,000 in all).

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { get, Program, tempDir } from "../support.mjs";
import { writeApp } from "./app.mjs";

const SAVES = Number(process.env.LIVE_SAVES ?? 12);

test("saves are live at once", async (t) => {
	const dir = path.join(tempDir(t), "app");
	const saves = writeApp(dir);
	const program = await Program.start(t, dir);
	for (const [name, save] of Object.entries(saves)) {
		await program.step(t, name, async () => {
			const ask = async () => {
				const { status, body } = await get(`${program.api}/${name}`);
				return `${status} ${body}`;
			};
			assert.equal(await ask(), "200 0");
			for (let n = 1; n <= SAVES; n++) {
				save(n);
				assert.equal(await ask(), `200 ${n}`, `after save ${n}`);
			}
		});
	}
	await program.step(t, "a request amid a save waits for its end", async () => {
		const text = "export const value = 'whole';\n";
		for (let n = 1; n <= SAVES; n++) {
			const fd = fs.openSync(path.join(dir, "src/steps/value.js"), "w");
			fs.writeSync(fd, text.slice(0, 20));
			const amid = get(`${program.api}/steps`);
			// Sent later and answered: that one has arrived.
			assert.equal((await get(`${program.api}/inplace`)).status, 200);
			fs.writeSync(fd, text.slice(20));
			fs.closeSync(fd);
			const { status, body } = await amid;
			assert.equal(`${status} ${body}`, "200 whole", `save ${n}`);
		}
	});
	const { code } = await program.stopClean("SIGINT");
	assert.equal(code, 130);
});
