// The resident helper of the agent: synthesizes apps and bundles handlers.
//
// Requests come as JSON lines on descriptor 3, answers go as JSON lines to descriptor 4, so nothing
// that is printed to stdout can break the protocol. README.md beside this file lists the requests.
// The process ends when descriptor 3 reaches its end.

import { Socket } from "node:net";
import { initialize } from "esbuild";
import { errorAnswer } from "../../synth/errors.mjs";
import { synth } from "../../synth/synth.mjs";
import { Bundles } from "./bundles.mjs";

const MAX_LINE = 8 * 1024 * 1024;

// Starts esbuild's own process now, so that the first request does not wait for it.
initialize({});

const bundles = new Bundles();
let lastSynth = Promise.resolve();

const operations = {
	ping: async () => ({ pid: process.pid, version: process.version }),
	build: (request) => bundles.build(request),
	forget: (request) => bundles.forget(request.function),
	synth: inTurn,
};

// The terminal sends Ctrl-C to the whole group; the agent alone decides when the helper ends.
process.on("SIGINT", () => {});

// A plugin or a stray promise of the app must not take the helper down with it.
process.on("uncaughtException", (error) => console.error(error));
process.on("unhandledRejection", (error) => console.error(error));

const answers = new Socket({ fd: 4, readable: false, writable: true });
answers.on("error", () => process.exit(1));

const requests = new Socket({ fd: 3, readable: true, writable: false });
requests.setEncoding("utf8");
requests.on("error", () => process.exit(1));
requests.on("end", () => process.exit(0));

let pending = "";
requests.on("data", (chunk) => {
	const lines = (pending + chunk).split("\n");
	pending = lines.pop();
	for (const line of lines) {
		if (line.trim()) {
			handle(line);
		}
	}
	if (pending.length > MAX_LINE) {
		answer({ id: null, ok: false, error: { message: "The request is too long", errors: [] } });
		process.exit(1);
	}
});

async function handle(line) {
	let id = null;
	try {
		const request = JSON.parse(line);
		id = request?.id ?? null;
		const operation = Object.hasOwn(operations, request?.op ?? "") && operations[request.op];
		if (!operation) {
			throw new Error(`Unknown operation "${request?.op}"`);
		}
		answer({ id, ok: true, ...(await operation(request)) });
	} catch (error) {
		answer({ id, ok: false, error: errorAnswer(error) });
	}
}

function answer(message) {
	answers.write(`${JSON.stringify(message)}\n`);
}

// Stacks may read files relative to the app folder, which is the working directory while they run:
// so one synthesis at a time.
function inTurn(request) {
	const turn = lastSynth.then(() => {
		try {
			process.chdir(request.app);
		} catch {
			// synth() itself says what is wrong with the folder.
		}
		return synth(request);
	});
	lastSynth = turn.catch(() => {});
	return turn;
}
