'use strict';
// A strict incremental parser of HTTP/1.1 answers: status line, headers, then a body by Content-Length or chunks.

const MAX_HEAD = 1024 * 1024;
const MAX_BODY = 32 * 1024 * 1024;
const MAX_CHUNK_LINE = 1024;
const EMPTY = Buffer.alloc(0);

const STATUS_LINE = /^HTTP\/1\.1 ([1-5][0-9][0-9])(?: [^\r\n]*)?$/;
const HEADER_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*$/;
const CHUNK_LINE = /^([0-9A-Fa-f]{1,8})(?:[ \t]*;[^\r\n]*)?$/;

function parseHead(text) {
	const lines = text.split('\r\n');
	const status = STATUS_LINE.exec(lines[0]);
	if (!status) {
		throw new Error(`not an HTTP/1.1 status line: ${JSON.stringify(lines[0].slice(0, 80))}`);
	}
	const headers = Object.create(null);
	for (let i = 1; i < lines.length; i++) {
		const header = HEADER_LINE.exec(lines[i]);
		if (!header) {
			throw new Error(`malformed header line: ${JSON.stringify(lines[i].slice(0, 80))}`);
		}
		const name = header[1].toLowerCase();
		if (name === 'content-length' && name in headers && headers[name] !== header[2]) {
			throw new Error('two different Content-Length headers');
		}
		headers[name] = header[2];
	}
	return { status: Number(status[1]), headers };
}

/** How the body is delimited: a length, or -1 for chunks. */
function bodyLength({ status, headers }) {
	const length = headers['content-length'];
	const coding = headers['transfer-encoding'];
	if (status < 200 || status === 204) {
		return 0;
	}
	if (coding !== undefined) {
		if (length !== undefined || coding.toLowerCase() !== 'chunked') {
			throw new Error(`unsupported Transfer-Encoding: ${coding}`);
		}
		return -1;
	}
	if (length === undefined || !/^[0-9]{1,9}$/.test(length) || Number(length) > MAX_BODY) {
		throw new Error(`unusable Content-Length: ${length}`);
	}
	return Number(length);
}

class AnswerParser {
	/** `onAnswer(status, headers, body)`: the body is a view that is valid only during the call. */
	constructor(onAnswer) {
		this.onAnswer = onAnswer;
		this.kept = EMPTY; // start of a line or head whose end has not arrived
		this.reset();
	}

	reset() {
		this.head = null;
		this.step = this.readHead;
		this.body = null; // of a body that arrives in pieces
		this.filled = 0;
		this.chunks = [];
		this.total = 0;
	}

	/** Takes bytes as they arrive; keeps no reference to `data`. Throws when the peer does not speak HTTP/1.1. */
	feed(data) {
		let bytes = data;
		if (this.kept.length > 0) {
			bytes = Buffer.concat([this.kept, data]);
			this.kept = EMPTY;
		}
		let at = 0;
		while (at < bytes.length) {
			const next = this.step(bytes, at);
			if (next < 0) {
				this.kept = Buffer.from(bytes.subarray(at));
				return;
			}
			at = next;
		}
	}

	finish(body) {
		const { status, headers } = this.head;
		this.reset();
		if (status >= 200) {
			this.onAnswer(status, headers, body);
		}
	}

	readHead(bytes, at) {
		const end = bytes.indexOf('\r\n\r\n', at, 'latin1');
		if ((end < 0 ? bytes.length : end) - at > MAX_HEAD) {
			throw new Error('answer head too large');
		}
		if (end < 0) {
			return -1;
		}
		this.head = parseHead(bytes.utf8Slice(at, end));
		const start = end + 4;
		const length = bodyLength(this.head);
		if (length < 0) {
			this.step = this.readChunkSize;
		} else if (bytes.length - start >= length) {
			this.finish(bytes.subarray(start, start + length));
			return start + length;
		} else {
			this.body = Buffer.allocUnsafe(length);
			this.step = this.readBody;
		}
		return start;
	}

	readBody(bytes, at) {
		const taken = bytes.copy(this.body, this.filled, at);
		this.filled += taken;
		if (this.filled === this.body.length) {
			this.finish(this.body);
		}
		return at + taken;
	}

	readLine(bytes, at) {
		const end = bytes.indexOf('\r\n', at, 'latin1');
		if ((end < 0 ? bytes.length : end) - at > MAX_CHUNK_LINE) {
			throw new Error('line too long in a chunked answer');
		}
		return end;
	}

	readChunkSize(bytes, at) {
		const end = this.readLine(bytes, at);
		if (end < 0) {
			return -1;
		}
		const size = CHUNK_LINE.exec(bytes.latin1Slice(at, end));
		if (!size) {
			throw new Error('malformed chunk size');
		}
		const length = parseInt(size[1], 16);
		this.total += length;
		if (this.total > MAX_BODY) {
			throw new Error('chunked answer too large');
		}
		this.body = Buffer.allocUnsafe(length);
		this.filled = 0;
		this.step = length === 0 ? this.readTrailer : this.readChunk;
		return end + 2;
	}

	readChunk(bytes, at) {
		const taken = bytes.copy(this.body, this.filled, at);
		this.filled += taken;
		if (this.filled === this.body.length) {
			this.chunks.push(this.body);
			this.step = this.readChunkEnd;
		}
		return at + taken;
	}

	readChunkEnd(bytes, at) {
		if (bytes.length - at < 2) {
			return -1;
		}
		if (bytes[at] !== 0x0d || bytes[at + 1] !== 0x0a) {
			throw new Error('chunk longer than its size');
		}
		this.step = this.readChunkSize;
		return at + 2;
	}

	readTrailer(bytes, at) {
		const end = this.readLine(bytes, at);
		if (end === at) {
			this.finish(Buffer.concat(this.chunks));
		}
		return end < 0 ? -1 : end + 2;
	}
}

module.exports = { AnswerParser };
