// Load by wrk, which prints what its Lua hook sums up as one JSON line; and single requests on one kept-alive connection.

import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { run } from './processes.mjs';

const DONE = `
done = function(summary, latency)
	local e = summary.errors
	io.write(string.format('\\nRESULT {"requests":%d,"us":%d,"bytes":%d,"p50":%d,"p99":%d,' ..
		'"status":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d}\\n',
		summary.requests, summary.duration, summary.bytes,
		latency:percentile(50), latency:percentile(99),
		e.status, e.connect, e.read, e.write, e.timeout))
end
`;

// 27 characters with quotes to escape, so that a body costs what JSON bodies cost.
const postScript = (bytes) => `
local item = '{"name":"value","n":12345},'
wrk.method = 'POST'
wrk.headers['Content-Type'] = 'application/json'
wrk.body = '[' .. string.rep(item, math.floor((${bytes} - 4) / #item)) .. '0]'
`;

const luaString = (text) => `'${text.replace(/[\\']/g, '\\$&').replace(/\n/g, '\\n')}'`;

// Requests taken in turn, written out beforehand: the load tool's own work is the same whatever they hold.
const requestsScript = (requests) => `
local all = {
${requests
	.map(({ path: target, headers }) => {
		const list = Object.entries(headers).map(([k, v]) => `[${luaString(k)}] = ${luaString(v)}`);
		return `\t{ ${luaString(target)}, { ${list.join(', ')} } },`;
	})
	.join('\n')}
}
local ready, at = {}, 0
init = function()
	for i, r in ipairs(all) do ready[i] = wrk.format('GET', r[1], r[2]) end
end
request = function()
	at = at % #ready + 1
	return ready[at]
end
`;

let scripts = 0;

// `post`: bytes of a body to POST; `requests`: [{path, headers}] in place of GETs of the URL.
export async function load(folder, url, { connections, seconds, post, requests }) {
	const script = path.join(folder, `load${scripts++}.lua`);
	fs.writeFileSync(script, DONE + (post ? postScript(post) : '') + (requests ? requestsScript(requests) : ''));
	const text = await run(
		'wrk',
		['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '15s', '-s', script, url],
		{ timeoutMs: (seconds + 40) * 1000 },
	);
	fs.unlinkSync(script);
	const r = JSON.parse(/^RESULT (.*)$/m.exec(text)[1]);
	return {
		rate: r.requests / (r.us / 1e6),
		requests: r.requests,
		seconds: r.us / 1e6,
		p50: r.requests ? r.p50 : NaN,
		p99: r.requests ? r.p99 : NaN,
		failed: r.status + r.connect + r.read + r.write + r.timeout,
		failures: { status: r.status, connect: r.connect, read: r.read, write: r.write, timeout: r.timeout },
	};
}

// A client with one kept-alive connection. Its answers: {status, body, ms}, or {status: 0} if the connection failed.
export function client(timeoutMs = 30000) {
	const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
	const get = (url) =>
		new Promise((resolve) => {
			const started = performance.now();
			const end = (status, body) => resolve({ status, body, ms: performance.now() - started });
			const request = http.get(url, { agent, timeout: timeoutMs }, (response) => {
				let body = '';
				response.setEncoding('utf8');
				response.on('data', (text) => (body += text));
				response.on('end', () => end(response.statusCode, body));
				response.on('error', (error) => end(0, error.message));
			});
			request.on('timeout', () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)));
			request.on('error', (error) => end(0, error.message));
		});
	return { get, close: () => agent.destroy() };
}
