// Offstage beside a bare Node server (the limit) and the peers, in one run: see README.md.
//
//   node tests/bench/bench.mjs [--quick] [--only MEASURE]... [--requests N | --million]
//       [--json FILE] [--program FILE]

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { MEASURES } from './measures.mjs';
import { judge, print } from './report.mjs';
import { SUBJECTS, built } from './subjects.mjs';

const CRASHES = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGKILL']; // the last: it did not end in time
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

function options() {
	try {
		const { values } = parseArgs({
			options: {
				quick: { type: 'boolean', default: false },
				only: { type: 'string', multiple: true, default: [] },
				requests: { type: 'string' },
				million: { type: 'boolean', default: false },
				json: { type: 'string', default: path.join(root, 'build/bench.json') },
				program: { type: 'string', default: built },
			},
		});
		const names = MEASURES.map((m) => m.name);
		const unknown = values.only.find((name) => !names.includes(name));
		if (unknown) {
			throw new Error(`no measure is called '${unknown}': there are ${names.join(', ')}`);
		}
		const requests = values.million ? 1e6 : Number(values.requests ?? (values.quick ? 50000 : 200000));
		if (!(requests >= 1000)) {
			throw new Error(`--requests must be a number from 1000 on, not '${values.requests}'`);
		}
		if (!fs.existsSync(values.program)) {
			throw new Error(`there is no ${values.program}: run ./dev build first`);
		}
		return { ...values, requests };
	} catch (error) {
		console.error(`bench: ${error.message}`);
		process.exit(2);
	}
}

// What the measures share: a folder for everything, the subjects that run now, and what went wrong.
function laboratory({ quick, requests, program }) {
	const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'offstage-bench-'));
	process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
	// Apart from the apps, so that what is written there is nothing new in a folder above an app.
	const scratch = path.join(folder, 'scratch');
	fs.mkdirSync(scratch);
	const lab = {
		folder,
		scratch,
		program: path.resolve(program),
		quick,
		requests,
		rounds: quick ? 1 : 3,
		seconds: quick ? 1 : 3,
		running: {},
		crashed: false,
		problems: [],
		log: (name) => path.join(scratch, `${name}.log`),
		async stop(name) {
			const subject = lab.running[name];
			delete lab.running[name];
			const { left = [], ended } = (await subject?.stop()) ?? {};
			if (/^offstage/.test(name) && CRASHES.includes(ended)) {
				lab.crashed = true;
				lab.problems.push(`offstage: ended by ${ended} when it was asked to stop`);
			}
			return left;
		},
		async drop(name, error) {
			lab.problems.push(`${SUBJECTS[name].title}: ${error.message}`);
			await lab.stop(name);
		},
		// Exactly these run afterwards, those that cannot are reported.
		async only(names, fresh) {
			for (const name of Object.keys(lab.running)) {
				if (fresh || !names.includes(name)) {
					await lab.stop(name);
				}
			}
			for (const name of names.filter((n) => !lab.running[n])) {
				try {
					lab.running[name] = await SUBJECTS[name].start(lab);
				} catch (error) {
					await lab.drop(name, error);
				}
			}
		},
	};
	return lab;
}

const { only, json, ...sizes } = options();
const lab = laboratory(sizes);
const started = performance.now();
const results = {};
let broken = false;
for (const measure of MEASURES.filter((m) => only.length === 0 || only.includes(m.name))) {
	const from = performance.now();
	try {
		await lab.only(measure.subjects, measure.fresh);
		if (measure.subjects.includes('offstage') && !lab.running.offstage) {
			throw new Error('offstage did not start');
		}
		results[measure.name] = await measure.run(lab);
	} catch (error) {
		broken = true;
		const { ended, lastLines } = lab.running.offstage?.child ?? {};
		lab.problems.push(`${measure.name}: ${error.message}${ended ? ` (offstage: ${ended}: ${lastLines()})` : ''}`);
	}
	console.error(`bench: ${measure.name}: ${((performance.now() - from) / 1000).toFixed(1)} s`);
}
await lab.only([], true);

const budgets = judge(results);
const seconds = (performance.now() - started) / 1000;
print({ results, budgets, problems: lab.problems, seconds });
fs.mkdirSync(path.dirname(json), { recursive: true });
const machine = { cpu: os.cpus()[0].model, cpus: os.cpus().length, node: process.version, kernel: os.release() };
fs.writeFileSync(json, `${JSON.stringify({ machine, seconds, budgets, problems: lab.problems, results }, null, '\t')}\n`);
process.exit(broken || lab.crashed || budgets.some((b) => !b.pass) ? 1 : 0);
