// Routes to URLs (HTTP_PROXY): sections 2.2 (headers), 4.4 (mappings), 5.1 and 10 (errors, limits).

import assert from "node:assert/strict";
import http from "node:http";
import { connect } from "node:net";
import test from "node:test";
import { eventually } from "../support.mjs";
import {
	apiUrl, assertError, eventOf, exchange, parseResponses, raw, REQUEST_ID, Template, withApp, withEvent,
} from "./harness.mjs";

/** A backend on loopback that keeps what it was asked and answers as its path says. */
async function backend(t) {
	const state = { asked: [] };
	const server = http.createServer((request, response) => {
		const seen = { method: request.method, url: request.url, headers: request.headers, version: request.httpVersion, body: "" };
		state.asked.push(seen);
		if (request.url.startsWith("/early")) {
			response.writeHead(413, { connection: "close", "content-length": "3" });
			response.end("no!");
			return;
		}
		if (request.url.startsWith("/deaf")) {
			state.listen = () => request.resume();
		} else {
			request.setEncoding("latin1").on("data", (more) => (seen.body += more));
		}
		request.on("error", () => (seen.broken = true));
		request.on("end", () => {
			seen.ended = true;
			if (request.url.startsWith("/stream")) {
				response.writeHead(200, { "content-type": "text/event-stream" });
				response.write("one");
				state.more = () => response.end("two");
			} else if (request.url.startsWith("/break")) {
				response.writeHead(200, { "content-length": "100" });
				response.write("half", () => response.destroy());
			} else if (request.url.startsWith("/json")) {
				response.writeHead(201, { "content-type": "application/json", "x-a": "1", "x-b": ["2", "3"] });
				response.end('{"code":409,"who":{"name":"joe"}}');
			} else if (request.url.startsWith("/hang")) {
				// Never answers.
			} else {
				response.writeHead(207, "Multi", [
					["x-back", "1"], ["set-cookie", "a=1"], ["set-cookie", "b=2"],
					["connection", "close"], ["apigw-requestid", "forged"],
				].flat());
				response.end(`${request.method} ${request.url}`);
			}
		});
	});
	await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close());
	server.unref();
	state.url = `http://127.0.0.1:${server.address().port}`;
	return state;
}

