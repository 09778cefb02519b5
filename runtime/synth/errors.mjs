// What the bundler and the evaluation say, in the protocol's form: errors with the place in the app's
// files, and the files that a result was made of.

import { readFileSync } from "node:fs";
import path from "node:path";

/** A problem of the app, with what the terminal needs to point at it. */
export class AppError extends Error {
	constructor(message, { errors = [], inputs = [], missing = [], output } = {}) {
		super(message);
		this.errors = errors;
		this.inputs = inputs;
		this.missing = missing;
		this.output = output;
	}
}

/** The `error` member of an answer. */
export function errorAnswer(error) {
	const { message, errors = [], inputs = [], missing = [], output } = error;
	return { message: message ?? String(error), errors, inputs, missing, output };
}

/** esbuild's messages in the protocol's form; files are relative to esbuild's working directory. */
export function fromEsbuild(messages) {
	return messages.map(({ text, location, notes }) => ({
		text,
		...place(location),
		notes: (notes ?? []).map((note) => ({ text: note.text, ...place(note.location) })),
	}));
}

/** The absolute paths of a metafile's inputs, without those that plugins made up. */
export function inputPaths(metafile, directory) {
	return Object.keys(metafile.inputs)
		.filter((input) => !/^(\(|[a-z-]+:)/.test(input))
		.map((input) => path.resolve(directory, input));
}

function place(location) {
	if (!location) {
		return {};
	}
	const { file, line, column, length, lineText } = location;
	return { file: file.replace(/^[a-z-]+:/, ""), line, column, length, lineText };
}

/**
 * The first frame of a stack trace that lies in the app's own files, as a location; `undefined` when
 * there is none. Traces name files by path or by file: URL.
 */
export function locate(stack, app) {
	for (const frame of (stack ?? "").split("\n")) {
		const match = /(?:file:\/\/)?(\/[^():]+):(\d+):(\d+)\)?$/.exec(frame);
		const file = match && path.relative(app, decodeURI(match[1]));
		if (file && !file.startsWith("..") && !file.includes("node_modules")) {
			const line = Number(match[2]);
			const lineText = lineOf(path.join(app, file), line);
			return { file, line, column: Number(match[3]) - 1, length: 0, lineText };
		}
	}
	return undefined;
}

function lineOf(file, line) {
	try {
		return readFileSync(file, "utf8").split("\n")[line - 1] ?? "";
	} catch {
		return "";
	}
}
