// The measures, each a function of the lab. `subjects`: whom it compares; `fresh`: on newly started ones.
// A measure answers {rows: [{title, unit, values: {subject: number}}], and what the budgets look at}.

import fs from 'node:fs';
import { client, load } from './load.mjs';
import { cpuUs, median, percentile, rssMB, settle, sleep, treeMB, until } from './processes.mjs';
import { save, saveAndAsk } from './saves.mjs';
import { signedRequests } from './sigv4.mjs';
import { USER, copyApp, launchOffstage, launchSandbox, launchServerless, tutorial } from './subjects.mjs';

const ALL = ['limit', 'offstage', 'sls-inprocess', 'sls-worker', 'sandbox'];
const SERVED = ALL.slice(1);

// One measurement of each subject per round, in turn forwards and backwards, so that noise hits all alike:
// {name: [of each round]}. A subject that fails is left out from there on, and named with its reason.
async function inRounds(lab, names, rounds, measure) {
	const taken = {};
	for (let round = 0; round < rounds; round++) {
		const order = names.filter((name) => lab.running[name]);
		for (const name of round % 2 ? order.reverse() : order) {
			try {
				const { pid } = lab.running[name];
				(taken[name] ??= []).push(await measure(lab.running[name], name));
				await settle(pid);
			} catch (error) {
				await lab.drop(name, error);
			}
		}
	}
	return taken;
}

// For a ratio near its bound: many short pairs, since one pair here is off by a tenth.
const pairs = (lab) => (lab.quick ? { rounds: 3, seconds: 1 } : { rounds: 11, seconds: 2 });

const medians = (taken, field) =>
	Object.fromEntries(Object.entries(taken).map(([name, list]) => [name, median(list.map((r) => r[field]))]));

const total = (taken, field, name) => (taken[name] ?? []).reduce((sum, r) => sum + r[field], 0);

async function throughput(lab) {
	const answer = { rows: [], rate: {}, failed: 0 };
	await inRounds(lab, ALL, 1, (s) => load(lab.scratch, `${s.url}/hello`, { connections: 16, seconds: lab.seconds }));
	for (const connections of [1, 16, 64]) {
		const taken = await inRounds(lab, ALL, lab.rounds, async (s) => {
			const before = cpuUs(s.pid);
			const r = await load(lab.scratch, `${s.url}/hello`, { connections, seconds: lab.seconds });
			return { ...r, cpu: r.requests ? (cpuUs(s.pid) - before) / r.requests : NaN };
		});
		const at = `hello, ${connections} connection${connections > 1 ? 's' : ''}`;
		answer.rate[connections] = medians(taken, 'rate');
		answer.rows.push({ title: at, unit: 'req/s', values: answer.rate[connections] });
		answer.rows.push({ title: '  p50', unit: 'us', values: medians(taken, 'p50') });
		answer.rows.push({ title: '  p99', unit: 'us', values: medians(taken, 'p99') });
		answer.rows.push({ title: '  CPU of the main process per request', unit: 'us', values: medians(taken, 'cpu') });
		answer.failed += total(taken, 'failed', 'offstage');
		if (connections === 1 && taken.offstage && taken.limit) {
			answer.addedUs = median(taken.offstage.map((r, i) => r.p50 - taken.limit[i].p50));
		}
	}
	if (lab.running.offstage) {
		answer.processes = treeMB(lab.running.offstage.pid).processes - 1;
	}
	return answer;
}

