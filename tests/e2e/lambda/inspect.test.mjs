// `--inspect` as a debugger sees it: the protocol over a WebSocket, as VS Code speaks it. Breakpoints are set
// on the lines of TypeScript sources.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { eventually, get } from "../support.mjs";
import { call, fails, invoke, lambdaClient, startFunctions, stop } from "./support.mjs";

const SOURCE = `import { greet } from "./greet";

interface Event {
	name: string;
	ms?: number;
}

export const handler = async (event: Event) => {
	if (event.ms) {
		await new Promise((resolve) => setTimeout(resolve, event.ms));
	}
	const greeting: string = greet(event.name);
	return { greeting };
};
`;
const GREET = `type Name = string;

export const greet = (name: Name): string => {
	const words = ["Hello", name];
	return words.join(" ");
};
`;
const BREAK_LINE = SOURCE.split("\n").findIndex((line) => line.includes("return { greeting }"));

/** A WebSocket client of text messages, as small as the inspector needs. */
class Inspector {
	#socket;
	#bytes = Buffer.alloc(0);
	#text = "";
	#last = 0;
	#answers = new Map();
	#listeners = [];

	static async connect(port) {
		const [{ webSocketDebuggerUrl }] = await eventually(
			"the inspector lists a target",
			async () => {
				const targets = JSON.parse((await get(`http://127.0.0.1:${port}/json/list`)).body);
				return targets.length > 0 && targets;
			},
		);
		const url = new URL(webSocketDebuggerUrl);
		const inspector = new Inspector();
		await new Promise((resolve, reject) => {
			const headers = {
				Connection: "Upgrade",
				Upgrade: "websocket",
				"Sec-WebSocket-Version": "13",
				"Sec-WebSocket-Key": randomBytes(16).toString("base64"),
			};
			const options = { host: url.hostname, port: url.port, path: url.pathname, headers };
			httpRequest(options)
				.on("upgrade", (_response, socket, head) => {
					inspector.#socket = socket;
					socket.on("data", (bytes) => inspector.#feed(bytes)).on("error", () => {});
					inspector.#feed(head);
					resolve();
				})
				.on("error", reject)
				.end();
		});
		return inspector;
	}

	#feed(bytes) {
		this.#bytes = Buffer.concat([this.#bytes, bytes]);
		for (;;) {
			const b = this.#bytes;
			if (b.length < 2) {
				return;
			}
			let length = b[1] & 127;
			let at = 2;
			if (length === 126 && b.length >= 4) {
				length = b.readUInt16BE(2);
				at = 4;
			} else if (length === 127 && b.length >= 10) {
				length = Number(b.readBigUInt64BE(2));
				at = 10;
			} else if (length >= 126) {
				return;
			}
			if (b.length < at + length) {
				return;
			}
			this.#bytes = b.subarray(at + length);
			this.#text += (b[0] & 15) <= 1 ? b.subarray(at, at + length).toString() : "";
			if (b[0] & 128 && this.#text) {
				const message = JSON.parse(this.#text);
				this.#text = "";
				this.#take(message);
			}
		}
	}

	#take(message) {
		if (message.id) {
			this.#answers.get(message.id)(message);
			this.#answers.delete(message.id);
		}
		for (const listener of [...this.#listeners]) {
			listener(message);
		}
	}

	send(method, params = {}) {
		const id = ++this.#last;
		const payload = Buffer.from(JSON.stringify({ id, method, params }));
		const head =
			payload.length < 126
				? Buffer.from([0x81, 0x80 | payload.length])
				: Buffer.from([0x81, 0xfe, payload.length >> 8, payload.length & 255]);
		this.#socket.write(Buffer.concat([head, Buffer.alloc(4), payload])); // a mask of zeros
		return new Promise((resolve, reject) => {
			this.#answers.set(id, ({ result, error }) =>
				error ? reject(new Error(error.message)) : resolve(result),
			);
		});
	}

