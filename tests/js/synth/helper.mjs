// Starts the real builder over descriptors 3 and 4, and makes throw-away apps.

import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const PROGRAM = path.join(ROOT, "runtime/bundle/builder/builder.mjs");

/** A running builder. */
export class Builder {
	#child;
	#waiting = new Map();
	#lastId = 0;

	constructor(env = {}) {
		this.#child = spawn(process.execPath, [PROGRAM], {
			stdio: ["ignore", "pipe", "inherit", "pipe", "pipe"],
			env: { ...process.env, ...env },
		});
		this.exited = new Promise((resolve) => this.#child.on("exit", resolve));
		createInterface({ input: this.#child.stdio[4] }).on("line", (line) => {
			const message = JSON.parse(line);
			this.#waiting.get(message.id)?.(message);
			this.#waiting.delete(message.id);
		});
	}

	/** Sends a request; resolves to its answer. */
	ask(request) {
		const id = ++this.#lastId;
		const answered = this.answerTo(id);
		this.write(`${JSON.stringify({ id, ...request })}\n`);
		return answered;
	}

	answerTo(id) {
		return new Promise((resolve) => this.#waiting.set(id, resolve));
	}

	write(text) {
		this.#child.stdio[3].write(text);
	}

	/** Ends the requests; resolves to the exit code. */
	close() {
		this.#child.stdio[3].end();
		return this.exited;
	}
}

/** The path of an app under fixtures/apps. */
export function fixture(name) {
	return path.join(ROOT, "fixtures/apps", name);
}

/** A temporary app folder with these files, on top of a fixture's if one is named; removed after `t`. */
export function makeApp(t, files, base) {
	const app = realpathSync(mkdtempSync(path.join(tmpdir(), "offstage-test-")));
	t.after(() => rmSync(app, { recursive: true, force: true }));
	if (base) {
		cpSync(fixture(base), app, { recursive: true });
	}
	save(app, files);
	return app;
}

/** Writes files into an app folder. */
export function save(app, files) {
	for (const [name, content] of Object.entries(files)) {
		const file = path.join(app, name);
		mkdirSync(path.dirname(file), { recursive: true });
		writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
	}
}

/** An SST v1 app whose one stack function has this body, with `sst` and `cdk` at hand. */
export function stackApp(t, body, files = {}) {
	return makeApp(t, {
		"sst.json": { name: "app", main: "stacks/index.ts" },
		"stacks/index.ts": [
			'import * as sst from "@serverless-stack/resources";',
			'import * as cdk from "aws-cdk-lib";',
			"export default function (app: sst.App) {",
			"  app.stack(function Main({ stack }: sst.StackContext) {",
			body,
			"  });",
			"}",
			"void cdk;",
		].join("\n"),
		...files,
	});
}

/** The resources of a type in an answer's stack, by logical id. */
export function ofType(answer, type, stack = 0) {
	const { Resources } = answer.stacks[stack].template;
	return Object.entries(Resources)
		.filter(([, resource]) => resource.Type === type)
		.map(([id, resource]) => ({ id, ...resource }));
}
