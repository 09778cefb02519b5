// Two machines: a network namespace for each, and between them a cable (tests/support/lossy_link.c) that
// delays, loses and is cut on command. It all ends with the test, however the test ends.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { Background } from "./cli-support.mjs";
import { OFFSTAGE, run } from "./support.mjs";

const LOSSY_LINK = process.env.LOSSY_LINK ?? path.resolve(path.dirname(OFFSTAGE), "../../tests/lossy_link");

export const CLOUD = "10.231.77.1";
export const DEVELOPER = "10.231.77.2";
export const CLOUD_V6 = "fd77::1";
const DEVELOPER_V6 = "fd77::2";

class Machine {
	#t;
	#enter;

	constructor(t, namespace) {
		this.#t = t;
		this.#enter = [`--net=${namespace}`, "--"];
	}

	run(args, options) {
		return run("nsenter", [...this.#enter, ...args], options);
	}

	stays(args, options) {
		return new Background(this.#t, "nsenter", [...this.#enter, ...args], options);
	}

	ip(...args) {
		execFileSync("nsenter", [...this.#enter, "ip", ...args], { stdio: "pipe" });
	}
}

/** `cable("cut")` and so on: the commands of lossy_link. */
export async function makeNet(t) {
	const link = new Background(t, LOSSY_LINK, [], { stdin: "pipe" });
	const [, ...namespaces] = await link.says(/^(\S+) (\S+)\n/);
	const [cloud, developer] = namespaces.map((namespace) => new Machine(t, namespace));
	for (const [machine, ...addresses] of [
		[cloud, `${CLOUD}/24`, `${CLOUD_V6}/64`],
		[developer, `${DEVELOPER}/24`, `${DEVELOPER_V6}/64`],
	]) {
		machine.ip("link", "set", "lo", "up");
		for (const address of addresses) {
			machine.ip("address", "add", address, "dev", "cable", ...(address.includes(":") ? ["nodad"] : []));
		}
		machine.ip("link", "set", "cable", "up");
	}
	let obeyed = 0;
	const cable = async (command) => {
		link.child.stdin.write(`${command}\n`);
		obeyed += 1;
		await link.says(new RegExp(`(\nok){${obeyed}}\n`));
		assert.equal(link.child.exitCode, null);
	};
	return { cloud, developer, cable };
}
