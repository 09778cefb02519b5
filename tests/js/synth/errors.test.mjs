// What is wrong with an app is said clearly, with the place (reference sst 1.1, 1.2).

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";
import { Builder, makeApp, save, stackApp } from "./helper.mjs";

let builder;

before(() => {
	builder = new Builder();
});

after(() => builder.close());

async function refusal(app) {
	const answer = await builder.ask({ op: "synth", app, stage: "dev", local: true });
	assert.equal(answer.ok, false, "expected an error");
	return answer.error;
}

test("no app at all: what to add, and which files would make it one", async (t) => {
	const app = makeApp(t, {});
	const error = await refusal(app);
	assert.match(
		error.message,
		/^Add the sst\.json config file in your project root to get started\./,
	);
	assert.ok(error.missing.includes(path.join(app, "template.yaml")));
	assert.match((await refusal(path.join(app, "nowhere"))).message, /does not exist/);
});

test("sst.json that is not JSON: the line", async (t) => {
	const error = await refusal(makeApp(t, { "sst.json": '{\n  "name": "x",\n  oops\n}\n' }));
	assert.match(error.message, /There was a problem reading the sst\.json config file/);
	const [{ file, line }] = error.errors;
	assert.deepEqual({ file, line }, { file: "sst.json", line: 3 });
});

test("a blank name, a missing main", async (t) => {
	const blank = await refusal(makeApp(t, { "sst.json": { name: " " } }));
	assert.match(blank.message, /^Give your SST app a name in the sst\.json\./);
	const app = makeApp(t, { "sst.json": { name: "x", main: "stacks/index.ts" } });
	const missing = await refusal(app);
	assert.equal(
		missing.message,
		'Cannot find app handler. Make sure to add a "stacks/index.ts" file.',
	);
	assert.deepEqual(missing.missing, [path.join(app, "stacks/index.ts")]);
});

test("no default export", async (t) => {
	const app = makeApp(t, {
		"sst.json": { name: "x", main: "main.ts" },
		"main.ts": "export const a = 1;",
	});
	assert.equal(
		(await refusal(app)).message,
		'Cannot find app handler. Make sure "main.ts" has a default export.',
	);
});

test("a syntax error: file, line, column and the line's text", async (t) => {
	const app = makeApp(t, {
		"sst.json": { name: "x", main: "main.ts" },
		"main.ts": 'import "./other";\nexport default () => {};\n',
		"other.ts": "const ok = 1;\nconst bad = ;\n",
	});
	const {
		errors: [error],
		inputs,
	} = await refusal(app);
	assert.deepEqual(
		[error.file, error.line, error.column, error.lineText],
		["other.ts", 2, 12, "const bad = ;"],
	);
	assert.ok(inputs.includes(path.join(app, "other.ts")));
	save(app, { "other.ts": "" });
	assert.equal((await builder.ask({ op: "synth", app, stage: "dev" })).ok, true);
});

test("an exception in a stack file: the line of the TypeScript source", async (t) => {
	const app = makeApp(t, {
		"sst.json": { name: "x", main: "main.ts" },
		"main.ts":
			'import { Deep } from "./deep";\nexport default (app) => { app.stack(Deep); };\n',
		"deep.ts": [
			"interface Gone { a: string; }",
			"type AlsoGone = Gone;",
			"export function Deep() {",
			"  const nothing: AlsoGone | undefined = undefined;",
			'  console.log("before");',
			"  return nothing!.a;",
			"}",
		].join("\n"),
	});
	const {
		message,
		errors: [error],
		output,
	} = await refusal(app);
	assert.match(message, /Cannot read properties of undefined/);
	assert.deepEqual(
		[error.file, error.line, error.lineText],
		["deep.ts", 6, "  return nothing!.a;"],
	);
	assert.deepEqual(output, ["before"]);
});

test("a package that is not installed", async (t) => {
	const app = makeApp(t, {
		"sst.json": { name: "x", main: "main.ts" },
		"main.ts": 'import x from "not-installed";\nexport default () => x;\n',
	});
	const {
		errors: [error],
	} = await refusal(app);
	assert.match(error.text, /Could not resolve "not-installed"/);
	assert.equal(error.file, "main.ts");
});

test("process.exit in the stacks ends only the evaluation", async (t) => {
	const error = await refusal(stackApp(t, "\nprocess.exit(3);"));
	assert.match(error.message, /called process\.exit\(3\)/);
	assert.equal(error.errors[0].line, 6);
	assert.equal((await builder.ask({ op: "ping" })).ok, true);
});

test("a promise that never settles, a rejection that nobody handles", async (t) => {
	const app = (body) =>
		makeApp(t, {
			"sst.json": { name: "x", main: "main.ts" },
			"main.ts": `export default ${body};`,
		});
	assert.match((await refusal(app("() => new Promise(() => {})"))).message, /never settled/);
	const rejected = app(
		"() => { Promise.reject(new Error('lost')); return new Promise(() => {}); }",
	);
	assert.equal((await refusal(rejected)).message, "lost");
	assert.match((await refusal(app("() => { throw 'a string'; }"))).message, /a string/);
});

test("stacks that never return are stopped", async (t) => {
	const app = stackApp(t, "\nfor (;;) {}");
	const answer = await builder.ask({ op: "synth", app, stage: "dev", timeoutMs: 500 });
	assert.equal(answer.error.message, "The stacks did not finish within 0.5 seconds");
	assert.equal((await builder.ask({ op: "ping" })).ok, true);
});

test("SST v3 is named, v2 without a name too", async (t) => {
	const v3 = makeApp(t, { "sst.config.ts": "export default $config({ async run() {} });" });
	assert.match((await refusal(v3)).message, /SST v3/);
	const v2 = makeApp(t, {
		"sst.config.ts": "export default { config() { return {}; }, stacks() {} };",
	});
	assert.match((await refusal(v2)).message, /has to return a name/);
});

test("bad requests are answered, not fatal", async () => {
	const lost = builder.answerTo(null);
	builder.write("this is not JSON\n");
	assert.equal((await lost).ok, false);
	assert.equal((await builder.ask({ op: "toString" })).ok, false);
	assert.equal((await builder.ask({})).ok, false);
	assert.equal((await builder.ask({ op: "build" })).ok, false);
	assert.equal((await builder.ask({ op: "synth" })).ok, false);
	assert.equal((await builder.ask({ op: "ping" })).ok, true);
});
