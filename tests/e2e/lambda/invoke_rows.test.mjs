// The Invoke API at its edges, with the AWS CLI and the SDK: names, qualifiers, types, sizes, logs. What each
// answer looks like letter for letter is tests/unit/emulator/lambda/test_invoke_api.c's.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { GetFunctionConfigurationCommand } from "@aws-sdk/client-lambda";
import { Aws } from "../clients.mjs";
import { eventually, send } from "../support.mjs";
import { call, invoke, lambdaClient, startFunctions, stop } from "./support.mjs";

const worker = (name, more) => ({ code: "code", handler: `worker.${name}`, ...more });
const ARN = "arn:aws:lambda:us-east-1:123456789012:function:";
const SYNC = 6291456;
const ASYNC = 1048576;
const more = {
	One: { Type: "AWS::Lambda::Version", Properties: { FunctionName: { Ref: "context" } } },
	Live: {
		Type: "AWS::Lambda::Alias",
		Properties: { FunctionName: { Ref: "context" }, Name: "live", FunctionVersion: "1" },
	},
};

const refused = (promise) =>
	promise.then(
		() => assert.fail("it was not refused"),
		(error) => [error.$metadata.httpStatusCode, error.name, error.message],
	);

/** A JSON string that is so many bytes long. */
const text = (bytes) => JSON.stringify("x".repeat(bytes - 2));

