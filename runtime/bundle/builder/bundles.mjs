// Bundles of functions, kept ready for a quick rebuild.
//
// Each function has one esbuild context. Each build goes to a new numbered folder under the
// function's outdir, so that a process that is loading the previous one is never disturbed.

import {
	cpSync,
	existsSync,
	mkdirSync,
	readdirSync,
	realpathSync,
	renameSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import path from "node:path";
import { context } from "esbuild";
import { AppError, fromEsbuild, inputPaths } from "../../synth/errors.mjs";
import { findHandler } from "./handler.mjs";
import { esbuildOptions, formatOf } from "./options.mjs";

const MAX_CONTEXTS = 64;
const KEEP_VERSIONS = 2;
const RELATIVE_ENDS = ["", ".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".json"];

/** The bundles of all functions, by function name. */
export class Bundles {
	// In order of last use, oldest first.
	#entries = new Map();

	/** How many esbuild contexts are held. */
	get size() {
		return this.#entries.size;
	}

	/** Builds or rebuilds one function; builds of the same function wait for each other. */
	async build(request) {
		checkRequest(request);
		const entry = this.#entries.get(request.function) ?? new Bundle();
		this.#entries.delete(request.function);
		this.#entries.set(request.function, entry);
		try {
			return await entry.build(withRealPaths(request));
		} finally {
			this.#dropOldest();
		}
	}

	/** Frees what is held for a function. Its files stay. */
	async forget(name) {
		const entry = this.#entries.get(name);
		this.#entries.delete(name);
		await entry?.dispose();
		return { contexts: this.size };
	}

	#dropOldest() {
		for (const [name, entry] of this.#entries) {
			if (this.#entries.size <= MAX_CONTEXTS) {
				return;
			}
			if (!entry.busy) {
				this.#entries.delete(name);
				entry.dispose();
			}
		}
	}
}

function checkRequest(request) {
	for (const name of ["function", "entry", "app", "outdir"]) {
		if (typeof request[name] !== "string" || request[name] === "") {
			throw new AppError(`A build request needs "${name}"`);
		}
	}
}

// Source maps hold relative paths, which only fit between real ones.
function withRealPaths(request) {
	mkdirSync(request.outdir, { recursive: true });
	const { native } = realpathSync; // one call of the system's, not one per folder
	return { ...request, app: native(request.app), outdir: native(request.outdir) };
}

/** One function's bundle. */
class Bundle {
	#turn = Promise.resolve();
	#waiting = 0;
	#key;
	#context;
	#inputs = [];
	#last;

	build(request) {
		return this.#inTurn(() => this.#build(request));
	}

	dispose() {
		return this.#inTurn(async () => {
			await this.#context?.dispose();
			this.#context = undefined;
			this.#key = undefined;
		});
	}

	/** Whether something is being done or waits to be. */
	get busy() {
		return this.#waiting > 0;
	}

	#inTurn(action) {
		this.#waiting += 1;
		const turn = this.#turn.then(action).finally(() => {
			this.#waiting -= 1;
		});
		this.#turn = turn.catch(() => {});
		return turn;
	}

	async #build(request) {
		const started = performance.now();
		const source = findHandler(request.app, request.srcPath ?? ".", request.entry);
		await this.#prepare(request, source);
		const result = await this.#rebuild(request, source);
		this.#inputs = [
			...inputPaths(result.metafile, request.app),
			...configs(request.app, source.file),
		];
		const changed = this.#write(request, source, result.outputFiles);
		const { root, outfile } = this.#last;
		return {
			outfile,
			root,
			handler: path.relative(
				request.outdir,
				path.join(root, `${source.name}.${source.exported}`),
			),
			inputs: this.#inputs,
			missing: source.missing,
			changed,
			ms: Math.round((performance.now() - started) * 100) / 100,
			warnings: fromEsbuild(result.warnings),
		};
	}

	// The context is made anew when anything but the sources' content has changed.
	async #prepare(request, source) {
		const { id, ...settings } = request;
		const key = JSON.stringify([settings, source.file]);
		if (this.#context && this.#key === key) {
			return;
		}
		await this.#context?.dispose();
		this.#context = undefined;
		this.#last = undefined;
		// Every version lies equally deep, so the map's relative paths hold in each.
		const outfile = path.join(request.outdir, "0", `${source.name}.js`);
		this.#context = await context(
			await esbuildOptions({ request, source: source.file, outfile }),
		);
		this.#key = key;
	}

	async #rebuild(request, source) {
		try {
			return await this.#context.rebuild();
		} catch (error) {
			const errors = fromEsbuild(error.errors ?? []);
			const named = errors.filter((each) => each.file);
			const files = named.map((each) => path.resolve(request.app, each.file));
			throw new AppError(errors[0]?.text ?? error.message, {
				errors,
				inputs: [...new Set([source.file, ...files, ...this.#inputs])],
				missing: [...source.missing, ...unresolved(request.app, named)],
			});
		}
	}

	/** Writes a new version, unless the last one is the same and still there. */
	#write(request, source, outputFiles) {
		const key = outputFiles.map((file) => file.hash).join();
		if (this.#last?.key === key && existsSync(this.#last.outfile)) {
			return false;
		}
		const versions = versionsIn(request.outdir);
		const next = (versions.at(-1) ?? 0) + 1;
		const temporary = path.join(request.outdir, `.${next}.tmp`);
		rmSync(temporary, { recursive: true, force: true });
		for (const file of outputFiles) {
			const place = path.join(
				temporary,
				path.relative(path.join(request.outdir, "0"), file.path),
			);
			mkdirSync(path.dirname(place), { recursive: true });
			writeFileSync(place, file.contents);
		}
		writeBeside(request, source, temporary);
		const root = path.join(request.outdir, String(next));
		renameSync(temporary, root);
		// The answer goes first.
		setImmediate(removeVersions, request.outdir, versions.slice(0, 1 - KEEP_VERSIONS));
		this.#last = { key, root, outfile: path.join(root, `${source.name}.js`) };
		return true;
	}
}

