// Bundles: what is built, rebuilt, kept and refused.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Builder, makeApp, save } from "./helper.mjs";

let builder;

before(() => {
	builder = new Builder();
});

after(() => builder.close());

const tutorial = (t) => makeApp(t, {}, "api-auth-auth0");

const request = (app, more = {}) => ({
	op: "build",
	function: `${app}/private`,
	app,
	srcPath: "backend",
	entry: "functions/private.handler",
	outdir: path.join(app, ".offstage/dev/build/private"),
	format: "esm",
	target: "nodejs16.x",
	...more,
});

async function build(...args) {
	const answer = await builder.ask(request(...args));
	assert.equal(answer.ok, true, JSON.stringify(answer.error));
	return answer;
}

const run = async ({ outfile }) => (await import(pathToFileURL(outfile).href)).handler();

test("a bundle runs, and a rebuild is a new file that leaves the old one alone", async (t) => {
	const app = tutorial(t);
	const first = await build(app);
	assert.equal((await run(first)).body, "Hello user!");
	assert.equal(
		path.join(request(app).outdir, first.handler),
		first.outfile.replace(/\.js$/, ".handler"),
	);
	assert.ok(first.inputs.includes(path.join(app, "backend/functions/private.ts")));
	assert.equal(
		readFileSync(path.join(first.root, "package.json"), "utf8"),
		'{"type":"module"}\n',
	);
	const map = JSON.parse(readFileSync(`${first.outfile}.map`, "utf8"));
	const source = path.resolve(path.dirname(first.outfile), map.sources[0]);
	assert.equal(source, path.join(app, "backend/functions/private.ts"));
	save(app, {
		"backend/functions/private.ts": 'export const handler = () => ({ body: "two" });',
	});
	const second = await build(app);
	assert.notEqual(second.outfile, first.outfile);
	assert.equal((await run(second)).body, "two");
	assert.ok(existsSync(first.outfile));
});

test("the same sources give the same file; the last two versions are kept", async (t) => {
	const app = tutorial(t);
	const first = await build(app);
	const same = await build(app);
	assert.deepEqual([same.changed, same.outfile], [false, first.outfile]);
	for (const body of ["2", "3", "4"]) {
		save(app, { "backend/functions/private.ts": `export const handler = () => ${body};` });
		await build(app);
	}
	await builder.ask({ op: "ping" }); // older ones go behind the answer
	assert.deepEqual(readdirSync(request(app).outdir).sort(), ["3", "4"]);
	rmSync(request(app).outdir, { recursive: true });
	assert.equal((await build(app)).changed, true);
});

test("a syntax error has its place, and the next good save recovers", async (t) => {
	const app = tutorial(t);
	await build(app);
	save(app, { "backend/functions/private.ts": "export function handler() {\n  return {;\n}\n" });
	const { ok, error } = await builder.ask(request(app));
	assert.equal(ok, false);
	const [{ file, line, column, lineText }] = error.errors;
	assert.deepEqual(
		{ file, line, column, lineText },
		{ file: "backend/functions/private.ts", line: 2, column: 10, lineText: "  return {;" },
	);
	assert.ok(error.inputs.includes(path.join(app, file)));
	save(app, {
		"backend/functions/private.ts": 'export const handler = () => ({ body: "back" });',
	});
	assert.equal((await run(await build(app))).body, "back");
});

test("a missing handler lists the paths tried, in order; the first that exists is taken", async (t) => {
	const app = tutorial(t);
	const entry = "functions/late.handler";
	const { ok, error } = await builder.ask(request(app, { entry }));
	assert.equal(ok, false);
	assert.equal(error.message, `Cannot find a handler file for "${entry}"`);
	const ends = ["ts", "tsx", "mts", "cts", "js", "jsx", "mjs", "cjs"];
	assert.deepEqual(
		error.missing,
		ends.map((end) => path.join(app, `backend/functions/late.${end}`)),
	);
	save(app, { "backend/functions/late.js": 'export const handler = () => "js";' });
	const late = await build(app, { entry });
	assert.equal(await run(late), "js");
	assert.equal(late.missing[0], path.join(app, "backend/functions/late.ts"));
	save(app, { "backend/functions/late.ts": 'export const handler = (): string => "ts";' });
	assert.equal(await run(await build(app, { entry })), "ts");
});