	/** The next event of that name for which `fits` holds. */
	next(method, fits = () => true) {
		return new Promise((resolve) => {
			const listener = (message) => {
				if (message.method === method && fits(message.params)) {
					this.#listeners.splice(this.#listeners.indexOf(listener), 1);
					resolve(message.params);
				}
			};
			this.#listeners.push(listener);
		});
	}

	close() {
		this.#socket.destroy();
	}
}

async function isFree(port) {
	const server = createServer();
	const free = await new Promise((resolve) => {
		server
			.once("error", () => resolve(false))
			.listen(port, "127.0.0.1", () => resolve(server.address().port));
	});
	await new Promise((resolve) => server.close(resolve));
	return free;
}

/** A free port with a free one after it. */
async function freePorts() {
	for (;;) {
		const port = await isFree(0);
		if (await isFree(port + 1)) {
			return port;
		}
	}
}

test("--inspect", async (t) => {
	const port = await freePorts();
	const program = await startFunctions(
		t,
		{
			Typed: { code: "ts", handler: "hello.handler", timeout: 1 },
			Other: { code: "ts", handler: "other.handler" },
		},
		{
			args: [`--inspect=${port}`],
			files: { "ts/hello.ts": SOURCE, "ts/greet.ts": GREET, "ts/other.ts": SOURCE },
		},
	);
	const client = lambdaClient(program);
	const step = (name, fn) => program.step(t, name, fn);
	const file = path.join(program.dir, "ts/hello.ts");
	let inspector;
	let scripts;
	let last; // breakpoint that was set

	const attach = async () => {
		inspector = await Inspector.connect(port);
		scripts = [];
		const listen = inspector.next("Debugger.scriptParsed", (script) => {
			scripts.push(script);
			return false;
		});
		void listen;
		await inspector.send("Debugger.enable");
	};

	/** As VS Code does: the source map of each script says which generated line a source's line became. */
	const breakAt = async (scripts, source, line) => {
		const { SourceMap } = await import("node:module");
		for (const script of scripts.filter((s) => s.sourceMapURL)) {
			const base = script.url.startsWith("file:") ? script.url : pathToFileURL(script.url).href;
			const url = new URL(script.sourceMapURL, base);
			const text =
				url.protocol === "data:"
					? Buffer.from(url.href.split(",")[1], "base64")
					: readFileSync(url);
			const payload = JSON.parse(text);
			const index = payload.sources.findIndex(
				(s) => new URL(s, url).href === pathToFileURL(source).href,
			);
			if (index < 0) {
				continue;
			}
			const map = new SourceMap(payload);
			const lines = (
				await inspector.send("Debugger.getScriptSource", { scriptId: script.scriptId })
			).scriptSource.split("\n");
			for (let generated = 0; generated < lines.length; generated++) {
				for (let column = 0; column < lines[generated].length; column++) {
					const entry = map.findEntry(generated, column);
					if (entry.originalLine === line && entry.originalSource === payload.sources[index]) {
						const location = { lineNumber: generated, columnNumber: column, url: script.url };
						last = await inspector.send("Debugger.setBreakpointByUrl", location);
						return last.locations;
					}
				}
			}
		}
		return [];
	};

	await step("without a debugger requests are answered as ever", async () => {
		assert.deepEqual(await call(client, "Typed", { name: "you" }), { greeting: "Hello you" });
	});

	await step("without a debugger the time limits hold, and the port stays", async () => {
		const { errorType } = await fails(client, "Typed", { name: "late", ms: 60_000 });
		assert.equal(errorType, "Sandbox.Timedout");
		assert.deepEqual(await call(client, "Typed", { name: "you" }), { greeting: "Hello you" });
	});

	await step("a breakpoint in TypeScript is hit, and its time does not count", async () => {
		await attach();
		const locations = await breakAt(scripts, file, BREAK_LINE);
		assert.equal(locations.length, 1, "bound");
		const paused = inspector.next("Debugger.paused");
		const answer = invoke(client, "Typed", { name: "paused" });
		const { callFrames } = await paused;
		const { result } = await inspector.send("Debugger.evaluateOnCallFrame", {
			callFrameId: callFrames[0].callFrameId,
			expression: "greeting",
		});
		assert.equal(result.value, "Hello paused");
		// Longer than the function's timeout of a second.
		await new Promise((resolve) => setTimeout(resolve, 1500));
		await inspector.send("Debugger.resume");
		assert.deepEqual((await answer).json, { greeting: "Hello paused" });
	});

	await step("a breakpoint in a module that the handler imports", async () => {
		const line = GREET.split("\n").findIndex((text) => text.includes("return words"));
		const locations = await breakAt(scripts, path.join(program.dir, "ts/greet.ts"), line);
		assert.equal(locations.length, 1, "bound");
		const paused = inspector.next("Debugger.paused");
		const answer = invoke(client, "Typed", { name: "deep" });
		const { callFrames } = await paused;
		const { result } = await inspector.send("Debugger.evaluateOnCallFrame", {
			callFrameId: callFrames[0].callFrameId,
			expression: "words.length",
		});
		assert.equal(result.value, 2);
		const next = inspector.next("Debugger.paused");
		await inspector.send("Debugger.resume");
		await next;
		await inspector.send("Debugger.resume");
		assert.deepEqual((await answer).json, { greeting: "Hello deep" });
		await inspector.send("Debugger.removeBreakpoint", { breakpointId: last.breakpointId });
	});

	await step("requests wait for the one at a breakpoint", async () => {
		const paused = inspector.next("Debugger.paused");
		const first = invoke(client, "Typed", { name: "first" });
		const second = invoke(client, "Typed", { name: "second" });
		await paused;
		const again = inspector.next("Debugger.paused");
		await inspector.send("Debugger.resume");
		await again;
		await inspector.send("Debugger.resume");
		const names = (await Promise.all([first, second])).map(({ json }) => json.greeting);
		assert.deepEqual(names, ["Hello first", "Hello second"]);
	});

	await step("a save reloads under an attached debugger, and the port stays", async () => {
		writeFileSync(path.join(program.dir, "ts/greet.ts"), GREET.replace("Hello", "Servus"));
		assert.deepEqual(await call(client, "Typed", { name: "you" }), { greeting: "Servus you" });
		await attach();
		const locations = await breakAt(scripts, file, BREAK_LINE);
		assert.equal(locations.length, 1, "bound again");
		const paused = inspector.next("Debugger.paused");
		const answer = invoke(client, "Typed", { name: "again" });
		await paused;
		await inspector.send("Debugger.resume");
		assert.deepEqual((await answer).json, { greeting: "Servus again" });
	});

	await step("while a debugger is attached no time passes, breakpoint or not", async () => {
		await inspector.send("Debugger.removeBreakpoint", { breakpointId: last.breakpointId });
		const answer = await call(client, "Typed", { name: "slow", ms: 1500 });
		assert.deepEqual(answer, { greeting: "Servus slow" });
	});

	await step("a debugger that leaves lets go, and time passes again", async () => {
		await breakAt(scripts, file, BREAK_LINE);
		const paused = inspector.next("Debugger.paused");
		const answer = invoke(client, "Typed", { name: "left" });
		await paused;
		await new Promise((resolve) => setTimeout(resolve, 1500));
		inspector.close();
		assert.deepEqual((await answer).json, { greeting: "Servus left" });
		const { errorType } = await fails(client, "Typed", { name: "late", ms: 60_000 });
		assert.equal(errorType, "Sandbox.Timedout");
	});

	await step("another function has the next port", async () => {
		assert.deepEqual(await call(client, "Other", { name: "two" }), { greeting: "Servus two" });
		const other = await Inspector.connect(port + 1);
		const { result } = await other.send("Runtime.evaluate", { expression: "process.env._HANDLER" });
		assert.equal(result.value, "other.handler");
		other.close();
	});

	await stop(program);
});
