'use strict';
// A spare process is started before it is known for which function. Everything is loaded; then one line of JSON on
// descriptor 3, {"env":{...},"unset":[...],"cwd":"..."}, makes it the process that a normal start would have made.

const fs = require('node:fs');
const Module = require('node:module');

const ASSIGNMENT_FD = 3;
const READ_SIZE = 64 * 1024;
const MAX_LINE = 4 * 1024 * 1024;

// Reading blocks: a spare has nothing else to do, and leaves nothing behind in the event loop.
function readLine(fd) {
	const pieces = [];
	let size = 0;
	for (;;) {
		const piece = Buffer.allocUnsafe(READ_SIZE);
		const read = fs.readSync(fd, piece);
		if (read === 0) {
			return null;
		}
		const end = piece.subarray(0, read).indexOf(0x0a);
		pieces.push(piece.subarray(0, end < 0 ? read : end));
		size += read;
		if (end >= 0) {
			return Buffer.concat(pieces).toString();
		}
		if (size > MAX_LINE) {
			throw new Error('assignment line too long');
		}
	}
}

/** Makes this the process of `line`. */
function assume(line) {
	const { env = {}, unset = [], cwd } = JSON.parse(line);
	for (const name of unset) {
		delete process.env[name];
	}
	Object.assign(process.env, env);
	Module._initPaths(); // NODE_PATH was read when the process started
	if (cwd !== undefined) {
		process.chdir(cwd);
	}
}

/** Waits to be assigned; ends the process when the other side closes without assigning it. */
function awaitAssignment() {
	// Nothing changes by it, but it is quicker the second time.
	assume(JSON.stringify({ env: { ...process.env }, unset: [], cwd: process.cwd() }));
	const line = readLine(ASSIGNMENT_FD);
	if (line === null) {
		process.exit(0);
	}
	fs.closeSync(ASSIGNMENT_FD);
	assume(line);
}

module.exports = { awaitAssignment };
