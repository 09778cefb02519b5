// What a function's bundle options mean to esbuild (reference sst 4.1, 4.2).

import path from "node:path";
import { pathToFileURL } from "node:url";

const REQUIRE =
	'import { createRequire as topLevelCreateRequire } from "node:module"; ' +
	"const require = topLevelCreateRequire(import.meta.url);";

/** Dev is what a build is for unless `minify` says otherwise: source maps on, nothing minified. */
export async function esbuildOptions({ request, source, outfile }) {
	const bundle =
		typeof request.bundle === "object" && request.bundle !== null ? request.bundle : {};
	const esm = formatOf(request) === "esm";
	const config = await esbuildConfig(request.app, bundle.esbuildConfig ?? bundle.esbuild);
	const sourcemap = request.sourcemap ?? bundle.sourcemap ?? true;
	return {
		...config,
		absWorkingDir: request.app,
		entryPoints: [source],
		outfile,
		write: false,
		metafile: true,
		bundle: true,
		platform: "node",
		format: esm ? "esm" : "cjs",
		target: esm ? "esnext" : targetOf(request.target),
		mainFields: esm ? ["module", "main"] : ["main", "module"],
		external: [
			...externals(bundle, esm),
			...(request.external ?? []),
			...(config.external ?? []),
		],
		loader: { ...config.loader, ...bundle.loader },
		banner: { ...config.banner, js: [esm ? REQUIRE : "", bundle.banner ?? ""].join("") },
		// Linked, without the sources: they are where the map says.
		sourcemap: sourcemap === false ? false : "linked",
		sourcesContent: false,
		minify: request.minify ?? false,
		// "Not bundled" still means TypeScript compiled and own files found: only packages stay out.
		packages: request.bundle === false ? "external" : config.packages,
		logLevel: "silent",
	};
}

/** The module format of a function's bundle: "cjs" unless asked otherwise. */
export function formatOf(request) {
	return (request.format ?? request.bundle?.format) === "esm" ? "esm" : "cjs";
}

function externals({ externalModules = [], nodeModules = [] }, esm) {
	// The Node runtimes up to 16 have this one, so SST leaves it out of CommonJS bundles.
	return [...(esm ? [] : ["aws-sdk"]), ...externalModules, ...nodeModules];
}

function targetOf(target = "node14") {
	const runtime = /^nodejs(\d+)/.exec(target);
	return runtime ? `node${runtime[1]}` : target;
}

// v1 names a module with plugins; plugins in the config itself cannot cross from the stacks.
async function esbuildConfig(app, config = {}) {
	if (typeof config.plugins !== "string") {
		const { plugins, ...rest } = config;
		return rest;
	}
	const file = path.resolve(app, config.plugins);
	const { default: plugins } = await import(pathToFileURL(file).href);
	return { ...config, plugins };
}
