// bind: environment variables and permissions that give a function access to constructs
// (reference sst 1.6). Values that SST keeps in SSM are put into the variable itself: the client
// library fetches only where it finds its placeholder.

import { attachPermissions, STATEMENTS } from "./iam.mjs";
import { inertName, warnInert } from "./inert.mjs";

/** Constructs answer `[BINDING]()` with the class and properties that `bind` exposes. */
export const BINDING = Symbol("offstage.binding");

/** Binds a construct to a function. */
export function bindTo(fn, construct) {
	const inert = inertName(construct);
	if (inert) {
		warnInert(inert);
		return;
	}
	const binding = bindingOf(construct);
	for (const [property, value] of Object.entries(binding.properties)) {
		const id = construct.id.replaceAll("-", "_");
		fn.addEnvironment(`SST_${binding.type}_${property}_${id}`, value);
	}
	if (construct[STATEMENTS]) {
		attachPermissions(fn.role, [construct]);
	}
}

function bindingOf(construct) {
	if (construct?.[BINDING]) {
		return construct[BINDING]();
	}
	if (construct?.functionName) {
		const type = construct.constructor.name === "Job" ? "Job" : "Function";
		return { type, properties: { functionName: construct.functionName } };
	}
	throw new Error(`"${construct?.id ?? construct}" cannot be bound to a function`);
}
