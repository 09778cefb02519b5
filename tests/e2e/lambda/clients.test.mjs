// Runtime clients that are not ours, unmodified, through the whole program: AWS's for Node, a shell script,
// a C program. One table of handlers runs in AWS's client and in our bootstrap; callers see the same bytes.
// (AWS's client for Python is not to be had from Debian or npm; tests/js/bootstrap holds its recorded words.)

import assert from "node:assert/strict";
import { copyFileSync, cpSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { test } from "node:test";
import { InvokeWithResponseStreamCommand } from "@aws-sdk/client-lambda";
import { run, SOURCE, tempDir } from "../support.mjs";
import { call, fails, invoke, lambdaClient, startFunctions, stop, TABLE } from "./support.mjs";

const require = createRequire(path.join(SOURCE, "tests/js/bootstrap/package.json"));
const OFFICIAL = path.join(path.dirname(require.resolve("aws-lambda-ric")), "../bin/index.mjs");

const PROVIDED = path.join(TABLE, "provided");

/** Handler, and what else it is given. The same function runs under both clients. */
const NODE = [
	...["echo", "nothing", "nul", "unicode", "huge", "nested.deeper.handler"].map(
		(name) => `basic.${name}`,
	),
	...["plain", "later", "error", "errorString", "twice", "never", "returnsValue"].map(
		(n) => `callbacks.${n}`,
	),
	...["waits", "doesNotWait", "succeed", "fail", "done"].map((name) => `callbacks.${name}`),
	...[
		"throwSync",
		"throwAsync",
		"throwString",
		"throwObject",
		"throwNullSync",
		"throwNullAsync",
	].map((name) => `failures.${name}`),
	...["custom", "unicodeError", "deleteCharacter", "circular", "bigint", "unhandledRejection"].map(
		(name) => `failures.${name}`,
	),
	...["uncaught", "exit0", "exit1", "sleep"].map((name) => `failures.${name}`),
	...["good", "prelude", "object", "throwsFirst", "throwsMidway", "returnsValue", "large"].map(
		(name) => `streaming.${name}`,
	),
	...[
		"throws.handler",
		"module.handler",
		"common.handler",
		"esm/top.handler",
		"esm/rejects.handler",
	],
];
const PYTHON = {
	"basic.echo": '{"a": "\\u017e"}',
	"basic.nothing": "null",
	"basic.unicode": /^\{"text": ".*", "key": ".*"\}$/,
	"basic.numbers": /"d": 1\.50?, "nan": NaN/,
	"basic.raises":
		/^\{"errorMessage": "boom", "errorType": "ValueError", "requestId": "<id>", "stackTrace": \[/,
	"basic.custom": /"errorType": "CustomError"/,
	"basic.unserializable": /"errorType": "Runtime\.MarshalError"/,
	"basic.exits":
		/^\{"errorType":"Runtime\.ExitError","errorMessage":"RequestId: <id> Error: Runtime exited with error: exit status 3"\}$/,
	"basic.sleeps":
		/^\{"errorType":"Sandbox\.Timedout","errorMessage":"RequestId: <id> Error: Task timed out after 1\.00 seconds"\}$/,
	"throws.handler": /"errorType": "/,
	"needs.handler": /"errorType": "Runtime\.ImportModuleError"/,
	"syntax.handler": /"errorType": "Runtime\.UserCodeSyntaxError"/,
};

const key = (prefix, handler) => prefix + handler.replaceAll(/[^a-zA-Z]/g, "_");

function nodeFunctions() {
	const timeoutOf = (handler) => (handler.endsWith(".sleep") ? 1 : 10);
	const all = {};
	for (const handler of NODE) {
		const settings = { handler, timeout: timeoutOf(handler) };
		all[key("ours_", handler)] = { ...settings, code: "table/node" };
		all[key("official_", handler)] = {
			...settings,
			code: "official",
			runtime: "provided.al2023",
			env: { AWS_EXECUTION_ENV: "x" },
		};
	}
	for (const handler of Object.keys(PYTHON)) {
		all[key("python_", handler)] = {
			...{ handler, code: "table/python", runtime: "python3.11" },
			timeout: handler.endsWith(".sleeps") ? 1 : 10,
		};
	}
	return all;
}

/** What the two may differ in: ids, folders, and the frames below the handler's own. */
function comparable({ status, error, id, text }) {
	let body = text.replaceAll(id, "<id>");
	const trace = /"trace":\[.*\]/s;
	if (trace.test(body)) {
		const { trace: lines } = JSON.parse(text);
		const own = lines.filter(
			(line) => !/^\s+at /.test(line) || /\/(table\/node|official)\//.test(line),
		);
		// Node names a frame's function in another way where source maps are on.
		const shown = own.map((line) =>
			line
				.replace(/at .*\(.*\/(table\/node|official)\/(.*):\d+:\d+\)/, "at $2")
				.replace(/file:\/\/.*:\d+:\d+/, "file"),
		);
		body = body.replace(trace, () => `"trace":${JSON.stringify(shown)}`);
	}
	return { status, error, body };
}

async function streamed(client, name) {
	const answer = await client.send(
		new InvokeWithResponseStreamCommand({ FunctionName: name, Payload: '{"a":"ž"}' }),
	);
	const bytes = [];
	let end;
	for await (const event of answer.EventStream) {
		if (event.PayloadChunk) {
			bytes.push(Buffer.from(event.PayloadChunk.Payload));
		} else {
			end = event.InvokeComplete;
		}
	}
	const details = end.ErrorDetails && JSON.parse(end.ErrorDetails);
	return {
		bytes: Buffer.concat(bytes).toString("latin1"),
		code: end.ErrorCode,
		message: details?.errorMessage,
		type: details?.errorType,
	};
}

test("runtime clients", async (t) => {
	const files = {
		"official/bootstrap": `#!/bin/sh\nexec "${process.execPath}" "${OFFICIAL}" "$_HANDLER"\n`,
	};
	files["data/text"] = "beside";
	files["data/read.js"] = `
		const { readFileSync } = require("node:fs");
		const dirname = readFileSync(__dirname + "/text", "utf8");
		exports.handler = async () => ({ cwd: readFileSync("text", "utf8"), dirname });
	`;
	const built = path.join(tempDir(t), "bootstrap");
	const compile = async (answer) => {
		const args = ["-O1", `-DANSWER="${answer}"`, "-o", built, path.join(PROVIDED, "bootstrap.c")];
		const { code, stderr } = await run("cc", args);
		assert.equal(code, 0, stderr);
		return built;
	};
	await compile("c");
	const program = await startFunctions(
		t,
		{
			...nodeFunctions(),
			Data: { code: "data", handler: "read.handler" },
			Shell: { code: "shell", handler: "my.handler", runtime: "provided.al2023" },
			C: { code: "c", handler: "unused", runtime: "provided.al2023" },
		},
		{
			prepare(dir) {
				cpSync(path.join(TABLE, "node"), path.join(dir, "official"), { recursive: true });
				mkdirSync(path.join(dir, "c"), { recursive: true });
				mkdirSync(path.join(dir, "shell"), { recursive: true });
				copyFileSync(built, path.join(dir, "c/bootstrap"));
				copyFileSync(path.join(PROVIDED, "bootstrap.sh"), path.join(dir, "shell/bootstrap"));
			},
			files,
		},
	);
	const client = lambdaClient(program);
	const step = (name, fn) => program.step(t, name, fn);

	for (const handler of NODE) {
		await step(`${handler}: our bootstrap answers as AWS's client`, async () => {
			const event = { a: "ž", n: [1.5, null] };
			const [ours, official] = await Promise.all(
				["ours_", "official_"].map((who) => invoke(client, key(who, handler), event)),
			);
			assert.deepEqual(comparable(ours), comparable(official));
			if (handler.startsWith("streaming.")) {
				assert.deepEqual(
					await streamed(client, key("ours_", handler)),
					await streamed(client, key("official_", handler)),
				);
			}
		});
	}

	for (const [handler, expected] of Object.entries(PYTHON)) {
		await step(`${handler} in Python, letter for letter`, async () => {
			const answer = await invoke(client, key("python_", handler), '{"a":"ž"}');
			const text = answer.text.replaceAll(answer.id, "<id>");
			if (typeof expected === "string") {
				assert.equal(text, expected);
			} else {
				assert.match(text, expected);
			}
		});
	}

	await step("JavaScript of a template runs from its folder, with what lies there", async () => {
		assert.deepEqual(await call(client, "Data"), { cwd: "beside", dirname: "beside" });
		writeFileSync(path.join(program.dir, "data/text"), "changed");
		assert.deepEqual(await call(client, "Data"), { cwd: "changed", dirname: "changed" });
	});

	await step("a shell script with curl is a runtime", async () => {
		const answer = await invoke(client, "Shell", { a: 1 }, { LogType: "Tail" });
		assert.equal(answer.text, '{"shell":{"a":1}}');
		assert.match(answer.log, new RegExp(`handler my\\.handler has ${answer.id}\n`));
		const failure = await fails(client, "Shell", { fail: true });
		assert.deepEqual(failure, { errorMessage: "asked to", errorType: "Runtime.Shell" });
		assert.deepEqual(await call(client, "Shell", { a: 2 }), { shell: { a: 2 } });
	});

	await step("a C program is a runtime, and a new binary serves the next request", async () => {
		assert.deepEqual(await call(client, "C", { a: 1 }), { c: { a: 1 } });
		const target = path.join(program.dir, "c/bootstrap");
		copyFileSync(await compile("second"), `${target}.new`);
		renameSync(`${target}.new`, target);
		assert.deepEqual(await call(client, "C", { a: 1 }), { second: { a: 1 } });
	});

	await stop(program);
});
