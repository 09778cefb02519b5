'use strict';
// Errors as Lambda shows them: the body a caller receives, the X-Ray cause beside it, and the form that is logged.

const { types } = require('node:util');

class RuntimeFailure extends Error {}

function failureClass(type) {
	const made = class extends RuntimeFailure {};
	made.prototype.name = `Runtime.${type}`;
	return made;
}

const ImportModuleError = failureClass('ImportModuleError');
const HandlerNotFound = failureClass('HandlerNotFound');
const MalformedHandlerName = failureClass('MalformedHandlerName');
const UserCodeSyntaxError = failureClass('UserCodeSyntaxError');
const InvalidStreamingOperation = failureClass('InvalidStreamingOperation');
const CallbackHandlerDeprecated = failureClass('CallbackHandlerDeprecated');
const NodejsExit = failureClass('NodejsExit');

class UnhandledPromiseRejection extends failureClass('UnhandledPromiseRejection') {
	constructor(reason, promise) {
		super(reason);
		this.reason = reason;
		this.promise = promise;
	}
}

// 0x7F is the one printable-looking byte that a header may not hold; Lambda escapes it in bodies too.
const escapeDelete = (text) => text?.replace(/\x7F/g, '%7F');

function looksLikeError(value) {
	return (
		types.isNativeError(value) ||
		(value &&
			[value.name, value.message, value.stack].every((part) => part && typeof part === 'string'))
	);
}

/** The body of POST /error and /init/error (lambda.md 1.8, 2.6): key order matters. */
function toBody(error) {
	try {
		if (looksLikeError(error)) {
			return {
				errorType: escapeDelete(error.name),
				errorMessage: escapeDelete(error.message),
				trace: escapeDelete(error.stack).split('\n'),
			};
		}
		return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
	} catch {
		return {
			errorType: 'handled',
			errorMessage:
				'callback called with Error argument, but there was a problem while retrieving ' +
				'one or more of its message, name, and stack',
		};
	}
}

function stackEntry(line) {
	const text = line.trim().replace(/[()]/g, '');
	const place = text.slice(text.indexOf(' ') + 1);
	const space = place.lastIndexOf(' ');
	const label = space >= 0 ? place.slice(0, space) : '';
	const [path, row] = place.slice(label ? space + 1 : 0).split(':');
	return { path, line: parseInt(row, 10), label: label || 'anonymous' };
}

/** The value of Lambda-Runtime-Function-XRay-Error-Cause, or '' when the error cannot be described. */
function toCause(error) {
	try {
		const lines = error.stack ? escapeDelete(error.stack).split('\n').slice(1) : [];
		const stack = lines.map(stackEntry);
		return JSON.stringify({
			working_directory: process.cwd(),
			exceptions: [
				{ type: escapeDelete(error.name), message: escapeDelete(error.message), stack },
			],
			paths: [...new Set(stack.map((entry) => entry.path))],
		});
	} catch {
		return '';
	}
}

function withVisibleFields(_key, value) {
	if (!(value instanceof Error)) {
		return value;
	}
	const visible = { errorType: value.name, errorMessage: value.message, code: value.code, ...value };
	if (typeof value.stack === 'string') {
		visible.stack = value.stack.split('\n');
	}
	return visible;
}

/** The JSON text that follows "Invoke Error" and its kin in a log line (lambda.md 3.2). */
function toLogText(error) {
	try {
		return JSON.stringify(error, withVisibleFields);
	} catch {
		return JSON.stringify(toBody(error));
	}
}

module.exports = {
	CallbackHandlerDeprecated,
	HandlerNotFound,
	ImportModuleError,
	InvalidStreamingOperation,
	MalformedHandlerName,
	NodejsExit,
	UnhandledPromiseRejection,
	UserCodeSyntaxError,
	toBody,
	toCause,
	toLogText,
};
