'use strict';
// From the handler setting to the function: lambda.md 2.3.

const fs = require('node:fs');
const path = require('node:path');
const { createRequire } = require('node:module');
const { pathToFileURL } = require('node:url');
const {
	CallbackHandlerDeprecated,
	HandlerNotFound,
	ImportModuleError,
	MalformedHandlerName,
	UserCodeSyntaxError,
} = require('./errors.cjs');

// Handlers are required from where Lambda's own client lives, so that the "Require stack" in an error names it.
const requireFrom = createRequire('/var/runtime/index.mjs');
const ONLY_IMPORTABLE = new Set(['ERR_REQUIRE_ESM', 'ERR_REQUIRE_ASYNC_MODULE']);
const NO_CALLBACKS =
	'ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to ' +
	'modify this function to use a supported handler signature to use Node.js 24 or later. For more information see ' +
	'https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.';
const CALLBACK_ARITY = 3;

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');

/** "src/app.api.get" is the export api.get of the module src/app. */
function parseHandler(handler) {
	if (handler.includes('..')) {
		throw new MalformedHandlerName(
			`'${handler}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
		);
	}
	const name = path.basename(handler);
	const dot = name.indexOf('.');
	if (dot < 0) {
		throw new MalformedHandlerName(`Bad handler ${handler}`);
	}
	return {
		directory: handler.slice(0, handler.indexOf(name)),
		module: name.slice(0, dot),
		exportPath: name.slice(dot + 1),
	};
}

function readPackageType(folder) {
	try {
		return JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'))?.type ?? 'commonjs';
	} catch (error) {
		return error.code === 'ENOENT' || error.code === 'ENOTDIR' ? undefined : 'commonjs';
	}
}

/** Node's rule: the nearest package.json decides, but none above a node_modules folder. */
function isEsmFolder(folder) {
	for (let at = folder; !at.endsWith('/node_modules'); at = path.dirname(at)) {
		const type = readPackageType(at);
		if (type !== undefined) {
			return type === 'module';
		}
		if (at === path.dirname(at)) {
			break;
		}
	}
	return false;
}

const importFile = (file) => import(pathToFileURL(file).href);

async function requireOrImport(file) {
	try {
		return requireFrom(file);
	} catch (error) {
		if (!ONLY_IMPORTABLE.has(error?.code)) {
			throw error;
		}
		return importFile(file);
	}
}

const isFile = (file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;

function loadModule(root, directory, module) {
	const base = path.resolve(root, directory, module);
	const candidates = [
		[base, requireOrImport],
		[`${base}.js`, (file) => (isEsmFolder(path.dirname(file)) ? importFile : requireOrImport)(file)],
		[`${base}.mjs`, importFile],
		[`${base}.cjs`, requireOrImport],
	];
	for (const [file, load] of candidates) {
		if (isFile(file)) {
			return load(file);
		}
	}
	return requireOrImport(requireFrom.resolve(module, { paths: [root, directory] }));
}

async function loadUserModule(root, directory, module) {
	try {
		return await loadModule(root, directory, module);
	} catch (error) {
		if (error instanceof SyntaxError) {
			throw new UserCodeSyntaxError(error);
		}
		if (error?.code === 'MODULE_NOT_FOUND') {
			throw new ImportModuleError(error);
		}
		throw error;
	}
}

const findExport = (module, exportPath) =>
	exportPath.split('.').reduce((found, key) => found && found[key], module);

/**
 * Resolves to the handler function. Rejects with the error that /init/error is to carry.
 * `major` is the Node version that the function declares, which decides on callback handlers.
 */
async function loadHandler(root, handler, major) {
	const { directory, module, exportPath } = parseHandler(handler);
	const loaded = await loadUserModule(root, directory, module);
	const found = findExport(loaded, exportPath) ?? findExport(loaded?.default, exportPath);
	if (!found) {
		throw new HandlerNotFound(`${handler} is undefined or not exported`);
	}
	if (typeof found !== 'function') {
		throw new HandlerNotFound(`${handler} is not a function`);
	}
	if (major >= 24 && found.length >= CALLBACK_ARITY && !isStreaming(found)) {
		throw new CallbackHandlerDeprecated(NO_CALLBACKS);
	}
	return found;
}

function markStreaming(handler, options) {
	handler[STREAMING] = 'response';
	if (typeof options?.highWaterMark === 'number') {
		handler[HIGH_WATER_MARK] = Math.trunc(options.highWaterMark);
	}
	return handler;
}

const isStreaming = (handler) => handler[STREAMING] === 'response';
const highWaterMark = (handler) => handler[HIGH_WATER_MARK];

module.exports = { highWaterMark, isStreaming, loadHandler, markStreaming };
