// Starts the real program on a copy of a fixture app and proves what it leaves behind. Every wait has an
// end; a step that fails prints what the program said.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const SOURCE = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const OFFSTAGE = path.resolve(
	process.env.OFFSTAGE ?? path.join(SOURCE, "build/runtime/cli/offstage"),
);
export const ISSUER = "https://myorg.us.auth0.com";
export const CLIENT_ID = "UsGRQJJz5sDfPQDs6bhQ9Oc3hNISuVif";
export const LOGIN_KEY = "myorg.us.auth0.com";

// Ample: a sanitizer build shares two cores with another test.
const START_MS = 60_000;
const STOP_MS = 20_000;
const STEP_MS = 20_000;

const running = new Set();
const tempDirs = [];
process.on("exit", () => {
	for (const program of running) {
		program.killAll();
	}
	for (const dir of tempDirs) {
		rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
	}
});

const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The developer's shell without his AWS account. */
export function cleanEnv(more = {}) {
	const env = { ...process.env, NO_COLOR: "1", AWS_PAGER: "", AWS_EC2_METADATA_DISABLED: "true" };
	for (const name of Object.keys(env)) {
		const foreign = /^(AWS_(?!PAGER|EC2)|NODE_TEST_CONTEXT|NODE_OPTIONS|npm_|OFFSTAGE)/.test(name);
		if (foreign || /_proxy$/i.test(name)) {
			delete env[name];
		}
	}
	return { ...env, ...more };
}

/** Asks until the answer is truthy; an exception counts as no. */
export async function eventually(what, ask, ms = STEP_MS) {
	const end = Date.now() + ms;
	let last;
	do {
		try {
			const answer = await ask();
			if (answer) {
				return answer;
			}
		} catch (error) {
			last = error;
		}
		await delay(20);
	} while (Date.now() < end);
	throw new Error(`${what}: not within ${ms} ms`, { cause: last });
}

/** Lives as long as this process: programs may write into it until they are killed at the end. */
export function tempDir() {
	const dir = mkdtempSync(path.join(tmpdir(), "offstage-e2e-"));
	tempDirs.push(dir);
	return dir;
}

/** A copy of fixtures/apps/NAME in a folder of its own. */
export function copyApp(name) {
	const dir = path.join(tempDir(), name);
	cpSync(path.join(SOURCE, "fixtures/apps", name), dir, {
		recursive: true,
		filter: (file) => !/\/(\.offstage|node_modules)$/.test(file),
	});
	return dir;
}

/** A command and its arguments that end with this process, also when that is killed (ctest's way with a test
 * that takes too long). */
export const withUs = (command, args) => ["setpriv", ["--pdeathsig", "KILL", "--", command, ...args]];

/** Runs a command to its end. Never throws for its exit code. */
export function run(command, args, { env = cleanEnv(), cwd, input = "", ms = STEP_MS } = {}) {
	return new Promise((resolve, reject) => {
		const child = spawn(...withUs(command, args), { env, cwd });
		const timer = setTimeout(() => child.kill("SIGKILL"), ms);
		let stdout = "";
		let stderr = "";
		child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
		child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
		child.stdin.on("error", () => {});
		child.stdin.end(input);
		child.on("error", reject);
		child.on("close", (code, signal) => {
			clearTimeout(timer);
			resolve({ code, signal, stdout, stderr });
		});
	});
}

/** One request exactly as given: no redirects, no tidying of the path. */
export function send({ url, method = "GET", headers = {}, body }) {
	const { hostname, port, origin } = new URL(url);
	return new Promise((resolve, reject) => {
		const request = http.request(
			{ hostname, port, method, headers, path: url.slice(origin.length) || "/", agent: false },
			(response) => {
				let text = "";
				response.setEncoding("utf8").on("data", (more) => (text += more));
				response.on("error", reject);
				response.on("end", () =>
					resolve({ status: response.statusCode, headers: response.headers, body: text }),
				);
			},
		);
		request.setTimeout(STEP_MS, () => request.destroy(new Error(`${method} ${url}: no answer`)));
		request.on("error", reject);
		request.end(body);
	});
}

