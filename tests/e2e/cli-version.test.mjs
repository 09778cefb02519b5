// serve and connect of different versions: one side is a few lines of WebSocket that claim another version.
// proxy/wire/frame.h and messages.h say the bytes.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import test from "node:test";
import { background, makeHome } from "./cli-support.mjs";
import { copyApp } from "./support.mjs";

const HELLO = 1;
const BYE = 12;

/** A whole message of the bridge: header, then meta as JSON. */
function message(type, meta, frameVersion = 1) {
	const text = Buffer.from(JSON.stringify(meta));
	const head = Buffer.alloc(32);
	head.set([frameVersion, type, 0, 3]);
	head.writeUInt32BE(text.length, 4);
	return Buffer.concat([head, text]);
}

/** A binary WebSocket message of at most 64 KB, masked as a client's must be (RFC 6455 section 5.2). */
function webSocket(payload, masked) {
	const head = Buffer.from([0x82, (masked ? 0x80 : 0) | 126, payload.length >> 8, payload.length & 255]);
	return Buffer.concat([head, Buffer.alloc(masked ? 4 : 0), payload]); // a mask of zeros changes nothing
}

/** An agent that says HELLO so; answers all it hears until the end, as text. */
function sayHello(url, hello) {
	return new Promise((resolve, reject) => {
		const headers = {
			upgrade: "websocket",
			connection: "Upgrade",
			"sec-websocket-version": "13",
			"sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
			"sec-websocket-protocol": "offstage-bridge",
		};
		http.get(url.replace("ws:", "http:"), { headers }, (response) => reject(new Error(`${response.statusCode}`)))
			.on("error", reject)
			.on("upgrade", (_response, socket) => {
				let heard = "";
				socket.setEncoding("latin1").on("data", (text) => (heard += text));
				socket.on("error", () => {}).on("close", () => resolve(heard));
				socket.write(webSocket(hello, true));
			});
	});
}

test("an agent of another version is told so, and so is the terminal", async (t) => {
	const { home, env } = makeHome();
	const serve = background(t, ["serve", "--port", "0"], { cwd: home, env: env({ OFFSTAGE_LOG: "info" }) });
	const [, url] = await serve.says(/connect '(ws:[^']+)'/);
	const token = readFileSync(path.join(home, ".local/state/offstage/token"), "utf8").trim();
	const hello = { version: 999, program: "offstage 9.9.9", app: "a", stage: "dev", token, session: "" };
	const why = /the emulator is offstage \d+\.\d+\.\d+ and speaks bridge version 2, the agent is offstage 9\.9\.9 and speaks 999: use the same offstage on both machines/;
	assert.match(await sayHello(url, message(HELLO, hello)), why);
	await serve.says(why);
	const wrong = await sayHello(url, message(HELLO, { ...hello, token: "guess" }));
	assert.match(wrong, /the token is wrong/);
	assert.doesNotMatch(wrong, /version/, "who does not know the token learns nothing");
	// What no version of ours sends: nothing to say, nothing harmed.
	assert.equal(await sayHello(url, message(HELLO, hello, 7)), "");
	assert.match(await sayHello(url, message(HELLO, hello)), why);
});

test("an emulator of another version ends the agent, with its words", async (t) => {
	const { home, env } = makeHome();
	const reason = "the emulator is offstage 9.9.9 and speaks bridge version 999, the agent is older";
	const server = http.createServer().on("upgrade", (request, socket) => {
		const accept = createHash("sha1")
			.update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
			.digest("base64");
		socket.write(
			"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
				`Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: offstage-bridge\r\n\r\n`,
		);
		socket.on("error", () => {});
		socket.once("data", () => socket.write(webSocket(message(BYE, { code: "version", reason }), false)));
	});
	await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close());
	const url = `ws://127.0.0.1:${server.address().port}/bridge`;
	const agent = background(t, ["connect", url], {
		cwd: copyApp("api-auth-auth0"),
		env: env({ HOME: home, OFFSTAGE_TOKEN: "x".repeat(20) }),
	});
	assert.deepEqual(await agent.exit, { code: 1, signal: null });
	assert.ok(agent.out.includes(reason), agent.out);
});
