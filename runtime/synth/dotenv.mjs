// .env files, as SST v1 reads them (reference sst 6.7): for the stacks' code only; the first file that
// has a variable wins, and a variable that is already set is never overridden.

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

const LINE = /^\s*(?:export\s+)?([\w.-]+)\s*=\s*("(?:\\.|[^"])*"|'[^']*'|[^\r\n]*?)\s*$/;

/**
 * Reads the .env files of a stage. Answers {variables, files, missing}: `variables` are those of the
 * files alone, `missing` are the paths that would be read if they existed.
 */
export function readDotenv(app, stage, environment) {
	const names = [`.env.${stage}.local`, `.env.${stage}`, ".env.local", ".env"];
	const paths = names.map((name) => path.join(app, name));
	const files = paths.filter((file) => existsSync(file));
	const variables = {};
	for (const file of files) {
		for (const [key, raw] of parse(readFileSync(file, "utf8"))) {
			if (!(key in environment) && !(key in variables)) {
				variables[key] = expand(raw, { ...variables, ...environment });
			}
		}
	}
	return { variables, files, missing: paths.filter((file) => !files.includes(file)) };
}

function parse(text) {
	// A double-quoted value may run over several lines.
	const lines = text.match(/^[^\n"]*="(?:\\.|[^"\\])*"[^\n]*|^[^\n]*/gm) ?? [];
	return lines.flatMap((line) => {
		const match = LINE.exec(line.replace(/^\s*#.*$/, ""));
		return match ? [[match[1], match[2]]] : [];
	});
}

function expand(raw, known) {
	if (raw.startsWith("'")) {
		return raw.slice(1, -1);
	}
	const quoted = raw.startsWith('"');
	const text = quoted
		? raw.slice(1, -1).replaceAll("\\n", "\n").replaceAll('\\"', '"')
		: raw.replace(/\s+#.*$/, "");
	return text.replace(
		/(\\?)\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))/g,
		(all, escape, braced, other, bare) =>
			escape ? all.slice(1) : (known[braced ?? bare] ?? other ?? ""),
	);
}
