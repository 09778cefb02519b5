// What a handler process costs: invocations per second with and without prefetch, and the time from spawn to the first
// GET next. The server is the leanest possible, so that the numbers are those of the process.
//
//   node tests/bench/bootstrap.mjs [node|python|/path/to/a/client command...]

import { spawn } from 'node:child_process';
import net from 'node:net';
import {
	bootstrapNode,
	bootstrapPython,
	functionEnv,
	handlersNode,
	handlersPython,
} from '../js/bootstrap/support.mjs';

const INVOCATIONS = 20000;
const STARTS = 15;
const BODY = JSON.stringify({ a: 'b'.repeat(180) });
const ACCEPTED = 'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n';

const clients = {
	node: { command: [process.execPath, bootstrapNode], root: handlersNode },
	python: { command: ['python3', bootstrapPython], root: handlersPython },
};
const [name = 'node', ...rest] = process.argv.slice(2);
const client = clients[name] ?? { command: [name, ...rest], root: handlersNode };

const eventText = () =>
	'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n' +
	'Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n' +
	`Lambda-Runtime-Deadline-Ms: ${Date.now() + 60000}\r\n` +
	'Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-2:123456789012:function:custom-runtime\r\n' +
	'Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1\r\n' +
	`Content-Length: ${BODY.length}\r\n\r\n${BODY}`;

// Requests are told apart by their first words; the handler only echoes, so these never occur in a body.
const requestsIn = (text) => text.match(/(?:POST|GET) \/2018/g) ?? [];

function run({ prefetch, invocations }) {
	return new Promise((resolve) => {
		const started = process.hrtime.bigint();
		let firstNext;
		let answered = 0;
		let child;
		const server = net.createServer((socket) => {
			socket.setNoDelay(true);
			socket.setEncoding('latin1');
			socket.on('error', () => {});
			socket.on('data', (text) => {
				firstNext ??= process.hrtime.bigint();
				const requests = requestsIn(text);
				answered += requests.filter((request) => request.startsWith('POST')).length;
				if (answered >= invocations) {
					const now = process.hrtime.bigint();
					child.kill('SIGKILL');
					server.close();
					resolve({ start: Number(firstNext - started) / 1e6, seconds: Number(now - firstNext) / 1e9 });
					return;
				}
				socket.write(requests.map((r) => (r.startsWith('POST') ? ACCEPTED : eventText())).join(''));
			});
		});
		server.listen(0, '127.0.0.1', () => {
			const api = { address: `127.0.0.1:${server.address().port}` };
			const env = functionEnv(api, 'basic.echo', client.root, prefetch ? { OFFSTAGE_PREFETCH: '1' } : {});
			child = spawn(client.command[0], client.command.slice(1), { env, cwd: client.root, stdio: 'ignore' });
		});
	});
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

for (const prefetch of [false, true]) {
	const { seconds } = await run({ prefetch, invocations: INVOCATIONS });
	console.log(
		`${name} ${prefetch ? 'prefetch' : 'classic '}: ${Math.round(INVOCATIONS / seconds)} invocations/s, ` +
			`${((seconds / INVOCATIONS) * 1e6).toFixed(1)} us each`,
	);
}
const starts = [];
for (let i = 0; i < STARTS; i++) {
	starts.push((await run({ prefetch: false, invocations: 1 })).start);
}
console.log(`${name} spawn to first next: median ${median(starts).toFixed(1)} ms, best ${starts[0].toFixed(1)} ms`);
