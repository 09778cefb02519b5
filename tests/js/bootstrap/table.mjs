// The handlers of fixtures/handlers/node that our bootstrap and the official client must treat alike.

const HEADERS = {
	'Lambda-Runtime-Trace-Id': 'Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1',
	'Lambda-Runtime-Client-Context': '{"custom":{"ž":1}}',
	'Lambda-Runtime-Cognito-Identity': '{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}',
	'Lambda-Runtime-Aws-Tenant-Id': 'tenant',
};

/** Handlers by module; each runs once with the event {"a":"ž"}. */
const MODULES = {
	basic: [
		'echo', 'nothing', 'nul', 'unicode', 'huge', 'nested.deeper.handler', 'context', 'logs',
		'notAFunction', 'nope',
	],
	failures: [
		'throwSync', 'throwAsync', 'throwString', 'throwObject', 'throwNullSync', 'throwNullAsync', 'throwUndefined',
		'custom', 'unicodeError', 'deleteCharacter', 'unreadable', 'circular', 'circularCallback', 'bigint',
		'unhandledRejection', 'uncaught', 'exit0', 'exit1',
	],
	callbacks: [
		'plain', 'later', 'error', 'errorString', 'twice', 'never', 'returnsValue', 'waits', 'doesNotWait', 'succeed',
		'fail', 'failNothing', 'done', 'returnsAndCalls',
	],
	streaming: [
		'good', 'prelude', 'preludeEndOnly', 'contentType', 'lateContentType', 'object', 'empty', 'throwsFirst',
		'throwsMidway', 'returnsValue', 'notAsync', 'piped', 'large',
	],
	syntax: ['handler'],
	needs: ['handler'],
	throws: ['handler'],
	module: ['handler'],
	common: ['handler'],
	absent: ['handler'],
	'esm/top': ['handler'],
	'esm/rejects': ['handler'],
	'esm/nested/deep': ['handler'],
	'../basic': ['echo'],
};

const plain = Object.entries(MODULES).flatMap(([module, names]) =>
	names.map((name) => ({ name: `${module}.${name}`, handler: `${module}.${name}` })),
);

export const table = [
	...plain,
	{ name: 'context with all headers', handler: 'basic.context', headers: HEADERS },
	{ name: 'client context not JSON', handler: 'basic.echo', headers: { 'Lambda-Runtime-Client-Context': '{' } },
	{ name: 'event not JSON', handler: 'basic.echo', event: '{"a":' },
	{ name: 'event not JSON, streaming', handler: 'streaming.good', event: '{"a":' },
	{ name: 'JSON logs', handler: 'basic.logs', env: { AWS_LAMBDA_LOG_FORMAT: 'JSON' } },
	{
		name: 'JSON logs from WARN',
		handler: 'basic.logs',
		env: { AWS_LAMBDA_LOG_FORMAT: 'JSON', AWS_LAMBDA_LOG_LEVEL: 'WARN' },
		headers: HEADERS,
	},
	{ name: 'JSON log of an error', handler: 'failures.custom', env: { AWS_LAMBDA_LOG_FORMAT: 'JSON' } },
	{ name: 'never settled on nodejs16.x', handler: 'failures.never', env: { AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs16.x' } },
];

const OFFICIAL_FILE = /\/[^\s"]*\/aws-lambda-ric\/dist\/index\.mjs/g;
const ID = 'f1e0c3a2-0000-4000-8000-000000000001';

// What each client adds to a stack of its own files, and Node's frames below, are not the handler's doing.
const ownLines = (lines) => lines.filter((line) => !/^\s+at /.test(line) || line.includes('/fixtures/handlers/'));

function comparableBody(body) {
	const trace = body.trace ?? body.stackTrace;
	return trace ? { ...body, [body.trace ? 'trace' : 'stackTrace']: ownLines(trace) } : body;
}

function comparableCause(text) {
	const cause = text && JSON.parse(text);
	return cause && cause.exceptions.map(({ type, message }) => ({ type, message }));
}

function comparableLogs(text) {
	return text
		.replace(/^Executing .*\n/, '')
		.replace(/^.*(Unexpected Top Level Error|LAMBDA_RUNTIME).*\n/gm, '') // it was closed on
		.replaceAll(OFFICIAL_FILE, '/var/runtime/index.mjs')
		.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
		.replace(/"(stack|stackTrace)":\[.*?\](?=[,}])/g, '"$1":[]')
		.replace(/(\r|\\n) +at ((?!\\n)[^\r\n"])*/g, '');
}

function describeResult(request, body) {
	return {
		path: request.target.replace(ID, '<id>'),
		contentType: request.headers['content-type'],
		mode: request.headers['lambda-runtime-function-response-mode'],
		errorType: request.headers['lambda-runtime-function-error-type'],
		cause: comparableCause(request.headers['lambda-runtime-function-xray-error-cause']),
		body,
	};
}

function describe(request) {
	const text = request.body.toString().replaceAll(OFFICIAL_FILE, '/var/runtime/index.mjs');
	if (!request.target.endsWith('/response')) {
		return describeResult(request, comparableBody(JSON.parse(text)));
	}
	const error = request.trailers['lambda-runtime-function-error-body'];
	return {
		...describeResult(request, text),
		trailerType: request.trailers['lambda-runtime-function-error-type'],
		trailerBody: error && comparableBody(JSON.parse(Buffer.from(error, 'base64').toString())),
	};
}

/** Runs one line of the table with the worker that `start` makes, to its end; returns what can be compared. */
export async function observe(api, start, { handler, event = { a: 'ž' }, headers, env }) {
	const worker = start(api, handler, { env });
	api.push(event, { id: ID, headers });
	const isOver = () => worker.exit !== undefined || api.nextCount >= 2;
	await api.until(() => (isOver() ? true : undefined));
	if (api.nextCount >= 2) {
		api.close();
	}
	const stopped = api.nextCount >= 2;
	await worker.kill();
	const result = api.requests.find((request) => request.method === 'POST');
	return {
		result: result && describe(result),
		exit: stopped ? 'asked for the next event' : worker.exit,
		logs: comparableLogs(worker.stdout),
	};
}
