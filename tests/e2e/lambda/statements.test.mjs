// The first statements of the reference on what makes a local emulator trustworthy (lambda.md 10), one by one,
// through the front door.

import assert from "node:assert/strict";
import { readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { call, fails, invoke, lambdaClient, startFunctions, stop } from "./support.mjs";

const BOOTSTRAP = `#!/usr/bin/env node
const api = \`http://\${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/\`;
(async () => {
	for (;;) {
		const next = await fetch(api + "next");
		await next.text();
		const body = JSON.stringify({ env: process.env });
		const id = next.headers.get("lambda-runtime-aws-request-id");
		await (await fetch(\`\${api}\${id}/response\`, { method: "POST", body })).text();
	}
})();
`;
const STATE = `
const { appendFileSync, existsSync, readFileSync, writeFileSync } = require("node:fs");
const path = require("node:path");
appendFileSync(process.env.INITS, process.pid + " ");
let invocations = 0;
let running = 0;
exports.handler = async ({ ms, hang, exit, write, read, late }) => {
	const alone = ++running === 1;
	invocations++;
	if (late) {
		setTimeout(() => console.log(late), 50);
	}
	if (write) {
		writeFileSync(write, "kept");
	}
	if (exit) {
		process.exit(1);
	}
	await new Promise((resolve) => setTimeout(resolve, hang ? 1e6 : (ms ?? 0)));
	running--;
	return {
		...{ invocations, alone, pid: process.pid, code: "first" },
		kept: read && existsSync(read) && readFileSync(read, "utf8"),
		cwd: process.cwd(),
		root: process.env.LAMBDA_TASK_ROOT,
		data: readFileSync("data.txt", "utf8"),
		resolved: path.resolve(process.env.LAMBDA_TASK_ROOT, "data.txt"),
		trace: process.env._X_AMZN_TRACE_ID,
	};
};
`;
/** Not to be empty in any environment (lambda.md 2.1); the official client refuses to start without some of them. */
const COMPLETE = [
	...["_HANDLER", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_LAMBDA_FUNCTION_NAME"],
	...["AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
	...["AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"],
	...["AWS_LAMBDA_RUNTIME_API", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"],
	...["AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_ADDRESS"],
	...["_AWS_XRAY_DAEMON_PORT", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "LANG", "TZ", "PATH"],
];

test("what a local emulator must reproduce", async (t) => {
	const inits = `/tmp/offstage-statements-${process.pid}`;
	const scratch = `${inits}-kept`;
	t.after(() => [inits, scratch].forEach((file) => rmSync(file, { force: true })));
	const program = await startFunctions(
		t,
		{
			Node: { code: "code", handler: "env.handler" },
			Python: { code: "state", handler: "env.handler", runtime: "python3.11" },
			Provided: { code: "provided", handler: "any", runtime: "provided.al2023" },
			State: { code: "state", handler: "state.handler", timeout: 2, env: { INITS: inits } },
		},
		{
			files: {
				"provided/bootstrap": BOOTSTRAP,
				"state/state.js": STATE,
				"state/data.txt": "beside the code",
				"state/env.py":
					"import os, time\n\ndef handler(event, context):\n    return {'env': dict(os.environ), 'offset': time.timezone}\n",
			},
			env: {
				...{ TZ: "Asia/Tokyo", LANG: "de_DE.UTF-8", AWS_PROFILE: "mine" },
				...{ AWS_ACCESS_KEY_ID: "FOREIGN", AWS_LAMBDA_FUNCTION_NAME: "foreign" },
			},
		},
	);
	const client = lambdaClient(program);
	const step = (name, fn) => program.step(t, name, fn);
	const seen = {};
	for (const name of ["Node", "Python", "Provided"]) {
		seen[name] = await call(client, name);
	}

	await step("statement 1: the time zone is UTC, the developer's settings do not leak in", () => {
		for (const [name, { env }] of Object.entries(seen)) {
			assert.equal(env.TZ, ":UTC", name);
			assert.equal(env.LANG, "en_US.UTF-8", name);
			assert.equal(env.AWS_PROFILE, undefined, name);
			assert.notEqual(env.AWS_ACCESS_KEY_ID, "FOREIGN", name);
		}
		assert.equal(seen.Node.offset, 0);
		assert.equal(seen.Python.offset, 0);
	});

	await step("statement 2: the environment is complete", () => {
		for (const [name, { env }] of Object.entries(seen)) {
			for (const variable of COMPLETE) {
				assert.ok(env[variable], `${variable} of ${name}`);
			}
			assert.equal(env.AWS_LAMBDA_FUNCTION_NAME, name);
			assert.equal(env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE, "256");
			assert.equal(env.AWS_REGION, "us-east-1");
			assert.match(env.AWS_ACCESS_KEY_ID, /^ASIA/);
			assert.equal(env._LAMBDA_SERVER_PORT, undefined);
		}
		assert.equal(seen.Node.env.AWS_EXECUTION_ENV, "AWS_Lambda_nodejs20.x");
		assert.equal(seen.Python.env.AWS_EXECUTION_ENV, "AWS_Lambda_python3.11");
		assert.equal(seen.Provided.env.AWS_EXECUTION_ENV, undefined);
		const [first] = seen.Node.env.NODE_PATH.split(":");
		assert.equal(first, seen.Node.env.LAMBDA_TASK_ROOT);
	});

	await step("statement 3: cwd is the task root; /tmp is kept between invocations and over a reset", async () => {
		const root = realpathSync(path.join(program.dir, "state"));
		const { cwd, root: task, data, resolved } = await call(client, "State", { write: scratch });
		assert.deepEqual([cwd, task, data], [root, root, "beside the code"]);
		assert.equal(resolved, path.join(root, "data.txt"));
		assert.equal((await call(client, "State", { read: scratch })).kept, "kept");
		await fails(client, "State", { exit: true });
		assert.equal((await call(client, "State", { read: scratch })).kept, "kept");
	});

	await step("statement 4: each invocation has its own trace id", async () => {
		const traces = [await call(client, "State"), await call(client, "State")].map((a) => a.trace);
		for (const trace of traces) {
			assert.match(trace, /^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01](;|$)/);
		}
		assert.notEqual(traces[0], traces[1]);
	});

	await step("statement 5: one at a time in a process that stays, a fresh one after its end", async () => {
		const first = await call(client, "State");
		const second = await call(client, "State");
		assert.deepEqual(
			[second.pid, second.invocations],
			[first.pid, first.invocations + 1],
			"memory is kept",
		);
		for (const end of [{ hang: true }, { exit: true }]) {
			const before = await call(client, "State");
			await fails(client, "State", end);
			const after = await call(client, "State");
			assert.notEqual(after.pid, before.pid);
			assert.equal(after.invocations, 1, "memory is lost");
		}
		const many = Array.from({ length: 6 }, () => call(client, "State", { ms: 100 }));
		assert.ok((await Promise.all(many)).every(({ alone }) => alone));
		const file = path.join(program.dir, "state/state.js");
		writeFileSync(file, STATE.replace('code: "first"', 'code: "second"'));
		const renewed = await call(client, "State");
		assert.deepEqual([renewed.code, renewed.invocations], ["second", 1]);
		const pids = readFileSync(inits, "utf8").trim().split(" ");
		assert.ok(pids.length >= 4);
		assert.equal(new Set(pids).size, pids.length, "init runs once in a process");
	});

	await step("statement 6: what is left of an invocation logs under the next one's id", async () => {
		const { pid } = await call(client, "State");
		await call(client, "State", { late: "left over" });
		const next = await invoke(client, "State", { ms: 300 }, { LogType: "Tail" });
		assert.equal(next.json.pid, pid);
		assert.match(next.log, new RegExp(`\\t${next.id}\\tINFO\\tleft over\\n`));
	});

	await stop(program);
});
