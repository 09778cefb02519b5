// SAM, CloudFormation and CDK inputs become plain JSON templates.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";
import { Builder, fixture, makeApp } from "./helper.mjs";

let builder;

before(() => {
	builder = new Builder();
});

after(() => builder.close());

const synth = (app) => builder.ask({ op: "synth", app, stage: "dev", local: true });

test("a SAM template keeps its transform and loses its tags", async () => {
	const app = fixture("sam-http-api");
	const answer = await synth(app);
	assert.equal(answer.kind, "sam");
	assert.deepEqual(answer.inputs, [path.join(app, "template.yaml")]);
	const { template } = answer.stacks[0];
	assert.equal(template.Transform, "AWS::Serverless-2016-10-31");
	// A date in YAML 1.1, but always a string in CloudFormation.
	assert.equal(template.AWSTemplateFormatVersion, "2010-09-09");
	const { Variables } = template.Resources.HelloFunction.Properties.Environment;
	assert.deepEqual(Variables.GREETING, { Ref: "Greeting" });
	assert.deepEqual(template.Outputs.HelloArn.Value, { "Fn::GetAtt": ["HelloFunction", "Arn"] });
});

test("every short tag, on scalars, sequences and mappings, nested", async (t) => {
	const app = makeApp(t, {
		"template.yml": `
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  Both: !And [!Condition IsProd, !Not [!Or [!Condition IsProd]]]
Resources:
  R:
    Type: AWS::SSM::Parameter
    Condition: IsProd
    Properties:
      A: !Ref Stage
      B: !GetAtt R.Outputs.Value
      C: !GetAtt [R, Arn]
      D: !Sub "\${AWS::Region}-x"
      E: !Sub ["\${X}", { X: !Ref Stage }]
      F: !Join ["-", [a, !Ref Stage]]
      G: !Select [0, !Split [",", "a,b"]]
      H: !FindInMap [M, !Ref Stage, K]
      I: !ImportValue other
      J: !If [IsProd, !Base64 text, !Ref "AWS::NoValue"]
      K: !GetAZs ""
      L: !Cidr ["10.0.0.0/16", 1, 8]
      M: !Transform { Name: AWS::Include, Parameters: { Location: !Ref Stage } }
      N: !Length [1, 2]
      O: !ToJsonString { a: !Ref Stage }
      P: !ImportValue
        Fn::Sub: "\${Stage}-x"
      Version: 2012-10-17
      On: on
      Number: 12
`,
	});
	const answer = await synth(app);
	assert.equal(answer.ok, true, JSON.stringify(answer.error));
	assert.equal(answer.kind, "cloudformation");
	const { Conditions, Resources } = answer.stacks[0].template;
	const stage = { Ref: "Stage" };
	assert.deepEqual(Conditions, {
		IsProd: { "Fn::Equals": [stage, "prod"] },
		Both: {
			"Fn::And": [
				{ Condition: "IsProd" },
				{ "Fn::Not": [{ "Fn::Or": [{ Condition: "IsProd" }] }] },
			],
		},
	});
	assert.deepEqual(Resources.R.Properties, {
		A: stage,
		B: { "Fn::GetAtt": ["R", "Outputs.Value"] },
		C: { "Fn::GetAtt": ["R", "Arn"] },
		D: { "Fn::Sub": "${AWS::Region}-x" },
		E: { "Fn::Sub": ["${X}", { X: stage }] },
		F: { "Fn::Join": ["-", ["a", stage]] },
		G: { "Fn::Select": [0, { "Fn::Split": [",", "a,b"] }] },
		H: { "Fn::FindInMap": ["M", stage, "K"] },
		I: { "Fn::ImportValue": "other" },
		J: { "Fn::If": ["IsProd", { "Fn::Base64": "text" }, { Ref: "AWS::NoValue" }] },
		K: { "Fn::GetAZs": "" },
		L: { "Fn::Cidr": ["10.0.0.0/16", 1, 8] },
		M: { "Fn::Transform": { Name: "AWS::Include", Parameters: { Location: stage } } },
		N: { "Fn::Length": [1, 2] },
		O: { "Fn::ToJsonString": { a: stage } },
		P: { "Fn::ImportValue": { "Fn::Sub": "${Stage}-x" } },
		Version: "2012-10-17",
		On: "on",
		Number: 12,
	});
});

test("bad templates: the line, or what is missing", async (t) => {
	const broken = await synth(makeApp(t, { "template.yaml": "Resources:\n  A: [1, 2\n  B: x\n" }));
	assert.equal(broken.ok, false);
	assert.equal(broken.error.errors[0].file, "template.yaml");
	assert.ok(broken.error.errors[0].line >= 2);
	const unknown = await synth(makeApp(t, { "template.yaml": "Resources:\n  A: !Reff x\n" }));
	assert.equal(unknown.error.errors[0].line, 2);
	assert.match(unknown.error.message, /!Reff/);
	const empty = await synth(makeApp(t, { "template.yaml": "Parameters: {}\n" }));
	assert.match(empty.error.message, /no Resources/);
	const json = await synth(makeApp(t, { "template.json": '{"Resources":{"A":{"Type":"T"}}}' }));
	assert.deepEqual(json.stacks[0].template.Resources, { A: { Type: "T" } });
});

test("a cloud assembly: stacks of nested stages too", async (t) => {
	const app = makeApp(t, {
		"cdk.json": { app: "node x.js" },
		"cdk.out/manifest.json": {
			artifacts: {
				Tree: { type: "cdk:tree" },
				One: {
					type: "aws:cloudformation:stack",
					environment: "aws://unknown-account/eu-west-1",
					properties: { templateFile: "One.template.json", stackName: "one" },
				},
				"assembly-Prod": {
					type: "cdk:cloud-assembly",
					properties: { directoryName: "assembly-Prod" },
				},
			},
		},
		"cdk.out/One.template.json": { Resources: { A: { Type: "T" } } },
		"cdk.out/assembly-Prod/manifest.json": {
			artifacts: {
				Two: { type: "aws:cloudformation:stack", properties: { templateFile: "Two.json" } },
			},
		},
		"cdk.out/assembly-Prod/Two.json": { Resources: {} },
	});
	const answer = await synth(app);
	assert.equal(answer.kind, "cdk");
	assert.equal(answer.app.region, "eu-west-1");
	assert.deepEqual(
		answer.stacks.map(({ id, name }) => [id, name]),
		[
			["One", "one"],
			["Two", "Two"],
		],
	);
	assert.equal(answer.inputs.length, 4);
	const none = await synth(makeApp(t, { "cdk.json": {} }));
	assert.match(none.error.message, /run "npx cdk synth"/);
});
