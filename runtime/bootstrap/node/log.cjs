'use strict';
// The console as Lambda patches it: every level goes to stdout in Lambda's line format, or, when the supervisor gave a
// descriptor for it, as framed records (lambda.md 3.2, 3.4, 3.5).

const fs = require('node:fs');
const { format } = require('node:util');
const { toLogText } = require('./errors.cjs');

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const METHODS = { trace: 'TRACE', debug: 'DEBUG', info: 'INFO', warn: 'WARN', error: 'ERROR', fatal: 'FATAL' };
const FRAME_TEXT = 0xa55a0003;
const FRAME_JSON = 0xa55a0002;
const FRAME_HEADER = 16;

// Public names: logging libraries read the current ids from here.
const REQUEST_ID = Symbol.for('aws.lambda.runtime.requestId');
const TENANT_ID = Symbol.for('aws.lambda.runtime.tenantId');

const typeName = (error) => error.constructor?.name ?? 'UnknownError';
const stackLines = (error) => (typeof error.stack === 'string' ? error.stack.split('\n') : error.stack);

function errorFields(error) {
	return { errorType: typeName(error), errorMessage: error.message, stackTrace: stackLines(error) };
}

function expandErrors(_key, value) {
	return value instanceof Error ? { ...errorFields(value), ...value } : value;
}

function jsonLine(time, level, params) {
	const record = { timestamp: time.toISOString(), level, requestId: globalThis[REQUEST_ID] };
	if (globalThis[TENANT_ID] != null) {
		record.tenantId = globalThis[TENANT_ID];
	}
	if (params.length === 1) {
		try {
			return JSON.stringify({ ...record, message: params[0] }, expandErrors);
		} catch {
			return JSON.stringify({ ...record, message: format(params[0]) });
		}
	}
	const error = params.find((param) => param instanceof Error);
	return JSON.stringify({ ...record, message: format(...params), ...(error && errorFields(error)) });
}

function textLine(time, level, params) {
	return `${time.toISOString()}\t${globalThis[REQUEST_ID]}\t${level}\t${format(...params)}`;
}

// One write per record: two processes' or threads' records on one pipe must not interleave.
function frameWriter(fd, kind) {
	return (time, level, line) => {
		const size = Buffer.byteLength(line);
		const frame = Buffer.allocUnsafe(FRAME_HEADER + size);
		frame.writeUInt32BE((kind | ((LEVELS.indexOf(level) + 1) << 2)) >>> 0, 0);
		frame.writeUInt32BE(size, 4);
		frame.writeBigUInt64BE(BigInt(time.valueOf()) * 1000n, 8);
		frame.write(line, FRAME_HEADER);
		for (let sent = 0; sent < frame.length; ) {
			sent += fs.writeSync(fd, frame, sent);
		}
	};
}

// A real newline would end the record for whoever reads stdout by lines; Lambda sends a carriage return.
function stdoutWriter(_time, _level, line) {
	process.stdout.write(`${line.replace(/\n/g, '\r')}\n`);
}

function chooseWriter(json) {
	const fd = process.env._LAMBDA_TELEMETRY_LOG_FD;
	delete process.env._LAMBDA_TELEMETRY_LOG_FD;
	if (fd === undefined) {
		return stdoutWriter;
	}
	const write = frameWriter(parseInt(fd, 10), json ? FRAME_JSON : FRAME_TEXT);
	return json ? write : (time, level, line) => write(time, level, `${line}\n`);
}

/**
 * Makes the standard streams hold nothing back. Node queues what a full pipe does not take: the end of a long log would
 * leave after the result, or never when the process exits.
 */
function writeThrough() {
	for (const stream of [process.stdout, process.stderr]) {
		stream._handle?.setBlocking?.(true);
	}
}

/** Replaces the console's methods, from AWS_LAMBDA_LOG_FORMAT, AWS_LAMBDA_LOG_LEVEL and the log descriptor. */
function patchConsole() {
	const json = process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON';
	const lowest = Math.max(LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()), 0);
	const line = json ? jsonLine : textLine;
	const write = chooseWriter(json);
	for (const [method, level] of Object.entries(METHODS)) {
		const heard = LEVELS.indexOf(level) >= lowest || level === 'FATAL';
		console[method] = heard
			? (first, ...rest) => {
					const time = new Date();
					write(time, level, line(time, level, [first, ...rest]));
				}
			: () => {};
	}
	console.log = console.info;
	logError = json
		? (_title, error) => console.error(asError(error))
		: (title, error) => console.error(title, `\t${toLogText(asError(error))}`);
}

const asError = (value) => (value instanceof Error ? value : new Error(value));

let logError;

module.exports = {
	patchConsole,
	writeThrough,
	/** Logs a failure of the handler under a title such as "Invoke Error". */
	logError: (title, error) => logError(title, error),
	/** Names the invocation that log lines belong to from now on. */
	setCurrent(requestId, tenantId) {
		globalThis[REQUEST_ID] = requestId;
		globalThis[TENANT_ID] = tenantId;
	},
};
