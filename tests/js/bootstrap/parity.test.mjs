// Our Node bootstrap and AWS's own client, aws-lambda-ric, on one table of handlers.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';
import { functionEnv, handlersNode, startNode, withApi, Worker } from './support.mjs';
import { observe, table } from './table.mjs';

const entry = createRequire(import.meta.url).resolve('aws-lambda-ric');
const official = path.join(path.dirname(entry), '../bin/index.mjs');

function startOfficial(api, handler, { env }) {
	return new Worker(api, [process.execPath, official, handler], {
		env: functionEnv(api, handler, handlersNode, env),
		cwd: handlersNode,
	});
}

const run = (start, line) => withApi({ classic: true }, (api) => observe(api, start, line));

for (const line of table) {
	test(`${line.name}: as the official client`, async () => {
		assert.deepEqual(await run(startNode, line), await run(startOfficial, line));
	});
}
