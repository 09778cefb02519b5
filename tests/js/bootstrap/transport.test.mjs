// How both bootstraps use the connection: fragments, pipelining, prefetch, deadlines, bad servers, spares.

import assert from 'node:assert/strict';
import test from 'node:test';
import { functionEnv, handlersNode, handlersPython, startNode, startPython, withApi } from './support.mjs';

const PREFETCH = { OFFSTAGE_PREFETCH: '1' };
const languages = { node: startNode, python: startPython };
const EXIT_LOST = { node: 129, python: 1 };

const json = (request) => JSON.parse(request.body.toString());
const results = async (api, ids) => {
	const found = [];
	for (const id of ids) {
		found.push(json(await api.result(id)));
	}
	return found;
};

const ENVIRONMENT_HANDLERS = {
	node: { handler: 'basic.loadedEnvironment', root: handlersNode },
	python: { handler: 'basic.loaded_environment', root: handlersPython },
};

const startSpare = (start, api) =>
	start(api, 'unset.handler', {
		env: { OFFSTAGE_SPARE: '1', COLOUR: 'spare', GONE: 'x', TZ: 'America/New_York' },
		cwd: '/',
		extraPipes: 1,
	});

for (const [language, start] of Object.entries(languages)) {
	const check = (name, options, body) =>
		test(`${language}: ${name}`, () => withApi(options, (api, own) => body(api, (...args) => own(start(api, ...args)), own)));

	for (const env of [{}, PREFETCH]) {
		const mode = env === PREFETCH ? 'prefetch' : 'classic';

		for (const options of [{ fragment: 1 }, { fragment: 7 }, { chunked: true }, { chunked: true, fragment: 3 }]) {
			check(`${mode}: answers as ${JSON.stringify(options)}`, options, async (api, run) => {
				const events = [{ a: 'ž🐎' }, { x: 'x'.repeat(500) }, [1, 2]];
				const ids = events.map((event) => api.push(event));
				run('basic.echo', { env });
				assert.deepEqual(await results(api, ids), events);
			});
		}

		check(`${mode}: large events and results`, {}, async (api, run) => {
			const event = { text: 'ž'.repeat(2 * 1024 * 1024) };
			const ids = [api.push(event), api.push(1)];
			run('basic.echo', { env });
			assert.deepEqual(await results(api, ids), [event, 1]);
		});

		check(`${mode}: the result and the next request come in one write`, { classic: env !== PREFETCH }, async (api, run) => {
			const ids = [api.push(1), api.push(2)];
			run('basic.echo', { env });
			await results(api, ids);
			await api.nexts(3);
			const together = api.reads.filter((read) => read.includes('POST response'));
			assert.ok(together.length > 0);
			for (const read of together) {
				assert.equal(read.filter((r) => r === 'GET next').length, read.filter((r) => r === 'POST response').length);
			}
		});

		check(`${mode}: events run one at a time, in order`, {}, async (api, run) => {
			const ids = Array.from({ length: 50 }, () => api.push({}));
			run('basic.count', { env });
			assert.deepEqual(await results(api, ids), ids.map((_, i) => i + 1));
			const order = api.requests.filter((r) => r.method === 'POST').map((r) => r.target.split('/').at(-2));
			assert.deepEqual(order, ids);
		});

		check(`${mode}: a refused result does not stop it`, {
			answerPost: () => ({ status: '413 Request Entity Too Large', body: '{}' }),
		}, async (api, run) => {
			const ids = [api.push(1), api.push(2)];
			const worker = run('basic.echo', { env });
			assert.deepEqual(await results(api, ids), [1, 2]);
			api.push(3);
			await api.until(() => (/413/.test(worker.stdout + worker.stderr) ? true : undefined));
		});

		check(`${mode}: failed start is told to the server`, {}, async (api, run) => {
			const worker = run('throws.handler', { env });
			assert.equal(await worker.ended, EXIT_LOST[language]);
			assert.equal(api.requests[0].target, '/2018-06-01/runtime/init/error');
			assert.equal(api.requests.length, 1);
		});
	}

	check('prefetch keeps exactly one more request outstanding', {}, async (api, run) => {
		run('basic.echo', { env: PREFETCH });
		await api.nexts(2);
		const id = api.push(1);
		await api.result(id);
		await api.nexts(3);
		assert.equal(api.nextCount, 3);
	});

	check('without prefetch there is one', {}, async (api, run) => {
		run('basic.echo');
		await api.nexts(1);
		await api.result(api.push(1));
		await api.nexts(2);
		assert.equal(api.nextCount, 2);
	});

	check('the time of an event that waited counts from its start', {}, async (api, run) => {
		const ids = [api.push({ busy: 0 }), api.push({ busy: 300 }), api.push({ busy: 0 })];
		run('basic.remaining', { env: PREFETCH });
		const [, , waited] = await results(api, ids);
		assert.ok(waited > 59900 && waited <= 60000, `${waited} ms remain`);
	});

	for (const [what, text] of Object.entries({
		'a wrong status line': 'HTTP/2 200 OK\r\n\r\n',
		'a header without a colon': 'HTTP/1.1 200 OK\r\nnonsense\r\n\r\n',
		'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
		'a length and chunks': 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
		'no length': 'HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: x\r\n\r\n',
		'a negative length': 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n',
		'a bad chunk': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
		'an event without id': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}',
		'an error for next': 'HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n{}',
	})) {
		check(`${what} ends the process`, {}, async (api, run) => {
			const worker = run('basic.echo');
			await api.nexts(1);
			api.raw(text);
			assert.equal(await worker.ended, EXIT_LOST[language]);
			assert.equal(api.requests.filter((r) => r.target.includes('/invocation/') && r.method === 'POST').length, 0);
		});
	}

	check('a server that goes away takes the process with it', {}, async (api, run) => {
		const worker = run('basic.echo');
		await api.nexts(1);
		api.close();
		assert.equal(await worker.ended, EXIT_LOST[language]);
	});

	check('an interim answer is passed over', {}, async (api, run) => {
		run('basic.echo');
		await api.nexts(1);
		api.raw('HTTP/1.1 100 Continue\r\n\r\n');
		assert.equal(json(await api.result(api.push(5))), 5);
	});

	test(`${language}: a spare becomes what a normal start makes`, () =>
		withApi({}, async (api, own) => {
			const { handler, root } = ENVIRONMENT_HANDLERS[language];
			const normal = own(start(api, handler, { env: { COLOUR: 'assigned' } }));
			const expected = json(await api.result(api.push({})));
			await normal.kill();
			// Its socket would take the next event to the grave.
			await api.until(() => api.sockets.size === 0 || undefined);
			assert.equal(expected.colour, 'assigned');
			assert.deepEqual(expected.names, []);

			const spare = own(startSpare(start, api));
			const env = functionEnv(api, handler, root, { COLOUR: 'assigned', ...PREFETCH });
			spare.child.stdio[3].end(`${JSON.stringify({ env, unset: ['GONE'], cwd: root })}\n`);
			assert.deepEqual(json(await api.result(api.push({}))), expected);
		}));

	test(`${language}: a spare that is not needed ends quietly`, () =>
		withApi({}, async (api, own) => {
			const worker = own(startSpare(start, api));
			worker.child.stdio[3].end();
			assert.equal(await worker.ended, 0);
			assert.equal(worker.stdout + worker.stderr, '');
		}));
}
