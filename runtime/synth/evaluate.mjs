// The worker thread that evaluates one app: it gets the path of the bundled stacks, runs them, and
// posts {output}, then {result} or {error}. Each evaluation has a thread of its own, so modules are
// fresh, a stack file that never returns can be stopped, and process.exit ends nothing else.

import { pathToFileURL } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import { App, standIn, warnings } from "./constructs/index.mjs";

const { kind, entry, app: given } = workerData;

globalThis[Symbol.for("offstage.standIn")] = standIn;
process.setSourceMapsEnabled(true);

for (const stream of [process.stdout, process.stderr]) {
	stream.write = (chunk, encoding, done) => {
		parentPort.postMessage({ output: Buffer.from(chunk).toString("utf8") });
		(typeof encoding === "function" ? encoding : done)?.();
		return true;
	};
}

process.exit = (code = process.exitCode ?? 0) => {
	throw new Error(`The stacks called process.exit(${code})`);
};

parentPort.once("message", async ({ bundle }) => {
	try {
		const entryModule = await import(pathToFileURL(bundle).href);
		const result =
			kind === "sst-v2" ? await runConfig(entryModule) : await runMain(entryModule);
		parentPort.postMessage({ result });
	} catch (error) {
		const stack = error instanceof Error ? error.stack : undefined;
		const message = error instanceof Error ? error.message : String(error);
		parentPort.postMessage({ error: { message, stack } });
	}
	parentPort.close();
});

process.on("unhandledRejection", (error) => {
	parentPort.postMessage({
		error: { message: error?.message ?? String(error), stack: error?.stack },
	});
	parentPort.close();
});

async function runMain(entryModule) {
	const main = entryModule.default;
	if (typeof main !== "function") {
		throw new Error(`Cannot find app handler. Make sure "${entry}" has a default export.`);
	}
	const app = new App(given);
	// SST 0.x allows a class that is the only stack.
	if (/^class[\s{]/.test(Function.prototype.toString.call(main))) {
		new main(app, main.name);
	} else {
		await main(app);
	}
	return answer(app);
}

async function runConfig(entryModule) {
	const config = entryModule.default;
	if (typeof config?.config !== "function" || typeof config.stacks !== "function") {
		throw new Error(
			`"${entry}" has to export a default object with "config" and "stacks" functions (SST v2)`,
		);
	}
	const { stage, region } = given;
	const options = await config.config({ stage, region });
	if (!options?.name?.trim()) {
		throw new Error(`The "config" function of "${entry}" has to return a name for the app`);
	}
	const app = new App({
		...given,
		name: options.name,
		region: region ?? options.region ?? process.env.AWS_REGION ?? "us-east-1",
		mode: given.local ? "dev" : "deploy",
	});
	await config.stacks(app);
	return answer(app);
}

function answer(app) {
	const stacks = app.synthesize();
	return { app: { name: app.name, region: app.region, stage: app.stage }, stacks, warnings };
}
