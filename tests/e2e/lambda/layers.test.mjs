// Layers with a folder on this machine, and the assets of a CDK app.

import assert from "node:assert/strict";
import { chmodSync, mkdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Program, tempDir } from "../support.mjs";
import { call, lambdaClient, stop, writeFiles } from "./support.mjs";

const NODE = `
const { execFileSync } = require("node:child_process");
exports.handler = async () => ({
	tool: require("tool"),
	newer: require("newer"),
	ours: require("beside"),
	program: execFileSync("layer-program").toString().trim(),
	path: process.env.NODE_PATH,
});
`;
const PYTHON = `
import os, tool

def handler(event, context):
    return {"tool": tool.NAME, "path": os.environ["PYTHONPATH"]}
`;
const LAYERS = {
	"code/node/index.js": NODE,
	"code/node/beside/index.js": 'module.exports = "the task root";',
	"code/python/app.py": PYTHON,
	"layers/one/nodejs/node_modules/tool/index.js": 'module.exports = "one";',
	"layers/one/python/tool.py": 'NAME = "one"',
	"layers/two/nodejs/node_modules/tool/index.js": 'module.exports = "two";',
	"layers/two/nodejs/node20/node_modules/newer/index.js": 'module.exports = "for Node 20";',
};
const arn = "arn:aws:lambda:us-east-1:123456789012:layer:far:3";
const layer = (folder) => ({
	Type: "AWS::Serverless::LayerVersion",
	Properties: { ContentUri: folder },
});
const fn = (code, handler, runtime, layers) => ({
	Type: "AWS::Serverless::Function",
	Properties: {
		...{ FunctionName: code, CodeUri: `code/${code}`, Handler: handler, Runtime: runtime },
		Layers: layers,
	},
});

function writeApp(t, files) {
	const dir = path.join(tempDir(t), "app");
	mkdirSync(dir);
	writeFiles(dir, files);
	return dir;
}

test("layers", async (t) => {
	const template = {
		Transform: "AWS::Serverless-2016-10-31",
		Globals: { Function: { Layers: [{ Ref: "One" }] } },
		Resources: {
			One: layer("layers/one"),
			Two: layer("layers/two"),
			Node: fn("node", "index.handler", "nodejs20.x", [{ Ref: "Two" }]),
			Python: fn("python", "app.handler", "python3.11", [arn]),
		},
	};
	const program = await Program.start(
		t,
		writeApp(t, {
			...LAYERS,
			"layers/two/bin/layer-program": "#!/bin/sh\necho ran\n",
			"template.json": JSON.stringify(template),
		}),
		{
			env: { NODE_PATH: "/developers/own" },
		},
	);
	chmodSync(path.join(program.dir, "layers/two/bin/layer-program"), 0o755);
	const client = lambdaClient(program);
	const step = (name, fn) => program.step(t, name, fn);

	await step("Node finds modules and programs in them, the later layer first", async () => {
		const { path: list, ...found } = await call(client, "node");
		assert.deepEqual(found, {
			tool: "two",
			newer: "for Node 20",
			ours: "the task root",
			program: "ran",
		});
		const below = list.split(":").map((dir) => path.relative(program.dir, dir));
		assert.deepEqual(below.slice(0, 5), [
			"layers/two/nodejs/node20/node_modules",
			"layers/one/nodejs/node20/node_modules",
			"layers/two/nodejs/node_modules",
			"layers/one/nodejs/node_modules",
			"code/node",
		]);
		assert.match(list, /:\/developers\/own$/);
	});

	await step("Python finds modules in them", async () => {
		const { tool, path: list } = await call(client, "python");
		assert.equal(tool, "one");
		assert.match(list, /\/layers\/one\/python:.*\/layers\/one\/python\/lib\/python3\.11\/site-packages/);
	});

	await step("of a layer that is elsewhere the developer is told", () => {
		const said = program.stdout + program.stderr;
		assert.match(said, /The layer arn:aws:lambda:\S+:layer:far:3 of the function "Python" has no folder/);
		assert.doesNotMatch(said, /The layer (One|Two)/);
	});

	await stop(program);
});

test("a CDK app's assets are its code", async (t) => {
	const code = { S3Bucket: "cdk-assets", S3Key: "abc.zip" };
	const properties = (name) => ({ FunctionName: name, Handler: "index.handler", Runtime: "nodejs20.x", Code: code });
	const template = {
		Resources: {
			Named: {
				Type: "AWS::Lambda::Function",
				Properties: { ...properties("Named"), Layers: [{ Ref: "Layer" }] },
				Metadata: { "aws:asset:path": "asset.abc", "aws:asset:property": "Code" },
			},
			Listed: { Type: "AWS::Lambda::Function", Properties: { ...properties("Listed"), Layers: [{ Ref: "Layer" }] } },
			Zipped: {
				Type: "AWS::Lambda::Function",
				Properties: properties("Zipped"),
				Metadata: { "aws:asset:path": "asset.zip", "aws:asset:property": "Code" },
			},
			Layer: {
				Type: "AWS::Lambda::LayerVersion",
				Properties: { Content: { S3Bucket: "cdk-assets", S3Key: "def.zip" } },
			},
		},
	};
	const file = (at) => ({ source: { path: at, packaging: "zip" } });
	const files = {
		abc: { ...file("asset.abc"), destinations: { d: { objectKey: "abc.zip" } } },
		def: { ...file("asset.def"), destinations: { d: { objectKey: "def.zip" } } },
	};
	const manifest = {
		version: "36.0.0",
		artifacts: {
			"App.assets": { type: "cdk:asset-manifest", properties: { file: "App.assets.json" } },
			App: {
				type: "aws:cloudformation:stack",
				environment: "aws://unknown-account/us-east-1",
				properties: { templateFile: "App.template.json" },
			},
		},
	};
	const program = await Program.start(
		t,
		writeApp(t, {
			"cdk.json": "{}",
			"cdk.out/manifest.json": JSON.stringify(manifest),
			"cdk.out/App.template.json": JSON.stringify(template),
			"cdk.out/App.assets.json": JSON.stringify({ version: "36.0.0", files }),
			"cdk.out/asset.abc/index.js": 'exports.handler = async () => require("tool");',
			"cdk.out/asset.def/nodejs/node_modules/tool/index.js": 'module.exports = "from the layer";',
			"cdk.out/asset.zip": "PK",
		}),
	);
	const client = lambdaClient(program);
	assert.equal(await call(client, "Named"), "from the layer");
	assert.equal(await call(client, "Listed"), "from the layer");
	assert.match(program.stdout + program.stderr, /The code of "Zipped", cdk\.out\/asset\.zip, is not a folder/);
	writeFiles(program.dir, { "cdk.out/asset.abc/index.js": 'exports.handler = async () => "synthesized anew";' });
	assert.equal(await call(client, "Named"), "synthesized anew");
	await stop(program);
});
