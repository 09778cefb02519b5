// The Lambda service API with the clients that users have: the AWS CLI, the SDK for JavaScript, curl, and
// our own `offstage invoke`; and how many invocations run at once.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import {
	GetFunctionCommand,
	GetFunctionConfigurationCommand,
	InvokeWithResponseStreamCommand,
	ListFunctionsCommand,
} from "@aws-sdk/client-lambda";
import { Aws } from "../clients.mjs";
import { cleanEnv, eventually, OFFSTAGE, run, send } from "../support.mjs";
import { call, invoke, lambdaClient, startFunctions, stop } from "./support.mjs";

const worker = (name, more) => ({ code: "code", handler: `worker.${name}`, timeout: 10, ...more });
const ARN = "arn:aws:lambda:us-east-1:123456789012:function:";

async function refusal(promise) {
	try {
		await promise;
	} catch (error) {
		return {
			name: error.name,
			status: error.$metadata?.httpStatusCode,
			message: error.message,
			error,
		};
	}
	assert.fail("it was not refused");
}

test("the Invoke API", async (t) => {
	const program = await startFunctions(t, {
		echo: worker("echo"),
		context: worker("context"),
		fail: worker("fail"),
		once: worker("fail", { retries: 0 }),
		span: worker("span"),
		limited: worker("sleep", { reserved: 2 }),
		none: worker("sleep", { reserved: 0 }),
		stream: { code: "table/node", handler: "streaming.good", env: {} },
		prelude: { code: "table/node", handler: "streaming.prelude" },
		midway: { code: "table/node", handler: "streaming.throwsMidway" },
		large: worker("large"),
	});
	const client = lambdaClient(program);
	const aws = new Aws(program, { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" });
	const step = (name, fn) => program.step(t, name, fn);
	const raw = (name, more = {}, query = "") =>
		send({
			url: `${program.service}/2015-03-31/functions/${name}/invocations${query}`,
			method: "POST",
			...more,
		});

	await step("aws lambda invoke, with its log", async () => {
		const out = path.join(program.home, "out.json");
		const event = path.join(program.home, "in.json");
		writeFileSync(event, '{"a":"ž"}');
		const result = await aws.json(
			...["lambda", "invoke", "--function-name", "echo"],
			...["--payload", `fileb://${event}`, "--log-type", "Tail", out],
		);
		assert.equal(result.StatusCode, 200);
		assert.equal(result.ExecutedVersion, "$LATEST");
		assert.equal(readFileSync(out, "utf8"), '{"a":"ž"}');
		const log = Buffer.from(result.LogResult, "base64").toString();
		assert.match(
			log,
			/^START RequestId: (\S+) Version: \$LATEST\nEND RequestId: \1\nREPORT RequestId: \1\t/,
		);
		const failed = await aws.json("lambda", "invoke", "--function-name", "fail", out);
		assert.equal(failed.FunctionError, "Unhandled");
		assert.equal(JSON.parse(readFileSync(out)).errorMessage, "always");
	});

	await step("aws lambda list-functions, get-function", async () => {
		const { Functions } = await aws.json("lambda", "list-functions");
		assert.equal(Functions.length, 11);
		const { Configuration, Code } = await aws.json(
			"lambda",
			"get-function",
			"--function-name",
			"limited",
		);
		assert.equal(Configuration.FunctionArn, `${ARN}limited`);
		assert.equal(Configuration.Runtime, "nodejs20.x");
		assert.equal(Configuration.Handler, "worker.sleep");
		assert.equal(Configuration.State, "Active");
		assert.equal(Code.RepositoryType, "S3");
		const unknown = await aws.run("lambda", "get-function", "--function-name", "nope");
		assert.notEqual(unknown.code, 0);
		assert.match(
			unknown.stderr,
			/ResourceNotFoundException.*Function not found: arn:aws:lambda:us-east-1:123456789012:function:nope/,
		);
	});

	await step("the SDK pages through functions", async () => {
		const names = [];
		let Marker;
		do {
			const page = await client.send(new ListFunctionsCommand({ MaxItems: 4, Marker }));
			assert.ok(page.Functions.length <= 4);
			names.push(...page.Functions.map((f) => f.FunctionName));
			Marker = page.NextMarker;
		} while (Marker);
		assert.equal(new Set(names).size, 11);
		const got = await client.send(new GetFunctionCommand({ FunctionName: `${ARN}limited` }));
		assert.equal(got.Concurrency.ReservedConcurrentExecutions, 2);
		const configuration = await client.send(
			new GetFunctionConfigurationCommand({ FunctionName: "echo", Qualifier: "$LATEST" }),
		);
		assert.equal(configuration.FunctionArn, `${ARN}echo:$LATEST`);
		assert.deepEqual([configuration.Timeout, configuration.MemorySize], [10, 256]);
	});

	await step("RequestResponse: names, qualifiers, ids", async () => {
		for (const name of [
			"echo",
			"echo:$LATEST",
			"123456789012:function:echo",
			`${ARN}echo`,
			`${ARN}echo:$LATEST`,
		]) {
			const answer = await invoke(client, name, { name });
			assert.deepEqual([answer.status, answer.version, answer.json], [200, "$LATEST", { name }]);
		}
		const plain = await invoke(client, "context");
		assert.equal(plain.json.awsRequestId, plain.id);
		assert.equal(plain.json.invokedFunctionArn, `${ARN}context`);
		assert.equal(plain.json.memoryLimitInMB, "256");
		const qualified = await invoke(client, "context", {}, { Qualifier: "$LATEST" });
		assert.equal(qualified.json.invokedFunctionArn, `${ARN}context:$LATEST`);
		const ClientContext = Buffer.from('{"custom":{"a":"b"}}').toString("base64");
		const given = await invoke(client, "context", {}, { ClientContext });
		assert.deepEqual(given.json.clientContext, { custom: { a: "b" } });
	});

	await step("the handler string is a name too, when one function has it", async () => {
		const answer = await raw("worker.echo", { body: "[1, 2]" });
		assert.deepEqual([answer.status, JSON.parse(answer.body)], [200, [1, 2]]);
	});

	await step("refusals have the service's shapes", async () => {
		const unknown = await refusal(invoke(client, "nope"));
		assert.deepEqual([unknown.name, unknown.status], ["ResourceNotFoundException", 404]);
		assert.equal(unknown.error.message, `Function not found: ${ARN}nope:$LATEST`);
		const json = await refusal(invoke(client, "echo", "{x"));
		assert.deepEqual([json.name, json.status], ["InvalidRequestContentException", 400]);
		assert.match(json.message, /^Could not parse request body into json: /);
		const large = await raw("echo", { body: Buffer.alloc(6291457, "1") });
		assert.equal(large.status, 413);
		assert.equal(large.headers["x-amzn-errortype"], "RequestEntityTooLargeException");
		assert.match(
			large.body,
			/Request must be smaller than 6291456 bytes for the InvokeFunction operation/,
		);
		const name = await raw("a%20b");
		assert.deepEqual([name.status, name.headers["x-amzn-errortype"]], [400, "ValidationException"]);
		const mismatch = await raw("echo:one", {}, "?Qualifier=two");
		assert.equal(mismatch.headers["x-amzn-errortype"], "InvalidParameterValueException");
		const region = await raw(
			encodeURIComponent("arn:aws:lambda:us-west-2:123456789012:function:echo"),
		);
		assert.equal(region.status, 404);
		assert.match(
			region.body,
			/Functions from 'us-west-2' are not reachable in this region \('us-east-1'\)/,
		);
		const foreign = await raw("echo", { headers: { origin: "https://evil.example.com" } });
		assert.equal(foreign.status, 403);
	});

	await step("an empty body is {}, and DryRun runs nothing", async () => {
		const empty = await raw("echo");
		assert.deepEqual([empty.status, empty.body], [200, "{}"]);
		assert.match(empty.headers["x-amzn-trace-id"], /^root=1-/);
		const dry = await invoke(client, "fail", {}, { InvocationType: "DryRun" });
		assert.deepEqual([dry.status, dry.text], [204, ""]);
	});

	await step("Event: 202 at once, two retries with the same id, a dead letter", async () => {
		const heard = program.listen();
		const answer = await invoke(client, "fail", {}, { InvocationType: "Event" });
		assert.deepEqual([answer.status, answer.text], [202, ""]);
		const attempts = () => heard().match(new RegExp(`attempt ${answer.id}`, "g"))?.length ?? 0;
		await eventually("three attempts", () => attempts() === 3);
		await program.says(
			heard,
			new RegExp(
				`${answer.id}[^\n]*(given up|dead|RetriesExhausted)|(given up|dead|RetriesExhausted)[^\n]*${answer.id}`,
				"i",
			),
		);
		assert.equal(attempts(), 3);
		const once = await invoke(client, "once", {}, { InvocationType: "Event" });
		await program.says(
			heard,
			new RegExp(`${once.id}[^\n]*(given up|dead)|(given up|dead)[^\n]*${once.id}`, "i"),
		);
		assert.equal(heard().match(new RegExp(`attempt ${once.id}`, "g")).length, 1);
	});

	await step("InvokeWithResponseStream by the SDK", async () => {
		const stream = async (FunctionName) => {
			const command = new InvokeWithResponseStreamCommand({
				FunctionName,
				Payload: '{"a":1}',
				LogType: "Tail",
			});
			const answer = await client.send(command);
			assert.equal(answer.StatusCode, 200);
			const chunks = [];
			let end;
			for await (const event of answer.EventStream) {
				if (event.PayloadChunk) {
					chunks.push(Buffer.from(event.PayloadChunk.Payload).toString());
				}
				end = event.InvokeComplete ?? end;
			}
			return { text: chunks.join(""), chunks: chunks.length, ...end };
		};
		const good = await stream("stream");
		assert.ok(good.text.length > 0);
		assert.equal(good.ErrorCode, undefined);
		assert.match(Buffer.from(good.LogResult, "base64").toString(), /END RequestId/);
		assert.match((await stream("prelude")).text, /^\{.*\}\0{8}/s);
		assert.equal((await stream("echo")).text, '{"a":1}');
		const broken = await stream("midway");
		assert.ok(broken.text.length > 0);
		assert.equal(typeof broken.ErrorCode, "string");
		assert.ok(JSON.parse(broken.ErrorDetails).errorMessage);
	});

	await step("one invocation a process at a time; more processes when that pays", async () => {
		const spans = await Promise.all(
			Array.from({ length: 12 }, () => call(client, "span", { ms: 600 })),
		);
		const byProcess = new Map();
		for (const span of spans) {
			byProcess.set(span.pid, [...(byProcess.get(span.pid) ?? []), span]);
		}
		assert.ok(byProcess.size >= 4, `${byProcess.size} processes`);
		for (const own of byProcess.values()) {
			own.sort((a, b) => a.begin - b.begin);
			own.slice(1).forEach((span, i) => assert.ok(span.begin >= own[i].end, "they overlap"));
		}
	});

	await step("reserved concurrency: 429 above it", async () => {
		const heard = program.listen();
		const running = [1, 2].map(() => invoke(client, "limited", { ms: 1500 }));
		await eventually("both run", () => heard().match(/REQUEST limited/g)?.length === 2);
		const third = await refusal(invoke(client, "limited", { ms: 0 }));
		assert.deepEqual([third.name, third.status], ["TooManyRequestsException", 429]);
		assert.equal(third.error.Reason, "ReservedFunctionConcurrentInvocationLimitExceeded");
		assert.equal(third.error.Type, "User");
		const wire = await raw("none");
		assert.equal(wire.status, 429);
		assert.equal(wire.headers["x-amzn-errortype"], "TooManyRequestsException");
		assert.deepEqual(JSON.parse(wire.body), {
			Reason: "ReservedFunctionConcurrentInvocationLimitExceeded",
			Type: "User",
			message: "Rate Exceeded.",
		});
		for (const answer of await Promise.all(running)) {
			assert.equal(answer.error, undefined);
		}
		assert.equal(typeof (await call(client, "limited", { ms: 0 })), "number");
	});

	await step("offstage invoke: the result on stdout, the log on stderr", async () => {
		const own = (...args) =>
			run(OFFSTAGE, ["invoke", ...args], {
				cwd: program.dir,
				env: cleanEnv({ HOME: program.home }),
				input: '{"n":7}',
			});
		const good = await own("echo", "--event", "-");
		assert.deepEqual([good.code, good.stdout], [0, '{"n":7}\n']);
		assert.match(good.stderr, /^START RequestId: [^]*END RequestId: [^]*REPORT RequestId: /);
		const event = path.join(program.home, "event.json");
		writeFileSync(event, '{"from":"file"}');
		assert.equal((await own("worker.echo", "--event", event)).stdout, '{"from":"file"}\n');
		const bad = await own("fail");
		assert.equal(bad.code, 1);
		assert.equal(JSON.parse(bad.stdout).errorMessage, "always");
		assert.match(bad.stderr, /attempt /);
		assert.equal((await own("nope")).code, 1);
	});

	await stop(program);
});

test("--max-concurrency bounds the processes of all functions", async (t) => {
	const program = await startFunctions(
		t,
		{ one: worker("sleep"), two: worker("sleep") },
		{ args: ["--max-concurrency", "2"] },
	);
	const client = lambdaClient(program);
	const pids = await Promise.all(
		Array.from({ length: 12 }, (_, i) => call(client, i % 2 ? "one" : "two", { ms: 50 })),
	);
	assert.ok(pids.every((pid) => typeof pid === "number"));
	await stop(program);
});
