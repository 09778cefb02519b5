// An app whose every route is changed by one way of saving: `save(n)` returns when the save is complete, and
// from then on the route answers n.

import fs from "node:fs";
import path from "node:path";

const handler = (from) => `import { value } from ${JSON.stringify(from)};
export const handler = async () => ({ statusCode: 200, body: String(value) });
`;
const source = (n) => `// a line that makes it longer than a block of nothing\nexport const value = ${n};\n`;
const MANY = 60;

/** A link is replaced as tools do it: a new one, renamed over the old. */
function link(target, at) {
	fs.symlinkSync(target, `${at}.new`);
	fs.renameSync(`${at}.new`, at);
}

function inTwoSteps(file, text) {
	const fd = fs.openSync(file, "w");
	fs.writeSync(fd, text.slice(0, 20));
	fs.writeSync(fd, text.slice(20));
	fs.closeSync(fd);
}

/** The ways of saving by the route that each changes. `at` makes a path below the app. */
function styles(at) {
	const write = (file, text) => {
		fs.mkdirSync(path.dirname(at(file)), { recursive: true });
		fs.writeFileSync(at(file), text);
	};
	const plain = (name) => at(`src/${name}/value.js`);
	return {
		inplace: (n) => fs.writeFileSync(plain("inplace"), source(n)),
		renamed: (n) => {
			fs.writeFileSync(`${plain("renamed")}~`, source(n));
			fs.renameSync(`${plain("renamed")}~`, plain("renamed"));
		},
		steps: (n) => inTwoSteps(plain("steps"), source(n)),
		twice: (n) => {
			fs.writeFileSync(plain("twice"), source(-n));
			fs.writeFileSync(plain("twice"), source(n));
		},
		backup: (n) => {
			fs.renameSync(plain("backup"), `${plain("backup")}.bak`);
			fs.writeFileSync(plain("backup"), source(n));
		},
		recreated: (n) => {
			fs.rmSync(plain("recreated"));
			fs.writeFileSync(plain("recreated"), source(n));
		},
		appended: (n) => fs.appendFileSync(plain("appended"), `value = ${n};\n`),
		checkout: (n) => {
			for (let i = 0; i < MANY; i++) {
				fs.rmSync(at(`src/checkout/many/m${i}.js`));
				write(`src/checkout/many/m${i}.js`, `export const m${i} = ${n};\n`);
			}
		},
		moved: (n) => {
			write("src/moved/next/value.js", source(n));
			fs.rmSync(at("src/moved/old"), { recursive: true, force: true });
			fs.renameSync(at("src/moved/lib"), at("src/moved/old"));
			fs.renameSync(at("src/moved/next"), at("src/moved/lib"));
		},
		remade: (n) => {
			fs.rmSync(at("src/remade/lib"), { recursive: true });
			write("src/remade/lib/deep/value.js", source(n));
		},
		shadowed: (n) => {
			// A new file takes the place of another in the resolution, or gives it back.
			fs.rmSync(at("src/shadowed/value.ts"), { force: true });
			write(n % 2 ? "src/shadowed/value.ts" : "src/shadowed/value.js", source(n));
		},
		linkedfile: (n) => {
			write(`src/linkedfile/versions/v${n % 2}.js`, source(n));
			link(`versions/v${n % 2}.js`, at("src/linkedfile/value.js"));
		},
		linkeddir: (n) => {
			write(`src/linkeddir/releases/r${n % 3}/value.js`, source(n));
			link(`releases/r${n % 3}`, at("src/linkeddir/current"));
		},
		monorepo: (n) => write("../packages/mono/index.js", source(n)),
		pnpm: (n) => {
			const store = `node_modules/.pnpm/dep@${n % 2}/node_modules/dep`;
			write(`${store}/package.json`, '{"name":"dep","main":"index.js"}');
			write(`${store}/index.js`, source(n));
			link(`.pnpm/dep@${n % 2}/node_modules/dep`, at("node_modules/dep"));
		},
	};
}

const IMPORTS = {
	moved: "./lib/value.js",
	remade: "./lib/deep/value.js",
	shadowed: "./value",
	linkeddir: "./current/value.js",
	monorepo: "mono",
	pnpm: "dep",
};

function checkoutIndex() {
	const numbers = Array.from({ length: MANY }, (_, i) => i);
	const imports = numbers.map((i) => `import { m${i} } from "./many/m${i}.js";\n`).join("");
	const all = numbers.map((i) => `m${i}`).join(", ");
	// Files of two saves in one build would be neither the old nor the new code.
	return `${imports}const all = [${all}];
export const handler = async () => ({ statusCode: 200, body: String(new Set(all).size === 1 ? all[0] : "mixed") });
`;
}

/** Writes the app into `dir`; answers its ways of saving. */
export function writeApp(dir) {
	const at = (file) => path.join(dir, file);
	const put = (file, text) => {
		fs.mkdirSync(path.dirname(at(file)), { recursive: true });
		fs.writeFileSync(at(file), text);
	};
	const saves = styles(at);
	put("sst.json", '{"name":"live","region":"us-east-1","main":"stacks/index.js"}\n');
	const routes = Object.keys(saves).map((name) => `\t\t"GET /${name}": "src/${name}/index.handler",\n`);
	put(
		"stacks/index.js",
		`import { Api } from "@serverless-stack/resources";
function Live({ stack }) {
	new Api(stack, "Api", { routes: {\n${routes.join("")}\t} });
}
export default function main(app) {
	app.stack(Live);
}
`,
	);
	for (const name of Object.keys(saves)) {
		put(`src/${name}/index.js`, handler(IMPORTS[name] ?? "./value.js"));
		put(`src/${name}/value.js`, source(0));
	}
	put("src/appended/value.js", "export let value = 0;\n");
	put("src/checkout/index.js", checkoutIndex());
	for (let i = 0; i < MANY; i++) {
		put(`src/checkout/many/m${i}.js`, `export const m${i} = 0;\n`);
	}
	put("src/moved/lib/value.js", source(0));
	put("src/remade/lib/deep/value.js", source(0));
	fs.rmSync(at("src/linkedfile/value.js"));
	put("../packages/mono/package.json", '{"name":"mono","main":"index.js"}');
	fs.mkdirSync(at("node_modules"), { recursive: true });
	fs.symlinkSync("../../packages/mono", at("node_modules/mono"));
	for (const name of ["linkedfile", "linkeddir", "monorepo", "pnpm"]) {
		saves[name](0);
	}
	return saves;
}
