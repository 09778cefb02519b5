// Saves of the app's `live` function as editors do them, and what requests after them are answered.

import fs from 'node:fs';
import path from 'node:path';
import { client } from './load.mjs';
import { sleep } from './processes.mjs';

const LIVE_MS = 10000;

const source = (version) => `const VERSION = ${version};

export const handler = async () => ({
	statusCode: 200,
	headers: { 'content-type': 'text/plain' },
	body: String(VERSION),
});
`;

const STYLES = [
	(file, text) => fs.writeFileSync(file, text),
	(file, text) => {
		fs.writeFileSync(`${file}~`, text);
		fs.renameSync(`${file}~`, file);
	},
	(file, text) => {
		const fd = fs.openSync(file, 'w');
		fs.writeSync(fd, text.slice(0, text.length / 2));
		fs.writeSync(fd, text.slice(text.length / 2));
		fs.closeSync(fd);
	},
];

// When it returns, the writer's close (or rename) has.
export function save(folder, version) {
	STYLES[version % STYLES.length](path.join(folder, 'functions/live.js'), source(version));
}

// Saves so many times, and after each asks until the new code answers: {ms: [of each save], stale, failed}.
export async function saveAndAsk(subject, { saves, pauseMs, from = 1 }) {
	const { get, close } = client();
	const result = { saves, ms: [], stale: 0, failed: 0 };
	for (let version = from; version < from + saves; version++) {
		save(subject.folder, version);
		const saved = performance.now();
		for (;;) {
			const answer = await get(`${subject.url}/live`);
			if (answer.status === 200 && answer.body === String(version)) {
				break;
			}
			result[answer.status === 200 ? 'stale' : 'failed']++;
			if (performance.now() - saved > LIVE_MS) {
				throw new Error(`save ${version} is not live after ${LIVE_MS} ms: ${answer.status} ${answer.body}`);
			}
		}
		result.ms.push(performance.now() - saved);
		await sleep(pauseMs);
	}
	close();
	return result;
}
