// SAM and CloudFormation templates: YAML with the short intrinsic tags, or JSON, to plain JSON. The
// SAM transform is left to the emulator.

import { readFileSync } from "node:fs";
import path from "node:path";
import { LineCounter, parseDocument } from "yaml";
import { AppError } from "./errors.mjs";

const TAGS = [
	"And",
	"Base64",
	"Cidr",
	"Equals",
	"FindInMap",
	"ForEach",
	"GetAZs",
	"If",
	"ImportValue",
	"Join",
	"Length",
	"Not",
	"Or",
	"Select",
	"Split",
	"Sub",
	"ToJsonString",
	"Transform",
];

/** Reads the template of an app folder. */
export function synthTemplate({ app, stage, region }, name) {
	const file = path.join(app, name);
	const template = parseTemplate(readFileSync(file, "utf8"), name, file);
	const transforms = [template.Transform ?? []].flat();
	const sam = transforms.some((each) => String(each).startsWith("AWS::Serverless-"));
	const title = path.basename(app).replace(/[^A-Za-z0-9-]/g, "-");
	return {
		kind: sam ? "sam" : "cloudformation",
		app: { name: title, region: region ?? process.env.AWS_REGION ?? "us-east-1", stage },
		stacks: [{ id: title, name: `${stage}-${title}`, template }],
		inputs: [file],
		missing: [],
		warnings: [],
		output: [],
	};
}

/** Parses a template's text; `name` is what errors call the file. */
export function parseTemplate(text, name, file) {
	const counter = new LineCounter();
	// Schema "core", so that dates such as 2012-10-17 and words such as "on" stay strings.
	const document = parseDocument(text, {
		schema: "core",
		merge: true,
		customTags: CUSTOM_TAGS,
		lineCounter: counter,
		prettyErrors: false,
	});
	const lines = text.split("\n");
	const problem = ({ message, pos }) => {
		const { line, col } = counter.linePos(pos?.[0] ?? 0);
		const place = { file: name, line, column: Math.max(0, col - 1), length: 1 };
		return { text: message, ...place, lineText: lines[line - 1] ?? "", notes: [] };
	};
	// A tag that nobody knows is only a warning to the parser, but its meaning would be lost.
	const errors = [...document.errors, ...document.warnings].map(problem);
	if (errors.length > 0) {
		throw new AppError(`${name}: ${errors[0].text}`, { errors, inputs: [file] });
	}
	const template = toJson(document, name, file);
	const resources = template?.Resources;
	if (typeof resources !== "object" || resources === null || Array.isArray(resources)) {
		throw new AppError(`${name} has no Resources: it is not a CloudFormation template`, {
			errors: [{ ...problem({ message: "Resources are missing" }) }],
			inputs: [file],
		});
	}
	return template;
}

function toJson(document, name, file) {
	try {
		return document.toJS({ maxAliasCount: 100 });
	} catch (error) {
		throw new AppError(`${name}: ${error.message}`, { inputs: [file] });
	}
}

function longForm(tag) {
	if (tag === "Ref" || tag === "Condition") {
		return (value) => ({ [tag]: value });
	}
	if (tag === "GetAtt") {
		// The attribute may hold dots itself, as those of nested stacks do.
		const split = (text) => {
			const dot = text.indexOf(".");
			return dot < 0 ? [text] : [text.slice(0, dot), text.slice(dot + 1)];
		};
		return (value) => ({ "Fn::GetAtt": typeof value === "string" ? split(value) : value });
	}
	return (value) => ({ [`Fn::${tag}`]: value });
}

// A tagged value is a node of its own whose JSON form wraps that of the value. So each tag is known
// for scalars, sequences and mappings.
const CUSTOM_TAGS = ["Ref", "Condition", "GetAtt", ...TAGS].flatMap((tag) => {
	const wrap = longForm(tag);
	const wrapped = (node) => {
		const plain = node.toJSON.bind(node);
		node.toJSON = (...args) => wrap(plain(...args));
		return node;
	};
	return [
		{ tag: `!${tag}`, resolve: (text) => wrap(text) },
		{ tag: `!${tag}`, collection: "seq", resolve: wrapped },
		{ tag: `!${tag}`, collection: "map", resolve: wrapped },
	];
});
