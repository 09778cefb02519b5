'use strict';
// The Runtime API over one kept-alive connection (lambda.md 1). Node's own HTTP client costs several times more per
// invocation than the rest of this program, so the few requests needed are written by hand.
//
// The server answers in the order of the requests, so answers are matched by a queue. Each result and the request for the
// following event leave in one write. With prefetch, so many more GET next than classic clients send stay outstanding:
// events then already wait here when the handler finishes. Events are still run strictly one after the other.

const net = require('node:net');
const { AnswerParser } = require('./answers.cjs');

const VERSION = '/2018-06-01/runtime';
const READ_SIZE = 64 * 1024;
const SMALL_BODY = 16 * 1024; // up to here one string is cheaper than a buffer
const MAX_CAUSE = 64 * 1024; // what the platform keeps of an X-Ray cause
const EXIT_PATIENCE_MS = 1000;

const headerSafe = (text) => String(text).replace(/[\r\n\0]+/g, ' ');

class RuntimeClient {
	/**
	 * Connects at once, unless `fd` is a connected socket, but does not keep the process alive before `take`.
	 * `onLost(error)` is called when the connection or the protocol fails.
	 */
	constructor(address, { prefetch, fd, onLost }) {
		const colon = address.lastIndexOf(':');
		this.host = `Host: ${address}\r\n`;
		this.getNext = `GET ${VERSION}/invocation/next HTTP/1.1\r\n${this.host}\r\n`;
		this.prefetch = prefetch;
		this.onLost = onLost;
		this.expected = []; // one function per request sent, in order
		this.events = []; // arrived, not yet taken
		this.waiting = null;
		this.fullBudget = 0;
		this.eventArrived = this.eventArrived.bind(this);
		const parser = new AnswerParser((head, bytes, start, end) => this.answer(head, bytes, start, end));
		const onread = {
			buffer: Buffer.allocUnsafe(READ_SIZE),
			callback: (size, buffer) => this.read(parser, buffer.subarray(0, size)),
		};
		this.socket = fd
			? new net.Socket({ fd, onread })
			: net.connect({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)), onread });
		this.socket.setNoDelay(true);
		this.socket.on('error', (error) => this.lost(error));
		this.socket.on('end', () => this.lost(new Error('the Runtime API closed the connection')));
		this.socket.unref();
	}

	lost(error) {
		const { onLost } = this;
		this.onLost = () => {};
		onLost(error);
	}

	read(parser, bytes) {
		try {
			parser.feed(bytes);
		} catch (error) {
			this.lost(error);
			return true;
		}
		if (this.waiting && this.events.length > 0) {
			this.deliver();
		}
		return true;
	}

	answer(head, bytes, start, end) {
		const handle = this.expected.shift();
		if (!handle) {
			throw new Error('an answer without a request');
		}
		handle(head, bytes, start, end);
	}

	/** Asks for the first event: the end of init. */
	start() {
		const requests = 1 + this.prefetch;
		for (let i = 0; i < requests; i++) {
			this.expected.push(this.eventArrived);
		}
		this.socket.write(this.getNext.repeat(requests));
	}

	eventArrived(head, bytes, start, end) {
		const { status } = head;
		if (status < 200 || status > 299) {
			runtimeLog(`Failed to get next invocation. Http Response code: ${status}`);
			throw new Error(`Failed to get next invocation, error ${status}`);
		}
		if (!head.id) {
			throw new Error('an event without Lambda-Runtime-Aws-Request-Id');
		}
		const deadline = Number(head.deadline);
		this.fullBudget = Math.max(this.fullBudget, deadline - Date.now());
		this.events.push({ id: head.id, head, text: bytes.utf8Slice(start, end), deadline });
	}

	// A prefetched event may have lain in the socket for as long as the last handler kept the process busy, and nothing
	// tells for how long. Its time counts from now, and is what the function has: the most that any event was given.
	deliver() {
		const handle = this.waiting;
		const event = this.events.shift();
		this.waiting = null;
		if (this.prefetch) {
			event.deadline = Date.now() + this.fullBudget;
		}
		this.socket.unref(); // an empty event loop now tells that the handler has nothing left to wait for
		handle(event);
	}

	/** Calls `handle(event)` once, when there is an event; keeps the process alive until then. */
	take(handle) {
		this.socket.ref();
		if (this.events.length === 0) {
			this.waiting = handle;
			return;
		}
		// The loop gets a turn between two invocations, for what the last one left behind.
		setImmediate(() => {
			this.waiting = handle;
			this.deliver();
		});
	}

	/** Keeps the process alive though the handler does nothing any more: the supervisor's timeout ends it. */
	hang() {
		this.socket.ref();
	}

	/** Posts a result (JSON text) and asks for the following event, in one write. */
	respond(id, body) {
		this.send(this.post(`/invocation/${encodeURIComponent(id)}/response`, ''), body, this.getNext);
		this.expected.push(answerOf('success'), this.eventArrived);
	}

	/** Posts an error of the handler likewise. */
	fail(id, body, cause) {
		this.send(this.errorHead(id, cause), body, this.getNext);
		this.expected.push(answerOf('error'), this.eventArrived);
	}

	/** Posts the last error of a process that then ends; `done` is called when the server has it. */
	failLast(id, body, cause, done) {
		this.sendLast(this.errorHead(id, cause), body, done);
	}

	failInit(type, body, done) {
		const header = `Lambda-Runtime-Function-Error-Type: ${headerSafe(type)}\r\n`;
		this.sendLast(this.post('/init/error', header), body, done);
	}

	/** Asks for the following event alone: after a streamed response. */
	askNext() {
		this.expected.push(this.eventArrived);
		this.socket.write(this.getNext);
	}

	/** Begins a streamed response (lambda.md 1.7). */
	beginStream(id, contentType) {
		this.expected.push(answerOf('success'));
		this.socket.write(
			`POST ${VERSION}/invocation/${encodeURIComponent(id)}/response HTTP/1.1\r\n${this.host}` +
				'Lambda-Runtime-Function-Response-Mode: streaming\r\n' +
				'Trailer: Lambda-Runtime-Function-Error-Type\r\n' +
				'Trailer: Lambda-Runtime-Function-Error-Body\r\n' +
				`Content-Type: ${headerSafe(contentType)}\r\nTransfer-Encoding: chunked\r\n\r\n`,
		);
	}

	/** Sends one chunk; `done` is called when the socket has taken it, which is the stream's backpressure. */
	sendChunk(bytes, done) {
		this.socket.cork();
		this.socket.write(`${bytes.length.toString(16)}\r\n`, 'latin1');
		this.socket.write(bytes);
		this.socket.write('\r\n', 'latin1', done);
		this.socket.uncork();
	}

	endStream(error, done) {
		const trailers = error
			? `Lambda-Runtime-Function-Error-Type: ${headerSafe(error.errorType)}\r\n` +
				'Lambda-Runtime-Function-Error-Body: ' +
				`${Buffer.from(JSON.stringify(error)).toString('base64')}\r\n`
			: '';
		this.socket.write(`0\r\n${trailers}\r\n`, done);
	}

	post(path, headers) {
		return (
			`POST ${VERSION}${path} HTTP/1.1\r\n${this.host}Content-Type: application/json\r\n` +
			`${headers}Content-Length: `
		);
	}

	errorHead(id, cause) {
		const header =
			cause && Buffer.byteLength(cause) <= MAX_CAUSE
				? `Lambda-Runtime-Function-XRay-Error-Cause: ${cause}\r\n`
				: '';
		return this.post(`/invocation/${encodeURIComponent(id)}/error`, header);
	}

	send(head, body, tail) {
		const size = Buffer.byteLength(body);
		if (size <= SMALL_BODY) {
			this.socket.write(`${head}${size}\r\n\r\n${body}${tail}`);
			return;
		}
		const start = Buffer.from(`${head}${size}\r\n\r\n`);
		const message = Buffer.allocUnsafe(start.length + size + tail.length);
		start.copy(message);
		message.utf8Write(body, start.length);
		message.latin1Write(tail, start.length + size);
		this.socket.write(message);
	}

	// The answer of a last request may be queued behind that of a prefetched GET next, which never comes: closing our half
	// makes the server close its own once it has read the request.
	sendLast(head, body, done) {
		this.onLost = done;
		this.expected.push(done);
		this.socket.ref();
		this.send(head, body, '');
		this.socket.end();
		setTimeout(done, EXIT_PATIENCE_MS);
	}
}

function runtimeLog(text) {
	process.stdout.write(`[ERROR] [${Date.now()}] LAMBDA_RUNTIME ${text}\n`);
}

const reports = {};
function answerOf(kind) {
	reports[kind] ??= ({ status }) => {
		if (status < 200 || status > 299) {
			runtimeLog(`Failed to post handler ${kind} response. Http response code: ${status}.`);
		}
	};
	return reports[kind];
}

module.exports = { RuntimeClient };
