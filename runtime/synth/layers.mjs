// Layers whose content lies on this machine. The agent finds their folders in the functions' metadata; of the others
// the developer is told.

import { existsSync, realpathSync, statSync } from "node:fs";
import path from "node:path";

const FUNCTIONS = ["AWS::Lambda::Function", "AWS::Serverless::Function"];
const LAYERS = ["AWS::Lambda::LayerVersion", "AWS::Serverless::LayerVersion"];

/** Notes the layers' folders, later ones first, in the functions of each stack; adds to the answer's warnings. */
export function findLayers(answer, app) {
	for (const { template } of answer.stacks) {
		const global = template.Globals?.Function?.Layers ?? [];
		for (const [id, resource] of Object.entries(template.Resources ?? {})) {
			const layers = FUNCTIONS.includes(resource?.Type)
				? [global, resource.Properties?.Layers ?? []].flat()
				: [];
			if (layers.length > 0) {
				note(resource, id, layers, { template, app, warnings: answer.warnings });
			}
		}
	}
	return answer;
}

function note(resource, id, layers, { template, app, warnings }) {
	const folders = [];
	for (const layer of layers) {
		const folder = folderOf(layer, template, app);
		if (folder) {
			folders.unshift(folder);
		} else {
			const message =
				`The layer ${nameOf(layer)} of the function "${id}" has no folder on this machine: ` +
				"install what it brings locally";
			warnings.push({ message });
		}
	}
	// SAM's own metadata of the build has its place beside (model/sam_function).
	const { Metadata } = resource;
	const known = Metadata?.offstage ?? (Metadata && { build: Metadata });
	resource.Metadata = { ...Metadata, offstage: { ...known, layers: folders } };
}

function folderOf(layer, template, app) {
	const resource = template.Resources[layer?.Ref];
	const { Content, ContentUri } = LAYERS.includes(resource?.Type) ? (resource.Properties ?? {}) : {};
	const content = ContentUri ?? Content;
	if (typeof content !== "string") {
		return undefined;
	}
	const folder = path.resolve(app, content);
	return existsSync(folder) && statSync(folder).isDirectory() ? realpathSync(folder) : undefined;
}

const nameOf = (layer) => (typeof layer === "string" ? layer : (layer?.Ref ?? JSON.stringify(layer)));
