// CDK apps: the templates of a cloud assembly (cdk.out) as they are.

import { existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { AppError } from "./errors.mjs";

const ASSET_PROPERTIES = {
	"AWS::Lambda::Function": "Code",
	"AWS::Lambda::LayerVersion": "Content",
};

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
	const found = { stacks: [], inputs: [], regions: [], warnings: [] };
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
		warnings: found.warnings,
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
	const artifacts = readJson(app, file).artifacts ?? {};
	const files = assetFiles(app, directory, artifacts, found);
	for (const [id, artifact] of Object.entries(artifacts)) {
		const properties = artifact.properties ?? {};
		if (artifact.type === "cdk:cloud-assembly") {
			collect(app, path.join(directory, properties.directoryName), found);
		}
		if (artifact.type === "aws:cloudformation:stack") {
			const template = path.join(directory, properties.templateFile);
			found.inputs.push(template);
			found.regions.push(/^aws:\/\/[^/]+\/(.+)$/.exec(artifact.environment ?? "")?.[1]);
			const name = properties.stackName ?? id;
			const stack = { id, name, template: readJson(app, template) };
			useAssets(app, { ...stack, directory, files }, found.warnings);
			found.stacks.push(stack);
		}
	}
	found.regions = found.regions.filter(Boolean);
}

// What the CDK would upload lies in the assembly: "aws:asset:path" of a resource's metadata names it, and so does, by the
// key in the bucket, the list of assets.
function useAssets(app, { template, directory, files }, warnings) {
	for (const [id, resource] of Object.entries(template.Resources ?? {})) {
		const property = ASSET_PROPERTIES[resource.Type];
		const uploaded = resource.Properties?.[property];
		const asset = resource.Metadata?.["aws:asset:path"] ?? files.get(uploaded?.S3Key);
		if (!property || !asset) {
			continue;
		}
		const file = path.resolve(directory, asset);
		if (existsSync(file) && statSync(file).isDirectory()) {
			resource.Properties[property] = path.relative(app, file);
		} else {
			const name = path.relative(app, file);
			warnings.push({ message: `The code of "${id}", ${name}, is not a folder: it cannot run` });
		}
	}
}

/** The assets' paths by their names in the bucket. */
function assetFiles(app, directory, artifacts, found) {
	const files = new Map();
	for (const { type, properties } of Object.values(artifacts)) {
		const list = type === "cdk:asset-manifest" && path.join(directory, properties.file);
		if (!list || !existsSync(list)) {
			continue;
		}
		found.inputs.push(list);
		for (const { source, destinations } of Object.values(readJson(app, list).files ?? {})) {
			for (const { objectKey } of Object.values(destinations ?? {})) {
				files.set(objectKey, source?.path);
			}
		}
	}
	return files;
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
