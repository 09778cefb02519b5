// Tokens: strings that stand for values known only when the template is evaluated.
//
// User code reads `api.url` and pastes it into other strings. So every such attribute is a string
// with a marker inside, and `resolve` turns the marker back into Ref, Fn::GetAtt or Fn::Join when
// the template is written.

import { inertName } from "./inert.mjs";

const MARKER = /\$\{Token\[(\d+)\]\}/;
const values = [];

/** A string that resolves to `value`: an intrinsic, a Reference or a Lazy. */
export function token(value) {
	values.push(value);
	return `\${Token[${values.length - 1}]}`;
}

/** Whether a string holds a token. */
export function isToken(value) {
	return typeof value === "string" && MARKER.test(value);
}

/** What a resource's Ref (no attribute) or Fn::GetAtt gives. */
export class Reference {
	constructor(resource, attribute) {
		this.resource = resource;
		this.attribute = attribute;
	}

	/** The intrinsic as seen from `stack`; a foreign stack's value is exported there, imported here. */
	seenFrom(stack) {
		const owner = this.resource.stack;
		if (owner === stack) {
			return this.intrinsic();
		}
		return { "Fn::ImportValue": owner.exportValue(this) };
	}

	intrinsic() {
		const id = this.resource.logicalId;
		return this.attribute ? { "Fn::GetAtt": [id, this.attribute] } : { Ref: id };
	}
}

/** A value computed when the template is written, after all constructs have had their say. */
export class Lazy {
	constructor(produce) {
		this.produce = produce;
	}
}

/**
 * The plain JSON form of a value for `stack`'s template. `undefined` and functions are left out, as
 * JSON does. `onInert(name)` hears of each inert value that got into the template.
 */
export function resolve(value, stack, onInert, depth = 0) {
	if (depth > 100) {
		throw new Error(
			`A value in stack "${stack.node.id}" refers to itself or is nested too deep`,
		);
	}
	if (typeof value === "string") {
		return resolveString(value, stack, onInert, depth);
	}
	const inert = inertName(value);
	if (inert) {
		onInert(inert);
		return inert;
	}
	if (value === null || typeof value === "number" || typeof value === "boolean") {
		return value;
	}
	if (typeof value !== "object") {
		return undefined;
	}
	if (value instanceof Reference) {
		return value.seenFrom(stack);
	}
	if (value instanceof Lazy) {
		return resolve(value.produce(), stack, onInert, depth + 1);
	}
	if (typeof value.toTemplate === "function") {
		return resolve(value.toTemplate(), stack, onInert, depth + 1);
	}
	if (Array.isArray(value)) {
		return value
			.map((item) => resolve(item, stack, onInert, depth + 1))
			.filter((item) => item !== undefined);
	}
	const result = {};
	for (const [key, item] of Object.entries(value)) {
		const resolved = resolve(item, stack, onInert, depth + 1);
		if (resolved !== undefined) {
			result[key] = resolved;
		}
	}
	return result;
}

function resolveString(text, stack, onInert, depth) {
	if (!text.includes("${Token[")) {
		return text;
	}
	// With a capturing group, split gives text and token numbers by turns.
	const parts = text.split(MARKER).map((part, index) => {
		const known = index % 2 === 1;
		return known ? resolve(values[Number(part)], stack, onInert, depth + 1) : part;
	});
	const kept = mergeNeighbours(parts.filter((part) => part !== "" && part !== undefined));
	return kept.length === 1 ? kept[0] : { "Fn::Join": ["", kept] };
}

function mergeNeighbours(parts) {
	const merged = [];
	for (const part of parts) {
		const inner = part?.["Fn::Join"]?.[0] === "" ? part["Fn::Join"][1] : [part];
		for (const item of inner) {
			const text = typeof item === "object" ? item : String(item);
			if (typeof text === "string" && typeof merged.at(-1) === "string") {
				merged[merged.length - 1] += text;
			} else {
				merged.push(text);
			}
		}
	}
	return merged;
}
