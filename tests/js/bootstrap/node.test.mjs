// What our Node bootstrap does beyond, or otherwise than, the official client of the same Node version.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { handlersNode, startNode, withApi } from './support.mjs';

const json = (request) => JSON.parse(request.body.toString());

const check = (name, handler, options, body) =>
	test(name, () =>
		withApi({}, async (api, own) => {
			const worker = own(startNode(api, handler, options));
			await body(api, worker);
		}),
	);

const initError = async (api, worker) => {
	await worker.ended;
	const [request] = api.requests;
	assert.equal(request.target, '/2018-06-01/runtime/init/error');
	const { errorType, errorMessage } = json(request);
	assert.equal(request.headers['lambda-runtime-function-error-type'], errorType);
	assert.equal(worker.exit, 129);
	return { errorType, errorMessage };
};

for (const [version, type] of [['16', undefined], ['18', 'Runtime.NodejsExit'], ['22', 'Runtime.NodejsExit']]) {
	const options = { env: { AWS_EXECUTION_ENV: `AWS_Lambda_nodejs${version}.x` } };
	check(`a promise that never settles on nodejs${version}.x`, 'failures.never', options, async (api, worker) => {
		const result = await api.result(api.push({}));
		assert.equal(json(result)?.errorType, type);
		if (type) {
			assert.equal(await worker.ended, 0);
		}
	});
}

