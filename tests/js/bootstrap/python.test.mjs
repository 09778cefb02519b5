// The Python bootstrap: answers, failures and logs as lambda.md 2.3, 2.8, 3.3 and 3.4 say.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { handlersPython, startPython, withApi } from './support.mjs';

const ID = 'f1e0c3a2-0000-4000-8000-000000000001';
const file = (name) => path.join(handlersPython, name);

async function run(handler, { event = { a: 'ž' }, headers, ...options } = {}) {
	return withApi({}, async (api, own) => {
		const worker = own(startPython(api, handler, options));
		const frames = [];
		worker.child.stdio[3]?.on('data', (chunk) => frames.push(chunk));
		api.push(event, { id: ID, headers });
		const answered = () => api.requests.find((request) => request.method === 'POST');
		await api.until(() => answered() ?? worker.exit);
		if (!answered()?.target.includes('/init/error') && worker.exit === undefined) {
			await api.nexts(2);
			api.close();
		}
		await worker.ended;
		return { request: answered(), text: answered()?.body.toString(), worker, frames: Buffer.concat(frames) };
	});
}

const EXACT = {
	'basic.echo': '{"a": "\\u017e"}',
	'basic.nothing': 'null',
	'basic.numbers': '{"d": 1.50, "nan": NaN, "nand": NaN}',
	'nested/deep.handler': '"nested.deep"',
	'nested.deep.handler': '"nested.deep"',
	'basic.raises': JSON.stringify({
		errorMessage: 'boom',
		errorType: 'ValueError',
		requestId: ID,
		stackTrace: [`  File "${file('basic.py')}", line LINE, in raises\n    raise ValueError("boom")\n`],
	}),
	'basic.custom': '{"errorMessage":"\\u017elu\\u0165","errorType":"CustomError","requestId":"ID","stackTrace":[TRACE]}',
	'basic.unserializable':
		'{"errorMessage":"Unable to marshal response: Object of type set is not JSON serializable","errorType":"Runtime.MarshalError","requestId":"ID","stackTrace":[]}',
	'basic.circular':
		'{"errorMessage":"Unable to marshal response: Circular reference detected","errorType":"Runtime.MarshalError","requestId":"ID","stackTrace":[]}',
};
const shape = (text) =>
	text
		.replace(/(?<=[:,]) (?=["[{])/g, '')
		.replace(/line \d+/g, 'line LINE')
		.replaceAll(ID, 'ID')
		.replace(/"stackTrace":\["(?!.*raises).*\]/, '"stackTrace":[TRACE]');

for (const [handler, expected] of Object.entries(EXACT)) {
	test(`python: ${handler}`, async () => {
		const { text, request } = await run(handler);
		assert.equal(shape(text), shape(expected));
		assert.equal(request.headers['content-type'], 'application/json');
	});
}

const INIT = {
	'needs.handler': ['Runtime.ImportModuleError', "Unable to import module 'needs': No module named 'no_such_package'"],
	'absent.handler': ['Runtime.ImportModuleError', "Unable to import module 'absent': No module named 'absent'"],
	'basic.nope': ['Runtime.HandlerNotFound', "Handler 'nope' missing on module 'basic'"],
	basic: ['Runtime.MalformedHandlerName', "Bad handler 'basic': not enough values to unpack (expected 2, got 1)"],
	'sys.exit': ['Runtime.BuiltInModuleConflict', 'Cannot use built-in module sys as a handler module'],
	'throws.handler': ['RuntimeError', 'at import'],
};

for (const [handler, [errorType, errorMessage]] of Object.entries(INIT)) {
	test(`python: init fails for ${handler}`, async () => {
		const { text, request, worker } = await run(handler);
		const body = JSON.parse(text);
		assert.deepEqual({ ...body, stackTrace: [] }, { errorMessage, errorType, requestId: '', stackTrace: [] });
		assert.equal(request.target, '/2018-06-01/runtime/init/error');
		assert.equal(request.headers['lambda-runtime-function-error-type'], errorType);
		assert.equal(request.headers['content-type'], undefined);
		assert.equal(worker.exit, 1);
		assert.match(worker.stdout, /^\[WARNING\]\t[^\t]+Z\t\tLAMBDA_WARNING: Unhandled exception\. .*\r\n\[ERROR\] /);
	});
}

test('python: a syntax error names its place', async () => {
	const { errorType, errorMessage, stackTrace } = JSON.parse((await run('syntax.handler')).text);
	assert.equal(errorType, 'Runtime.UserCodeSyntaxError');
	assert.match(errorMessage, /^Syntax error in module 'syntax': /);
	assert.equal(stackTrace[0], `  File "${file('syntax.py')}" Line 1\n    def handler(event, context:\n`);
});

test('python: text is not escaped from 3.12 on', async () => {
	const { text } = await run('basic.unicode', { env: { AWS_EXECUTION_ENV: 'AWS_Lambda_python3.12' } });
	assert.equal(text, '{"text": "žluťoučký 🐎", "key": "é"}');
});

test('python: bytes are posted as they are', async () => {
	const { request } = await run('basic.raw');
	assert.deepEqual([...request.body], [0, 255]);
	assert.equal(request.headers['content-type'], 'application/unknown');
});

test('python: an event that is not JSON', async () => {
	const body = JSON.parse((await run('basic.echo', { event: '{' })).text);
	assert.equal(body.errorType, 'Runtime.UnmarshalError');
	assert.match(body.errorMessage, /^Unable to unmarshal input: /);
});

test('python: the context', async () => {
	const headers = {
		'Lambda-Runtime-Trace-Id': 'Root=1-2-3',
		'Lambda-Runtime-Client-Context': '{"custom":{"a":1},"env":{"e":2},"client":{"app_title":"t"}}',
		'Lambda-Runtime-Cognito-Identity': '{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}',
		'Lambda-Runtime-Aws-Tenant-Id': 'tenant',
	};
	assert.deepEqual(JSON.parse((await run('basic.context', { headers })).text), {
		id: ID,
		names: ['/aws/lambda/f', '2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef', 'f', '$LATEST'],
		memory: '128',
		arn: 'arn:aws:lambda:us-east-1:123456789012:function:f',
		tenant: 'tenant',
		identity: ['i', 'p'],
		client: [{ a: 1 }, { e: 2 }, 't'],
		remaining: true,
		trace: 'Root=1-2-3',
	});
});

test('python: a client context that is not JSON', async () => {
	const body = JSON.parse((await run('basic.echo', { headers: { 'Lambda-Runtime-Client-Context': '{' } })).text);
	assert.equal(body.errorType, 'Runtime.LambdaContextUnmarshalError');
});

test('python: sys.exit ends the process without an answer', async () => {
	const { request, worker } = await run('basic.exits');
	assert.equal(request, undefined);
	assert.equal(worker.exit, 3);
	assert.equal(worker.stdout, 'leaving\n');
});

test('python: logs as text', async () => {
	const { worker } = await run('basic.logs');
	assert.match(
		worker.stdout,
		new RegExp(`^printed\n\\[WARNING\\]\t\\d{4}-\\d\\d-\\d\\dT[\\d:]+\\.\\d{3}Z\t${ID}\twarned\nof two lines\nby context\n$`),
	);
});

test('python: the record of an error', async () => {
	const { worker } = await run('basic.raises');
	assert.match(
		worker.stdout,
		/^\[ERROR\] ValueError: boom\rTraceback \(most recent call last\):\r\u00a0\u00a0File "[^"]+", line \d+, in raises\r\u00a0{4}raise ValueError\("boom"\)\n$/,
	);
});

test('python: logs as JSON, by level', async () => {
	const { worker } = await run('basic.logs', { env: { AWS_LAMBDA_LOG_FORMAT: 'JSON', AWS_LAMBDA_LOG_LEVEL: 'INFO' } });
	const records = worker.stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
	assert.deepEqual(
		records.map(({ level, message, logger, requestId }) => [level, message, logger, requestId]),
		[
			['WARNING', 'warned\nof two lines', 'root', ID],
			['INFO', 'not shown by default', 'root', ID],
		],
	);
});

test('python: framed logs', async () => {
	const { frames, worker } = await run('basic.raises', { env: { _LAMBDA_TELEMETRY_LOG_FD: '3' }, extraPipes: 1 });
	assert.equal(frames.readUInt32BE(0).toString(16), 'a55a0017');
	assert.equal(frames.readUInt32BE(4), frames.length - 16);
	assert.match(frames.subarray(16).toString(), /^\[ERROR\] ValueError: boom\nTraceback [^\r]*\)$/);
	assert.equal(worker.stdout, '');
});

test('python: a save of the same size within the second is seen', async () => {
	const root = fs.mkdtempSync(path.join(os.tmpdir(), 'offstage-'));
	const source = path.join(root, 'app.py');
	const now = new Date();
	const saved = async (value) => {
		fs.writeFileSync(source, `def handler(event, context):\n    return ${value}\n`);
		fs.utimesSync(source, now, now);
		return withApi({}, async (api, own) => {
			// With compiled files: without the tests' -B.
			own(startPython(api, 'app.handler', { taskRoot: root, compiled: true }));
			return JSON.parse((await api.result(api.push({}))).body.toString());
		});
	};
	try {
		assert.equal(await saved(1), 1);
		assert.equal(await saved(2), 2);
	} finally {
		fs.rmSync(root, { recursive: true });
	}
});
