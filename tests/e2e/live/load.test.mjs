// Under load, with a save every LIVE_PAUSE ms: no request fails, and none is answered by code older than the save
// that was complete when it was sent. LIVE_REQUESTS says how many requests at least.

import assert from "node:assert/strict";
import http from "node:http";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { Program, tempDir } from "../support.mjs";
import { writeApp } from "./app.mjs";

const REQUESTS = Number(process.env.LIVE_REQUESTS ?? 5000);
const PAUSE_MS = Number(process.env.LIVE_PAUSE ?? 250);
const CLIENTS = 8;

function ask(agent, url) {
	return new Promise((resolve, reject) => {
		const request = http.get(url, { agent }, (response) => {
			let body = "";
			response.on("data", (more) => (body += more));
			response.on("error", reject);
			response.on("end", () => resolve({ status: response.statusCode, body }));
		});
		request.on("error", reject);
	});
}

test("no request fails by a save, and none is stale", async (t) => {
	const dir = path.join(tempDir(t), "app");
	const saves = writeApp(dir);
	const program = await Program.start(t, dir);
	const url = `${program.api}/renamed`;
	const agent = new http.Agent({ keepAlive: true, maxSockets: CLIENTS });
	t.after(() => agent.destroy());
	let saved = 0;
	let sent = 0;
	const wrong = [];
	const client = async () => {
		while (sent++ < REQUESTS && wrong.length === 0) {
			const least = saved;
			const { status, body } = await ask(agent, url);
			if (status !== 200 || !(Number(body) >= least)) {
				wrong.push(`${status} ${body}, saved ${least}`);
			}
		}
	};
	const clients = Promise.all(Array.from({ length: CLIENTS }, client));
	let done = false;
	void clients.finally(() => (done = true)).catch(() => {});
	while (!done) {
		saves.renamed(saved + 1);
		saved += 1;
		await sleep(PAUSE_MS);
	}
	await clients;
	assert.deepEqual(wrong, []);
	assert.ok(saved > 1, "saves happened meanwhile");
	const { code } = await program.stopClean("SIGTERM");
	assert.equal(code, 0);
});
