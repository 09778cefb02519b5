// The AWS SDK for JavaScript v3 and the AWS CLI against the service port.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import {
	InvokeCommand,
	InvokeWithResponseStreamCommand,
	LambdaClient,
	ListFunctionsCommand,
} from "@aws-sdk/client-lambda";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import {
	CognitoIdentityClient,
	CreateIdentityPoolCommand,
	GetIdCommand,
	GetOpenIdTokenCommand,
} from "@aws-sdk/client-cognito-identity";
import { fromCognitoIdentityPool } from "@aws-sdk/credential-providers";
import { Aws, claimsOf, cognito, passwordLogin, quickCredentials, signedGet } from "./clients.mjs";
import { assertForbidden, copyApp, get, LOGIN_KEY, Program, send } from "./support.mjs";

const USER = "jane.doe@example.com";

const INVOKED = `export async function handler(event, context) {
  console.log("note", event.note);
  if (event.fail) {
    throw new TypeError("as asked");
  }
  return { got: event, name: context.functionName, region: process.env.AWS_REGION };
}
`;

const text = (bytes) => Buffer.from(bytes ?? []).toString();

test("SDK and CLI", async (t) => {
	const dir = copyApp("api-auth-auth0");
	writeFileSync(path.join(dir, "backend/functions/public.ts"), INVOKED);
	const program = await Program.start(t, dir);
	const { service: endpoint, login } = program;
	const identityPoolId = program.outputs.IdentityPoolId;
	const { id_token: idToken } = await passwordLogin(login, USER);
	const functionOf = (handler) => program.endpoints.functions.find((f) => f.handler === handler);
	const { name, arn } = functionOf("functions/public.handler");
	const client = (Client, credentials) => {
		const made = new Client({ region: "us-east-1", endpoint, credentials });
		t.after(() => made.destroy());
		return made;
	};
	const any = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "any" };
	const lambda = client(LambdaClient, any);

	await program.step(t, "fromCognitoIdentityPool: credentials that sign", async () => {
		const provide = fromCognitoIdentityPool({
			identityPoolId,
			logins: { [LOGIN_KEY]: idToken },
			clientConfig: { region: "us-east-1", endpoint },
		});
		const credentials = await provide();
		assert.equal(credentials.identityId, (await quickCredentials(program, idToken)).identityId);
		const life = credentials.expiration - Date.now();
		assert.ok(life > 3500e3 && life < 3605e3, `${life} ms`);
		assert.equal((await signedGet(credentials, `${program.api}/private`)).body, "Hello user!");
	});

	await program.step(t, "a guest has an identity and no access", async () => {
		const provide = fromCognitoIdentityPool({
			identityPoolId,
			clientConfig: { region: "us-east-1", endpoint },
		});
		const one = await provide();
		assert.equal((await provide()).identityId, one.identityId, "the client keeps it");
		assert.notEqual((await quickCredentials(program)).identityId, one.identityId);
		assertForbidden(await signedGet(one, `${program.api}/private`), "guest");
	});

	await program.step(t, "errors have the service's names", async () => {
		const cognitoClient = client(CognitoIdentityClient, any);
		await assert.rejects(
			cognitoClient.send(
				new GetIdCommand({ IdentityPoolId: identityPoolId, Logins: { [LOGIN_KEY]: "x" } }),
			),
			{ name: "NotAuthorizedException", $fault: "client" },
		);
		await assert.rejects(
			cognitoClient.send(
				new CreateIdentityPoolCommand({ IdentityPoolName: "p", AllowUnauthenticatedIdentities: true }),
			),
			"pools come from the stacks",
		);
	});

	await program.step(t, "GetOpenIdToken names identity and pool", async () => {
		const { identityId } = await quickCredentials(program, idToken);
		const { Token } = await client(CognitoIdentityClient, any).send(
			new GetOpenIdTokenCommand({ IdentityId: identityId, Logins: { [LOGIN_KEY]: idToken } }),
		);
		const { sub, aud, iss, amr } = claimsOf(Token);
		assert.deepEqual(
			[sub, aud, iss],
			[identityId, identityPoolId, "https://cognito-identity.amazonaws.com"],
		);
		assert.equal(amr[0], "authenticated");
	});

	await program.step(t, "STS knows whose credentials these are", async () => {
		const credentials = await quickCredentials(program, idToken);
		const { Arn, UserId, Account } = await client(STSClient, credentials).send(
			new GetCallerIdentityCommand({}),
		);
		assert.match(Account, /^\d{12}$/);
		assert.match(
			Arn,
			new RegExp(`^arn:aws:sts::${Account}:assumed-role/[\\w-]+/CognitoIdentityCredentials$`),
		);
		assert.match(UserId, /^AROA[A-Z2-7]{17}:CognitoIdentityCredentials$/);
		assert.equal((await new Aws(program, credentials).json("sts", "get-caller-identity")).Arn, Arn);
		const wrong = { ...credentials, secretAccessKey: "no" };
		await assert.rejects(client(STSClient, wrong).send(new GetCallerIdentityCommand({})), {
			name: "SignatureDoesNotMatch",
		});
	});

	await program.step(t, "Invoke: result, log, errors, by name and ARN", async () => {
		const event = { note: "héllo", list: [1, 2] };
		for (const FunctionName of [name, arn]) {
			const answer = await lambda.send(
				new InvokeCommand({ FunctionName, Payload: JSON.stringify(event), LogType: "Tail" }),
			);
			assert.deepEqual([answer.StatusCode, answer.FunctionError], [200, undefined]);
			assert.equal(answer.ExecutedVersion, "$LATEST");
			assert.deepEqual(JSON.parse(text(answer.Payload)), { got: event, name, region: "us-east-1" });
			const log = Buffer.from(answer.LogResult, "base64").toString();
			assert.match(log, /START RequestId[^]*\tINFO\tnote héllo\n[^]*END RequestId[^]*REPORT RequestId/);
		}
		const failed = await lambda.send(
			new InvokeCommand({ FunctionName: name, Payload: '{"fail":true}' }),
		);
		assert.equal(failed.FunctionError, "Unhandled");
		const { errorType, errorMessage, trace } = JSON.parse(text(failed.Payload));
		assert.deepEqual([errorType, errorMessage], ["TypeError", "as asked"]);
		assert.match(trace.join("\n"), /backend\/functions\/public\.ts:4/, "TypeScript's own line");
		await assert.rejects(lambda.send(new InvokeCommand({ FunctionName: "nobody" })), {
			name: "ResourceNotFoundException",
		});
		await assert.rejects(
			lambda.send(new InvokeCommand({ FunctionName: name, Payload: "{not json" })),
			{ name: "InvalidRequestContentException" },
		);
	});

	await program.step(t, "Invoke: Event, DryRun and a response stream", async () => {
		const heard = program.listen();
		const invoke = (more) => lambda.send(new InvokeCommand({ FunctionName: name, ...more }));
		const later = await invoke({ InvocationType: "Event", Payload: '{"note":"later"}' });
		assert.equal(later.StatusCode, 202);
		await program.says(heard, /note later/);
		assert.equal((await invoke({ InvocationType: "DryRun" })).StatusCode, 204);
		const { EventStream } = await lambda.send(
			new InvokeWithResponseStreamCommand({ FunctionName: name, Payload: '{"note":"streamed"}' }),
		);
		let streamed = "";
		let complete = 0;
		for await (const { PayloadChunk, InvokeComplete } of EventStream) {
			streamed += text(PayloadChunk?.Payload);
			complete += InvokeComplete ? 1 : 0;
		}
		assert.equal(complete, 1);
		assert.equal(JSON.parse(streamed).got.note, "streamed");
	});

	await program.step(t, "ListFunctions names what endpoints.json names", async () => {
		const { Functions } = await lambda.send(new ListFunctionsCommand({}));
		const names = Functions.map((f) => f.FunctionName);
		for (const { name } of program.endpoints.functions) {
			assert.ok(names.includes(name), name);
		}
		const { Runtime, MemorySize, Timeout } = Functions.find((f) => f.FunctionName === name);
		assert.deepEqual([Runtime, MemorySize, Timeout], ["nodejs16.x", 1024, 10]);
	});

	await program.step(t, "aws lambda invoke", async () => {
		const aws = new Aws(program, { ...any, sessionToken: "" });
		const out = path.join(program.home, "out.json");
		// Version 2 wants base64 unless told otherwise; version 1 does not know the option.
		aws.env.AWS_CONFIG_FILE = path.join(program.home, "aws-config");
		writeFileSync(aws.env.AWS_CONFIG_FILE, "[default]\ncli_binary_format = raw-in-base64-out\n");
		const answer = await aws.json(
			...["lambda", "invoke", "--function-name", name, "--payload", '{"note":"cli"}'],
			out,
		);
		assert.deepEqual(answer, { StatusCode: 200, ExecutedVersion: "$LATEST" });
		assert.equal(JSON.parse(readFileSync(out)).got.note, "cli");
	});

	await program.step(t, "invocations can be asked for, by function", async () => {
		const path_ = `/_offstage/invocations?function=${encodeURIComponent(name)}`;
		const found = JSON.parse((await get(endpoint + path_)).body);
		assert.match(JSON.stringify(found), /"note":"cli"/);
	});

	await program.step(t, "a page of another site cannot use the service port", async () => {
		const request = { url: `${endpoint}/2015-03-31/functions/${name}/invocations`, method: "POST" };
		const foreign = await send({ ...request, headers: { origin: "https://evil.example.com" }, body: "{}" });
		assert.equal(foreign.status, 403);
		assert.equal((await send({ ...request, body: "{}" })).status, 200);
		const rebound = await get(`${endpoint}/_offstage/invocations`, { host: "evil.example.com" });
		assert.ok(rebound.status >= 400);
		const { headers } = await cognito(program, "GetId", { IdentityPoolId: identityPoolId });
		assert.equal(headers["access-control-allow-origin"], "*", "Cognito Identity is for browsers");
	});
});
