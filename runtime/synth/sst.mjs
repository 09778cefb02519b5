// SST apps: bundles the stacks with esbuild and evaluates them in a worker thread, with our stand-ins
// in place of the constructs packages. Facts: reference sst 1.1-1.3, 2.7, 6.7.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import { readDotenv } from "./dotenv.mjs";
import { AppError, fromEsbuild, inputPaths, locate } from "./errors.mjs";

// The packages that stacks get from us and never from node_modules.
const STAND_INS =
	/^(@serverless-stack\/|sst$|sst\/|aws-cdk-lib$|aws-cdk-lib\/|@aws-cdk\/|constructs$)/;

/** Synthesizes an app that has an sst.json (v1). */
export async function synthV1(request) {
	const file = path.join(request.app, "sst.json");
	const config = readConfig(file);
	const entry = mainOf(request.app, config);
	const app = {
		name: config.name,
		stage: request.stage,
		region: request.region ?? config.region ?? process.env.CDK_DEFAULT_REGION ?? "us-east-1",
		local: request.local,
	};
	return synth(request, { kind: "sst-v1", entry, app, files: [file] });
}

/** Synthesizes an app that has an sst.config file (v2). */
export async function synthV2(request, entry) {
	const file = path.join(request.app, entry);
	if (/\$config\s*\(/.test(readFileSync(file, "utf8"))) {
		throw new AppError(
			`${entry} is that of SST v3, which Offstage does not run: v1 and v2 it does`,
			{
				errors: [{ text: "SST v3 configuration", file: entry, line: 1, column: 0 }],
				inputs: [file],
			},
		);
	}
	const app = { stage: request.stage, region: request.region, local: request.local };
	return synth(request, { kind: "sst-v2", entry, app, files: [file] });
}

function readConfig(file) {
	const fail = (message, line = 1, column = 0) => {
		const errors = [{ text: message, file: "sst.json", line, column, length: 0, notes: [] }];
		throw new AppError(message, { errors, inputs: [file] });
	};
	const text = readFileSync(file, "utf8");
	let config;
	try {
		config = JSON.parse(text);
	} catch (error) {
		const at = positionIn(text, error.message);
		fail(
			"There was a problem reading the sst.json config file. Make sure it is in valid JSON format. " +
				`(${error.message})`,
			at.line,
			at.column,
		);
	}
	if (typeof config?.name !== "string" || config.name.trim() === "") {
		fail('Give your SST app a name in the sst.json. For example, "name": "my-sst-app".');
	}
	return config;
}

// The engine's message names an offset in some versions of Node, a line and column in others.
function positionIn(text, message) {
	const offset = /position (\d+)/.exec(message);
	const before = text.slice(0, offset ? Number(offset[1]) : text.length).split("\n");
	return { line: before.length, column: before.at(-1).length };
}

function mainOf(app, config) {
	const usual = existsSync(path.join(app, "lib/index.ts")) ? "lib/index.ts" : "lib/index.js";
	const main = config.main ?? usual;
	const file = path.resolve(app, main);
	if (!existsSync(file)) {
		throw new AppError(`Cannot find app handler. Make sure to add a "${main}" file.`, {
			errors: [
				{ text: `"main" names a file that does not exist`, file: "sst.json", notes: [] },
			],
			inputs: [path.join(app, "sst.json")],
			missing: [file],
		});
	}
	return main;
}

async function synth(request, { kind, entry, app, files }) {
	const env = readDotenv(request.app, request.stage, process.env);
	const evaluation = new Evaluation(request.app, { kind, entry, app }, env.variables);
	const known = { inputs: [...files, ...env.files], missing: env.missing };
	try {
		const inputs = await bundle(request.app, entry, evaluation.bundle);
		known.inputs.push(...inputs.filter((input) => !known.inputs.includes(input)));
		const { result, output } = await evaluation.run(request.timeoutMs);
		return { kind, ...result, ...known, output };
	} catch (error) {
		throw Object.assign(error, {
			inputs: [...new Set([...known.inputs, ...(error.inputs ?? [])])],
			missing: [...known.missing, ...(error.missing ?? [])],
		});
	} finally {
		evaluation.end();
	}
}

async function bundle(app, entry, outfile) {
	const base = JSON.stringify(path.join(app, "offstage.cjs"));
	try {
		const { metafile } = await build({
			absWorkingDir: app,
			entryPoints: [path.resolve(app, entry)],
			outfile,
			metafile: true,
			bundle: true,
			platform: "node",
			format: "esm",
			target: "node18",
			// Without "module": what is left in node_modules is loaded by Node itself.
			conditions: ["node"],
			// Stacks are named after their functions.
			keepNames: true,
			sourcemap: "inline",
			sourcesContent: false,
			logLevel: "silent",
			banner: {
				js:
					'import { createRequire as offstageRequire } from "node:module"; ' +
					`const require = offstageRequire(${base}), __filename = ${base}, ` +
					`__dirname = ${JSON.stringify(app)};`,
			},
			plugins: [standIns],
		});
		return inputPaths(metafile, app);
	} catch (error) {
		const errors = fromEsbuild(error.errors ?? []);
		const inputs = errors
			.filter((each) => each.file)
			.map((each) => path.resolve(app, each.file));
		inputs.push(path.resolve(app, entry));
		throw new AppError(errors[0]?.text ?? error.message, { errors, inputs });
	}
}

// Constructs packages become stand-ins; other packages stay imports of the file in node_modules, but
// are bundled when they build on constructs themselves, so that they get the stand-ins too.
const standIns = {
	name: "offstage-stand-ins",
	setup(builder) {
		builder.onResolve({ filter: STAND_INS }, ({ path: name }) => ({
			path: name,
			namespace: "stand-in",
		}));
		builder.onLoad({ filter: /.*/, namespace: "stand-in" }, ({ path: name }) => ({
			contents: `module.exports = globalThis[Symbol.for("offstage.standIn")](${JSON.stringify(name)});`,
		}));
		builder.onResolve({ filter: /^[^./]/ }, async ({ path: name, pluginData, ...from }) => {
			if (pluginData === standIns || from.kind === "entry-point") {
				return undefined;
			}
			const found = await builder.resolve(name, { ...from, pluginData: standIns });
			return leftToNode(found) ? { path: found.path, external: true } : found;
		});
	},
};

function leftToNode({ errors, external, namespace, path: file }) {
	if (errors.length > 0 || external || namespace !== "file") {
		return false;
	}
	return /\/node_modules\/.*\.(js|cjs|mjs|node)$/.test(file) && !usesConstructs(file);
}

function usesConstructs(file) {
	const at = file.lastIndexOf("/node_modules/") + "/node_modules/".length;
	const parts = file.slice(at).split("/");
	const name = parts.slice(0, parts[0].startsWith("@") ? 2 : 1).join("/");
	try {
		const manifest = JSON.parse(
			readFileSync(`${file.slice(0, at)}${name}/package.json`, "utf8"),
		);
		const needs = { ...manifest.dependencies, ...manifest.peerDependencies };
		return Object.keys(needs).some((dependency) => STAND_INS.test(dependency));
	} catch {
		return false;
	}
}

/** One worker thread; started before the bundle is ready, because both take their time. */
class Evaluation {
	#app;
	#worker;
	#directory = mkdtempSync(path.join(tmpdir(), "offstage-stacks-"));
	#output = [];
	#failure;

	constructor(app, workerData, variables) {
		this.#app = app;
		this.#worker = new Worker(new URL("./evaluate.mjs", import.meta.url), {
			workerData,
			env: {
				...process.env,
				...variables,
				...(workerData.app.local ? { IS_LOCAL: "true" } : {}),
			},
		});
		// Until run() listens, a failure of the thread is kept for it.
		this.#worker.on("error", (error) => {
			this.#failure = error;
		});
	}

	/** Where the bundled stacks have to be written. */
	get bundle() {
		return path.join(this.#directory, "stacks.mjs");
	}

	/** Evaluates the bundle; answers {result, output: lines}. */
	async run(timeoutMs) {
		const message = await this.#converse(timeoutMs);
		const output = this.#output.join("").split("\n");
		if (output.at(-1) === "") {
			output.pop();
		}
		if (message.error) {
			const { message: text, stack } = message.error;
			const errors = [{ text, ...locate(stack, this.#app), notes: [], stack }];
			throw new AppError(text, { errors, output });
		}
		return { result: message.result, output };
	}

	#converse(timeoutMs) {
		return new Promise((resolve) => {
			const fail = (message, stack) => resolve({ error: { message, stack } });
			const timer = setTimeout(
				() => fail(`The stacks did not finish within ${timeoutMs / 1000} seconds`),
				timeoutMs,
			);
			this.#worker.on("message", (message) => {
				if (message.output !== undefined) {
					this.#output.push(message.output);
				} else {
					clearTimeout(timer);
					resolve(message);
				}
			});
			this.#worker.on("error", (error) => fail(error.message, error.stack));
			this.#worker.on("exit", () => {
				clearTimeout(timer);
				fail(
					"The stacks ended without an answer: a promise that they wait for is never settled",
				);
			});
			if (this.#failure) {
				fail(this.#failure.message, this.#failure.stack);
			}
			this.#worker.postMessage({ bundle: this.bundle });
		});
	}

	end() {
		this.#worker.terminate();
		rmSync(this.#directory, { recursive: true, force: true });
	}
}
