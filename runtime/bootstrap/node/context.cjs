'use strict';
// What a handler gets as its context (lambda.md 2.6): a plain object whose members stand in the order of the official
// client's, since people print it.
//
// The accessor's two functions are the same for every context. A literal with accessors makes a new hidden class for each
// object, which V8's young collections cannot free: with it, collecting cost 3 microseconds an invocation.

const OWNER = Symbol('invocation');
const OWNED = { writable: true, value: null };
const WAITS = {
	enumerable: true,
	configurable: true,
	get() {
		return this[OWNER].waits;
	},
	set(value) {
		this[OWNER].waits = value;
	},
};

/** What every invocation of this process has in common. */
function describeFunction(env) {
	return {
		functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
		functionName: env.AWS_LAMBDA_FUNCTION_NAME,
		memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
		logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
		logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
	};
}

function parseHeader(text, name) {
	if (text === undefined) {
		return undefined;
	}
	try {
		return JSON.parse(text);
	} catch (error) {
		throw new Error(`Cannot parse ${name} as json: ${error}`);
	}
}

/**
 * Of one event: `invocation.waits` is what the handler reads and sets as callbackWaitsForEmptyEventLoop, `answers` has
 * succeed, fail and done where the handler may call them. Throws when a header of the event is not what it must be.
 */
function Context(invocation, answers, common) {
	const { head, deadline, id } = invocation.event;
	Object.defineProperty(this, OWNER, OWNED);
	this[OWNER] = invocation;
	Object.defineProperty(this, 'callbackWaitsForEmptyEventLoop', WAITS);
	if (answers) {
		this.succeed = answers.succeed;
		this.fail = answers.fail;
		this.done = answers.done;
	}
	this.functionVersion = common.functionVersion;
	this.functionName = common.functionName;
	this.memoryLimitInMB = common.memoryLimitInMB;
	this.logGroupName = common.logGroupName;
	this.logStreamName = common.logStreamName;
	this.clientContext = parseHeader(head.clientContext, 'ClientContext');
	this.identity = parseHeader(head.identity, 'CognitoIdentity');
	this.invokedFunctionArn = head.arn;
	this.awsRequestId = id;
	this.tenantId = head.tenant;
	this.getRemainingTimeInMillis = () => deadline - Date.now();
}
Context.prototype = Object.prototype; // it is printed, cloned and compared as a plain object

module.exports = { Context, describeFunction };
