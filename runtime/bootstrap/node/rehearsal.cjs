'use strict';
// What a spare process does before it waits: it loads a module of each kind and answers an event of a server of its own.
// Node loads its own parts (module loaders, source maps, sockets) at their first use: 15 ms of work for a first ES module,
// 2 ms after a rehearsal. It leaves nothing to be tidied up: that would come before the real handler.

const net = require('node:net');
const path = require('node:path');
const { RuntimeClient } = require('./client.cjs');
const { BufferedInvocation } = require('./invocation.cjs');
const { loadHandler } = require('./load.cjs');
const { setCurrent } = require('./log.cjs');

const ROOT = path.join(__dirname, 'rehearsal');
const NODE_MAJOR = 20;
const EVENT =
	'HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: rehearsal\r\nLambda-Runtime-Deadline-Ms: 1\r\n' +
	'Lambda-Runtime-Invoked-Function-Arn: rehearsal\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}';
const ACCEPTED = 'HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n';

/** Answers the first request with an event, and the result by ending the conversation. */
function converse(socket) {
	socket.once('data', () => {
		socket.write(EVENT);
		socket.once('data', () => socket.end(ACCEPTED));
	});
	socket.on('error', () => {});
}

function listen() {
	return new Promise((resolve, reject) => {
		const server = net.createServer(converse);
		server.on('error', reject);
		server.listen(0, '127.0.0.1', () => resolve(server));
	});
}

async function rehearse() {
	await loadHandler(ROOT, 'script.handler', NODE_MAJOR);
	const handler = await loadHandler(ROOT, 'module.handler', NODE_MAJOR);
	const server = await listen();
	await new Promise((resolve) => {
		const address = `127.0.0.1:${server.address().port}`;
		const client = new RuntimeClient(address, { prefetch: 0, onLost: resolve });
		const runtime = { handler, common: {}, rules: { mustSettle: true } };
		client.take((event) => new BufferedInvocation(client, event, () => {}).run(runtime));
		client.start();
	});
	await new Promise((resolve) => server.close(resolve));
	setCurrent(undefined, undefined);
}

module.exports = { rehearse };
