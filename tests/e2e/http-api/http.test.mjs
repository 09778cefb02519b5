// HTTP itself, in bytes: framing, keeping and closing connections, and every smuggling shape.

import assert from "node:assert/strict";
import { connect } from "node:net";
import test from "node:test";
import { eventually } from "../support.mjs";
import {
	apiUrl, assertError, eventsSince, exchange, parseResponses, raw, Template, told, withApp, withEvent,
} from "./harness.mjs";

const template = new Template()
	.fn("Echo", "echo.handler")
	.fn("Behave", "behave.handler")
	.api("A")
	.route("A", "ANY /echo", "Echo")
	.route("A", "GET /behave", "Behave");

const H = "Host: h\r\n";
const get = (more = "") => `GET /echo HTTP/1.1\r\n${H}${more}\r\n`;
const post = (headers, body) => `POST /echo HTTP/1.1\r\n${H}${headers}\r\n${body}`;
const chunked = (body) => post("Transfer-Encoding: chunked\r\n", body);

// What must never reach a handler: 400, and the connection is closed.
const BAD = {
	"both lengths": post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
	"both lengths, the other way": post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
	"two different lengths": post("Content-Length: 1\r\nContent-Length: 2\r\n", "ab"),
	"the same length twice": post("Content-Length: 1\r\nContent-Length: 1\r\n", "a"),
	"a list of lengths": post("Content-Length: 1, 1\r\n", "a"),
	"length with a sign": post("Content-Length: +1\r\n", "a"),
	"negative length": post("Content-Length: -1\r\n", ""),
	"length in hex": post("Content-Length: 0x1\r\n", "a"),
	"length with a blank inside": post("Content-Length: 1 1\r\n", "a"),
	"empty length": post("Content-Length: \r\n", ""),
	"huge length": post("Content-Length: 99999999999999999999999\r\n", ""),
	"chunked twice": post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
	"chunked not last": post("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"),
	"another coding": post("Transfer-Encoding: gzip\r\n", ""),
	"identity coding": post("Transfer-Encoding: identity\r\n", ""),
	"chunked with a blank before": post("Transfer-Encoding:\x0bchunked\r\n", "0\r\n\r\n"),
	"xchunked": post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
	"chunked in quotes": post('Transfer-Encoding: "chunked"\r\n', "0\r\n\r\n"),
	"chunked in HTTP/1.0": `POST /echo HTTP/1.0\r\n${H}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
	"folded header": get("X-A: b\r\n c: d\r\n"),
	"folded with a tab": get("X-A: b\r\n\tc\r\n"),
	"first header line folded": `GET /echo HTTP/1.1\r\n ${H}\r\n`,
	"bare LF": `GET /echo HTTP/1.1\n${H}\r\n`,
	"bare LF between headers": get("X-A: b\nX-B: c\r\n"),
	"bare LF at the end": `GET /echo HTTP/1.1\r\n${H}\n`,
	"bare CR": get("X-A: b\rX-B: c\r\n"),
	"blank before the colon": get("X-A : b\r\n"),
	"length with a blank before the colon": post("Content-Length : 1\r\n", "a"),
	"no colon": get("X-A\r\n"),
	"no name": get(": b\r\n"),
	"blank in a name": get("X A: b\r\n"),
	"NUL in a value": get("X-A: b\0c\r\n"),
	"NUL in a name": get("X-\0A: b\r\n"),
	"NUL in the target": `GET /ec\0ho HTTP/1.1\r\n${H}\r\n`,
	"control character in a value": get("X-A: b\x01\r\n"),
	"DEL in a value": get("X-A: b\x7f\r\n"),
	"byte above 127 in a name": get("X-\xe9: b\r\n"),
	"no Host": "GET /echo HTTP/1.1\r\n\r\n",
	"two Hosts": get("Host: i\r\n"),
	"Host with a path": "GET /echo HTTP/1.1\r\nHost: h/x\r\n\r\n",
	"Host with a user": "GET /echo HTTP/1.1\r\nHost: u@h\r\n\r\n",
	"Host with a blank": "GET /echo HTTP/1.1\r\nHost: h i\r\n\r\n",
	"no version": `GET /echo\r\n${H}\r\n`,
	"blank in the target": `GET /ec ho HTTP/1.1\r\n${H}\r\n`,
	"two blanks": `GET  /echo HTTP/1.1\r\n${H}\r\n`,
	"tab for a blank": `GET\t/echo HTTP/1.1\r\n${H}\r\n`,
	"lower-case version": `GET /echo http/1.1\r\n${H}\r\n`,
	"no slash": `GET echo HTTP/1.1\r\n${H}\r\n`,
	"byte above 127 in the target": `GET /ech\xe9 HTTP/1.1\r\n${H}\r\n`,
	"lower-case method": `get /echo HTTP/1.1\r\n${H}\r\n`,
	"TLS hello": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
	"HTTP/2 preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"chunk size no hex": chunked("x\r\na\r\n0\r\n\r\n"),
	"chunk size with 0x": chunked("0x1\r\na\r\n0\r\n\r\n"),
	"chunk size with a sign": chunked("+1\r\na\r\n0\r\n\r\n"),
	"chunk size with a blank before": chunked(" 1\r\na\r\n0\r\n\r\n"),
	"chunk size empty": chunked("\r\na\r\n0\r\n\r\n"),
	"chunk size too large": chunked("ffffffffffffffff1\r\na\r\n"),
	"chunk size with bare LF": chunked("1\na\r\n0\r\n\r\n"),
	"chunk longer than said": chunked("1\r\nab\r\n0\r\n\r\n"),
	"chunk end with bare LF": chunked("1\r\na\n0\r\n\r\n"),
	"chunk extension with bare LF": chunked("1;a\nb\r\na\r\n0\r\n\r\n"),
	"trailer with bare LF": chunked("0\r\nx: y\n\r\n"),
	"trailer with NUL": chunked("0\r\nx: \0\r\n\r\n"),
	"too many headers": get(Array.from({ length: 400 }, (_, i) => `x${i}: \r\n`).join("")),
};

const OTHERWISE = {
	"HTTP/2 preface": [505, "HTTP Version Not Supported"],
	"too many headers": [431, "Request Header Fields Too Large"],
};

test("HTTP", (t) => withApp(t, template, async (program) => {
	const url = apiUrl(program, "A");
	const requests = (from) => eventsSince(program, from).filter((each) => each.event === "request");
	const bodies = (responses) => responses.map((each) => JSON.parse(each.body).body);
	assert.equal((await exchange(url, { target: "/echo" })).status, 200);

	for (const [name, bytes] of Object.entries(BAD)) {
		await program.step(t, name, async () => {
			const from = await told(program);
			const smuggled = `GET /echo?smuggled HTTP/1.1\r\n${H}\r\n`;
			const { answer: text, event } = await withEvent(program, "refused", () => raw(url, bytes + smuggled));
			const responses = parseResponses(text);
			assert.equal(responses.length, 1, text);
			const [{ status, body, header }] = responses;
			assertError(responses[0], ...(OTHERWISE[name] ?? [400, "Bad Request"]));
			assert.equal(header("connection"), "close");
			assert.deepEqual([event.check, event.status], ["HTTP", status]);
			assert.ok(event.reason.length > 3 && !body.includes(event.reason));
			assert.deepEqual(requests(from), []);
		});
	}

	await program.step(t, "a bad request behind good ones: their answers, then 400", async () => {
		const from = await told(program);
		const text = await raw(url, `${post("Content-Length: 1\r\nContent-Type: text/plain\r\n", "1")}${get()}${get("X : y\r\n")}${get()}`);
		const responses = parseResponses(text);
		assert.deepEqual(responses.map((each) => each.status), [200, 200, 400]);
		await told(program);
		assert.equal(requests(from).length, 2);
	});

	await program.step(t, "pipelined requests are answered in order", async () => {
		const one = (text, more = "") =>
			post(`Content-Type: text/plain\r\nContent-Length: ${text.length}\r\n${more}`, text);
		const text = await raw(url, one("a") + one("bb") + one("ccc", "Connection: close\r\n"));
		assert.deepEqual(bodies(parseResponses(text)), ["a", "bb", "ccc"]);
	});

	await program.step(t, "chunked bodies, with extensions and trailers, byte by byte", async () => {
		const type = "Content-Type: text/plain\r\n";
		const bytes = post(
			`${type}Transfer-Encoding: chunked\r\nConnection: close\r\n`,
			'3;a=b;c="d"\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Trailer: t\r\n\r\n',
		);
		for (const pieces of [[bytes], [...bytes].flatMap((c, i) => (i % 40 === 0 ? [1, c] : [c]))]) {
			const [answer] = parseResponses(await raw(url, pieces));
			const event = JSON.parse(answer.body);
			assert.equal(event.body, "abc0123456789");
			assert.equal(event.headers["content-length"], "13");
			assert.equal("transfer-encoding" in event.headers, false);
			assert.equal("x-trailer" in event.headers, false);
		}
	});

	await program.step(t, "Expect: 100-continue", async () => {
		const head = post("Expect: 100-continue\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n", "");
		const text = await raw(url, [head, 100, "hi"]);
		const responses = parseResponses(text);
		assert.deepEqual(responses.map((each) => each.status), [100, 200]);
		const event = JSON.parse(responses[1].body);
		assert.deepEqual([event.body, event.headers.expect], ["hi", undefined]);
		// Not for a body that is refused anyway.
		const large = post("Expect: 100-continue\r\nContent-Length: 99999999\r\n", "");
		assert.deepEqual(parseResponses(await raw(url, large)).map((each) => each.status), [413]);
	});

	await program.step(t, "HTTP/1.0 closes, unless asked to keep", async () => {
		const old = (more) => `GET /echo HTTP/1.0\r\n${H}${more}\r\n`;
		const [answer] = parseResponses(await raw(url, old("")));
		assert.deepEqual([answer.status, answer.header("connection")], [200, "close"]);
		assert.equal(JSON.parse(answer.body).requestContext.http.protocol, "HTTP/1.1");
		const two = parseResponses(await raw(url, old("Connection: keep-alive\r\n") + old("")));
		assert.deepEqual(two.map((each) => each.header("connection")), ["keep-alive", "close"]);
		// RFC 9112 3.2 asks for a Host from 1.1 on: who sends none has called no domain.
		const [hostless] = parseResponses(await raw(url, "GET /echo HTTP/1.0\r\n\r\n"));
		const { headers, requestContext: c } = JSON.parse(hostless.body);
		assert.deepEqual([hostless.status, headers.host, c.domainName, c.domainPrefix], [200, undefined, "", ""]);
	});

	await program.step(t, "absolute-form is routed by its path, and its authority is the host", async () => {
		const bytes = `GET http://shop.example/echo?a=1 HTTP/1.1\r\n${H}Connection: close\r\n\r\n`;
		const [answer] = parseResponses(await raw(url, bytes));
		assert.equal(answer.status, 200, answer.body);
		const event = JSON.parse(answer.body);
		assert.deepEqual([event.rawPath, event.rawQueryString], ["/echo", "a=1"]);
	});

	await program.step(t, "a half-closed client gets all its answers, then the end", async () => {
		const bytes = `GET /behave?ms=200 HTTP/1.1\r\n${H}\r\n`;
		const [answer, ...more] = parseResponses(await raw(url, bytes, { halfClose: true }));
		assert.deepEqual([answer.status, answer.body, more.length], [200, "done", 0]);
		const three = parseResponses(await raw(url, bytes + bytes + bytes, { halfClose: true }));
		assert.deepEqual(three.map((each) => [each.status, each.body]), Array(3).fill([200, "done"]));
		// The last one, cut off, is not answered.
		const cut = parseResponses(await raw(url, bytes + bytes.slice(0, -1), { halfClose: true }));
		assert.deepEqual(cut.map((each) => each.status), [200]);
	});

	await program.step(t, "a client that is gone before the answer harms nobody", async () => {
		const from = await told(program);
		for (let i = 0; i < 10; i++) {
			const socket = connect({ port: new URL(url).port, host: "localhost" });
			socket.on("error", () => {});
			socket.write(`GET /behave?ms=100 HTTP/1.1\r\n${H}\r\n`);
			await eventually("the function runs", () => requests(from).length > i);
			socket.resetAndDestroy();
		}
		assert.equal((await exchange(url, { target: "/behave" })).body, "done");
	});

	await program.step(t, "an unfinished request that ends is dropped; blank lines before one are skipped", async () => {
		for (const bytes of ["", "GET /ec", get().slice(0, -2), post("Content-Length: 5\r\n", "ab")]) {
			const from = await told(program);
			assert.equal(await raw(url, bytes, { halfClose: true }), "");
			assert.deepEqual(requests(from), []);
		}
		const [answer] = parseResponses(await raw(url, `\r\n${get("Connection: close\r\n")}`));
		assert.equal(answer.status, 200);
	});

	await program.step(t, "a slow client that sends a byte now and then is served", async () => {
		const bytes = get("Connection: close\r\n");
		const [answer] = parseResponses(await raw(url, [...bytes].flatMap((c) => [2, c])));
		assert.equal(answer.status, 200);
	});

	await program.step(t, "connections are kept: 300 requests over one", async () => {
		const text = await raw(url, [get().repeat(299), get("Connection: close\r\n")]);
		const responses = parseResponses(text);
		assert.equal(responses.length, 300);
		const ids = new Set(responses.map((each) => JSON.parse(each.body).requestContext.requestId));
		assert.equal(ids.size, 300);
	});
}));
