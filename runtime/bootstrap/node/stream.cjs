'use strict';
// The stream that a streaming handler writes to (lambda.md 1.7, 2.7): chunks of one POST /response.

const { Writable } = require('node:stream');
const { InvalidStreamingOperation, toBody } = require('./errors.cjs');

const HTTP_PRELUDE_TYPE = 'application/vnd.awslambda.http-integration-response';
const PRELUDE_END = Buffer.alloc(8);

const isRaw = (chunk) => typeof chunk === 'string' || chunk instanceof Uint8Array;

class ResponseStream extends Writable {
	#client;
	#id;
	#contentType = 'application/octet-stream';
	#wrote = false;
	#begun = false;
	#closed = false;
	#error = null;

	constructor(client, id, highWaterMark) {
		super({ highWaterMark });
		this.#client = client;
		this.#id = id;
		// pipeline() destroys the stream that it fails on, and a destroyed stream emits its error: that is reported
		// through the trailers, and must not end the process as well.
		this.on('error', () => {});
	}

	setContentType(type) {
		if (this.#wrote) {
			throw new InvalidStreamingOperation('Cannot set content-type, too late.');
		}
		this.#contentType = type;
	}

	/** As any Writable's, but what is neither text nor bytes is written as JSON. */
	write(chunk, encoding, callback) {
		if (!this.#wrote) {
			this.#wrote = true;
			this._onBeforeFirstWrite?.((first) => super.write(first));
		}
		return super.write(isRaw(chunk) ? chunk : JSON.stringify(chunk), encoding, callback);
	}

	/** Ends the stream with the error in its trailers; does nothing more to one that has ended. */
	fail(error, callback) {
		if (this.writableEnded || this.destroyed) {
			callback();
			return;
		}
		this.#error = toBody(error);
		this.end(callback);
	}

	#begin() {
		if (!this.#begun) {
			this.#begun = true;
			this.#client.beginStream(this.#id, this.#contentType);
		}
	}

	_write(chunk, _encoding, callback) {
		this.#begin();
		if (chunk.length === 0) {
			callback(); // an empty chunk would end the body
			return;
		}
		this.#client.sendChunk(chunk, callback);
	}

	_final(callback) {
		this.#begin();
		this.#closed = true;
		this.#client.endStream(this.#error, callback);
	}

	_destroy(error, callback) {
		if (this.#closed) {
			callback(error);
			return;
		}
		this.#begin();
		this.#closed = true;
		this.#client.endStream(toBody(error ?? new Error('The response stream was destroyed.')), () =>
			callback(error),
		);
	}
}

/** Makes the first write of `stream` emit the status, headers and cookies of an HTTP response. */
function fromPrelude(stream, prelude) {
	stream.setContentType(HTTP_PRELUDE_TYPE);
	const text = JSON.stringify(prelude);
	stream._onBeforeFirstWrite = (write) => {
		write(text);
		write(PRELUDE_END);
	};
	return stream;
}

class HttpResponseStream {
	static from = fromPrelude;
}

module.exports = { HttpResponseStream, ResponseStream };
