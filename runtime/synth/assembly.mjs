// CDK apps: the templates of a cloud assembly (cdk.out) as they are.

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { AppError } from "./errors.mjs";

/** Reads the assembly that `cdk synth` left in an app folder. */
export function synthAssembly({ app, stage, region }) {
	const directory = path.join(app, outputOf(app));
	const manifest = path.join(directory, "manifest.json");
	if (!existsSync(manifest)) {
		throw new AppError(
			`${path.relative(app, manifest)} is missing: run "npx cdk synth" to make it`,
			{ missing: [manifest] },
		);
	}
	const found = { stacks: [], inputs: [], regions: [] };
	collect(app, directory, found);
	const usual = found.regions.find((each) => each !== "unknown-region");
	return {
		kind: "cdk",
		app: {
			name: path.basename(app).replace(/[^A-Za-z0-9-]/g, "-"),
			region: region ?? usual ?? process.env.AWS_REGION ?? "us-east-1",
			stage,
		},
		stacks: found.stacks,
		inputs: found.inputs,
		missing: [],
		warnings: [],
		output: [],
	};
}

function outputOf(app) {
	const file = path.join(app, "cdk.json");
	return existsSync(file) ? (readJson(app, file).output ?? "cdk.out") : "cdk.out";
}

// A stage of the CDK is an assembly inside the assembly.
function collect(app, directory, found) {
	const file = path.join(directory, "manifest.json");
	found.inputs.push(file);
	for (const [id, artifact] of Object.entries(readJson(app, file).artifacts ?? {})) {
		const properties = artifact.properties ?? {};
		if (artifact.type === "cdk:cloud-assembly") {
			collect(app, path.join(directory, properties.directoryName), found);
		}
		if (artifact.type === "aws:cloudformation:stack") {
			const template = path.join(directory, properties.templateFile);
			found.inputs.push(template);
			found.regions.push(/^aws:\/\/[^/]+\/(.+)$/.exec(artifact.environment ?? "")?.[1]);
			const name = properties.stackName ?? id;
			found.stacks.push({ id, name, template: readJson(app, template) });
		}
	}
	found.regions = found.regions.filter(Boolean);
}

function readJson(app, file) {
	const name = path.relative(app, file);
	try {
		return JSON.parse(readFileSync(file, "utf8"));
	} catch (error) {
		const text = `${name} cannot be read as JSON: ${error.message}`;
		const errors = [{ text, file: name, line: 1, column: 0, notes: [] }];
		throw new AppError(text, { errors, inputs: [file] });
	}
}
