// What a handler sees around itself, and what becomes of handlers that misbehave: the reference's failure
// catalogue (lambda.md 2.5), through the front door.

import assert from "node:assert/strict";
import {
	existsSync,
	readdirSync,
	readFileSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { eventually, SOURCE, tempDir } from "../support.mjs";
import { call, fails, invoke, lambdaClient, startFunctions, stop } from "./support.mjs";

const worker = (name, more) => ({ code: "code", handler: `worker.${name}`, timeout: 5, ...more });

const isAlive = (pid) => {
	try {
		return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
	} catch {
		return false;
	}
};

const scratch = (t) => path.join(tempDir(t), "file");

/** The catalogue: handler, event, the error's type and message (after "RequestId: <id> Error: "). */
const CATALOGUE = [
	["exit", { code: 1 }, "Runtime.ExitError", "Runtime exited with error: exit status 1"],
	["exit", { code: 0 }, "Runtime.ExitError", "Runtime exited without providing a reason"],
	["kill", { signal: "SIGKILL" }, "Runtime.ExitError", "Runtime exited with error: signal: killed"],
	[
		"kill",
		{ signal: "SIGSEGV" },
		"Runtime.ExitError",
		"Runtime exited with error: signal: segmentation fault",
	],
	["hang", {}, "Sandbox.Timedout", "Task timed out after 1.00 seconds"],
	["spin", {}, "Sandbox.Timedout", "Task timed out after 1.00 seconds"],
];

test("workers", async (t) => {
	const initFile = scratch(t);
	const wrapper = scratch(t);
	writeFileSync(wrapper, '#!/bin/sh\nexport WRAPPED="$#"\necho "wrapper runs $1"\nexec "$@"\n', {
		mode: 0o755,
	});
	const program = await startFunctions(
		t,
		{
			Env: {
				code: "code",
				handler: "env.handler",
				timeout: 3,
				memory: 192,
				env: { OWN: "a=b c", LANG: "de_DE.UTF-8", AWS_REGION: "eu-west-9", _X: "no" },
			},
			Sdk: { code: "code", handler: "sdk.handler" },
			exit: worker("exit"),
			kill: worker("kill"),
			hang: worker("hang", { timeout: 1 }),
			spin: worker("spin", { timeout: 1 }),
			hangWithChildren: worker("hangWithChildren", { timeout: 1 }),
			count: worker("count"),
			reject: worker("reject"),
			uncaught: worker("uncaught"),
			memory: worker("memory", { memory: 128, timeout: 20 }),
			Greedy: {
				code: "code",
				handler: "greedy.handler",
				runtime: "python3.11",
				memory: 128,
				timeout: 20,
			},
			greedyChild: worker("greedyChild", { memory: 128, timeout: 20 }),
			Shared: {
				code: "code",
				handler: "shared.handler",
				runtime: "python3.11",
				memory: 128,
				timeout: 20,
			},
			Json: worker("count", { logFormat: "JSON" }),
			JsonHang: worker("hang", { logFormat: "JSON", timeout: 1 }),
			JsonExit: worker("exit", { logFormat: "JSON" }),
			lastWords: worker("lastWords", { timeout: 20 }),
			LastWords: {
				code: "code",
				handler: "last_words.handler",
				runtime: "python3.11",
				timeout: 20,
			},
			later: worker("later"),
			chatter: worker("chatter", { timeout: 20 }),
			binary: worker("binary"),
			large: worker("large"),
			Throws: { code: "code", handler: "bad_init.handler" },
			Exits: { code: "code", handler: "bad_init.handler", env: { HOW: "exit" } },
			Dies: { code: "code", handler: "bad_init.handler", env: { HOW: "kill" } },
			Missing: { code: "code", handler: "worker.nope" },
			SlowInit: {
				code: "code",
				handler: "slow_init.handler",
				timeout: 8,
				env: { FILE: initFile, MS: "0" },
			},
			Wrapped: { code: "code", handler: "env.handler", env: { AWS_LAMBDA_EXEC_WRAPPER: wrapper } },
			WrappedPython: {
				code: "table/python",
				handler: "basic.echo",
				runtime: "python3.11",
				env: { AWS_LAMBDA_EXEC_WRAPPER: wrapper },
			},
			NoWrapper: {
				code: "code",
				handler: "env.handler",
				env: { AWS_LAMBDA_EXEC_WRAPPER: "/no/such/wrapper" },
			},
			NoBootstrap: { code: "code", handler: "x", runtime: "provided.al2023" },
		},
		{
			env: {
				AWS_PROFILE: "mine",
				AWS_ACCESS_KEY_ID: "FOREIGN",
				TZ: "Asia/Tokyo",
				PARENT: "inherited",
			},
		},
	);
	symlinkSync(path.join(SOURCE, "tests/e2e/node_modules"), path.join(program.dir, "node_modules"));
	const client = lambdaClient(program);
	const step = (name, fn) => program.step(t, name, fn);

	// Init that hangs takes ten seconds: begun first, looked at last.
	const slowInit = invoke(client, "SlowInit");

	await step("the environment is that of the reference", async () => {
		const { env, cwd, offset, remaining } = await call(client, "Env");
		const expected = {
			_HANDLER: "env.handler",
			AWS_REGION: "us-east-1",
			AWS_DEFAULT_REGION: "us-east-1",
			AWS_EXECUTION_ENV: "AWS_Lambda_nodejs20.x",
			AWS_LAMBDA_FUNCTION_NAME: "Env",
			AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
			AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "192",
			AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
			AWS_LAMBDA_LOG_GROUP_NAME: "/aws/lambda/Env",
			AWS_XRAY_CONTEXT_MISSING: "LOG_ERROR",
			AWS_XRAY_DAEMON_ADDRESS: "127.0.0.1:2000",
			_AWS_XRAY_DAEMON_ADDRESS: "127.0.0.1",
			_AWS_XRAY_DAEMON_PORT: "2000",
			AWS_ENDPOINT_URL: program.service,
			LAMBDA_TASK_ROOT: cwd,
			PWD: cwd,
			LANG: "de_DE.UTF-8",
			TZ: ":UTC",
			OWN: "a=b c",
			PARENT: "inherited",
		};
		for (const [name, value] of Object.entries(expected)) {
			assert.equal(env[name], value, name);
		}
		for (const name of [
			"AWS_SECRET_ACCESS_KEY",
			"AWS_SESSION_TOKEN",
			"LAMBDA_RUNTIME_DIR",
			"PATH",
			"HOME",
		]) {
			assert.ok(env[name], name);
		}
		assert.match(env.AWS_ACCESS_KEY_ID, /^ASIA/);
		assert.match(env.AWS_LAMBDA_RUNTIME_API, /^127\.0\.0\.1:\d+$/);
		assert.match(env.AWS_LAMBDA_LOG_STREAM_NAME, /^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/);
		assert.match(
			env._X_AMZN_TRACE_ID,
			/^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01]/,
		);
		for (const name of [
			"AWS_PROFILE",
			"_X",
			"_LAMBDA_SERVER_PORT",
			"OFFSTAGE_PREFETCH",
			"OFFSTAGE_SPARE",
		]) {
			assert.equal(env[name], undefined, name);
		}
		const again = await call(client, "Env");
		assert.notEqual(again.env._X_AMZN_TRACE_ID, env._X_AMZN_TRACE_ID);
		assert.equal(again.env.AWS_LAMBDA_LOG_STREAM_NAME, env.AWS_LAMBDA_LOG_STREAM_NAME);
		assert.equal(offset, 0);
		assert.ok(remaining > 0 && remaining <= 3000);
	});

	await step("an SDK in a handler is the function's role and may invoke others", async () => {
		const result = await call(client, "Sdk", { other: "count" });
		assert.equal(result.Account, "123456789012");
		assert.match(result.Arn, /^arn:aws:sts::123456789012:assumed-role\/.*\/Sdk$/);
		assert.equal(result.StatusCode, 200);
		assert.equal(result.other.count, 1);
	});

	await step("a process serves one invocation after the other", async () => {
		const first = await call(client, "count");
		const second = await call(client, "count");
		assert.deepEqual(second, { count: first.count + 1, pid: first.pid });
	});

	for (const [name, event, errorType, message] of CATALOGUE) {
		await step(`${name} ${JSON.stringify(event)}: ${errorType}`, async () => {
			const answer = await invoke(client, name, event);
			assert.deepEqual([answer.status, answer.error], [200, "Unhandled"]);
			const errorMessage = `RequestId: ${answer.id} Error: ${message}`;
			assert.equal(answer.text, JSON.stringify({ errorType, errorMessage }));
		});
	}

	await step(
		"after a timeout the process and its children are gone, and a fresh one answers",
		async () => {
			const file = scratch(t);
			const body = await fails(client, "hangWithChildren", { file });
			assert.equal(body.errorType, "Sandbox.Timedout");
			const pids = readFileSync(file, "utf8").trim().split(/\s+/).map(Number);
			assert.equal(pids.length, 2);
			await eventually("all are gone", () => !pids.some(isAlive));
			const again = await fails(client, "hangWithChildren", { file });
			assert.equal(again.errorType, "Sandbox.Timedout");
		},
	);

	await step("a process that is killed while idle is replaced", async () => {
		const { pid } = await call(client, "count");
		process.kill(pid, "SIGKILL");
		await eventually("it is buried", () => !existsSync(`/proc/${pid}`));
		const next = await call(client, "count");
		assert.notEqual(next.pid, pid);
		assert.equal(next.count, 1);
	});

	await step("unhandled rejections and uncaught errors reach the caller as Node's", async () => {
		const rejection = await fails(client, "reject");
		assert.equal(rejection.errorType, "Runtime.UnhandledPromiseRejection");
		assert.equal(rejection.errorMessage, "Error: nobody catches it");
		const uncaught = await fails(client, "uncaught");
		assert.equal(uncaught.errorType, "TypeError");
		assert.equal(uncaught.errorMessage, "in a timer");
	});

	await step("a handler that runs out of memory is killed, and says so", async () => {
		const body = await fails(client, "memory");
		assert.match(body.errorType, /^Runtime\.(ExitError|OutOfMemory)$/);
		assert.match(body.errorMessage, /signal: (killed|aborted)|OutOfMemory/);
	});

	await step("so is one that nothing in its process holds back", async () => {
		const answer = await invoke(client, "Greedy", {}, { LogType: "Tail" });
		const errorMessage = `RequestId: ${answer.id} Error: Runtime exited with error: signal: killed`;
		assert.deepEqual(answer.json, { errorType: "Runtime.ExitError", errorMessage });
		assert.match(answer.log, /killed, its \d+ MB are more than the function's 128 MB\n/);
		assert.match(
			answer.log,
			/Memory Size: 128 MB\tMax Memory Used: 128 MB\t.*Status: error\tError Type: Runtime\.OutOfMemory\n$/,
		);
	});

	await step("and one whose children hold the memory; what they share counts once", async () => {
		const answer = await invoke(client, "greedyChild", {}, { LogType: "Tail" });
		const errorMessage = `RequestId: ${answer.id} Error: Runtime exited with error: signal: killed`;
		assert.deepEqual(answer.json, { errorType: "Runtime.ExitError", errorMessage });
		assert.match(answer.log, /Error Type: Runtime\.OutOfMemory\n$/);
		assert.deepEqual(await call(client, "Shared"), [0, 0, 0]);
	});

	await step("the platform's lines as JSON", async () => {
		const records = async (name, event) => {
			const { id, log } = await invoke(client, name, event, { LogType: "Tail" });
			const lines = log.trim().split("\n").map((line) => JSON.parse(line));
			for (const { time, record } of lines) {
				assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
				assert.equal(record.requestId, id);
			}
			assert.deepEqual(
				lines.map(({ type }) => type),
				["platform.start", "platform.report"],
			);
			return lines.map(({ record }) => record);
		};
		const [start, report] = await records("Json");
		assert.equal(start.version, "$LATEST");
		assert.match(start.tracing.value, /^Root=1-/);
		assert.equal(report.status, "success");
		const { memorySizeMB, maxMemoryUsedMB, durationMs, billedDurationMs, initDurationMs } =
			report.metrics;
		assert.equal(memorySizeMB, 256);
		assert.ok(maxMemoryUsedMB > 0 && durationMs > 0 && initDurationMs > 0);
		assert.equal(billedDurationMs, Math.ceil(durationMs + initDurationMs));
		const [, hung] = await records("JsonHang");
		assert.equal(hung.status, "timeout");
		const [, exited] = await records("JsonExit", { code: 1 });
		assert.deepEqual([exited.status, exited.errorType], ["error", "Runtime.ExitError"]);
	});

	await step("output after the answer is kept, and the next request is not disturbed", async () => {
		const heard = program.listen();
		assert.equal(await call(client, "later", { text: "one" }), "answered");
		await program.says(heard, /later: one/);
		assert.equal(await call(client, "later", { text: "two" }), "answered");
	});

	await step("huge output does not block the handler; its log ends where it ends", async () => {
		const bytes = 20 * 1024 * 1024;
		const answer = await invoke(client, "chatter", { bytes }, { LogType: "Tail" });
		assert.equal(answer.json, bytes);
		assert.ok(answer.log.length <= 4096);
		assert.match(answer.log, /xxx\nEND RequestId: .*\nREPORT RequestId: .*\n$/);
	});

	// More than a pipe holds: what a process has not written when it ends is gone.
	for (const how of ["exit", "abort", "kill", "uncaught"]) {
		await step(`the last words before the end (${how}) are heard`, async () => {
			for (const name of ["lastWords", "LastWords"]) {
				const answer = await invoke(client, name, { how, bytes: 1 << 20 }, { LogType: "Tail" });
				assert.equal(answer.error, "Unhandled");
				assert.match(answer.log, /xxx\n/);
				assert.match(answer.log, /last words\n/);
				assert.match(answer.log, /last complaint\n/);
			}
		});
	}

	await step("binary output passes", async () => {
		const answer = await invoke(client, "binary", {}, { LogType: "Tail" });
		assert.equal(answer.json, "wrote");
		assert.match(answer.log, /^START RequestId: [^]*to stderr, no newline\n?END RequestId: /);
	});

	await step("results of 6 MB and above", async () => {
		const limit = 6291556 - 2;
		assert.equal((await call(client, "large", { bytes: limit })).length, limit);
		const body = await fails(client, "large", { bytes: limit + 1 });
		assert.equal(body.errorType, "Function.ResponseSizeTooLarge");
		assert.match(body.errorMessage, /exceeded maximum allowed payload size \(6291556 bytes\)/);
		assert.equal(await call(client, "large", { bytes: 3 }), "xxx");
	});

	await step("a failed init is the answer to each invocation that needs it", async () => {
		for (let i = 0; i < 2; i++) {
			const thrown = await fails(client, "Throws");
			assert.equal(thrown.errorType, "RangeError");
			assert.equal(thrown.errorMessage, "not today");
			const exit = await invoke(client, "Exits");
			assert.equal(exit.json.errorType, "Runtime.ExitError");
			assert.match(
				exit.json.errorMessage,
				/^RequestId: .+ Error: Runtime exited with error: exit status 7$/,
			);
			const killed = await fails(client, "Dies");
			assert.match(killed.errorMessage, /signal: killed$/);
			const missing = await fails(client, "Missing");
			assert.equal(missing.errorType, "Runtime.HandlerNotFound");
			const none = await fails(client, "NoBootstrap");
			assert.equal(none.errorType, "Runtime.InvalidEntrypoint");
			assert.match(
				none.errorMessage,
				/^RequestId: .+ Error: Couldn't find valid bootstrap\(s\): \[/,
			);
		}
	});

	await step("init over ten seconds starts again under the function's own timeout", async () => {
		const answer = await slowInit;
		assert.deepEqual(answer.json, { starts: 2 });
		assert.equal(readFileSync(initFile, "utf8"), "xx");
	});

	await step("AWS_LAMBDA_EXEC_WRAPPER runs the runtime", async () => {
		const { env } = await call(client, "Wrapped");
		assert.ok(Number(env.WRAPPED) >= 2);
		assert.deepEqual(await call(client, "WrappedPython", { a: 1 }), { a: 1 });
		const missing = await fails(client, "NoWrapper");
		assert.equal(missing.errorType, "Runtime.ExitError");
		assert.match(missing.errorMessage, /Runtime exited with error: exit status 127$/);
	});

	await step("logs are kept per function", async () => {
		const file = path.join(program.dir, ".offstage/dev/log");
		assert.ok(existsSync(file));

		const names = readdirSync(file);
		assert.ok(
			names.some((name) => name.startsWith("count")),
			names.join(),
		);
		for (const name of names) {
			assert.ok(statSync(path.join(file, name)).size <= 5 * 1024 * 1024 + 1024 * 1024, name);
		}
		const text = await eventually("the log is written", () => {
			const kept = names
				.filter((name) => name.startsWith("later"))
				.map((name) => readFileSync(path.join(file, name), "utf8"))
				.join("");
			return /later: two/.test(kept) && kept;
		});
		assert.match(text, /START RequestId: \S+ Version: \$LATEST\n/);
		assert.match(
			text,
			/REPORT RequestId: \S+\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB\tMax Memory Used: [1-9]\d* MB\tInit Duration: [\d.]+ ms\t\n/,
		);
	});

	await stop(program);
});
