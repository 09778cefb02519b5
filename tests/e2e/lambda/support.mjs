// An app of functions only, written as a template into a folder of its own, and ways to call them.

import assert from "node:assert/strict";
import { chmodSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { Program, SOURCE, tempDir } from "../support.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
export const HANDLERS = path.join(HERE, "handlers");
export const TABLE = path.join(SOURCE, "fixtures/handlers");

const ROLE = {
	Type: "AWS::IAM::Role",
	Properties: {
		AssumeRolePolicyDocument: {
			Statement: [
				{
					Effect: "Allow",
					Principal: { Service: "lambda.amazonaws.com" },
					Action: "sts:AssumeRole",
				},
			],
		},
		Policies: [
			{
				PolicyName: "all",
				PolicyDocument: { Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] },
			},
		],
	},
};

function resource(
	id,
	{ code, handler, runtime = "nodejs20.x", timeout = 10, memory = 256, env, ...more },
) {
	const { reserved, url, retries, logFormat } = more;
	const resources = {
		[id]: {
			Type: "AWS::Lambda::Function",
			Properties: {
				FunctionName: id,
				Code: code,
				Handler: handler,
				Runtime: runtime,
				Timeout: timeout,
				MemorySize: memory,
				Role: { "Fn::GetAtt": ["Role", "Arn"] },
				...(env && { Environment: { Variables: env } }),
				...(reserved !== undefined && { ReservedConcurrentExecutions: reserved }),
				...(logFormat && { LoggingConfig: { LogFormat: logFormat } }),
			},
		},
	};
	if (url) {
		resources[`${id}Url`] = {
			Type: "AWS::Lambda::Url",
			Properties: { TargetFunctionArn: { "Fn::GetAtt": [id, "Arn"] }, AuthType: "NONE", ...url },
		};
	}
	if (url && url.AuthType === undefined) {
		resources[`${id}UrlOpen`] = {
			Type: "AWS::Lambda::Permission",
			Properties: {
				FunctionName: { Ref: id },
				Action: "lambda:InvokeFunctionUrl",
				Principal: "*",
				FunctionUrlAuthType: "NONE",
			},
		};
	}
	if (retries !== undefined) {
		resources[`${id}Events`] = {
			Type: "AWS::Lambda::EventInvokeConfig",
			Properties: {
				FunctionName: { Ref: id },
				Qualifier: "$LATEST",
				MaximumRetryAttempts: retries,
			},
		};
	}
	return resources;
}

/** The template of functions by name; each function's URL is an output of its name. */
export function template(functions, more = {}) {
	const Resources = { Role: ROLE, ...more };
	const Outputs = {};
	for (const [id, settings] of Object.entries(functions)) {
		Object.assign(Resources, resource(id, settings));
	}
	for (const [id, { Type }] of Object.entries(Resources)) {
		if (Type === "AWS::Lambda::Url") {
			Outputs[id] = { Value: { "Fn::GetAtt": [id, "FunctionUrl"] } };
		}
	}
	return { AWSTemplateFormatVersion: "2010-09-09", Resources, Outputs };
}

export function writeFiles(dir, files) {
	for (const [name, text] of Object.entries(files)) {
		const file = path.join(dir, name);
		mkdirSync(path.dirname(file), { recursive: true });
		writeFileSync(file, text);
		if (path.basename(name) === "bootstrap") {
			chmodSync(file, 0o755);
		}
	}
}

/** Starts the program on an app of these functions; `code` holds handlers/ and `table` fixtures/handlers.
 * `prepare(dir)` and `files` (text by name) add to the app's folder. */
export async function startFunctions(t, functions, { files = {}, prepare, more, ...options } = {}) {
	const dir = path.join(tempDir(t), "app");
	mkdirSync(dir);
	cpSync(HANDLERS, path.join(dir, "code"), { recursive: true });
	cpSync(TABLE, path.join(dir, "table"), {
		recursive: true,
		filter: (file) => !file.includes("__pycache__"),
	});
	prepare?.(dir);
	writeFiles(dir, files);
	writeFileSync(
		path.join(dir, "template.json"),
		JSON.stringify(template(functions, more), null, "\t"),
	);
	return Program.start(t, dir, options);
}

/** Ctrl-C: nothing is left, and no sanitizer has a word to say at the end. */
export async function stop(program) {
	const exit = await program.stopClean("SIGINT");
	if (exit.code !== 130) {
		program.dump();
	}
	assert.deepEqual(exit, { code: 130, signal: null });
}

export function lambdaClient(program, credentials) {
	return new LambdaClient({
		endpoint: program.service,
		region: "us-east-1",
		maxAttempts: 1,
		credentials: credentials ?? { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
	});
}

/** Invokes by the SDK; answers what a caller can see. */
export async function invoke(client, name, event = {}, more = {}) {
	const result = await client.send(
		new InvokeCommand({
			FunctionName: name,
			Payload: typeof event === "string" ? event : JSON.stringify(event),
			...more,
		}),
	);
	const text = Buffer.from(result.Payload ?? []).toString();
	return {
		status: result.StatusCode,
		error: result.FunctionError,
		version: result.ExecutedVersion,
		id: result.$metadata.requestId,
		text,
		log: result.LogResult && Buffer.from(result.LogResult, "base64").toString(),
		get json() {
			return JSON.parse(text);
		},
	};
}

/** Invokes and demands success; answers the result. */
export async function call(client, name, event, more) {
	const answer = await invoke(client, name, event, more);
	assert.equal(answer.error, undefined, answer.text);
	return answer.json;
}

/** Invokes and demands a function error; answers its body. */
export async function fails(client, name, event, more) {
	const answer = await invoke(client, name, event, more);
	assert.equal(answer.status, 200);
	assert.equal(answer.error, "Unhandled", answer.text);
	return answer.json;
}
