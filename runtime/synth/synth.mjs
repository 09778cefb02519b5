// Finds out what an app folder is and turns it into CloudFormation templates (design 3).

import { existsSync, realpathSync, statSync } from "node:fs";
import path from "node:path";
import { AppError } from "./errors.mjs";
import { findLayers } from "./layers.mjs";

const SST_V2 = ["ts", "mts", "cts", "js", "mjs", "cjs"].map((end) => `sst.config.${end}`);
const TEMPLATES = ["template.yaml", "template.yml", "template.json"];

/**
 * Synthesizes the app in `app`; stacks that run longer than `timeoutMs` are stopped. Answers {kind, app, stacks, inputs, missing, warnings, output};
 * throws an AppError that says what is wrong and where.
 */
export async function synth({ app, stage = "dev", region, local = true, timeoutMs = 30_000 }) {
	if (typeof app !== "string" || !existsSync(app) || !statSync(app).isDirectory()) {
		throw new AppError(`The app folder "${app}" does not exist`);
	}
	// The bundler and the source maps name files by their real paths.
	const request = { app: realpathSync(app), stage, region, local, timeoutMs };
	return findLayers(await evaluate(request), request.app);
}

async function evaluate(request) {
	const has = (name) => existsSync(path.join(request.app, name));
	if (has("sst.json")) {
		return (await import("./sst.mjs")).synthV1(request);
	}
	const config = SST_V2.find(has);
	if (config) {
		return (await import("./sst.mjs")).synthV2(request, config);
	}
	const template = TEMPLATES.find(has);
	if (template) {
		return (await import("./template.mjs")).synthTemplate(request, template);
	}
	if (has("cdk.json") || has("cdk.out/manifest.json")) {
		return (await import("./assembly.mjs")).synthAssembly(request);
	}
	const names = ["sst.json", ...SST_V2, ...TEMPLATES, "cdk.json"];
	throw new AppError(
		"Add the sst.json config file in your project root to get started. " +
			`(${request.app} has no sst.json, sst.config.ts, template.yaml or cdk.json.)`,
		{ missing: names.map((name) => path.join(request.app, name)) },
	);
}
