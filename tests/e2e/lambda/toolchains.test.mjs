// Go, Rust and Makefiles: built by the developer's own tools, built again on save. Rust is the real thing.
// `go` is a stand-in that is a runtime in a shell script: proven are its command line, its folder, what becomes of its
// words and of its program, not the compiler.

import assert from "node:assert/strict";
import {
	chmodSync,
	copyFileSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { copyApp, eventually, Program, tempDir } from "../support.mjs";
import { call, fails, invoke, lambdaClient, stop, writeFiles } from "./support.mjs";

/** Answers with the greeting that the package holds at the time of the build; complains as the real one does. */
const GO = `#!/bin/sh
echo "$PWD: go $*" >> "$GO_LOG"
if at=$(grep -n 'undefinedName' cmd/hello/main.go); then
	echo "# example.com/hello/cmd/hello" >&2
	echo "cmd/hello/main.go:\${at%%:*}:2: undefined: undefinedName" >&2
	exit 1
fi
while [ "$1" != -o ]; do shift; done
{
	echo "#!/bin/sh"
	grep -o 'hello from [A-Za-z ]*' greeting.go | sed 's/.*/greeting="&"/'
	cat "$GO_PROGRAM"
} > "$2"
chmod +x "$2"
`;
const GO_PROGRAM = `
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
head=$(mktemp)
trap 'rm -f "$head"' EXIT
while true; do
	event=$(curl -sS -D "$head" "$api/next") || exit 1
	id=$(grep -i '^Lambda-Runtime-Aws-Request-Id' "$head" | tr -d '[:space:]' | cut -d: -f2)
	curl -sS -d "{\\"greeting\\":\\"$greeting\\",\\"pid\\":$$,\\"event\\":$event}" "$api/$id/response" >&2
done
`;

/** rustup's proxies look for the toolchain in the home folder, which is another one here. */
function rustHomes() {
	const homes = { RUSTUP_HOME: ".rustup", CARGO_HOME: ".cargo" };
	return Object.fromEntries(
		Object.entries(homes)
			.map(([name, dir]) => [name, process.env[name] ?? path.join(os.homedir(), dir)])
			.filter(([, dir]) => existsSync(dir)),
	);
}

const ERROR = "build_failure";
const V1 = `
import { App, Function } from "@serverless-stack/resources";

export default function main(app: App) {
	app.stack(function Only({ stack }) {
		new Function(stack, "Go", {
			functionName: "Go", handler: "cmd/hello/main.go", runtime: "go1.x", srcPath: "go",
		});
	});
}
`;
const V2 = `
import { Function } from "sst/constructs";

export default {
	config: () => ({ name: "v2", region: "us-east-1" }),
	stacks(app) {
		app.stack(function Only({ stack }) {
			new Function(stack, "Go", {
				functionName: "Go", handler: "go/cmd/hello/main.go", runtime: "go",
			});
			new Function(stack, "Rust", {
				functionName: "Rust", handler: "rust/src/main.rs", runtime: "rust",
			});
		});
	},
};
`;

/** A folder with the stand-in for \`go\`, and the environment in which the program finds it. */
function makeTools(t) {
	const bin = path.join(tempDir(t), "bin");
	const [go, log, rest] = ["go", "log", "program"].map((name) => path.join(bin, name));
	mkdirSync(bin);
	writeFileSync(go, GO, { mode: 0o755 });
	writeFileSync(rest, GO_PROGRAM);
	const PATH = `${bin}:${process.env.PATH}`;
	return { go, log, env: { ...rustHomes(), PATH, GO_LOG: log, GO_PROGRAM: rest } };
}

for (const [version, files] of Object.entries({
	"SST 1": { "sst.json": '{"name":"v1","region":"us-east-1","main":"stacks/index.ts"}', "stacks/index.ts": V1 },
	"SST 2": { "sst.config.ts": V2 },
})) {
	test(`${version} builds what its stacks name`, { timeout: 120_000 }, async (t) => {
		const tools = makeTools(t);
		const app = copyApp("sam-toolchains");
		rmSync(path.join(app, "template.yaml"));
		writeFiles(app, files);
		const program = await Program.start(t, app, { env: tools.env });
		const client = lambdaClient(program);
		assert.equal((await call(client, "Go")).greeting, "hello from Go");
		const [line] = readFileSync(tools.log, "utf8").split("\n");
		assert.match(line, /\/go: go build .* \.\/cmd\/hello\/main\.go$/);
		if (version === "SST 2") {
			assert.equal((await call(client, "Rust")).greeting, "hello from Rust");
		}
		await stop(program);
	});
}

test("Go, Rust and make", { timeout: 240_000 }, async (t) => {
	const { go, log: goLog, env } = makeTools(t);
	const app = copyApp("sam-toolchains");
	const program = await Program.start(t, app, { env });
	const client = lambdaClient(program);
	const step = (name, fn) => program.step(t, name, fn);
	const file = (name) => path.join(app, name);
	const save = (name, change) => writeFileSync(file(name), change(readFileSync(file(name), "utf8")));
	const greetingOf = async (name) => (await call(client, name, { a: 1 })).greeting;

	await step("a crate without a bootstrap is built by cargo", async () => {
		const answer = await invoke(client, "Rust", { a: "ž" }, { LogType: "Tail" });
		const { greeting, event } = answer.json;
		assert.deepEqual({ greeting, event }, { greeting: "hello from Rust", event: { a: "ž" } });
		assert.match(answer.log, /\nan event of 10 bytes\n/);
		assert.equal(await greetingOf("RustByMethod"), "hello from Rust");
		assert.deepEqual(readdirSync(file("rust")).sort(), ["Cargo.lock", "Cargo.toml", "src"]);
	});

	await step("a save in any module of the crate serves the next request", async () => {
		for (const greeting of ["good day", "good night"]) {
			save("rust/src/greeting.rs", (text) => text.replace(/".*"/, `"${greeting}"`));
			assert.equal(await greetingOf("Rust"), greeting);
		}
		assert.equal(await greetingOf("RustByMethod"), "good night");
	});

	await step("a save that makes the same program leaves the process alone", async () => {
		await call(client, "Rust");
		const children = readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, "utf8").split(" ");
		const heard = program.listen();
		writeFileSync(file("rust/README.md"), "nothing to compile");
		const { pid } = await call(client, "Rust");
		assert.ok(children.includes(String(pid)), `process ${pid} is new`);
		assert.match(heard(), /Done building/);
	});

	await step("what does not compile is an answer with file and line, until it does", async () => {
		const heard = program.listen();
		const good = readFileSync(file("rust/src/main.rs"), "utf8");
		save("rust/src/main.rs", (text) => text.replace("    loop {", '    let n: u32 = "text";\n    loop {'));
		const line = readFileSync(file("rust/src/main.rs"), "utf8").split("\n").indexOf('    let n: u32 = "text";') + 1;
		const place = new RegExp(`rust/src/main\\.rs:${line}:\\d+: error\\[E0308\\]: mismatched types`);
		for (let i = 0; i < 2; i++) {
			const body = await fails(client, "Rust");
			assert.equal(body.errorType, ERROR);
			assert.match(body.errorMessage, place);
		}
		const said = await program.says(heard, place, /--> rust\/src\/main\.rs:/);
		assert.match(said, /let n: u32 = "text";\n.*\^/);
		writeFileSync(file("rust/src/main.rs"), good);
		assert.equal(await greetingOf("Rust"), "good night");
	});

	await step("a crate of several programs: the handler names one", async () => {
		mkdirSync(file("rust/src/bin"));
		copyFileSync(file("rust/src/main.rs"), file("rust/src/bin/other.rs"));
		save("rust/src/bin/other.rs", (text) =>
			text.replace("mod greeting;", 'mod greeting { pub const GREETING: &str = "the other"; }'),
		);
		const { errorMessage } = await fails(client, "Rust");
		assert.match(errorMessage, /makes several programs \((hello, other|other, hello)\)/);
		assert.equal(await greetingOf("RustByMethod"), "good night");
		save("template.yaml", (text) => text.replace("Handler: bootstrap", "Handler: src/bin/other.rs"));
		await eventually("the template counts", async () => (await greetingOf("Rust")) === "the other");
		save("template.yaml", (text) => text.replace("Handler: src/bin/other.rs", "Handler: bootstrap"));
		rmSync(file("rust/src/bin"), { recursive: true });
		await eventually("so again", async () => {
			const answer = await invoke(client, "Rust");
			return !answer.error && answer.json.greeting === "good night";
		});
	});

	await step("a panic is an exit", async () => {
		const answer = await invoke(client, "Rust", { how: "panic" });
		const errorMessage = `RequestId: ${answer.id} Error: Runtime exited with error: exit status 101`;
		assert.deepEqual(answer.json, { errorType: "Runtime.ExitError", errorMessage });
		assert.equal(await greetingOf("Rust"), "good night");
	});

	await step("a Go module is built where its go.mod is", async () => {
		assert.equal(await greetingOf("Go"), "hello from Go");
		const [line] = readFileSync(goLog, "utf8").split("\n");
		assert.match(
			line,
			/\/go: go build -ldflags -s -w -o \S+\/\.offstage\/dev\/build\/Go\/new-\S+\/bootstrap \.\/cmd\/hello$/,
		);
	});

	await step("a save in another package of the module serves the next request", async () => {
		save("go/greeting.go", (text) => text.replace("from Go", "from the module"));
		assert.equal(await greetingOf("Go"), "hello from the module");
		writeFileSync(file("go/embedded.txt"), "a file that the compiler may embed");
		const before = readFileSync(goLog, "utf8").length;
		assert.equal(await greetingOf("Go"), "hello from the module");
		assert.ok(readFileSync(goLog, "utf8").length > before, "built again");
	});

	await step("Go's complaints have their places below the app", async () => {
		const heard = program.listen();
		save("go/cmd/hello/main.go", (text) => text.replace("for {", "undefinedName()\n\tfor {"));
		const { errorType, errorMessage } = await fails(client, "Go");
		assert.equal(errorType, ERROR);
		assert.match(errorMessage, /: go\/cmd\/hello\/main\.go:17:2: undefined: undefinedName$/);
		await program.says(heard, /^go\/cmd\/hello\/main\.go:17:2: undefined: undefinedName$/m);
		save("go/cmd/hello/main.go", (text) => text.replace("undefinedName()\n", "\n"));
		assert.equal(await greetingOf("Go"), "hello from the module");
	});

	await step("a tool that is not installed is named", async () => {
		rmSync(go);
		const installed = process.env.PATH.split(":").some((dir) => existsSync(path.join(dir, "go")));
		if (!installed) {
			save("go/greeting.go", (text) => `${text}\n`);
			const { errorMessage } = await fails(client, "Go");
			assert.match(errorMessage, /the function Go needs the program 'go' to be built/);
		}
		writeFileSync(go, GO);
		chmodSync(go, 0o755);
		save("go/greeting.go", (text) => `${text}\n`);
		assert.equal(await greetingOf("Go"), "hello from the module");
	});

	await step("a Makefile fills a folder, and the app's own stays clean", async () => {
		const { greeting, event } = await call(client, "Made", { a: 1 });
		assert.deepEqual({ greeting, event }, { greeting: "hello from make", event: { a: 1 } });
		writeFileSync(file("make/greeting.txt"), "saved");
		assert.equal(await greetingOf("Made"), "saved");
		assert.deepEqual(readdirSync(file("make")).sort(), ["Makefile", "greeting.txt", "handler.js"]);
		save("make/Makefile", (text) => text.replace("cp handler.js", "cp nothing.js"));
		const { errorMessage } = await fails(client, "Made");
		assert.match(errorMessage, /make\/Makefile:2: build-Made\] Error 1|nothing\.js/);
		save("make/Makefile", (text) => text.replace("cp nothing.js", "cp handler.js"));
		assert.equal(await greetingOf("Made"), "saved");
	});

	await step("old versions are swept", () => {
		const names = readdirSync(file(".offstage/dev/build/Go"));
		assert.ok(names.length <= 2, names.join());
	});

	await stop(program);
});
