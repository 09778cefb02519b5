// Children in process groups of their own: started with their output in a file, waited for within bounds, and always
// ended by pid, whatever way this program ends.

import { spawn } from 'node:child_process';
import fs from 'node:fs';

const groups = new Map(); // pid of the leader -> child
const STOP_MS = 5000;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export const median = (values) => percentile(values, 0.5);

export function percentile(values, p) {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * p) - 1)] ?? NaN;
}

// Resolves with what `attempt` returns as soon as that is not undefined; rejects when `ms` have passed or when
// the child has ended.
export async function until(what, ms, attempt, { child, every = 2 } = {}) {
	const deadline = performance.now() + ms;
	for (;;) {
		const result = await attempt();
		if (result !== undefined) {
			return result;
		}
		if (child?.ended) {
			throw new Error(`${what}: ended with ${child.ended}: ${child.lastLines()}`);
		}
		if (performance.now() > deadline) {
			throw new Error(`${what}: not within ${ms} ms${child ? `: ${child.lastLines()}` : ''}`);
		}
		await sleep(every);
	}
}

export function launch(command, args, { cwd, env = {}, log }) {
	const out = fs.openSync(log, 'a');
	const startedAt = performance.now();
	const child = spawn(command, args, {
		cwd,
		env: { ...process.env, ...env },
		stdio: ['ignore', out, out],
		detached: true,
	});
	fs.closeSync(out);
	const launched = {
		pid: child.pid,
		startedAt,
		ended: null,
		lastLines: () => lastLines(log),
		stop: () => stop(launched),
	};
	launched.exited = new Promise((resolve) => {
		child.on('error', (error) => {
			launched.ended = error.message;
			resolve();
		});
		child.on('exit', (code, signal) => {
			launched.ended = signal ?? `exit code ${code}`;
			resolve();
		});
	});
	if (child.pid) {
		groups.set(child.pid, launched);
	}
	return launched;
}

// A tool that prints its answer and ends.
export function run(command, args, { input = '', timeoutMs = 60000 } = {}) {
	return new Promise((resolve, reject) => {
		const child = spawn(command, args, { stdio: 'pipe', detached: true });
		const timer = setTimeout(() => killGroup(child.pid, 'SIGKILL'), timeoutMs);
		const texts = { stdout: '', stderr: '' };
		for (const name of ['stdout', 'stderr']) {
			child[name].setEncoding('utf8').on('data', (text) => (texts[name] += text));
		}
		groups.set(child.pid, child);
		child.on('error', reject);
		child.on('close', (code, signal) => {
			clearTimeout(timer);
			groups.delete(child.pid);
			if (code === 0) {
				resolve(texts.stdout);
			} else {
				reject(new Error(`${command}: ${signal ?? `exit code ${code}`}: ${texts.stderr || texts.stdout}`));
			}
		});
		child.stdin.end(input);
	});
}

function lastLines(file) {
	// eslint-disable-next-line no-control-regex
	const text = fs.readFileSync(file, 'utf8').replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '');
	return text.trim().split('\n').slice(-6).join(' | ').slice(-600);
}

function killGroup(pid, signal) {
	try {
		process.kill(-pid, signal);
	} catch (error) {
		if (error.code !== 'ESRCH') {
			throw error;
		}
	}
}

// Ends the group: {left, ended}. Left are the processes of its tree that outlived their parent; they are killed too.
async function stop(launched) {
	if (!groups.has(launched.pid)) {
		return { left: [], ended: launched.ended };
	}
	const before = tree(launched.pid);
	killGroup(launched.pid, 'SIGTERM');
	await Promise.race([launched.exited, sleep(STOP_MS)]);
	const leftover = () => before.filter((p) => processes().get(p.pid)?.started === p.started);
	for (let i = 0; i < 50 && leftover().length > 0; i++) {
		await sleep(10); // a killed child is a zombie until init has seen it
	}
	const left = leftover();
	killGroup(launched.pid, 'SIGKILL');
	for (const { pid } of left) {
		try {
			process.kill(pid, 'SIGKILL');
		} catch {
			// gone meanwhile
		}
	}
	await launched.exited;
	groups.delete(launched.pid);
	return { left: left.map((p) => p.command), ended: launched.ended };
}

// All processes by pid, from /proc; those that end while it is read are left out.
function processes() {
	const all = new Map();
	for (const name of fs.readdirSync('/proc')) {
		if (!/^\d+$/.test(name)) {
			continue;
		}
		try {
			const stat = fs.readFileSync(`/proc/${name}/stat`, 'latin1');
			const end = stat.lastIndexOf(')');
			const fields = stat.slice(end + 2).split(' ');
			if (fields[0] !== 'Z') {
				const pid = Number(name);
				const command = stat.slice(stat.indexOf('(') + 1, end);
				const ticks = Number(fields[11]) + Number(fields[12]);
				all.set(pid, { pid, command, parent: Number(fields[1]), started: fields[19], ticks });
			}
		} catch {
			// ended
		}
	}
	return all;
}

export function tree(root) {
	const all = processes();
	const found = [];
	const visit = (pid) => {
		const one = all.get(pid);
		if (one) {
			found.push(one);
			[...all.values()].filter((p) => p.parent === pid).forEach((p) => visit(p.pid));
		}
	};
	visit(root);
	return found;
}

const US_PER_TICK = 10000; // USER_HZ is 100 on every Linux that Node runs on

// CPU time that the process itself (not its children) has used.
export const cpuUs = (pid) => (processes().get(pid)?.ticks ?? NaN) * US_PER_TICK;

// Waits until the tree has nothing left to do from an earlier load (or for 10 s), so that it does not weigh on the next.
export async function settle(root) {
	const used = () => tree(root).reduce((sum, p) => sum + p.ticks, 0);
	const deadline = performance.now() + 10000;
	for (let last = used(); performance.now() < deadline; ) {
		await sleep(100);
		const now = used();
		if (Math.abs(now - last) <= 1) {
			return;
		}
		last = now;
	}
}

function memoryField(path, field) {
	try {
		return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(fs.readFileSync(path, 'utf8'))[1]) / 1024;
	} catch {
		return 0; // ended
	}
}

export const rssMB = (pid) => memoryField(`/proc/${pid}/status`, 'VmRSS');

export function treeMB(root) {
	const pids = tree(root).map((p) => p.pid);
	const sum = (values) => values.reduce((a, b) => a + b, 0);
	return {
		processes: pids.length,
		rss: sum(pids.map(rssMB)),
		pss: sum(pids.map((pid) => memoryField(`/proc/${pid}/smaps_rollup`, 'Pss'))),
	};
}

process.on('exit', () => {
	for (const pid of groups.keys()) {
		const members = tree(pid);
		killGroup(pid, 'SIGKILL');
		for (const member of members) {
			try {
				process.kill(member.pid, 'SIGKILL');
			} catch {
				// gone with its group
			}
		}
	}
});
for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) {
	process.on(signal, () => process.exit(code));
}
