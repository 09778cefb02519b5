// Handler strings: which file and export `functions/private.handler` names (reference sst 4.2).

import { existsSync } from "node:fs";
import path from "node:path";
import { AppError } from "../../synth/errors.mjs";

const EXTENSIONS = ["ts", "tsx", "mts", "cts", "js", "jsx", "mjs", "cjs"];

/**
 * Finds a handler's source. Answers {file, name: path in the bundle without extension, exported,
 * missing: paths that would have been taken before it}; throws an AppError that lists the paths tried.
 */
export function findHandler(app, srcPath, handler) {
	const { name, exported } = splitHandler(handler);
	const base = path.resolve(app, srcPath, name);
	const candidates = EXTENSIONS.map((extension) => `${base}.${extension}`);
	const at = candidates.findIndex((candidate) => existsSync(candidate));
	if (at < 0) {
		const text = `Cannot find a handler file for "${handler}"`;
		const tried = candidates.map((candidate) => path.relative(app, candidate));
		throw new AppError(text, {
			errors: [{ text, notes: [{ text: `Tried ${tried.join(", ")}` }] }],
			missing: candidates,
		});
	}
	// A handler above srcPath gets its place inside the bundle's folder all the same.
	const inside = path.normalize(name).replace(/^(\.\.\/|\/)+/, "");
	return { file: candidates[at], name: inside, exported, missing: candidates.slice(0, at) };
}

/** The path and the export of a handler string; the export starts at the file name's first dot. */
export function splitHandler(handler) {
	const slash = handler.lastIndexOf("/") + 1;
	const dot = handler.indexOf(".", slash);
	if (dot <= slash || dot === handler.length - 1) {
		throw new AppError(`The handler "${handler}" is not of the form "path/file.export"`);
	}
	return { name: handler.slice(0, dot), exported: handler.slice(dot + 1) };
}
