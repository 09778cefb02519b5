// serve and connect: the emulator in one network namespace, agents in another, and a cable between them that
// is cut. A handler appends its request id to a file, which shows what ran and how often.
// OFFSTAGE_CUTS=20000 makes it a long test.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { Background, background, makeHome, offstage } from "./cli-support.mjs";
import { copyApp, eventually, OFFSTAGE, run, send, tempDir } from "./support.mjs";

const INVOCATIONS = Number(process.env.OFFSTAGE_CUTS ?? 300);
const AT_ONCE = 16;
const CLOUD = "10.231.77.1";
const DEVELOPER = "10.231.77.2";

const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const ip = (...args) => execFileSync("ip", args, { stdio: "pipe" });

/** Two namespaces and a cable. */
function makeNet(t) {
	const id = `${process.pid.toString(36)}`;
	const [cloud, developer] = [`oc${id}`, `od${id}`];
	const remove = () => {
		for (const name of [cloud, developer]) {
			try {
				ip("netns", "del", name);
			} catch {
				// never made
			}
		}
	};
	t.after(remove);
	for (const name of [cloud, developer]) {
		ip("netns", "add", name);
		ip("-n", name, "link", "set", "lo", "up");
	}
	ip("link", "add", "cable", "netns", cloud, "type", "veth", "peer", "name", "cable", "netns", developer);
	for (const [name, address] of [
		[cloud, CLOUD],
		[developer, DEVELOPER],
	]) {
		ip("-n", name, "address", "add", `${address}/24`, "dev", "cable");
		ip("-n", name, "link", "set", "cable", "up");
	}
	const inside = (name) => ({
		run: (args, options) => run("ip", ["netns", "exec", name, ...args], options),
		stays: (args, options) => new Background(t, "ip", ["netns", "exec", name, ...args], options),
		link: (state) => ip("-n", name, "link", "set", "cable", state),
		/** Delay and loss, where the kernel has them; the cuts do not depend on it. */
		netem: (...args) => {
			try {
				const device = ["qdisc", "replace", "dev", "cable", "root", "netem"];
				execFileSync("tc", ["-n", name, ...device, ...args], { stdio: "pipe" });
			} catch (error) {
				assert.match(String(error.stderr), /qdisc kind is unknown/);
				t.diagnostic("this kernel has no netem: cuts only");
			}
		},
	});
	return { cloud: inside(cloud), developer: inside(developer) };
}

const COUNTING = (file) => `import { appendFileSync } from "node:fs";
export async function handler(event, context) {
	appendFileSync(${JSON.stringify(file)}, event.queryStringParameters.n + "\\n");
	return { statusCode: 200, body: event.queryStringParameters.n };
}
`;

/** Many requests from within the emulator's namespace: their way is not cut. Answers [n, status, body]. */
const CLIENT = (api) => `
const http = require("node:http");
const agent = new http.Agent({ keepAlive: true });
let next = 0;
const ask = (n) => new Promise((resolve) => {
	http.get("${api}/public?n=" + n, { agent }, (response) => {
		let body = "";
		response.on("data", (text) => (body += text)).on("end", () => resolve([n, response.statusCode, body]));
	}).on("error", (error) => resolve([n, 0, String(error)]));
});
async function work() {
	while (next < ${INVOCATIONS}) {
		console.log(JSON.stringify(await ask(next++)));
	}
}
Promise.all(Array.from({ length: ${AT_ONCE} }, work)).then(() => process.exit());
`;

test("cuts lose no invocation and run none twice", async (t) => {
	const { home, env } = makeHome();
	const dir = copyApp("api-auth-auth0");
	const file = path.join(tempDir(), "ran");
	writeFileSync(file, "");
	writeFileSync(path.join(dir, "backend/functions/public.ts"), COUNTING(file));
	const net = makeNet(t);
	const options = { cwd: home, env: env() };
	const serve = net.cloud.stays([OFFSTAGE, "serve", "--host", CLOUD], options);
	const [url] = await serve.says(/wss:\/\/[^']+/);
	const agent = net.developer.stays([OFFSTAGE, "connect", url], { ...options, cwd: dir });
	const [, api] = await agent.says(/ApiEndpoint: (\S+)/);
	assert.equal(new URL(api).hostname, CLOUD);

	net.developer.netem("delay", "3ms", "2ms", "loss", "1%");
	const client = net.cloud.stays([process.execPath, "-e", CLIENT(api)], options);
	let over = false;
	void client.exit.then(() => (over = true));
	const cuts = [
		async () => {
			net.cloud.link("down");
			await delay(200);
			net.cloud.link("up");
		},
		async () => {
			agent.kill("SIGSTOP");
			await delay(300);
			agent.kill("SIGCONT");
		},
		async () => {
			// The sockets end with a reset, as a router that has forgotten them would say it.
			await net.developer.run(["ss", "-K", "dst", CLOUD]);
		},
	];
	let n = 0;
	while (!over) {
		await cuts[n++ % cuts.length]();
		await delay(Math.random() * 300);
	}
	const answers = client.out.trim().split("\n").map((line) => JSON.parse(line));
	const ran = readFileSync(file, "utf8").trim().split("\n");
	assert.equal(answers.length, INVOCATIONS, "each is answered once");
	assert.deepEqual(
		answers.filter(([i, status, body]) => status !== 200 || body !== String(i)),
		[],
	);
	assert.equal(new Set(ran).size, ran.length, "none ran twice");
	assert.equal(ran.length, INVOCATIONS);
	assert.ok(n > 1, `${n} cuts`);
	const resumed = agent.out.match(/Connected to the emulator/g)?.length ?? 0;
	t.diagnostic(`${n} cuts, ${resumed} of them noticed`);
});

test("a cut is told, and so is its end", async (t) => {
	const { home, env } = makeHome();
	const net = makeNet(t);
	const options = { cwd: home, env: env() };
	const serve = net.cloud.stays([OFFSTAGE, "serve", "--host", CLOUD], options);
	const [url] = await serve.says(/wss:\/\/[^']+/);
	const dir = copyApp("api-auth-auth0");
	const agent = net.developer.stays([OFFSTAGE, "connect", url], { ...options, cwd: dir });
	await agent.says(/Listening for requests/);
	net.cloud.link("down");
	await agent.says(/Connection to the emulator lost, trying to get it back/);
	await serve.says(/agent 1: connection lost/);
	net.cloud.link("up");
	await agent.says(/Connected to the emulator/);
	await serve.says(/agent 1: the agent is back/);
	assert.deepEqual(await agent.end("SIGINT"), { code: 130, signal: null });
	await serve.says(/agent 1 has left/);
	assert.deepEqual(await serve.end("SIGTERM"), { code: 0, signal: null });
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
	const net = makeNet(t);
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
