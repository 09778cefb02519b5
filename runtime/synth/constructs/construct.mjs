// Construct: a node of the tree that a stacks file builds. A construct's path through that tree is what
// all its ids are derived from.

import { createHash } from "node:crypto";

/** The first 8 hexadecimal digits of a text's digest: enough to tell a stack's ids apart. */
export function shortHash(text) {
	return createHash("sha256").update(text).digest("hex").slice(0, 8).toUpperCase();
}

/** A construct's place in the tree: the parts of the CDK's node that stacks files use. */
class Node {
	#dependencies = [];

	constructor(host, scope, id) {
		this.host = host;
		this.scope = scope;
		// As in the CDK: a slash parts the path, so in an id it is written "--".
		this.id = String(id ?? "").replaceAll("/", "--");
		this.children = [];
		this.context = {};
		if (scope) {
			scope.node.adopt(host, this.id);
		}
	}

	adopt(child, id) {
		if (this.tryFindChild(id)) {
			const parent = this.host.constructor.name;
			throw new Error(
				`There is already a Construct with name '${id}' in ${parent} [${this.path}]`,
			);
		}
		this.children.push(child);
	}

	get path() {
		const above = this.scope?.node.path;
		return above ? `${above}/${this.id}` : this.id;
	}

	get root() {
		return this.scope ? this.scope.node.root : this.host;
	}

	get addr() {
		return shortHash(this.path).toLowerCase();
	}

	get defaultChild() {
		return this.tryFindChild("Resource") ?? this.tryFindChild("Default");
	}

	get dependencies() {
		return this.#dependencies;
	}

	tryFindChild(id) {
		return this.children.find((child) => child.node.id === id);
	}

	findChild(id) {
		const child = this.tryFindChild(id);
		if (!child) {
			throw new Error(`No child with id: '${id}'`);
		}
		return child;
	}

	findAll() {
		return [this.host, ...this.children.flatMap((child) => child.node.findAll())];
	}

	addDependency(...others) {
		this.#dependencies.push(...others);
	}

	tryGetContext(key) {
		return this.context[key] ?? this.scope?.node.tryGetContext(key);
	}

	setContext(key, value) {
		this.context[key] = value;
	}

	addMetadata() {}

	addValidation() {}
}

/** The base of all constructs. */
export class Construct {
	constructor(scope, id) {
		if (scope !== undefined && !(scope?.node instanceof Node)) {
			const name = this.constructor.name;
			throw new Error(
				`The first argument of ${name} "${id}" has to be a stack or another construct`,
			);
		}
		this.node = new Node(this, scope, id);
	}

	toString() {
		return this.node.path || "<root>";
	}
}
