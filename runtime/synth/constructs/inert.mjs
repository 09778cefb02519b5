// Inert objects: what stands for a construct, module member or value that Offstage does not know.
//
// Anything may be read from them, called or constructed; nothing happens, nothing throws. Each name
// that is used (called, constructed or written into a template) is reported once as a warning.

const NAME = Symbol("offstage.inert");
const HIDDEN = new Set(["name", "length", "arguments", "caller"]);
// What asks an object about its nature must not be answered with yes.
const NEVER_INERT = new Set(["then", "toJSON", "toTemplate", "__esModule", "default"]);
const warned = new Set();

/** The warnings given so far, in order: [{message}]. */
export const warnings = [];

/** Adds a warning, unless the same one was given before. */
export function warn(message) {
	if (!warned.has(message)) {
		warned.add(message);
		warnings.push({ message });
	}
}

/** The dotted name of an inert object, or undefined for any other value. */
export function inertName(value) {
	if ((typeof value !== "object" && typeof value !== "function") || value === null) {
		return undefined;
	}
	return value[NAME];
}

/** Reports that the inert thing called `name` was used. */
export function warnInert(name) {
	const base = name.replace(/\(\).*$/, "");
	warn(`"${base}" is not emulated: it was replaced by an object that does nothing`);
}

/** An inert object; `name` is what warnings call it, such as "aws-cdk-lib/aws-s3.Bucket". */
export function inert(name) {
	function nothing() {}
	return wrap(nothing, name, {
		apply() {
			warnInert(name);
			return inert(`${name}()`);
		},
		construct(_target, _args, newTarget) {
			warnInert(name);
			// A class of the app that extends an unknown one keeps its own methods.
			return wrap(Object.create(newTarget.prototype ?? null), `${name}()`, {});
		},
	});
}

function wrap(target, name, traps) {
	const children = new Map();
	return new Proxy(target, {
		...traps,
		get(object, key, receiver) {
			if (key === NAME) {
				return name;
			}
			if (key === "toString" || key === "toJSON" || key === Symbol.toPrimitive) {
				return () => name;
			}
			if (key === Symbol.iterator) {
				return () => [][Symbol.iterator]();
			}
			if (typeof key === "symbol" || key === "then") {
				return undefined;
			}
			if (key in object && !(object instanceof Function && HIDDEN.has(key))) {
				return Reflect.get(object, key, receiver);
			}
			if (!children.has(key)) {
				children.set(key, inert(`${name}.${key}`));
			}
			return children.get(key);
		},
		set(object, key, value, receiver) {
			return Reflect.set(object, key, value, receiver);
		},
	});
}

/** An object whose unknown members are inert; `name` is what warnings call it. */
export function withInertMembers(name, object) {
	return new Proxy(object, {
		get(target, key, receiver) {
			if (key in target || typeof key === "symbol" || NEVER_INERT.has(key)) {
				return Reflect.get(target, key, receiver);
			}
			return inert(`${name}.${key}`);
		},
	});
}

/**
 * A module's exports: the known ones, those that `find` makes, and an inert object for every other
 * name. The latter come from the prototype, which is what the bundler's import helpers look through.
 */
export function moduleOf(name, known, find = () => undefined) {
	const unknown = new Map();
	const fallback = new Proxy(Object.create(null), {
		get(_target, key) {
			if (typeof key === "symbol" || NEVER_INERT.has(key)) {
				return undefined;
			}
			if (!unknown.has(key)) {
				unknown.set(key, find(key) ?? inert(`${name}.${key}`));
			}
			return unknown.get(key);
		},
	});
	return Object.defineProperties(
		Object.create(fallback),
		Object.getOwnPropertyDescriptors(known),
	);
}
