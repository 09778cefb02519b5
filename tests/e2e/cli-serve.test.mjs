// serve and connect: the emulator on one machine, agents on another, and a cable between them that is cut. A
// handler appends its request id to a file, which shows what ran and how often.
// OFFSTAGE_CUTS=20000 makes it a long test.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { CLOUD, DEVELOPER, makeNet } from "./cable.mjs";
import { background, makeHome, offstage } from "./cli-support.mjs";
import { copyApp, eventually, OFFSTAGE, send, tempDir } from "./support.mjs";

const INVOCATIONS = Number(process.env.OFFSTAGE_CUTS ?? 300);
const AT_ONCE = 16;

const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const random = (from, to) => from + Math.random() * (to - from);

const COUNTING = (file) => `import { appendFileSync } from "node:fs";
export async function handler(event, context) {
	appendFileSync(${JSON.stringify(file)}, event.queryStringParameters.n + "\\n");
	return { statusCode: 200, body: event.queryStringParameters.n };
}
`;

/** Requests from within the emulator's machine, whose way is not cut: so many, and on until `stop` is there.
 * Says [n, status, body] for each. */
const CLIENT = (api, stop) => `
const http = require("node:http");
const fs = require("node:fs");
const agent = new http.Agent({ keepAlive: true });
let next = 0;
const ask = (n) => new Promise((resolve) => {
	http.get("${api}/public?n=" + n, { agent }, (response) => {
		let body = "";
		response.on("data", (text) => (body += text)).on("end", () => resolve([n, response.statusCode, body]));
	}).on("error", (error) => resolve([n, 0, String(error)]));
});
async function work() {
	while (next < ${INVOCATIONS} || !fs.existsSync(${JSON.stringify(stop)})) {
		console.log(JSON.stringify(await ask(next++)));
	}
}
Promise.all(Array.from({ length: ${AT_ONCE} }, work)).then(() => process.exit());
`;

/** Ways to lose a connection, by name: the first SHORT may pass unnoticed, the others cannot. Silence is
 * noticed after 6 seconds (proxy/wire). */
const SHORT = 2;
function waysToCut({ cloud, developer, cable }, agent) {
	let [address, other] = [DEVELOPER, DEVELOPER.replace(/\d+$/, "3")];
	const silent = async (command, ms) => {
		await cable(command);
		await delay(ms);
		await cable("mend");
	};
	return {
		"a moment's silence": () => silent("cut", random(20, 400)),
		"stop and continue": async () => {
			agent.kill("SIGSTOP");
			await delay(random(20, 400));
			agent.kill("SIGCONT");
		},
		"reset at the agent": () => developer.run(["ss", "-K", "dst", CLOUD]),
		"reset at the emulator": () => cloud.run(["ss", "-K", "dst", address, "or", "dst", other]),
		silence: () => silent("cut", random(6000, 7500)),
		"half-open, nothing from the agent": () => silent("cut 1", random(6000, 7500)),
		"half-open, nothing from the emulator": () => silent("cut 0", random(6000, 7500)),
		"a changed address": async () => {
			developer.ip("address", "del", `${address}/24`, "dev", "cable");
			developer.ip("address", "add", `${other}/24`, "dev", "cable");
			[address, other] = [other, address];
			await delay(7000);
		},
	};
}

