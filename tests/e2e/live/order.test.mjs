// An agent that is kept from running while requests and a save pile up: the older request lies before the save's
// event, the younger one behind it, and both come in one read. What the kernel knows of files has to be read before
// an invocation goes to a process (design 7), or the younger one runs what the older one may.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { background, makeHome, stageFile } from "../cli-support.mjs";
import { eventually, get, run, tempDir } from "../support.mjs";
import { writeApp } from "./app.mjs";

const ROUNDS = 12;

/** Bytes that a process has not read yet, over all its connections. */
async function unread(pid) {
	const { stdout } = await run("ss", ["-H", "-t", "-n", "-p", "state", "established"]);
	return stdout
		.split("\n")
		.filter((line) => line.includes(`pid=${pid},`))
		.reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[0]), 0);
}

test("events of files are read before an invocation is run", async (t) => {
	const dir = path.join(tempDir(t), "app");
	const saves = writeApp(dir);
	const { home, env } = makeHome();
	const serve = background(t, ["serve", "--port", "0"], { cwd: home, env: env() });
	const [, url] = await serve.says(/connect '(ws:[^']+)'/);
	const agent = background(t, ["connect", url], { cwd: dir, env: env() });
	await agent.says(/Listening for requests/);
	const [api] = Object.values(JSON.parse(readFileSync(stageFile(dir, "dev", "endpoints.json"))).apis);
	const ask = async (route) => {
		const { status, body } = await get(`${api}/${route}`);
		return `${status} ${body}`;
	};
	/** Sends a request and waits until it lies before the agent. */
	const lay = async (route) => {
		const before = await unread(agent.pid);
		const answer = ask(route);
		await eventually("the request has come", async () => (await unread(agent.pid)) > before);
		return { answer };
	};
	/** The cache is written some time after a build, and events are read then: not while the agent is stopped. */
	const cacheHas = (since) =>
		eventually("the build is in the cache", () => {
			const builds = stageFile(dir, "dev", "build");
			const mine = readdirSync(builds).find((name) => name.includes("renamed"));
			return statSync(path.join(builds, mine, "cache.json")).mtimeMs >= since;
		});
	assert.equal(await ask("inplace"), "200 0");
	let since = 0;
	for (let n = 1; n <= ROUNDS; n++) {
		/* The build of the round before is looked at once more here, and then taken for granted. */
		assert.equal(await ask("renamed"), `200 ${n - 1}`);
		await cacheHas(since);
		agent.kill("SIGSTOP");
		const older = await lay("inplace");
		saves.renamed(n);
		since = Date.now();
		const younger = await lay("renamed");
		agent.kill("SIGCONT");
		assert.equal(await older.answer, "200 0");
		assert.equal(await younger.answer, `200 ${n}`, `the request after save ${n}`);
	}
	assert.equal((await agent.end("SIGTERM")).code, 0);
	assert.equal((await serve.end("SIGTERM")).code, 0);
});
