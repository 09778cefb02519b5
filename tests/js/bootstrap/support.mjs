// A scripted Runtime API on a plain socket, and the processes that are driven by it.

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
export const bootstrapNode = path.join(root, 'runtime/bootstrap/node/bootstrap.cjs');
export const bootstrapPython = path.join(root, 'runtime/bootstrap/python/bootstrap.py');
export const handlersNode = path.join(root, 'fixtures/handlers/node');
export const handlersPython = path.join(root, 'fixtures/handlers/python');

const PATIENCE_MS = 20000;
const ACCEPTED = { status: '202 Accepted', body: '{"status":"OK"}\n' };

class RequestParser {
	constructor(onRequest) {
		this.onRequest = onRequest;
		this.bytes = Buffer.alloc(0);
	}

	feed(data) {
		this.bytes = Buffer.concat([this.bytes, data]);
		while (this.parseOne());
	}

	parseOne() {
		const end = this.bytes.indexOf('\r\n\r\n');
		if (end < 0) {
			return false;
		}
		const [first, ...lines] = this.bytes.subarray(0, end).toString().split('\r\n');
		const [method, target] = first.split(' ');
		const headers = {};
		for (const line of lines) {
			const colon = line.indexOf(':');
			headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
		}
		const request = { method, target, headers, trailers: {}, chunks: [] };
		const next =
			headers['transfer-encoding'] === 'chunked'
				? this.parseChunks(request, end + 4)
				: this.parseBody(request, end + 4);
		if (next < 0) {
			return false;
		}
		this.bytes = this.bytes.subarray(next);
		this.onRequest(request);
		return true;
	}

	parseBody(request, at) {
		const length = Number(request.headers['content-length'] ?? 0);
		if (this.bytes.length - at < length) {
			return -1;
		}
		request.body = this.bytes.subarray(at, at + length);
		return at + length;
	}

	parseChunks(request, start) {
		let at = start;
		for (;;) {
			const end = this.bytes.indexOf('\r\n', at);
			if (end < 0) {
				return -1;
			}
			const size = parseInt(this.bytes.subarray(at, end).toString(), 16);
			at = end + 2;
			if (size === 0) {
				break;
			}
			if (this.bytes.length < at + size + 2) {
				return -1;
			}
			request.chunks.push(Buffer.from(this.bytes.subarray(at, at + size)));
			at += size + 2;
		}
		for (;;) {
			const end = this.bytes.indexOf('\r\n', at);
			if (end < 0) {
				return -1;
			}
			if (end === at) {
				request.body = Buffer.concat(request.chunks);
				return at + 2;
			}
			const line = this.bytes.subarray(at, end).toString();
			const colon = line.indexOf(':');
			request.trailers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
			at = end + 2;
		}
	}
}

/** Answers in the order of the requests; a GET next waits for an event. Everything received is kept. */
export class ScriptedApi {
	constructor({ fragment = 0, classic = false, chunked = false, answerPost = () => ACCEPTED } = {}) {
		Object.assign(this, { fragment, classic, chunked, answerPost });
		this.events = [];
		this.requests = [];
		this.reads = []; // requests that arrived in one read
		this.waiters = [];
		this.sockets = new Set();
		this.running = 0;
		this.nextCount = 0;
		this.server = net.createServer((socket) => this.accept(socket));
	}

	async listen() {
		this.server.listen(0, '127.0.0.1');
		await once(this.server, 'listening');
		this.address = `127.0.0.1:${this.server.address().port}`;
		return this;
	}

	accept(socket) {
		socket.setNoDelay(true);
		this.sockets.add(socket);
		const connection = { socket, queue: [], writes: Promise.resolve() };
		socket.connection = connection;
		const parser = new RequestParser((request) => {
			this.record(request);
			connection.queue.push(request);
		});
		socket.on('data', (data) => {
			const before = this.requests.length;
			parser.feed(data);
			this.reads.push(this.requests.slice(before).map((r) => `${r.method} ${r.target.split('/').pop()}`));
			this.pump();
		});
		socket.on('end', () => this.notify());
		socket.on('error', () => {});
		socket.on('close', () => {
			this.sockets.delete(socket);
			this.notify();
		});
	}

	record(request) {
		this.requests.push(request);
		if (request.method === 'GET') {
			this.nextCount++;
		} else {
			this.running--;
		}
		this.notify();
	}

	pump() {
		for (const socket of this.sockets) {
			const { connection } = socket;
			while (connection.queue.length > 0) {
				const answer = this.answerFor(connection.queue[0]);
				if (!answer) {
					break;
				}
				connection.queue.shift();
				this.write(connection, answer);
			}
		}
	}

	answerFor(request) {
		if (request.method === 'POST') {
			return this.answerPost(request);
		}
		if (this.events.length === 0 || (this.classic && this.running > 0)) {
			return null;
		}
		this.running++;
		const { body, headers, timeout } = this.events.shift();
		return { body, headers: { ...headers, 'Lambda-Runtime-Deadline-Ms': Date.now() + timeout } };
	}

