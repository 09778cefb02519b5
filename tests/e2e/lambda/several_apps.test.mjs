// Two stages of one app on one emulator, as `serve` runs them: an account's list holds both, a call reaches
// the one whose function, pool or role it names, and a name that both have is never guessed.

import assert from "node:assert/strict";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import {
	CognitoIdentityClient,
	DescribeIdentityCommand,
	DescribeIdentityPoolCommand,
	GetIdCommand,
	ListIdentitiesCommand,
	ListIdentityPoolsCommand,
} from "@aws-sdk/client-cognito-identity";
import { GetFunctionCommand, ListFunctionsCommand } from "@aws-sdk/client-lambda";
import { chromium } from "playwright-core";
import { background, makeHome, offstage } from "../cli-support.mjs";
import { Aws } from "../clients.mjs";
import { get, tempDir } from "../support.mjs";
import { call, HANDLERS, invoke, lambdaClient, template } from "./support.mjs";

const USER = { accessKeyId: "AKIAUSERUSERUSERUSER", secretAccessKey: "secret" };
const POOL = {
	Type: "AWS::Cognito::IdentityPool",
	Properties: { AllowUnauthenticatedIdentities: true },
};

/** One stage: functions Both, whose name is given, and one of its own; a pool. */
async function connect(t, url, options, stage) {
	const dir = path.join(tempDir(), "app");
	mkdirSync(dir);
	cpSync(HANDLERS, path.join(dir, "code"), { recursive: true });
	const here = { code: "code", handler: "env.handler", env: { STAGE: stage } };
	const app = template({ Both: { ...here, url: {} }, [`Only-${stage}`]: here }, { Pool: POOL });
	app.Outputs.Pool = { Value: { Ref: "Pool" } };
	writeFileSync(path.join(dir, "template.json"), JSON.stringify(app));
	const agent = background(t, ["connect", url, "--stage", stage], { ...options, cwd: dir });
	await agent.says(/Listening for requests/);
	const [, pool] = await agent.says(/Pool: (\S+)/);
	const [, functionUrl] = await agent.says(/BothUrl: (\S+)/);
	return { agent, dir, stage, pool, functionUrl };
}

