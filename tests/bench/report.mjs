// The table, and the budgets of the design (section 10) and of the issues.

import { SUBJECTS } from './subjects.mjs';

const COLUMNS = ['limit', 'offstage', 'sls-inprocess', 'sls-worker', 'sls-reload', 'sandbox'];
const MAX_GROWTH_MB = 1; // what the allocator may still move once all is warm

const atLeast = (least) => ({ text: `>= ${least}`, good: (value) => value >= least });
const atMost = (most) => ({ text: `<= ${most}`, good: (value) => value <= most });

const ratio = (r, connections, name) => r.throughput && r.throughput.rate[connections].offstage / r.throughput.rate[connections][name];

const BUDGETS = [
	['throughput / bare Node, 16 connections', (r) => ratio(r, 16, 'limit'), atLeast(0.5)],
	['throughput / serverless-offline in-process', (r) => ratio(r, 16, 'sls-inprocess'), atLeast(4)],
	['throughput / serverless-offline worker', (r) => ratio(r, 16, 'sls-worker'), atLeast(7)],
	['added latency, 1 connection, p50 (us)', (r) => r.throughput?.addedUs, atMost(60)],
	['processes for a short handler, 64 connections', (r) => r.throughput?.processes, atMost(16)],
	['100 ms handler, 64 connections / ideal 640', (r) => r.slow && r.slow.rate / 640, atLeast(0.95)],
	['  its processes together (MB)', (r) => r.slow?.rss, atMost(3072)],
	['save to live, p50 (ms)', (r) => r.live?.p50, atMost(10)],
	['save to live, p99 (ms)', (r) => r.live?.p99, atMost(30)],
	['stale answers, paced saves', (r) => r.live?.stale, atMost(0)],
	['stale answers, saves without a pause', (r) => r.stale?.stale, atMost(0)],
	['requests failed by reloads', (r) => r.soak?.failed, atMost(0)],
	['requests failed in all other loads', (r) => failedElsewhere(r), atMost(0)],
	['start to first 200, warm (ms)', (r) => r.start?.warm, atMost(250)],
	['start to first 200, cold (ms)', (r) => r.start?.cold, atMost(1000)],
	['emulator answers after exec (ms)', (r) => r.start?.emulator, atMost(50)],
	['memory, idle (MB)', (r) => r.soak?.idle, atMost(15)],
	['memory, growth (MB)', (r) => r.soak?.growth, atMost(MAX_GROWTH_MB)],
	['processes left behind', (r) => r.soak?.left.length, atMost(0)],
	['SigV4-checked / unchecked', (r) => r.sigv4?.ratio, atLeast(0.85)],
	['1,000 routes / 10', (r) => r.routes?.ratio, atLeast(0.95)],
];

function failedElsewhere(results) {
	const counts = Object.entries(results)
		.filter(([name, r]) => name !== 'soak' && r.failed !== undefined)
		.map(([, r]) => r.failed);
	return counts.length ? counts.reduce((a, b) => a + b, 0) : undefined;
}

// Budgets of what was measured: [{title, value, budget, pass}]. A measure that failed fails its budgets.
export function judge(results) {
	return BUDGETS.map(([title, value, budget]) => ({ title, value: value(results), budget }))
		.filter(({ value }) => value !== undefined)
		.map(({ title, value, budget }) => ({ title, value, budget: budget.text, pass: budget.good(value) }));
}

function number(value) {
	if (value === undefined || Number.isNaN(value)) {
		return '-';
	}
	if (Number.isInteger(value) || value >= 1000) {
		return Math.round(value).toLocaleString('en-US');
	}
	return value.toFixed(value < 10 ? 2 : 1);
}

function table(header, rows) {
	const widths = header.map((_, i) => Math.max(...[header, ...rows].map((row) => row[i].length)));
	const line = (row) => row.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join('  ');
	return [line(header), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}

export function print({ results, budgets, problems, seconds }) {
	const rows = Object.values(results).flatMap((result) => result.rows);
	const columns = COLUMNS.filter((name) => rows.some((row) => row.values[name] !== undefined));
	const header = ['', 'unit', ...columns.map((name) => SUBJECTS[name].title)];
	const cells = rows.map((row) => [row.title, row.unit, ...columns.map((name) => number(row.values[name]))]);
	console.log(table(header, cells));
	console.log();
	const judged = budgets.map((b) => [b.title, number(b.value), b.budget, b.pass ? 'PASS' : 'FAIL']);
	console.log(table(['budget', 'measured', 'allowed', ''], judged));
	for (const problem of problems) {
		console.log(`\n${problem}`);
	}
	console.log(`\n${Math.round(seconds)} s, ${budgets.filter((b) => !b.pass).length} of ${budgets.length} budgets missed`);
}