export const get = (url, headers) => send({ url, headers });

export function assertForbidden(response, why) {
	assert.equal(response.status, 403, why);
	assert.equal(response.body, '{"message":"Forbidden"}', why);
}

// --- what a program holds --------------------------------------------------------------------------


/** Processes that were started, at whatever depth, with this mark in their environment. */
function processesWith(mark) {
	return readdirSync("/proc")
		.filter((name) => /^\d+$/.test(name))
		.filter((pid) => {
			try {
				return readFileSync(`/proc/${pid}/environ`, "latin1").includes(mark);
			} catch {
				return false; // ended meanwhile
			}
		})
		.map(Number);
}

const commandLine = (pid) => {
	try {
		return readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ");
	} catch {
		return "(ended)";
	}
};

/** TCP ports on which one of these processes listens. */
async function listeningPorts(pids) {
	const { stdout } = await run("ss", ["-H", "-t", "-l", "-n", "-p"]);
	return stdout
		.split("\n")
		.filter((line) => pids.some((pid) => line.includes(`pid=${pid},`)))
		.map((line) => Number(line.trim().split(/\s+/)[3].split(":").at(-1)));
}

/** Free ports are given out again: a program that started since may have got this one. */
async function isTakenByOther(port, pids) {
	const { stdout } = await run("ss", ["-H", "-t", "-l", "-n", "-p", `sport = :${port}`]);
	const holders = [...stdout.matchAll(/pid=(\d+)/g)].map(([, pid]) => Number(pid));
	return holders.length > 0 && !holders.some((pid) => pids.includes(pid));
}

function isOpen(port) {
	return new Promise((resolve) => {
		const socket = connect({ port, host: "127.0.0.1" });
		const end = (open) => {
			socket.destroy();
			resolve(open);
		};
		socket.setTimeout(2000, () => end(true));
		socket.on("connect", () => end(true)).on("error", () => end(false));
	});
}

function socketFiles(dir) {
	return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
		const file = path.join(dir, entry.name);
		return entry.isDirectory() ? socketFiles(file) : entry.isSocket() ? [file] : [];
	});
}

/** `offstage start` in an app's folder. */
export class Program {
	#child;
	#exit;