test("several apps on one emulator", async (t) => {
	const { home, env } = makeHome();
	const file = path.join(home, "credentials");
	writeFileSync(
		file,
		`[user]\naws_access_key_id = ${USER.accessKeyId}\naws_secret_access_key = ${USER.secretAccessKey}\n`,
	);
	const options = { cwd: home, env: env() };
	const serve = background(t, ["serve", "--port", "0", "--credentials", file], options);
	const [, url] = await serve.says(/connect '(ws:[^']+)'/);
	const service = url.replace(/^ws:/, "http:").replace(/\/bridge.*$/, "");
	const program = { service, home };
	const stages = [await connect(t, url, options, "ann"), await connect(t, url, options, "bob")];
	const client = lambdaClient(program, USER);
	const aws = new Aws(program, USER);

	await t.test("ListFunctions shows the account's, page by page", async () => {
		const { Functions } = await aws.json("lambda", "list-functions");
		const names = Functions.map((f) => f.FunctionName).sort();
		assert.deepEqual(names, ["Both", "Both", "Only-ann", "Only-bob"]);
		const paged = [];
		let Marker;
		do {
			const page = await client.send(new ListFunctionsCommand({ MaxItems: 3, Marker }));
			paged.push(...page.Functions.map((f) => f.FunctionName));
			Marker = page.NextMarker;
		} while (Marker);
		assert.deepEqual(paged.sort(), names);
	});

	await t.test("a name that one stage has reaches it", async () => {
		for (const { stage } of stages) {
			const { env } = await call(client, `Only-${stage}`);
			assert.equal(env.STAGE, stage);
			const { Configuration } = await client.send(
				new GetFunctionCommand({ FunctionName: `Only-${stage}` }),
			);
			assert.equal(Configuration.Environment.Variables.STAGE, stage);
		}
	});

	await t.test("a name that both have is the caller's own, or refused", async () => {
		await assert.rejects(invoke(client, "Both"), (error) => {
			assert.equal(error.name, "ResourceConflictException");
			assert.equal(error.$metadata.httpStatusCode, 409);
			assert.match(error.message, /'Both' is in app 'app' at stage 'ann' and .* at stage 'bob'/);
			return true;
		});
		for (const { stage } of stages) {
			const { env } = await call(client, `Only-${stage}`);
			const role = lambdaClient(program, {
				accessKeyId: env.AWS_ACCESS_KEY_ID,
				secretAccessKey: env.AWS_SECRET_ACCESS_KEY,
				sessionToken: env.AWS_SESSION_TOKEN,
			});
			assert.equal((await call(role, "Both")).env.STAGE, stage);
		}
	});

	await t.test("so it is for our own command and for each stage's URL", async () => {
		for (const { stage, dir, functionUrl } of stages) {
			const own = await offstage(["invoke", "Both", "--stage", stage], { ...options, cwd: dir });
			assert.equal(own.code, 0, own.stderr);
			assert.equal(JSON.parse(own.stdout).env.STAGE, stage);
			assert.equal(JSON.parse((await get(functionUrl)).body).env.STAGE, stage);
			const app = await get(`${service}/_offstage/app?app=app&stage=${stage}`);
			assert.equal(JSON.parse(app.body).stage, stage);
		}
		const unnamed = await get(`${service}/_offstage/invocations`);
		assert.equal(unnamed.status, 400);
		assert.deepEqual(
			JSON.parse(unnamed.body).apps,
			stages.map(({ stage }) => ({ app: "app", stage })),
		);
		const none = await get(`${service}/_offstage/app?app=app&stage=none`);
		assert.equal(none.status, 404);
		assert.match(none.body, /app 'app' is not connected to this emulator at stage 'none'/);
	});

	await t.test("the console asks which one", async () => {
		const browser = await chromium.launch({
			executablePath: "/usr/bin/chromium",
			args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
			env: { ...process.env, HOME: home },
		});
		t.after(() => browser.close());
		const page = await browser.newPage();
		await page.goto(`${service}/console`);
		await page.getByRole("link", { name: "app · stage bob" }).click();
		await page.getByText("app · stage bob · us-east-1").waitFor();
		await page.getByText("URL GET /").first().waitFor();
		assert.equal(await page.getByRole("link").count(), 0);
		await browser.close();
	});

	await t.test("Cognito's calls of a static user reach the pool's stage", async () => {
		assert.notEqual(stages[0].pool, stages[1].pool);
		const cognito = new CognitoIdentityClient({
			endpoint: service,
			region: "us-east-1",
			maxAttempts: 1,
			credentials: USER,
		});
		const { IdentityPools } = await cognito.send(new ListIdentityPoolsCommand({ MaxResults: 10 }));
		assert.deepEqual(
			IdentityPools.map((pool) => pool.IdentityPoolId),
			stages.map(({ pool }) => pool),
		);
		for (const { pool: IdentityPoolId } of stages) {
			const pool = await cognito.send(new DescribeIdentityPoolCommand({ IdentityPoolId }));
			assert.equal(pool.IdentityPoolId, IdentityPoolId);
			const { IdentityId } = await cognito.send(new GetIdCommand({ IdentityPoolId }));
			const listed = await cognito.send(
				new ListIdentitiesCommand({ IdentityPoolId, MaxResults: 10 }),
			);
			assert.deepEqual(
				listed.Identities.map((identity) => identity.IdentityId),
				[IdentityId],
			);
			const one = await cognito.send(new DescribeIdentityCommand({ IdentityId }));
			assert.equal(one.IdentityId, IdentityId);
		}
	});

	const [ann, bob] = stages;
	assert.deepEqual(await ann.agent.end("SIGINT"), { code: 130, signal: null });
	await serve.says(/agent 1 has left/);

	await t.test("a stage that nobody serves any more is not meant", async () => {
		assert.equal((await call(client, "Both")).env.STAGE, "bob");
	});

	assert.deepEqual(await bob.agent.end("SIGINT"), { code: 130, signal: null });
	assert.deepEqual(await serve.end("SIGTERM"), { code: 0, signal: null });
});