test("the Invoke API at its edges", async (t) => {
	const program = await startFunctions(
		t,
		{
			context: worker("context"),
			length: worker("length"),
			fail: worker("fail", { retries: 0 }),
			speak: worker("speak"),
			sleep: worker("sleep"),
			trace: worker("trace"),
			heard: worker("speak"),
		},
		{ more },
	);
	const client = lambdaClient(program);
	const aws = new Aws(program, { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" });
	const step = (name, fn) => program.step(t, name, fn);
	const out = path.join(program.home, "out.json");
	const cli = async (name, ...args) => ({
		...(await aws.json("lambda", "invoke", "--function-name", name, ...args, out)),
		body: readFileSync(out, "utf8"),
	});

	await step("aws lambda invoke by ARN, partial ARN, alias and version", async () => {
		const shown = async (name, ...args) => {
			const answer = await cli(name, ...args);
			return [answer.ExecutedVersion, JSON.parse(answer.body).invokedFunctionArn];
		};
		assert.deepEqual(await shown(`${ARN}context:live`), ["$LATEST", `${ARN}context:live`]);
		assert.deepEqual(await shown("123456789012:function:context", "--qualifier", "live"), [
			"$LATEST",
			`${ARN}context:live`,
		]);
		assert.deepEqual(await shown("context:1"), ["1", `${ARN}context:1`]);
		const configuration = await client.send(
			new GetFunctionConfigurationCommand({ FunctionName: `${ARN}context:live` }),
		);
		assert.equal(configuration.FunctionArn, `${ARN}context:live`);
	});

	await step("names that are refused, as the SDK sees them", async () => {
		assert.deepEqual(await refused(invoke(client, "context:gone")), [
			404,
			"ResourceNotFoundException",
			`Cannot find alias arn: ${ARN}context:gone`,
		]);
		assert.deepEqual(await refused(invoke(client, "context:7")), [
			404,
			"ResourceNotFoundException",
			`Function not found: ${ARN}context:7`,
		]);
		const long = await refused(invoke(client, "x".repeat(257)));
		assert.deepEqual(long.slice(0, 2), [400, "ValidationException"]);
	});

	await step("aws lambda invoke: Event, DryRun; invoke-async; a page of list-functions", async () => {
		const event = await cli("context", "--invocation-type", "Event");
		assert.deepEqual([event.StatusCode, event.ExecutedVersion, event.body], [202, undefined, ""]);
		const dry = await cli("fail", "--invocation-type", "DryRun");
		assert.deepEqual([dry.StatusCode, dry.ExecutedVersion, dry.body], [204, undefined, ""]);
		const heard = program.listen();
		const args = path.join(program.home, "args.json");
		writeFileSync(args, '{"lines":1}');
		const old = await aws.json(
			...["lambda", "invoke-async", "--function-name", "heard", "--invoke-args", args],
		);
		assert.equal(old.Status, 202);
		await program.says(heard, /line 0 of heard/);
		const page = await aws.json("lambda", "list-functions", "--max-items", "2", "--page-size", "2");
		assert.equal(page.Functions.length, 2);
		const rest = await aws.json(
			...["lambda", "list-functions", "--starting-token", page.NextToken],
		);
		assert.equal(rest.Functions.length, 5);
	});

	await step("6291456 bytes when somebody waits, 1048576 when nobody does", async () => {
		assert.equal(await call(client, "length", text(SYNC)), SYNC - 2);
		const large = await refused(invoke(client, "length", text(SYNC + 1)));
		assert.deepEqual(large, [
			413,
			"RequestEntityTooLargeException",
			`Request must be smaller than ${SYNC} bytes for the InvokeFunction operation`,
		]);
		const event = { InvocationType: "Event" };
		assert.equal((await invoke(client, "length", text(ASYNC), event)).status, 202);
		const late = await refused(invoke(client, "length", text(ASYNC + 1), event));
		assert.deepEqual(late.slice(0, 2), [413, "RequestEntityTooLargeException"]);
	});

	await step("the log: whole when it is short, its last 4 KB when it is not", async () => {
		const short = await invoke(client, "speak", { lines: 3 }, { LogType: "Tail" });
		assert.match(
			short.log,
			/^START RequestId: (\S+) Version: \$LATEST\n[^]*line 0 of speak\n[^]*line 2 of speak\nEND RequestId: \1\nREPORT RequestId: \1\t[^\n]*\t\n$/,
		);
		const long = await invoke(client, "speak", { lines: 400 }, { LogType: "Tail" });
		assert.equal(Buffer.byteLength(long.log), 4096);
		assert.doesNotMatch(long.log, /^START/);
		assert.match(long.log, /line 399 of speak\nEND RequestId: \S+\nREPORT RequestId: [^\n]*\t\n$/);
		const none = await invoke(client, "speak", { lines: 1 });
		assert.equal(none.log, undefined);
	});

	await step("REPORT: what it took, rounded up for the bill; Init only the first time", async () => {
		const report = async (ms) => {
			const { log } = await invoke(client, "sleep", { ms }, { LogType: "Tail" });
			const numbers = log.match(
				/\tDuration: (\d+\.\d\d) ms\tBilled Duration: (\d+) ms\tMemory Size: 256 MB\tMax Memory Used: (\d+) MB\t(Init Duration: (\d+\.\d\d) ms\t)?\n$/,
			);
			assert.ok(numbers, log);
			return { duration: Number(numbers[1]), billed: Number(numbers[2]), init: numbers[5] };
		};
		const first = await report(150);
		// A timer may fire a millisecond early.
		assert.ok(first.duration >= 149, `${first.duration}`);
		assert.ok(Number(first.init) > 0);
		const second = await report(1);
		assert.equal(second.init, undefined);
		for (const { duration, billed } of [first, second]) {
			assert.ok(billed >= Math.ceil(duration), `${billed} for ${duration}`);
		}
	});

	await step("a trace id reaches the handler, and comes back", async () => {
		const given = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
		const answer = await send({
			url: `${program.service}/2015-03-31/functions/trace/invocations`,
			method: "POST",
			headers: { "x-amzn-trace-id": given },
		});
		assert.equal(JSON.parse(answer.body), given);
		assert.match(
			answer.headers["x-amzn-trace-id"],
			/^root=1-5759e988-bd862e3fe1be46a994272793;/,
		);
		const own = await call(client, "trace");
		assert.match(own, /^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01]$/);
	});

	await step("an event has no client context, and is retried as often as the app says", async () => {
		const ClientContext = Buffer.from('{"custom":{"a":1}}').toString("base64");
		const heard = program.listen();
		const { id } = await invoke(
			...[client, "fail", {}, { InvocationType: "Event", ClientContext }],
		);
		await program.says(heard, new RegExp(`dead letter: fail ${id}: RetriesExhausted after 1 attempt`));
		await eventually("it is in the history", async () => {
			const { body } = await send({
				url: `${program.service}/_offstage/invocations?requestId=${id}`,
			});
			return JSON.parse(body)[0].outcome === "error";
		});
	});

	await stop(program);
});