test("an import that does not exist yet: where it would be found", async (t) => {
	const app = tutorial(t);
	save(app, {
		"backend/functions/private.ts": 'import "../core/soon";\nexport const handler = () => 1;',
	});
	const { error } = await builder.ask(request(app));
	assert.ok(error.missing.includes(path.join(app, "backend/core/soon.ts")));
	save(app, { "backend/core/soon.ts": "" });
	const { inputs } = await build(app);
	assert.ok(inputs.includes(path.join(app, "backend/core/soon.ts")));
});

test("CommonJS, nested exports, options that change, files that are copied", async (t) => {
	const app = makeApp(t, {
		"src/a.ts": "export const api = { main: () => TAG };\ndeclare const TAG: string;",
		"src/data/x.txt": "data",
	});
	const options = {
		srcPath: "src",
		entry: "a.api.main",
		format: "cjs",
		outdir: path.join(app, "out"),
	};
	const bundle = {
		esbuildConfig: { define: { TAG: '"one"' } },
		copyFiles: [{ from: "data", to: "d" }],
	};
	const one = await build(app, { ...options, bundle });
	assert.equal(one.handler, "1/a.api.main");
	assert.equal(
		readFileSync(path.join(one.root, "package.json"), "utf8"),
		'{"type":"commonjs"}\n',
	);
	assert.equal(readFileSync(path.join(one.root, "d/x.txt"), "utf8"), "data");
	assert.match(readFileSync(one.outfile, "utf8"), /"one"/);
	bundle.esbuildConfig.define.TAG = '"two"';
	const two = await build(app, { ...options, bundle });
	assert.match(readFileSync(two.outfile, "utf8"), /"two"/);
	const small = await build(app, { ...options, bundle, minify: true });
	assert.ok(
		readFileSync(small.outfile, "utf8").length < readFileSync(two.outfile, "utf8").length,
	);
});

test("packages left out of the bundle are found at run time", async (t) => {
	const app = tutorial(t);
	save(app, {
		"backend/node_modules/native/index.js": 'module.exports = "from backend/node_modules";',
		"backend/functions/private.ts":
			'import native from "native";\nexport const handler = () => native;',
	});
	for (const bundle of [{ nodeModules: ["native"] }, false]) {
		const built = await build(app, { bundle });
		assert.doesNotMatch(readFileSync(built.outfile, "utf8"), /from backend/);
		assert.equal(await run(built), "from backend/node_modules");
	}
});

test("a handler above srcPath stays inside the outdir", async (t) => {
	const app = tutorial(t);
	save(app, { "shared/up.ts": "export const handler = () => 1;" });
	const built = await build(app, { entry: "../shared/up.handler" });
	assert.ok(built.outfile.startsWith(`${built.root}/`));
});

test("an app behind a symbolic link: files by their real paths, and a map that fits", async (t) => {
	const app = tutorial(t);
	const link = path.join(makeApp(t, {}), "link");
	symlinkSync(app, link);
	const built = await build(link);
	assert.ok(built.inputs.includes(path.join(app, "backend/functions/private.ts")));
	const map = JSON.parse(readFileSync(`${built.outfile}.map`, "utf8"));
	const source = path.resolve(path.dirname(built.outfile), map.sources[0]);
	assert.equal(source, path.join(app, "backend/functions/private.ts"));
});

test("builds of many functions at once, and of one function in a row", async (t) => {
	const app = tutorial(t);
	const names = Array.from({ length: 20 }, (_, index) => `fn${index}`);
	const answers = await Promise.all(
		names.map((name) => build(app, { function: name, outdir: path.join(app, "out", name) })),
	);
	assert.equal(new Set(answers.map(({ outfile }) => outfile)).size, 20);
	const same = await Promise.all(Array.from({ length: 10 }, () => build(app)));
	assert.deepEqual(new Set(same.map(({ outfile }) => outfile)).size, 1);
});

test("contexts are bounded, forgotten ones are freed and can be built again", async (t) => {
	const app = tutorial(t);
	const names = Array.from({ length: 80 }, (_, index) => `many${index}`);
	const outdir = (name) => path.join(app, "out", name);
	for (const name of names) {
		await build(app, { function: name, outdir: outdir(name) });
	}
	const { contexts } = await builder.ask({ op: "forget", function: "many79" });
	assert.equal(contexts, 63);
	for (const name of ["many0", "many79"]) {
		assert.equal(
			(await run(await build(app, { function: name, outdir: outdir(name) }))).body,
			"Hello user!",
		);
	}
	assert.equal((await builder.ask({ op: "forget", function: "never built" })).ok, true);
});

test("the builder ends with its input", async () => {
	const other = new Builder();
	assert.equal((await other.ask({ op: "ping" })).ok, true);
	assert.equal(await other.close(), 0);
});