function versionsIn(outdir) {
	return readdirSync(outdir)
		.filter((name) => /^\d+$/.test(name))
		.map(Number)
		.sort((a, b) => a - b);
}

function removeVersions(outdir, versions) {
	for (const version of versions) {
		rmSync(path.join(outdir, String(version)), { recursive: true, force: true });
	}
}

// What a bundle needs around it: its module type, the packages left out of it, the files asked for.
function writeBeside(request, source, root) {
	const type = formatOf(request) === "esm" ? "module" : "commonjs";
	writeFileSync(path.join(root, "package.json"), `{"type":"${type}"}\n`);
	const modules = nearest(source.file, request.app, "node_modules");
	if (modules) {
		symlinkSync(modules, path.join(root, "node_modules"), "dir");
	}
	const copies = request.copyFiles ?? request.bundle?.copyFiles ?? [];
	for (const { from, to = from } of copies) {
		const origin = path.resolve(request.app, request.srcPath ?? ".", from);
		const target = path.join(root, to);
		if (!existsSync(origin)) {
			throw new AppError(`copyFiles: "${from}" does not exist`, { missing: [origin] });
		}
		if (path.relative(root, target).startsWith("..")) {
			throw new AppError(`copyFiles: "${to}" is outside the bundle`);
		}
		cpSync(origin, target, { recursive: true });
	}
}

function nearest(file, app, name) {
	for (let at = path.dirname(file); ; at = path.dirname(at)) {
		const candidate = path.join(at, name);
		if (existsSync(candidate)) {
			return candidate;
		}
		if (at === app || at === path.dirname(at)) {
			return undefined;
		}
	}
}

// esbuild reads these too, but does not list them.
function configs(app, file) {
	const names = ["tsconfig.json", "package.json"];
	return names.map((name) => nearest(file, app, name)).filter((found) => found && isFile(found));
}

function isFile(file) {
	return statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}

// The files whose creation would cure `Could not resolve "./x"`.
function unresolved(app, errors) {
	return errors.flatMap(({ text, file }) => {
		const wanted = /^Could not resolve "(\.[^"]*)"/.exec(text)?.[1];
		if (!wanted) {
			return [];
		}
		const base = path.resolve(app, path.dirname(file), wanted);
		return RELATIVE_ENDS.map((end) => base + end);
	});
}