test("cuts lose no invocation and run none twice", async (t) => {
	const { home, env } = makeHome();
	const dir = copyApp("api-auth-auth0");
	const file = path.join(tempDir(), "ran");
	const stop = path.join(tempDir(), "stop");
	writeFileSync(file, "");
	writeFileSync(path.join(dir, "backend/functions/public.ts"), COUNTING(file));
	const stack = path.join(dir, "stacks/MyStack.ts");
	const patient = 'defaults: { function: { timeout: 29 }, authorizer: "iam" }';
	writeFileSync(stack, readFileSync(stack, "utf8").replace('defaults: { authorizer: "iam" }', patient));
	const net = await makeNet(t);
	const options = { cwd: home, env: env() };
	const serve = net.cloud.stays([OFFSTAGE, "serve", "--host", CLOUD], options);
	const [url] = await serve.says(/wss:\/\/[^']+/);
	const agent = net.developer.stays([OFFSTAGE, "connect", url], { ...options, cwd: dir });
	const [, api] = await agent.says(/ApiEndpoint: (\S+)/);
	assert.equal(new URL(api).hostname, CLOUD);

	await net.cable("delay 3 2");
	await net.cable("loss 1");
	const client = net.cloud.stays([process.execPath, "-e", CLIENT(api, stop)], options);
	let over = false;
	void client.exit.then(() => (over = true));
	const ways = Object.entries(waysToCut(net, agent));
	const reconnects = () => agent.out.match(/Connected to the emulator/g)?.length ?? 0;
	let cuts = 0;
	for (const [name, cut] of ways) {
		const before = reconnects();
		await cut();
		if (++cuts > SHORT) {
			await eventually(`${name} is noticed and mended`, () => reconnects() > before);
		}
	}
	writeFileSync(stop, "");
	// The quick ones far more often than those that take seconds.
	for (; !over; cuts++) {
		const some = Math.random() < 0.95 ? 4 : ways.length;
		await ways[Math.floor(random(0, some))][1]();
		await delay(random(0, 300));
	}
	const answers = client.out.trim().split("\n").map((line) => JSON.parse(line));
	const ran = readFileSync(file, "utf8").trim().split("\n");
	assert.ok(answers.length >= INVOCATIONS, `${answers.length} invocations`);
	assert.equal(new Set(answers.map(([i]) => i)).size, answers.length, "each is answered once");
	assert.deepEqual(
		answers.filter(([i, status, body]) => status !== 200 || body !== String(i)),
		[],
	);
	assert.equal(new Set(ran).size, ran.length, "none ran twice");
	assert.equal(ran.length, answers.length);
	t.diagnostic(`${answers.length} invocations, ${cuts} cuts, ${reconnects()} reconnects`);
});

test("a cut is told, and so is its end", async (t) => {
	const { home, env } = makeHome();
	const net = await makeNet(t);
	const options = { cwd: home, env: env() };
	const serve = net.cloud.stays([OFFSTAGE, "serve", "--host", CLOUD], options);
	const [url] = await serve.says(/wss:\/\/[^']+/);
	const dir = copyApp("api-auth-auth0");
	const agent = net.developer.stays([OFFSTAGE, "connect", url], { ...options, cwd: dir });
	await agent.says(/Listening for requests/);
	await net.cable("cut");
	// Of itself, not when TCP or the WebSocket library give up some time.
	await agent.says(/Connection to the emulator lost, trying to get it back/, 15_000);
	await serve.says(/agent 1: connection lost/);
	await net.cable("mend");
	await agent.says(/Connected to the emulator/);
	await serve.says(/agent 1: the agent is back/);
	assert.deepEqual(await agent.end("SIGINT"), { code: 130, signal: null });
	await serve.says(/agent 1 has left/);
	assert.deepEqual(await serve.end("SIGTERM"), { code: 0, signal: null });
});

const SLOW = `export async function handler({ queryStringParameters: { n, ms } }) {
	console.log(n, "begins");
	await new Promise((resolve) => setTimeout(resolve, Number(ms)));
	return { statusCode: 200, body: n };
}
`;

test("an emulator that is started again gets its agents back", async (t) => {
	const { home, env } = makeHome();
	const net = await makeNet(t);
	const options = { cwd: home, env: env() };
	const start = async () => {
		const serve = net.cloud.stays([OFFSTAGE, "serve", "--host", CLOUD], options);
		return [serve, ...(await serve.says(/wss:\/\/[^']+/))];
	};
	const dir = copyApp("api-auth-auth0");
	writeFileSync(path.join(dir, "backend/functions/public.ts"), SLOW);
	const [serve, url] = await start();
	const agent = net.developer.stays([OFFSTAGE, "connect", url], { ...options, cwd: dir });
	const [, api] = await agent.says(/ApiEndpoint: (\S+)/);
	await agent.says(/Listening for requests/);
	const ask = async (n, ms) =>
		(await net.developer.run(["curl", "-s", `${api}/public?n=${n}&ms=${ms}`])).stdout;
	let server = serve;
	for (const signal of ["SIGTERM", "SIGKILL"]) {
		assert.equal(await ask("before", 0), "before");
		const cut = ask("cut", 3000);
		await agent.says(new RegExp(`cut begins[^]*${signal === "SIGKILL" ? "cut begins" : ""}`));
		await server.end(signal);
		assert.notEqual(await cut, "cut");
		if (signal === "SIGTERM") {
			await agent.says(/Connection to the emulator lost, trying to get it back: the emulator is shutting down/);
		}
		const from = agent.out.length;
		const [next, again] = await start();
		assert.equal(again, url, "the same address and certificate");
		await eventually("the app is up again", () => /Connected to the emulator[^]*completed/.test(agent.out.slice(from)));
		// While this runs, the agent comes to the end of what the former emulator had asked for.
		assert.equal(await ask("after", 4000), "after");
		server = next;
	}
	assert.equal((await agent.end("SIGINT")).code, 130);
});

test("one emulator, several apps and agents", async (t) => {
	const { home, env } = makeHome();
	const options = { cwd: home, env: env() };
	const serve = background(t, ["serve", "--port", "0"], options);
	const [, url] = await serve.says(/connect '(ws:[^']+)'/);
	assert.equal(statSync(path.join(home, ".local/state/offstage/token")).mode & 0o777, 0o600);
	const connect = async (stage, dir = copyApp("api-auth-auth0")) => {
		const agent = background(t, ["connect", url, "--stage", stage], { ...options, cwd: dir });
		const [, api] = await agent.says(/ApiEndpoint: (\S+)/);
		await agent.says(/Listening for requests/);
		const cli = async (...args) =>
			offstage([...args, "--stage", stage], { ...options, cwd: dir });
		return { agent, api, cli, dir };
	};
	const ann = await connect("ann");
	const bob = await connect("bob");
	assert.notEqual(ann.api, bob.api);
	for (const one of [ann, bob]) {
		const answer = await one.cli("request", "GET", "/private", "--as", "x@example.com");
		assert.equal(answer.stdout, "Hello user!\n", answer.stderr);
		assert.equal((await one.cli("invoke", "functions/public.handler")).code, 0);
	}
	const pool = async (one) =>
		JSON.parse((await one.cli("credentials", "--user", "x@example.com")).stdout).IdentityId;
	assert.notEqual(await pool(ann), await pool(bob), "identities are a stage's own");

	const second = await connect("ann");
	await ann.agent.end("SIGTERM");
	await serve.says(/agent 1 has left/);
	assert.equal((await send({ url: `${second.api}/public` })).body, "Hello stranger!");
	await second.agent.end("SIGKILL");
	assert.equal((await send({ url: `${bob.api}/public` })).body, "Hello stranger!");
});

test("strangers are refused", async (t) => {
	const { home, env } = makeHome();
	const net = await makeNet(t);
	const options = { cwd: home, env: env() };
	const dir = copyApp("api-auth-auth0");
	const serve = net.cloud.stays([OFFSTAGE, "serve", "--host", CLOUD], options);
	const [url] = await serve.says(/wss:\/\/[^']+/);
	const connect = (target, more = {}) =>
		net.developer.run([OFFSTAGE, "connect", target], { cwd: dir, env: env(more), ms: 60_000 });

	const pin = await connect(url.slice(0, -4) + (url.endsWith("0000") ? "1111" : "0000"));
	assert.equal(pin.code, 1);
	assert.match(pin.stderr, /shows another certificate/);
	const token = await connect(url, { OFFSTAGE_TOKEN: "x".repeat(40) });
	assert.equal(token.code, 1);
	assert.match(token.stderr, /the token is wrong/);
	const plain = await connect(`ws://${CLOUD}:4510/bridge`);
	assert.equal(plain.code, 1);
	assert.match(plain.stderr, /leaves this machine without TLS/);
	const cut = await connect(url.slice(0, -4));
	assert.equal(cut.code, 2);

	const headers = ["-H", "Upgrade: websocket", "-H", "Connection: Upgrade"];
	const key = ["-H", "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="];
	const upgrade = await net.developer.run([
		...["curl", "-s", "-m", "5", "-w", "%{http_code}", ...headers, ...key],
		`http://${CLOUD}:4510/bridge`,
	]);
	assert.match(upgrade.stdout, /403$/);
	const control = await net.developer.run(["curl", "-s", `http://${CLOUD}:4510/_offstage/app`]);
	assert.match(control.stdout, /bridge's token/);
	await eventually("it still serves", async () => (await net.cloud.run(["curl", "-sf", `http://${CLOUD}:4510/console`])).code !== 7);
});

/** What holds connections and says nothing, each in its way: a socket, half a TLS handshake, a whole one, a WebSocket
 * without HELLO. What is cut comes again at once. Says how many it holds. */
const FLOOD = (host, port) => `
const { connect } = require("node:net");
const tls = require("node:tls");
const target = { host: "${host}", port: ${port} };
const CLIENT_HELLO = Buffer.from("16030102000100020003", "hex"); // it announces more than it sends
const UPGRADE = "GET /bridge HTTP/1.1\\r\\nHost: x\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n" +
	"Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\\r\\n" +
	"Sec-WebSocket-Protocol: offstage-bridge\\r\\n\\r\\n";
const ways = [
	() => connect(target),
	() => connect(target, function () { this.write(CLIENT_HELLO); }),
	() => tls.connect({ ...target, rejectUnauthorized: false }),
	() => tls.connect({ ...target, rejectUnauthorized: false }, function () { this.write(UPGRADE); }),
];
let cuts = 0;
function hold(way) {
	const socket = way();
	socket.on("error", () => {}).on("close", () => {
		if (++cuts === 400) {
			console.log("many were cut");
		}
		setTimeout(hold, 50, way);
	});
}
for (let i = 0; i < 200; i++) {
	hold(ways[i % ways.length]);
}
`;

test("a flood of connections that say nothing starves nobody else", async (t) => {
	const { home, env } = makeHome();
	const net = await makeNet(t);
	const options = { cwd: home, env: env() };
	const serve = net.cloud.stays([OFFSTAGE, "serve", "--host", CLOUD], options);
	const [url] = await serve.says(/wss:\/\/[^']+/);
	const { port } = new URL(url.replace("wss:", "https:"));
	const flood = net.developer.stays([process.execPath, "-e", FLOOD(CLOUD, port)], options);
	await flood.says(/many were cut/);
	const open = () => readdirSync(`/proc/${serve.pid}/fd`).length;
	// 64 who have not said HELLO, and what the program has itself; who was cut takes a turn or two to go.
	await eventually("fewer than 120 descriptors", () => open() < 120);

	// From the flood's own address: the worst place.
	const agent = net.developer.stays([OFFSTAGE, "connect", url], { ...options, cwd: copyApp("api-auth-auth0") });
	const [, api] = await agent.says(/ApiEndpoint: (\S+)/);
	await agent.says(/Listening for requests/);
	const answer = await net.developer.run(["curl", "-s", `${api}/public`]);
	assert.equal(answer.stdout, "Hello stranger!");
	await eventually("fewer than 120 descriptors still", () => open() < 120);
	assert.doesNotMatch(agent.out, /lost/);
	assert.equal((await flood.end("SIGKILL")).signal, "SIGKILL");
	assert.equal((await agent.end("SIGTERM")).code, 0);
	assert.equal((await serve.end("SIGTERM")).code, 0);
});