async function echo(lab) {
	const answer = { rows: [], failed: 0 };
	for (const [size, bytes] of [['1 MB', 1e6], ['5 MB', 5e6]]) {
		const taken = await inRounds(lab, ALL, lab.rounds, (s) =>
			load(lab.scratch, `${s.url}/echo`, { connections: 4, seconds: Math.min(lab.seconds, 2), post: bytes }),
		);
		answer.rows.push({ title: `echo ${size}, 4 connections`, unit: 'req/s', values: medians(taken, 'rate') });
		answer.rows.push({ title: '  p50', unit: 'us', values: medians(taken, 'p50') });
		answer.rows.push({
			title: '  failed, all rounds',
			unit: '',
			values: Object.fromEntries(Object.keys(taken).map((name) => [name, total(taken, 'failed', name)])),
		});
		answer.failed += total(taken, 'failed', 'offstage');
	}
	return answer;
}

// The first request that each of five functions ever gets.
async function cold(lab) {
	const used = Object.fromEntries(SERVED.map((name) => [name, 0]));
	const taken = await inRounds(lab, SERVED, 5, async (s, name) => {
		const { get, close } = client();
		const n = used[name]++;
		const { status, body, ms } = await get(`${s.url}/cold/${n}`);
		close();
		if (status !== 200 || body !== String(n)) {
			throw new Error(`the first use answered ${status} ${body}`);
		}
		return { ms };
	});
	return { rows: [{ title: 'first use of a function', unit: 'ms', values: medians(taken, 'ms') }] };
}

async function slow(lab) {
	const taken = await inRounds(lab, ALL, 1, async (s) => {
		const url = `${s.url}/slow`;
		const first = await load(lab.scratch, url, { connections: 64, seconds: lab.quick ? 6 : 8 });
		const sampled = sleep(2000).then(() => treeMB(s.pid));
		const steady = await load(lab.scratch, url, { connections: 64, seconds: lab.quick ? 3 : 5 });
		const memory = await sampled;
		return { ...steady, first: first.rate, failed: steady.failed + first.failed, ...memory };
	});
	const row = (title, unit, field) => ({ title, unit, values: medians(taken, field) });
	return {
		rows: [
			row('100 ms handler, 64 connections (ideal 640)', 'req/s', 'rate'),
			row('  p99', 'us', 'p99'),
			row('  first seconds, while it scales out', 'req/s', 'first'),
			row('  processes', '', 'processes'),
			row('  memory of the tree, RSS', 'MB', 'rss'),
			row('  memory of the tree, PSS', 'MB', 'pss'),
		],
		rate: taken.offstage?.[0].rate,
		rss: taken.offstage?.[0].rss,
		failed: total(taken, 'failed', 'offstage'),
	};
}

// The same signed bytes to a route that checks them and to one that does not. Signed again for each run: a signature
// is good for five minutes.
async function sigv4(lab) {
	const s = lab.running.offstage;
	const { rounds, seconds } = pairs(lab);
	const host = new URL(s.url).host;
	const requests = (path) => signedRequests(USER, { host, path, count: 200 });
	const { get, close } = client();
	const unsigned = await get(`${s.url}/hello-iam`);
	close();
	if (unsigned.status !== 403) {
		throw new Error(`the IAM route answered an unsigned request with ${unsigned.status}`);
	}
	const ratios = [];
	const rates = { checked: [], unchecked: [] };
	let failed = 0;
	for (let round = 0; round <= rounds; round++) {
		const one = async (path) => {
			const options = { connections: 16, seconds, requests: requests(path) };
			const r = await load(lab.scratch, s.url, options);
			failed += r.failed;
			return r.rate;
		};
		const order = round % 2 ? ['/hello-iam', '/hello'] : ['/hello', '/hello-iam'];
		const rate = {};
		for (const path of order) {
			rate[path] = await one(path);
		}
		if (round > 0) { // the first warms both up
			ratios.push(rate['/hello-iam'] / rate['/hello']);
			rates.checked.push(rate['/hello-iam']);
			rates.unchecked.push(rate['/hello']);
		}
	}
	return {
		rows: [
			{ title: 'signed request, unchecked', unit: 'req/s', values: { offstage: median(rates.unchecked) } },
			{ title: 'signed request, checked by SigV4', unit: 'req/s', values: { offstage: median(rates.checked) } },
		],
		ratio: median(ratios),
		failed,
	};
}