	constructor(dir, { args = [], env = {}, stage = "dev" } = {}) {
		this.dir = dir;
		this.stage = stage;
		this.file = path.join(dir, ".offstage", stage, "endpoints.json");
		this.mark = `E2E_MARK=${randomUUID()}`;
		this.home = path.join(dir, "..");
		this.stdout = "";
		this.stderr = "";
		const [name, value] = this.mark.split("=");
		// A process group of its own, as a shell gives it: Ctrl-C goes to all of it.
		this.#child = spawn(...withUs(OFFSTAGE, ["start", "--port", "0", "--stage", stage, ...args]), {
			cwd: dir,
			env: cleanEnv({
				HOME: this.home,
				UBSAN_OPTIONS: "print_stacktrace=1",
				[name]: value,
				...env,
			}),
			stdio: ["ignore", "pipe", "pipe"],
			detached: true,
		});
		this.pid = this.#child.pid;
		running.add(this);
		this.#child.stdout.setEncoding("utf8").on("data", (text) => (this.stdout += text));
		this.#child.stderr.setEncoding("utf8").on("data", (text) => (this.stderr += text));
		this.#exit = new Promise((resolve) => {
			this.#child.on("error", (error) => resolve({ code: null, signal: String(error) }));
			this.#child.on("close", (code, signal) => resolve({ code, signal }));
		});
	}

	/** Starts it and proves that all of endpoints.json answers from the moment it exists. */
	static async start(t, dir, options) {
		const program = new Program(dir, options);
		t.after(() => program.stop("SIGKILL"));
		try {
			await program.#ready();
		} catch (error) {
			program.dump();
			throw error;
		}
		return program;
	}

	async #ready() {
		let gone = null;
		void this.#exit.then((exit) => (gone = exit));
		await eventually(
			"endpoints.json",
			() => {
				if (gone) {
					return true;
				}
				return existsSync(this.file) && JSON.parse(readFileSync(this.file)).pid === this.pid;
			},
			START_MS,
		);
		assert.equal(gone, null, "the program ended");
		const { apis, login, service } = this.endpoints;
		for (const url of [service, ...Object.values(apis), ...Object.values(login)]) {
			assert.ok((await get(url)).status > 0, url);
		}
	}

	get endpoints() {
		return JSON.parse(readFileSync(this.file));
	}

	get api() {
		return Object.values(this.endpoints.apis)[0];
	}

	get login() {
		return Object.values(this.endpoints.login)[0];
	}

	get service() {
		return this.endpoints.service;
	}

	/** The outputs of the app's only stack. */
	get outputs() {
		return Object.values(this.endpoints.outputs)[0];
	}

	/** What it says, on either stream, from now on. */
	listen() {
		const from = [this.stdout.length, this.stderr.length];
		return () => this.stdout.slice(from[0]) + this.stderr.slice(from[1]);
	}

	/** Waits until `heard` holds all patterns; answers the text. */
	async says(heard, ...patterns) {
		for (const pattern of patterns) {
			await eventually(`the program says ${pattern}`, () => heard().match(pattern));
		}
		return heard();
	}

	dump() {
		const cut = (text) => (text.length > 20_000 ? `…${text.slice(-20_000)}` : text);
		console.error(`--- stdout of ${this.dir}\n${cut(this.stdout)}--- stderr\n${cut(this.stderr)}---`);
	}

	/** A step of a longer story: a subtest that shows the program's output when it fails. */
	step(t, name, fn) {
		return t.test(name, async (t) => {
			try {
				await fn(t);
			} catch (error) {
				this.dump();
				throw error;
			}
		});
	}

	async exit(ms = STOP_MS) {
		let timer;
		const late = new Promise((_resolve, reject) => {
			timer = setTimeout(() => reject(new Error(`still running after ${ms} ms`)), ms);
		});
		try {
			return await Promise.race([this.#exit, late]);
		} finally {
			clearTimeout(timer);
		}
	}

	/** Sends a signal as the terminal would (Ctrl-C: to the group) and waits for the end. */
	async stop(signal) {
		if (this.#child.exitCode === null && this.#child.signalCode === null) {
			process.kill(signal === "SIGINT" ? -this.pid : this.pid, signal);
		}
		try {
			return await this.exit();
		} finally {
			this.killAll();
			running.delete(this);
		}
	}

	killAll() {
		for (const pid of processesWith(this.mark)) {
			try {
				process.kill(pid, "SIGKILL");
			} catch {
				// ended meanwhile
			}
		}
	}

	/** Stops it and proves that nothing is left: no process, no port, no socket. */
	async stopClean(signal) {
		const before = processesWith(this.mark);
		const ports = await listeningPorts(before);
		assert.ok(before.length > 1, `handlers are processes of their own: ${before.map(commandLine)}`);
		assert.ok(ports.length >= 2, `service port and APIs: ${ports}`);
		process.kill(signal === "SIGINT" ? -this.pid : this.pid, signal);
		const exit = await this.exit();
		try {
			await eventually("no process is left", () => processesWith(this.mark).length === 0, 5000);
		} catch (error) {
			error.message += `: ${processesWith(this.mark).map(commandLine).join("; ")}`;
			throw error;
		} finally {
			this.killAll();
			running.delete(this);
		}
		for (const port of ports) {
			const open = (await isOpen(port)) && !(await isTakenByOther(port, before));
			assert.equal(open, false, `port ${port} is still open`);
		}
		assert.deepEqual(socketFiles(this.dir), []);
		return exit;
	}
}
