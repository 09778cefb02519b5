'use strict';
// One invocation: the ways in which a handler may answer (lambda.md 2.6, 2.7).

const { Context } = require('./context.cjs');
const { NodejsExit, toBody, toCause } = require('./errors.cjs');
const { logError, setCurrent } = require('./log.cjs');
const { ResponseStream } = require('./stream.cjs');

const isPromise = (value) => typeof value?.then === 'function';
const isGiven = (error) => error !== undefined && error !== null;

function toJson(result) {
	try {
		return JSON.stringify(result) ?? 'null';
	} catch {
		throw new Error('Unable to stringify response body');
	}
}

function setTrace(trace) {
	if (trace) {
		process.env._X_AMZN_TRACE_ID = trace;
	} else {
		delete process.env._X_AMZN_TRACE_ID;
	}
}

class Invocation {
	/** `done` is called when the invocation is over and the request for the next event is sent. */
	constructor(client, event, done) {
		this.client = client;
		this.event = event;
		this.done = done;
		this.waits = true; // callbackWaitsForEmptyEventLoop
		this.answered = false;
		this.onIdle = () => {}; // the event loop is empty
		setCurrent(event.id, event.head.tenant);
	}

	/** The handler's context; throws when a header of the event is not what it must be. */
	context(answers, common) {
		setTrace(this.event.head.trace);
		return new Context(this, answers, common);
	}

	/** The process is about to end for `error`; calls `exit` when the caller will learn of it. */
	failLast(error, exit) {
		if (this.answered) {
			exit();
			return;
		}
		this.answered = true;
		this.client.failLast(this.event.id, JSON.stringify(toBody(error)), toCause(error), exit);
	}
}

/** Of a handler that returns or calls back with its whole result. */
class BufferedInvocation extends Invocation {
	run(runtime) {
		const callback = this.once((error, result) => this.callBack(error, result));
		const succeed = this.once((result) => this.finish(null, result));
		const fail = this.once((error) => this.finish(error ?? 'handled'));
		const done = this.once((error, result) => this.finish(error, result));
		this.onIdle = () => this.respondNull();
		try {
			const event = JSON.parse(this.event.text);
			const context = this.context({ succeed, fail, done }, runtime.common);
			const result = runtime.handler(event, context, callback);
			if (isPromise(result)) {
				if (runtime.rules.mustSettle && !this.settled) {
					this.onIdle = () => this.failUnsettled();
				}
				result.then(succeed, fail).catch(fail);
			}
		} catch (error) {
			callback(error);
		}
	}

	/** Of all the ways to answer, only the first that succeeds counts. */
	once(answer) {
		return (...args) => {
			if (!this.settled) {
				answer(...args);
				this.settled = true;
			}
		};
	}

	callBack(error, result) {
		this.onIdle = () => {};
		if (isGiven(error)) {
			this.fail(error);
		} else if (this.waits) {
			this.onIdle = () => setImmediate(() => this.respond(result));
		} else {
			this.respond(result);
		}
	}

	finish(error, result) {
		this.onIdle = () => {};
		if (isGiven(error)) {
			this.fail(error);
		} else {
			this.respond(result);
		}
	}

	respondNull() {
		this.onIdle = () => {};
		this.respond(null);
	}

	failUnsettled() {
		const { id } = this.event;
		const error = new NodejsExit(
			`RequestId: ${id} Error: The handler returned a Promise that was never settled`,
		);
		this.failLast(error, () => process.exit(0));
	}

	respond(result) {
		if (this.answered) {
			console.error(
				'Invocation has already been reported as done. Cannot call complete more than once per invocation.',
			);
			return;
		}
		const body = toJson(result);
		this.answered = true;
		this.client.respond(this.event.id, body);
		this.done();
	}

	fail(error) {
		logError('Invoke Error', error);
		if (this.answered) {
			return; // a null was sent when the event loop was empty
		}
		this.answered = true;
		this.client.fail(this.event.id, JSON.stringify(toBody(error)), toCause(error));
		this.done();
	}
}

/** Of a handler that writes its result to a stream. */
class StreamingInvocation extends Invocation {
	async run(runtime) {
		const stream = new ResponseStream(this.client, this.event.id, runtime.highWaterMark);
		this.onIdle = () => (stream.writableFinished ? this.next() : this.client.hang());
		try {
			const context = this.context(null, runtime.common);
			const event = JSON.parse(this.event.text);
			const result = runtime.handler(event, stream, context);
			if (!isPromise(result)) {
				this.fail(stream, 'Streaming does not support non-async handlers.');
				return;
			}
			if ((await result) !== undefined) {
				console.warn('Streaming handlers ignore return values.');
			}
		} catch (error) {
			this.fail(stream, error);
			return;
		}
		this.whenClosed(stream);
	}

	whenClosed(stream) {
		if (stream.closed) {
			this.complete();
		} else {
			stream.once('close', () => this.complete());
		}
	}

	fail(stream, error) {
		logError('Invoke Error', error);
		this.answered = true;
		stream.fail(error, () => this.complete());
	}

	/** The answer is sent, but the invocation lasts until the handler has nothing left to do. */
	complete() {
		this.answered = true;
		if (this.waits) {
			this.onIdle = () => setImmediate(() => this.next());
		} else {
			this.next();
		}
	}

	next() {
		this.onIdle = () => {};
		this.answered = true;
		this.client.askNext();
		this.done();
	}
}

module.exports = { BufferedInvocation, StreamingInvocation };