async function routes(lab) {
	const paths = { offstage: '/more/0/items/7', 'offstage-1000': '/more/989/items/7' };
	const { rounds, seconds } = pairs(lab);
	const run = (s, name) => load(lab.scratch, s.url + paths[name], { connections: 16, seconds });
	await inRounds(lab, Object.keys(paths), 1, run);
	const taken = await inRounds(lab, Object.keys(paths), rounds, run);
	const rates = medians(taken, 'rate');
	return {
		rows: [
			{ title: '10 routes, the last', unit: 'req/s', values: { offstage: rates.offstage } },
			{ title: '1,000 routes, the last', unit: 'req/s', values: { offstage: rates['offstage-1000'] } },
		],
		ratio: median((taken['offstage-1000'] ?? []).map((r, i) => r.rate / taken.offstage[i].rate)),
		failed: total(taken, 'failed', 'offstage') + total(taken, 'failed', 'offstage-1000'),
	};
}

// A save at a person's pace, then how long until the new code has answered.
async function live(lab) {
	const result = {};
	const names = ['offstage', 'sls-reload', 'sandbox'];
	await inRounds(lab, names, 1, async (s, name) => {
		const saves = name === 'offstage' ? (lab.quick ? 40 : 200) : lab.quick ? 10 : 20;
		result[name] = await saveAndAsk(s, { saves, pauseMs: 150 });
	});
	const row = (title, unit, value) => ({
		title,
		unit,
		values: Object.fromEntries(Object.entries(result).map(([name, r]) => [name, value(r)])),
	});
	const { offstage } = result;
	return {
		rows: [
			row('save to first answer of the new code, p50', 'ms', (r) => percentile(r.ms, 0.5)),
			row('  p99', 'ms', (r) => percentile(r.ms, 0.99)),
			row('  saves', '', (r) => r.saves),
			row('  stale answers', '', (r) => r.stale),
			row('  failed', '', (r) => r.failed),
		],
		p50: offstage && percentile(offstage.ms, 0.5),
		p99: offstage && percentile(offstage.ms, 0.99),
		stale: offstage?.stale,
		failed: offstage?.failed,
	};
}

// The same without a pause: 1,000 saves, each followed at once by a request.
async function stale(lab) {
	const r = await saveAndAsk(lab.running.offstage, { saves: lab.quick ? 100 : 1000, pauseMs: 0 });
	return {
		rows: [
			{ title: `stale answers, ${r.saves} saves without a pause`, unit: '', values: { offstage: r.stale } },
			{ title: '  failed', unit: '', values: { offstage: r.failed } },
			{ title: '  save to live, p50', unit: 'ms', values: { offstage: percentile(r.ms, 0.5) } },
			{ title: '  p99', unit: 'ms', values: { offstage: percentile(r.ms, 0.99) } },
		],
		stale: r.stale,
		failed: r.failed,
	};
}

// Many requests with a save every second: memory, failures, and what is left when it has ended.
async function soak(lab) {
	const s = lab.running.offstage;
	await sleep(2000);
	const idle = rssMB(s.pid);
	const failures = {};
	const done = { requests: 0, failed: 0, saves: 0 };
	const samples = [];
	const started = performance.now();
	const timer = setInterval(() => {
		save(s.folder, 5000 + done.saves++);
		samples.push({ requests: done.requests, rss: rssMB(s.pid) });
	}, 1000);
	try {
		while (done.requests < lab.requests) {
			const r = await load(lab.scratch, `${s.url}/live`, { connections: 16, seconds: 5 });
			done.requests += r.requests;
			done.failed += r.failed;
			for (const [kind, n] of Object.entries(r.failures)) {
				failures[kind] = (failures[kind] ?? 0) + n;
			}
			if (performance.now() - started > 30 * 60 * 1000) {
				throw new Error(`only ${done.requests} requests in 30 minutes`);
			}
		}
	} finally {
		clearInterval(timer);
	}
	const quarter = samples.find((sample) => sample.requests >= lab.requests / 4)?.rss ?? NaN;
	const end = rssMB(s.pid);
	const left = await lab.stop('offstage');
	const value = (title, unit, number) => ({ title, unit, values: { offstage: number } });
	return {
		rows: [
			value('memory of the process, idle', 'MB', idle),
			value(`  after a quarter of ${lab.requests} requests, a save every second`, 'MB', quarter),
			value('  after all', 'MB', end),
			value('  requests', '', done.requests),
			value('  saves', '', done.saves),
			value('  failed requests', '', done.failed),
			value('  processes left behind', '', left.length),
		],
		idle,
		growth: end - quarter,
		failed: done.failed,
		failures,
		left,
		samples,
	};
}

