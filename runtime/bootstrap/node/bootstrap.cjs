'use strict';
// The process that runs a Node handler: `node bootstrap.cjs`, with the environment of lambda.md 2.1. It speaks the
// public Runtime API and nothing else. Variables of our own, removed before the handler can see them, tune it:
// OFFSTAGE_PREFETCH=n lets the next n events wait in this process, OFFSTAGE_RUNTIME_FD=n is a socket to the Runtime API
// that is there already, OFFSTAGE_SPARE=1 starts it before its function is known.

const { RuntimeClient } = require('./client.cjs');
const { describeFunction } = require('./context.cjs');
const { UnhandledPromiseRejection, toBody } = require('./errors.cjs');
const { BufferedInvocation, StreamingInvocation } = require('./invocation.cjs');
const { highWaterMark, isStreaming, loadHandler, markStreaming } = require('./load.cjs');
const { logError, patchConsole, writeThrough } = require('./log.cjs');
const { HttpResponseStream } = require('./stream.cjs');

const EXIT_REJECTION = 128;
const EXIT_EXCEPTION = 129;

function takeNumber(name) {
	const value = Number(process.env[name] || 0);
	delete process.env[name];
	return value;
}

/** What differs between managed Node versions: lambda.md 2.6. */
function rulesOf(env) {
	const declared = /nodejs([0-9]+)/.exec(env.AWS_EXECUTION_ENV);
	const major = Number(declared ? declared[1] : process.versions.node.split('.')[0]);
	return { major, mustSettle: major >= 18 };
}

function offerGlobals(env) {
	if (!['1', 'true'].includes(env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) {
		globalThis.awslambda = { streamifyResponse: markStreaming, HttpResponseStream };
	}
}

class Runtime {
	constructor() {
		this.current = null; // the last invocation, until the next begins
		this.ending = false;
		this.client = new RuntimeClient(process.env.AWS_LAMBDA_RUNTIME_API, {
			prefetch: takeNumber('OFFSTAGE_PREFETCH'),
			fd: takeNumber('OFFSTAGE_RUNTIME_FD'),
			onLost: (error) => this.lose(error),
		});
	}

	catchFailures() {
		process.on('uncaughtException', (error) => {
			logError('Uncaught Exception', error);
			this.end(error, EXIT_EXCEPTION);
		});
		process.on('unhandledRejection', (reason, promise) => {
			const error = new UnhandledPromiseRejection(reason, promise);
			logError('Unhandled Promise Rejection', error);
			this.end(error, EXIT_REJECTION);
		});
		process.on('beforeExit', () => this.current?.onIdle());
	}

	/** Ends the process after telling the server why. */
	end(error, code) {
		if (this.ending) {
			return;
		}
		this.ending = true;
		const exit = () => process.exit(code);
		if (this.current) {
			this.current.failLast(error, exit);
		} else {
			const body = toBody(error);
			this.client.failInit(body.errorType, JSON.stringify(body), exit);
		}
	}

	/** The server is gone or speaks nonsense: nobody is left to tell, or to work for. */
	lose(error) {
		console.log(`Unexpected Top Level Error: ${error}`);
		process.exit(EXIT_EXCEPTION);
	}

	// Invocations call the handler as a method of this object: its name is in the stack traces, as "Runtime.handler".
	async run() {
		const root = process.env.LAMBDA_TASK_ROOT || process.cwd();
		this.rules = rulesOf(process.env);
		this.common = describeFunction(process.env);
		this.handler = await loadHandler(root, process.env._HANDLER ?? '', this.rules.major);
		this.highWaterMark = highWaterMark(this.handler);
		const Kind = isStreaming(this.handler) ? StreamingInvocation : BufferedInvocation;
		const next = () => this.client.take(begin);
		const begin = (event) => {
			this.current = new Kind(this.client, event, next);
			this.current.run(this);
		};
		next();
		this.client.start();
	}
}

async function main() {
	process.setSourceMapsEnabled(true);
	writeThrough();
	if (takeNumber('OFFSTAGE_SPARE')) {
		await require('./rehearsal.cjs')
			.rehearse()
			.catch(() => {}); // it is only slower without
		require('./spare.cjs').awaitAssignment();
	}
	patchConsole();
	offerGlobals(process.env);
	const runtime = new Runtime();
	runtime.catchFailures();
	runtime.run().catch((error) => {
		logError('Uncaught Exception', error);
		runtime.end(error, EXIT_EXCEPTION);
	});
}

main();
