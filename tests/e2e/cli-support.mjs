// Runs the program's commands as a shell does; programs that stay are killed with the test.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import path from "node:path";
import { cleanEnv, eventually, OFFSTAGE, run, tempDir, withUs } from "./support.mjs";

export const LONG_MS = 60_000;

/** A home of its own, so that tokens and certificates are the test's. */
export function makeHome() {
	const home = tempDir();
	return { home, env: (more = {}) => cleanEnv({ HOME: home, XDG_STATE_HOME: "", ...more }) };
}

/** `offstage ARGS` to its end. */
export const offstage = (args, { cwd, env = cleanEnv(), input, ms = LONG_MS } = {}) =>
	run(OFFSTAGE, args, { cwd, env, input, ms });

/** A command that stays. */
export class Background {
	constructor(t, command, args, { cwd, env = cleanEnv(), stdin = "ignore" } = {}) {
		this.out = "";
		this.child = spawn(...withUs(command, args), { cwd, env, stdio: [stdin, "pipe", "pipe"] });
		this.pid = this.child.pid;
		for (const stream of [this.child.stdout, this.child.stderr]) {
			stream.setEncoding("utf8").on("data", (text) => (this.out += text));
		}
		this.ended = null;
		this.exit = new Promise((resolve) =>
			this.child.on("close", (code, signal) => resolve((this.ended = { code, signal }))),
		);
		t.after(async () => {
			this.kill("SIGKILL");
			await this.exit;
		});
	}

	/** Waits until it has said `pattern`; answers the match. */
	async says(pattern, ms = LONG_MS) {
		const match = () => this.out.match(pattern);
		try {
			await eventually(`it says ${pattern}`, () => this.ended || match(), ms);
			assert.ok(match(), `it ended (${JSON.stringify(this.ended)}) without ${pattern}`);
		} catch (error) {
			throw new Error(`${error.message}; it said:\n${this.out}`);
		}
		return match();
	}

	kill(signal) {
		if (this.child.exitCode === null && this.child.signalCode === null) {
			process.kill(this.pid, signal);
		}
	}

	async end(signal) {
		this.kill(signal);
		return this.exit;
	}
}

export const background = (t, args, options) => new Background(t, OFFSTAGE, args, options);

export const stageFile = (dir, stage, name) => path.join(dir, ".offstage", stage, name);