	write(connection, { status = '200 OK', headers = {}, body = '' }) {
		const lines = Object.entries({ 'Content-Type': 'application/json', ...headers }).map(
			([name, value]) => `${name}: ${value}\r\n`,
		);
		const bytes = Buffer.from(body);
		const half = bytes.length >> 1;
		const hex = (part) => `${part.length.toString(16)};x=y\r\n`;
		const parts = this.chunked
			? [
					`HTTP/1.1 ${status}\r\n${lines.join('')}Transfer-Encoding: chunked\r\n\r\n`,
					...[bytes.subarray(0, half), bytes.subarray(half)]
						.filter((part) => part.length > 0)
						.flatMap((part) => [hex(part), part, '\r\n']),
					'0\r\nX-Trailer: t\r\n\r\n',
				]
			: [`HTTP/1.1 ${status}\r\n${lines.join('')}Content-Length: ${bytes.length}\r\n\r\n`, bytes];
		const message = Buffer.concat(parts.map((part) => Buffer.from(part)));
		if (!this.fragment) {
			connection.socket.write(message);
			return;
		}
		connection.writes = connection.writes.then(async () => {
			for (let at = 0; at < message.length; at += this.fragment) {
				connection.socket.write(message.subarray(at, at + this.fragment));
				await new Promise(setImmediate);
			}
		});
	}

	/** Queues an event (text is sent as it is), whose deadline is set when it is handed out; returns its request id. */
	push(body, { id = randomUUID(), headers = {}, timeout = 60000 } = {}) {
		this.events.push({
			body: typeof body === 'string' ? body : JSON.stringify(body),
			headers: {
				'Lambda-Runtime-Aws-Request-Id': id,
				'Lambda-Runtime-Invoked-Function-Arn': 'arn:aws:lambda:us-east-1:123456789012:function:f',
				...headers,
			},
			timeout,
		});
		this.pump();
		return id;
	}

	/** Sends raw bytes to every connection. */
	raw(text) {
		for (const socket of this.sockets) {
			socket.write(text);
		}
	}

	notify() {
		for (const check of [...this.waiters]) {
			check();
		}
	}

	/** Resolves with the first value of `probe` that is not undefined; rejects when nothing comes for very long. */
	until(probe) {
		return new Promise((resolve, reject) => {
			const patience = setTimeout(
				() => settle(reject, new Error(`the worker sent nothing more than ${JSON.stringify(this.reads)}`)),
				PATIENCE_MS,
			);
			const settle = (how, value) => {
				clearTimeout(patience);
				this.waiters = this.waiters.filter((other) => other !== check);
				how(value);
			};
			const check = () => {
				const found = probe();
				if (found !== undefined) {
					settle(resolve, found);
				}
			};
			this.waiters.push(check);
			check();
		});
	}

	/** The POST that answers the invocation `id`, once complete. */
	result(id) {
		return this.until(() =>
			this.requests.find((r) => r.method === 'POST' && r.target.includes(`/invocation/${id}/`)),
		);
	}

	nexts(count) {
		return this.until(() => (this.nextCount >= count ? true : undefined));
	}

	close() {
		for (const socket of this.sockets) {
			socket.destroy();
		}
		this.server.close();
	}
}

/** A handler process, its output and its end. */
export class Worker {
	constructor(api, command, { env = {}, cwd, extraPipes = 0 } = {}) {
		this.stdout = '';
		this.stderr = '';
		this.child = spawn(command[0], command.slice(1), {
			cwd,
			env,
			stdio: ['ignore', 'pipe', 'pipe', ...Array(extraPipes).fill('pipe')],
		});
		this.child.stdout.setEncoding('utf8').on('data', (text) => {
			this.stdout += text;
			api.notify();
		});
		this.child.stderr.setEncoding('utf8').on('data', (text) => {
			this.stderr += text;
			api.notify();
		});
		this.ended = once(this.child, 'close').then(([code, signal]) => {
			this.exit = code ?? signal;
			api.notify();
			return this.exit;
		});
	}

	async kill() {
		if (this.exit === undefined) {
			this.child.kill('SIGKILL');
		}
		await this.ended;
	}
}

export function functionEnv(api, handler, taskRoot, extra = {}) {
	return {
		PATH: process.env.PATH,
		TZ: ':UTC',
		AWS_LAMBDA_RUNTIME_API: api.address,
		AWS_LAMBDA_FUNCTION_NAME: 'f',
		AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
		AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '128',
		AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/f',
		AWS_LAMBDA_LOG_STREAM_NAME: '2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef',
		LAMBDA_TASK_ROOT: taskRoot,
		_HANDLER: handler,
		...extra,
	};
}

const starter = (command, folder) => (api, handler, { env, taskRoot = folder, ...options } = {}) =>
	new Worker(api, command, {
		env: functionEnv(api, handler, taskRoot, env),
		cwd: taskRoot,
		...options,
	});

/** Start a handler of fixtures/handlers (or `taskRoot`) in our bootstrap. */
export const startNode = starter([process.execPath, bootstrapNode], handlersNode);
export const startPython = (api, handler, { compiled = false, ...options } = {}) =>
	starter(['python3', ...(compiled ? [] : ['-B']), bootstrapPython], handlersPython)(api, handler, options);

/** Runs `body(api)` with an API that is closed afterwards, and with the workers that it starts. */
export async function withApi(options, body) {
	const api = await new ScriptedApi(options).listen();
	const workers = [];
	try {
		return await body(api, (worker) => {
			workers.push(worker);
			return worker;
		});
	} finally {
		await Promise.all(workers.map((worker) => worker.kill()));
		api.close();
	}
}