test("routes to URLs", async (t) => {
	const back = await backend(t);
	const template = new Template().fn("Answer", "answer.handler").fn("Echo", "echo.handler").api("Url", {
		stages: [{ StageName: "$default" }, { StageName: "dev", StageVariables: { tier: "gold" } }],
	});
	const route = (key, path, more) => template.route("Url", key, null, { url: `${back.url}${path}`, ...more });
	route("ANY /plain", "/there");
	route("GET /p/{id}/{rest+}", "/q/{id}/r/{rest}");
	route("GET /method", "/m", { method: "PUT" });
	route("ANY /mapped", "/mapped", {
		mappings: {
			"overwrite:path": "/new/$request.path", "append:header.x-more": "$request.header.x-in",
			"overwrite:header.x-over": "fixed-${stageVariables.tier}", "remove:header.x-gone": "''",
			"append:querystring.q": "$request.querystring.a", "overwrite:querystring.o": "$request.body.deep.er",
			"remove:querystring.r": "''", "append:header.x-id": "$context.requestId",
		},
	});
	route("GET /answered", "/json", {
		responses: {
			201: {
				ResponseParameters: [
					{ Destination: "overwrite:statuscode", Source: "418" },
					{ Destination: "append:header.x-a", Source: "$response.header.x-b" },
					{ Destination: "overwrite:header.x-new", Source: "${context.stage}-fixed" },
					{ Destination: "remove:header.x-b", Source: "''" },
				],
			},
			207: { ResponseParameters: [{ Destination: "overwrite:statuscode", Source: "500" }] },
		},
	});
	route("GET /by-body", "/json", {
		responses: { 201: { ResponseParameters: [
			{ Destination: "overwrite:statuscode", Source: "$response.body.code" },
			{ Destination: "append:header.x-who", Source: "$response.body.who.name" },
		] } },
	});
	for (const [path, v1] of [["two", false], ["one", true]]) {
		template.route("Url", `GET /event/${path}`, "Echo", {
			v1,
			mappings: {
				"overwrite:path": "$request.path", "append:header.x-more": "$request.querystring.a",
				"overwrite:querystring.o": "${stageVariables.tier}", "remove:querystring.a": "''",
			},
		});
	}
	template.route("Url", "POST /function", "Answer", {
		responses: { 202: { ResponseParameters: [
			{ Destination: "overwrite:statuscode", Source: "203" },
			{ Destination: "append:header.x-was", Source: "$response.header.x-f" },
		] } },
	});
	route("GET /stream", "/stream");
	route("POST /deaf", "/deaf");
	route("POST /early", "/early");
	route("GET /break", "/break");
	route("GET /hang", "/hang", { timeout: 60 });
	template.route("Url", "GET /nobody", null, { url: "http://127.0.0.1:9/" });

	await withApp(t, template, async (program) => {
		const url = apiUrl(program, "Url");
		const values = (answer, name) => answer.headers.filter((each) => each[0] === name).map((each) => each[1]);

		await program.step(t, "the request as the backend sees it, and its answer", async () => {
			const answer = await exchange(url, {
				method: "POST", target: "/plain?a=1&b=%20&c",
				headers: [["X-Mine", "1"], ["X-Forwarded-For", "203.0.113.9"], ["X-Forwarded-Host", "evil"], ["TE", "trailers"], ["Authorization", "Basic x"]],
				body: "\0\xffbody",
			});
			assert.deepEqual([answer.status, answer.body], [207, "POST /there?a=1&b=%20&c"]);
			assert.deepEqual(values(answer, "Set-Cookie"), ["a=1", "b=2"]);
			assert.deepEqual(values(answer, "X-Back"), ["1"]);
			assert.equal(values(answer, "Apigw-Requestid").length, 1);
			assert.match(answer.header("apigw-requestid"), REQUEST_ID);
			const seen = back.asked.at(-1);
			assert.deepEqual(
				[seen.version, seen.body, seen.headers.host, seen.headers["x-mine"], seen.headers.te, seen.headers.expect],
				["1.1", "\0\xffbody", new URL(back.url).host, "1", undefined, undefined],
			);
			assert.deepEqual([seen.headers["content-length"], seen.headers["transfer-encoding"]], ["6", undefined]);
			assert.equal(seen.headers.authorization, "Basic x");
			assert.equal(seen.headers["x-forwarded-for"], undefined);
			assert.equal(
				seen.headers.forwarded,
				`for=203.0.113.9, by=127.0.0.1;for=127.0.0.1;host=${new URL(url).host};proto=https`,
			);
		});

		await program.step(t, "path parameters, another method, HEAD", async () => {
			assert.equal((await exchange(url, { target: "/p/a%20b/c/d?x" })).body, "GET /q/a%20b/r/c/d?x");
			assert.equal((await exchange(url, { target: "/method" })).body, "PUT /m");
			const head = await exchange(url, { method: "HEAD", target: "/plain" });
			assert.deepEqual([head.status, head.body, back.asked.at(-1).method], [207, "", "HEAD"]);
		});

		await program.step(t, "request parameters", async () => {
			const answer = await exchange(url, {
				method: "POST", target: "/dev/mapped?a=1&a=2&r=x&o=old",
				headers: [["X-In", "i"], ["X-More", "m"], ["X-Over", "old"], ["X-Gone", "g"], ["Content-Type", "application/json"]],
				body: '{"deep":{"er":"&v"}}',
			});
			const seen = back.asked.at(-1);
			assert.equal(seen.url, "/new//mapped?a=1&a=2&q=1%2C2&o=%26v");
			assert.deepEqual(
				[seen.headers["x-more"], seen.headers["x-over"], seen.headers["x-gone"], seen.headers["x-id"]],
				["m, i", "fixed-gold", undefined, answer.header("apigw-requestid")],
			);
		});

		await program.step(t, "request parameters of a function: its event has them", async () => {
			const request = (path) => ({ target: `/dev/event/${path}?a=1&o=2&o=3`, headers: [["X-More", "m"]] });
			const two = await eventOf(url, request("two"));
			assert.deepEqual(
				[two.rawPath, two.rawQueryString, two.queryStringParameters, two.headers["x-more"], two.requestContext.stage],
				["/event/two", "o=gold", { o: "gold" }, "m,1", "dev"],
			);
			const one = await eventOf(url, request("one"));
			assert.deepEqual(
				[one.path, one.multiValueQueryStringParameters, one.multiValueHeaders["X-More"]],
				["/event/one", { o: ["gold"] }, ["m", "1"]],
			);
		});

		await program.step(t, "response parameters, by the backend's status", async () => {
			const answer = await exchange(url, { target: "/dev/answered" });
			assert.deepEqual([answer.status, answer.body], [418, '{"code":409,"who":{"name":"joe"}}']);
			assert.deepEqual(
				[values(answer, "X-A"), values(answer, "X-B"), values(answer, "X-New")],
				[["1", "2,3"], [], ["dev-fixed"]],
			);
			const whole = await exchange(url, { target: "/by-body" });
			assert.deepEqual(
				[whole.status, values(whole, "X-Who"), whole.header("content-length"), whole.body.length],
				[409, ["joe"], "33", 33],
			);
			// A function's answer, too; another status than the mapped one is left alone.
			const ask = (status) => exchange(url, {
				method: "POST", target: "/function", headers: [["Content-Type", "application/json"]],
				body: JSON.stringify({ statusCode: status, headers: { "x-f": "f" } }),
			});
			const mapped = await ask(202);
			assert.deepEqual([mapped.status, values(mapped, "X-Was")], [203, ["f"]]);
			const other = await ask(201);
			assert.deepEqual([other.status, values(other, "X-Was")], [201, []]);
		});

		await program.step(t, "the answer is streamed, in chunks", async () => {
			let heard = "";
			let coding;
			const whole = new Promise((resolve, reject) => {
				http.get(`${url}/stream`, { agent: false }, (response) => {
					coding = response.headers["transfer-encoding"];
					response.setEncoding("utf8").on("data", (more) => (heard += more)).on("end", resolve);
					response.on("error", reject);
				}).on("error", reject);
			});
			await eventually("the first piece", () => heard === "one");
			back.more();
			await whole;
			assert.deepEqual([heard, coding], ["onetwo", "chunked"]);
		});

		/** A request in the making: its body is written by the caller. */
		const open = (target, headers = {}) => {
			const request = http.request(`${url}${target}`, { method: "POST", agent: false, headers });
			const answer = new Promise((resolve, reject) => {
				request.on("error", reject).on("response", (response) => {
					let body = "";
					response.setEncoding("latin1").on("data", (more) => (body += more));
					response.on("end", () => resolve({ status: response.statusCode, body }));
					response.on("error", reject);
				});
			});
			return { request, answer };
		};

		await program.step(t, "the body is streamed: the backend has its beginning before its end is sent", async () => {
			for (const headers of [{}, { "content-length": "6" }]) {
				const { request, answer } = open("/plain", headers);
				const from = back.asked.length;
				request.write("one");
				await eventually("the first piece", () => back.asked[from]?.body === "one");
				assert.equal(back.asked[from].ended, undefined);
				request.end("two");
				assert.deepEqual(await answer, { status: 207, body: "POST /there" });
				const seen = back.asked[from];
				assert.equal(seen.body, "onetwo");
				assert.deepEqual(
					[seen.headers["transfer-encoding"], seen.headers["content-length"]],
					"content-length" in headers ? [undefined, "6"] : ["chunked", undefined],
				);
			}
		});

		await program.step(t, "streamed bodies on one connection, with 100 Continue, and from a half-closed client", async () => {
			const post = (body, more = "") =>
				`POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;
			const from = back.asked.length;
			const bodies = () => back.asked.slice(from).map((each) => each.body);
			const two = parseResponses(await raw(url, post("one") + post("two", "Connection: close\r\n")));
			assert.deepEqual(two.map((each) => [each.status, each.header("connection")]), [[207, "keep-alive"], [207, "close"]]);
			const expecting = `POST /plain HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 5\r\n\r\n`;
			const waited = parseResponses(await raw(url, [expecting, 50, "three"]));
			assert.deepEqual(waited.map((each) => each.status), [100, 207]);
			const [half] = parseResponses(await raw(url, post("four"), { halfClose: true }));
			assert.deepEqual([half.status, half.body], [207, "POST /there"]);
			assert.deepEqual(bodies(), ["one", "two", "three", "four"]);
		});

		await program.step(t, "a backend that reads nothing stops the client; then all comes through", async () => {
			const { request, answer } = open("/deaf");
			const size = 9 * 1024 * 1024;
			const from = back.asked.length;
			let sent = false;
			request.end("x".repeat(size), () => (sent = true));
			await eventually("the backend has the head", () => back.asked.length > from && back.listen);
			// What can still move, moves: until the socket's count rests.
			let before;
			await eventually("nothing moves", () => {
				const { bytesWritten, writableLength } = request.socket;
				const now = bytesWritten - writableLength;
				const rests = now === before;
				before = now;
				return rests;
			});
			assert.equal(sent, false);
			back.listen();
			assert.deepEqual(await answer, { status: 207, body: "POST /deaf" });
		});

		await program.step(t, "an answer before the body's end is the answer", async () => {
			const { request, answer } = open("/early");
			request.write("one");
			assert.deepEqual(await answer, { status: 413, body: "no!" });
			request.destroy();
		});

		await program.step(t, "a client that leaves within its body is gone for the backend, too", async () => {
			const from = back.asked.length;
			const socket = connect({ port: new URL(url).port, host: "localhost" });
			socket.on("error", () => {});
			socket.write("POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
			await eventually("the first piece", () => back.asked[from]?.body === "half");
			socket.resetAndDestroy();
			await eventually("the backend's request is broken", () => back.asked[from].broken);
		});

		await program.step(t, "413 above 10 MB, though half of it has gone", async () => {
			const from = back.asked.length;
			const megabyte = `100000\r\n${"x".repeat(1024 * 1024)}\r\n`;
			const text = await raw(url, [
				"POST /plain HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
				...Array(11).fill(megabyte),
				"0\r\n\r\n",
			]);
			assertError(parseResponses(text)[0], 413, "Request Entity Too Large");
			assert.ok(back.asked.slice(from).every((each) => !each.ended));
		});

		await program.step(t, "nobody there, too late", async () => {
			for (const [target, check] of [["/nobody", "integration"], ["/hang", "timeout"]]) {
				const { answer, event } = await withEvent(program, "refused", () => exchange(url, { target }));
				assertError(answer, 503, "Service Unavailable");
				assert.equal(event.check, check);
			}
		});

		await program.step(t, "an answer that breaks: what came, then the end", async () => {
			const { answer: text, event } = await withEvent(program, "refused", () =>
				raw(url, "GET /break HTTP/1.1\r\nHost: h\r\n\r\n"),
			);
			const [head, body] = text.split("\r\n\r\n");
			assert.match(head, /^HTTP\/1\.1 200 OK\r\n/);
			assert.match(head, /\r\nContent-Length: 100(\r\n|$)/);
			assert.equal(body, "half");
			assert.deepEqual([event.check, event.status], ["integration", 200]);
			assert.equal((await exchange(url, { target: "/plain" })).status, 207);
		});
	});
});