const on24 = { env: { AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x' } };
check('callback handlers are refused on nodejs24.x', 'callbacks.plain', on24, async (api, worker) => {
	const { errorType, errorMessage } = await initError(api, worker);
	assert.equal(errorType, 'Runtime.CallbackHandlerDeprecated');
	assert.match(errorMessage, /^ERROR: AWS Lambda has removed support for callback-based function handlers/);
});
check('streaming handlers are not', 'streaming.good', on24, async (api) => {
	assert.equal((await api.result(api.push({}))).body.toString(), 'part1part2');
});
check('an export of the default export', 'esm/top.inDefault', {}, async (api) => {
	assert.equal(json(await api.result(api.push({}))), 'default');
});
check('a handler without a dot', 'basic', {}, async (api, worker) => {
	assert.deepEqual(await initError(api, worker), {
		errorType: 'Runtime.MalformedHandlerName',
		errorMessage: 'Bad handler basic',
	});
});
check('text thrown at load', 'throwsText.handler', {}, async (api, worker) => {
	assert.deepEqual(await initError(api, worker), { errorType: 'string', errorMessage: 'text at load' });
});

check('a stream that is never ended hangs until it is killed', 'streaming.neverEndedIdle', {}, async (api, worker) => {
	api.push({});
	await api.until(() => (worker.stdout.includes('idle') ? true : undefined));
	assert.equal(api.requests.filter((r) => r.method === 'POST').length, 0);
	assert.equal(worker.exit, undefined);
});
check('an ended stream needs no settled promise', 'streaming.endedButNeverSettled', {}, async (api) => {
	await api.result(api.push({}));
	assert.equal((await api.result(api.push({}))).body.toString(), 'x');
});
check('a broken source ends the stream with its error', 'streaming.brokenPipe', {}, async (api) => {
	const { body, trailers } = await api.result(api.push({}));
	assert.equal(body.toString(), 'a');
	assert.equal(trailers['lambda-runtime-function-error-type'], 'RangeError');
	assert.equal((await api.result(api.push({}))).body.toString(), 'a');
});
check('a stream slows its writer down', 'streaming.large', {}, async (api, worker) => {
	const { body } = await api.result(api.push({}));
	assert.equal(body.length, 64 * 65536);
	await api.until(() => (worker.stdout.includes('waited true') ? true : undefined));
});

check('stack traces show the lines of the TypeScript source', 'typed.handler', {}, async (api, worker) => {
	const { trace } = json(await api.result(api.push({ name: 'x' })));
	assert.match(trace[1], /typed\.ts:8:8\)$/);
	await api.nexts(2);
	assert.match(worker.stdout, /typed\.ts:8:8/);
});

// Not so with the official client, whose tail may leave after the result (so it is not in the parity table).
check('a large log arrives whole', 'basic.hugeOutput', {}, async (api, worker) => {
	assert.equal(json(await api.result(api.push({}))), 'done');
	await worker.kill(); // what has not left by now never will
	assert.equal(worker.stdout.match(/y/g).length, 300000);
});

check('an error too long for a header is reported without its cause', 'failures.hugeError', {}, async (api) => {
	const result = await api.result(api.push({}));
	assert.equal(json(result).errorMessage.length, 200000);
	assert.equal(result.headers['lambda-runtime-function-xray-error-cause'], undefined);
});

check('a failure with a prefetched request outstanding is told before the process ends', 'failures.uncaught', {
	env: { OFFSTAGE_PREFETCH: '1' },
}, async (api, worker) => {
	const id = api.push({});
	assert.equal(await worker.ended, 129);
	assert.equal(json(await api.result(id)).errorMessage, 'in a timer');
});

check('an event that waited is untouched when the process ends first', 'failures.exit1', {
	env: { OFFSTAGE_PREFETCH: '1' },
}, async (api, worker) => {
	api.push({});
	api.push({});
	assert.equal(await worker.ended, 1);
	assert.equal(api.requests.filter((r) => r.method === 'POST').length, 0);
});

function readFrames(bytes) {
	const frames = [];
	for (let at = 0; at < bytes.length; ) {
		const length = bytes.readUInt32BE(at + 4);
		frames.push({
			type: bytes.readUInt32BE(at).toString(16),
			time: Number(bytes.readBigUInt64BE(at + 8) / 1000n),
			text: bytes.subarray(at + 16, at + 16 + length).toString(),
		});
		at += 16 + length;
	}
	return frames;
}

async function framedLogs(env) {
	return withApi({}, async (api, own) => {
		const worker = own(startNode(api, 'basic.logs', { env: { _LAMBDA_TELEMETRY_LOG_FD: '3', ...env }, extraPipes: 1 }));
		const chunks = [];
		worker.child.stdio[3].on('data', (chunk) => chunks.push(chunk));
		await api.result(api.push({}));
		api.close();
		await worker.ended;
		assert.doesNotMatch(worker.stdout, /INFO/);
		return readFrames(Buffer.concat(chunks));
	});
}

test('log records are framed when a descriptor is given', async () => {
	const frames = await framedLogs({});
	assert.match(frames[0].text, /^[^\t]+\t[^\t]+\tINFO\ttwo\nlines 5 \{ a: 1 \}\n$/);
	assert.deepEqual(
		frames.slice(0, 7).map((frame) => frame.type),
		['a55a000f', 'a55a000f', 'a55a000b', 'a55a0013', 'a55a0017', 'a55a0007', 'a55a001b'],
	);
	assert.ok(Math.abs(frames[0].time - Date.now()) < 60000);
});

test('and so are JSON records', async () => {
	const frames = await framedLogs({ AWS_LAMBDA_LOG_FORMAT: 'JSON' });
	assert.equal(frames[0].type, 'a55a000e');
	assert.equal(JSON.parse(frames[0].text).message, 'two\nlines 5 { a: 1 }');
});

test('the telemetry variable is not seen by the handler, nor are ours', () =>
	withApi({}, async (api, own) => {
		const root = fs.mkdtempSync(path.join(os.tmpdir(), 'offstage-'));
		try {
			fs.writeFileSync(path.join(root, 'a.js'), 'exports.h = async () => Object.keys(process.env);');
			const env = { _LAMBDA_TELEMETRY_LOG_FD: '2', OFFSTAGE_PREFETCH: '1' };
			own(startNode(api, 'a.h', { env, taskRoot: root }));
			const names = json(await api.result(api.push({})));
			assert.deepEqual(names.filter((name) => /TELEMETRY|OFFSTAGE/.test(name)), []);
		} finally {
			fs.rmSync(root, { recursive: true });
		}
	}));

test('modules are found along NODE_PATH, also by a spare', () =>
	withApi({}, async (api, own) => {
		const root = fs.mkdtempSync(path.join(os.tmpdir(), 'offstage-'));
		try {
			fs.mkdirSync(path.join(root, 'layer/in-layer'), { recursive: true });
			fs.writeFileSync(path.join(root, 'layer/in-layer/index.js'), 'module.exports = "layer";');
			fs.writeFileSync(path.join(root, 'a.js'), 'const l = require("in-layer"); exports.h = async () => l;');
			const worker = own(startNode(api, 'a.h', { env: { OFFSTAGE_SPARE: '1' }, taskRoot: root, extraPipes: 1 }));
			worker.child.stdio[3].end(`${JSON.stringify({ env: { NODE_PATH: path.join(root, 'layer') } })}\n`);
			assert.equal(json(await api.result(api.push({}))), 'layer');
		} finally {
			fs.rmSync(root, { recursive: true });
		}
	}));
