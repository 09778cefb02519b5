'use strict';
// A strict incremental parser of HTTP/1.1 answers: status line, headers, then a body by Content-Length or chunks.

const MAX_HEAD = 1024 * 1024;
const MAX_BODY = 32 * 1024 * 1024;
const MAX_CHUNK_LINE = 1024;
const EMPTY = Buffer.alloc(0);

const STATUS = /HTTP\/1\.1 [1-5][0-9][0-9](?: [^\r\n]*)?/.source;
const HEADER = /[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*/.source;
const STATUS_LINE = new RegExp(`^${STATUS}$`);
const HEADER_LINE = new RegExp(`^${HEADER}$`);
const WHOLE_HEAD = new RegExp(`^${STATUS}(?:\\r\\n${HEADER})*$`);
const CHUNK_LINE = /^([0-9A-Fa-f]{1,8})(?:[ \t]*;[^\r\n]*)?$/;

// The usual heads, in the order and spelling of the emulator's own server: one expression checks and cuts them, in half the
// time. Any other head, and any value with a space in it, is read line by line.
const USUAL_HEAD = new RegExp(
	'^HTTP/1\\.1 ([1-5][0-9][0-9]) [A-Za-z]+\r\nContent-Type: [!-~]+' +
		'(?:\r\nLambda-Runtime-Aws-Request-Id: ([!-~]+)\r\nLambda-Runtime-Deadline-Ms: ([0-9]+)' +
		'\r\nLambda-Runtime-Invoked-Function-Arn: ([!-~]+)(?:\r\nLambda-Runtime-Trace-Id: ([!-~]+))?)?' +
		'\r\nContent-Length: ([0-9]+)(?:\r\nConnection: keep-alive)?$',
);

// The headers that are used, by their names as servers usually write them; anything else is passed over.
const FIELDS = new Map();
for (const [name, field] of Object.entries({
	'Content-Length': 'length',
	'Transfer-Encoding': 'coding',
	'Lambda-Runtime-Aws-Request-Id': 'id',
	'Lambda-Runtime-Deadline-Ms': 'deadline',
	'Lambda-Runtime-Invoked-Function-Arn': 'arn',
	'Lambda-Runtime-Trace-Id': 'trace',
	'Lambda-Runtime-Client-Context': 'clientContext',
	'Lambda-Runtime-Cognito-Identity': 'identity',
	'Lambda-Runtime-Aws-Tenant-Id': 'tenant',
})) {
	FIELDS.set(name, field).set(name.toLowerCase(), field);
}
const fieldOf = (name) => FIELDS.get(name) ?? FIELDS.get(name.toLowerCase());

class Head {
	constructor(status, id, deadline, arn, trace, length) {
		this.status = Number(status);
		this.length = length;
		this.coding = undefined;
		this.id = id;
		this.deadline = deadline;
		this.arn = arn;
		this.trace = trace;
		this.clientContext = undefined;
		this.identity = undefined;
		this.tenant = undefined;
	}
}

function explainHead(text) {
	const [status, ...headers] = text.split('\r\n');
	if (!STATUS_LINE.test(status)) {
		throw new Error(`not an HTTP/1.1 status line: ${JSON.stringify(status.slice(0, 80))}`);
	}
	const bad = headers.find((header) => !HEADER_LINE.test(header));
	throw new Error(`malformed header line: ${JSON.stringify(bad.slice(0, 80))}`);
}

function parseHead(text) {
	const usual = USUAL_HEAD.exec(text);
	return usual === null
		? parseLines(text)
		: new Head(usual[1], usual[2], usual[3], usual[4], usual[5], usual[6]);
}

// One expression checks the whole, so that what follows may just cut.
function parseLines(text) {
	if (!WHOLE_HEAD.test(text)) {
		explainHead(text);
	}
	const head = new Head(text.slice(9, 12));
	for (let end = text.indexOf('\r\n'); end >= 0; ) {
		const start = end + 2;
		const colon = text.indexOf(':', start);
		end = text.indexOf('\r\n', colon);
		const field = fieldOf(text.slice(start, colon));
		if (field !== undefined) {
			const value = text.slice(colon + 1, end < 0 ? text.length : end).trim();
			if (field === 'length' && head.length !== undefined && head.length !== value) {
				throw new Error('two different Content-Length headers');
			}
			head[field] = value;
		}
	}
	return head;
}

/** How the body is delimited: a length, or -1 for chunks. */
function bodyLength({ status, length, coding }) {
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
	/** `onAnswer(head, bytes, start, end)`: the body lies in `bytes`, which are valid only during the call. */
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

	finish(bytes, start, end) {
		const { head } = this;
		this.reset();
		if (head.status >= 200) {
			this.onAnswer(head, bytes, start, end);
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
			this.finish(bytes, start, start + length);
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
			this.finish(this.body, 0, this.filled);
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
			this.finish(Buffer.concat(this.chunks), 0, this.total);
		}
		return end < 0 ? -1 : end + 2;
	}
}

module.exports = { AnswerParser };
