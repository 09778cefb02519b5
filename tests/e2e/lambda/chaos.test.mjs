// Many invocations while processes are killed, exit and hang: each caller gets exactly one answer, and that
// of its own invocation. OFFSTAGE_CHAOS=10000 runs the long form.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import http from "node:http";
import { test } from "node:test";
import { eventually } from "../support.mjs";
import { startFunctions, stop } from "./support.mjs";

const TOTAL = Number(process.env.OFFSTAGE_CHAOS ?? 1500);
const SIDE_BY_SIDE = 12;
const ERRORS = {
	exit: /^Runtime\.ExitError$/,
	hang: /^Sandbox\.Timedout$/,
	throw: /^(Error|Exception)$/,
};

// The same misdeeds in the same order each time.
let state = 42;
const random = (n) => {
	state = (Math.imul(state, 1103515245) + 12345) >>> 0;
	return (state >>> 16) % n;
};

function misdeed() {
	const dice = random(1000);
	return dice < 3
		? "hang"
		: dice < 30
			? "exit"
			: dice < 80
				? "throw"
				: dice < 100
					? "large"
					: "none";
}

const agent = new http.Agent({ keepAlive: true, maxSockets: SIDE_BY_SIDE });

function invoke(program, name, event) {
	return new Promise((resolve, reject) => {
		const url = `${program.service}/2015-03-31/functions/${name}/invocations`;
		const request = http.request(url, { method: "POST", agent }, (response) => {
			let text = "";
			response.setEncoding("utf8").on("data", (more) => (text += more));
			response.on("error", reject).on("end", () => {
				const error = response.headers["x-amz-function-error"];
				resolve({ status: response.statusCode, error, body: JSON.parse(text) });
			});
		});
		request.setTimeout(60_000, () =>
			request.destroy(new Error(`no answer to ${JSON.stringify(event)}`)),
		);
		request.on("error", reject);
		request.end(JSON.stringify(event));
	});
}

/** Descendants of the program by what they are. */
function family(pid) {
	const parents = new Map();
	for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
		try {
			const stat = readFileSync(`/proc/${name}/stat`, "latin1");
			const [what, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
			const command = readFileSync(`/proc/${name}/cmdline`, "latin1");
			parents.set(Number(name), { parent: Number(parent), zombie: what === "Z", command });
		} catch {
			// ended meanwhile
		}
	}
	const isOurs = (id) => {
		for (let at = id; parents.has(at); at = parents.get(at).parent) {
			if (at === pid) {
				return id !== pid;
			}
		}
		return false;
	};
	return [...parents].filter(([id]) => isOurs(id)).map(([id, process]) => ({ id, ...process }));
}

const descriptors = (pid) => readdirSync(`/proc/${pid}/fd`).length;
const memoryKb = (pid) =>
	Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
const isWorker = ({ command }) => /bootstrap\/(node|python)\/bootstrap/.test(command);

function kill(pid) {
	try {
		return process.kill(pid, "SIGKILL");
	} catch {
		return false; // it ended by itself
	}
}

test(
	`${TOTAL} invocations among killed processes`,
	{ timeout: 60_000 + TOTAL * 120 },
	async (t) => {
		const chaos = { code: "code", handler: "chaos.handler", timeout: 1, memory: 128 };
		const python = { code: "code", handler: "chaos.handler", timeout: 1, runtime: "python3.11" };
		// A sanitizer's build keeps freed memory back, up to this much.
		const ASAN_OPTIONS = `${process.env.ASAN_OPTIONS ?? ""}:quarantine_size_mb=4:thread_local_quarantine_size_kb=64`;
		const program = await startFunctions(
			t,
			{ One: chaos, Two: chaos, Three: python },
			{ args: ["--max-concurrency", "10"], env: { ASAN_OPTIONS } },
		);
		// Not all descendants: what python3 is may be a script that starts others for a moment.
		const children = () => family(program.pid).filter(({ parent }) => parent === program.pid);
		const names = ["One", "Two", "Three"];
		const answers = new Map();
		let next = 0;
		let killed = 0;
		let lost = 0;

		const one = async () => {
			const n = next++;
			const event = { n, how: misdeed(), ms: random(4) === 0 ? random(20) : 0 };
			const { status, error, body } = await invoke(program, names[n % 3], event);
			assert.equal(status, 200, JSON.stringify(body));
			assert.ok(!answers.has(n));
			answers.set(n, true);
			if (!error) {
				assert.equal(body.n, n, "the answer is another's");
				assert.ok(event.how === "none" || event.how === "large", event.how);
			} else if (body.errorType !== "Runtime.ExitError" || event.how === "exit") {
				assert.match(
					body.errorType,
					ERRORS[event.how] ?? /^Runtime\.ExitError$/,
					JSON.stringify([event, body]),
				);
			} else {
				lost++; // its process was killed
				assert.match(body.errorMessage, /signal: killed$/);
			}
			if (random(60) === 0) {
				const workers = children().filter(isWorker);
				if (workers.length > 0 && kill(workers[random(workers.length)].id)) {
					killed++;
				}
			}
		};
		const lane = async (to) => {
			while (next < to) {
				await one();
			}
		};
		const round = (to) => Promise.all(Array.from({ length: SIDE_BY_SIDE }, () => lane(to)));

		// The first third warms up all that grows once: buffers, caches, the log files, the history.
		await round(TOTAL / 3);
		agent.destroy();
		const settled = () =>
			eventually("it has calmed down", () => !family(program.pid).some((p) => p.zombie));
		await settled();
		const before = {
			fds: descriptors(program.pid),
			kb: memoryKb(program.pid),
			workers: children().length,
		};
		await round(TOTAL);
		agent.destroy();

		await program.step(t, "each caller had one answer", () => {
			assert.equal(answers.size, next);
			assert.ok(killed > 0);
			assert.ok(lost <= killed * 6, `${lost} invocations died with ${killed} killed processes`);
		});
		await program.step(t, "no zombie, no process too many, no descriptor", async () => {
			await settled();
			assert.ok(children().filter(isWorker).length <= 10 + 4);
			// Each living process has a listener, a connection or two and its pipes.
			await eventually("descriptors are given back", () => {
				const workers = children().length;
				return (
					descriptors(program.pid) <= before.fds + Math.max(0, workers - before.workers) * 8 + 4
				);
			});
		});
		await program.step(t, "memory is flat", () => {
			const grown = memoryKb(program.pid) - before.kb;
			t.diagnostic(
				`${killed} killed, ${lost} lost with them, ${grown} kB more after ${TOTAL} invocations`,
			);
			assert.ok(grown < 40_000, `${grown} kB`);
		});
		await stop(program);
	},
);