// From exec to the first 200 of `path`; and of the service port, to any answer at all.
async function startOnce(launched, path) {
	const probe = client(20000);
	const ask = async (url, good) => {
		const attempt = async () => (good((await probe.get(url)).status) ? true : undefined);
		await until('start', 30000, attempt, { child: launched.child, every: 2 });
		return performance.now() - launched.child.startedAt;
	};
	const emulator = launched.service ? await ask(launched.service, (status) => status > 0) : NaN;
	const ready = await ask(launched.url + path, (status) => status === 200);
	probe.close();
	await launched.stop();
	return { ready, emulator };
}

async function starts(lab) {
	const rounds = lab.quick ? 2 : 3;
	const taken = { cold: [], warm: [], 'sls-worker': [], sandbox: [] };
	const peers = { 'sls-worker': launchServerless, sandbox: launchSandbox };
	for (let round = 0; round < rounds; round++) {
		const folder = copyApp(lab, { from: tutorial });
		taken.cold.push(await startOnce(await launchOffstage(lab, folder), '/public'));
		taken.warm.push(await startOnce(await launchOffstage(lab, folder), '/public'));
		taken.warm.push(await startOnce(await launchOffstage(lab, folder), '/public'));
		fs.rmSync(folder, { recursive: true });
		for (const [name, launchPeer] of Object.entries(peers)) {
			try {
				taken[name].push(await startOnce(await launchPeer(lab, copyApp(lab)), '/hello'));
			} catch (error) {
				await lab.drop(name, error);
			}
		}
	}
	const of = (name, field = 'ready') => median(taken[name].map((r) => r[field]));
	const warm = { offstage: of('warm'), 'sls-worker': of('sls-worker'), sandbox: of('sandbox') };
	const emulator = of('warm', 'emulator');
	return {
		rows: [
			{ title: 'start to first 200, warm (tutorial app; peers: the bench app)', unit: 'ms', values: warm },
			{ title: '  cold', unit: 'ms', values: { offstage: of('cold') } },
			{ title: '  emulator answers', unit: 'ms', values: { offstage: emulator } },
		],
		warm: warm.offstage,
		cold: of('cold'),
		emulator,
	};
}

export const MEASURES = [
	{ name: 'start', subjects: [], run: starts },
	{ name: 'cold', subjects: SERVED, fresh: true, run: cold },
	{ name: 'throughput', subjects: ALL, run: throughput },
	{ name: 'echo', subjects: ALL, run: echo },
	{ name: 'slow', subjects: ALL, run: slow },
	{ name: 'routes', subjects: ['offstage', 'offstage-1000'], fresh: true, run: routes },
	{ name: 'sigv4', subjects: ['offstage'], run: sigv4 },
	{ name: 'live', subjects: ['offstage', 'sls-reload', 'sandbox'], fresh: true, run: live },
	{ name: 'stale', subjects: ['offstage'], run: stale },
	{ name: 'soak', subjects: ['offstage'], fresh: true, run: soak },
];
