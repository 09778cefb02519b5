// What is measured: the limit, Offstage, and the peers. Each is started on its own copy of the app, and then is
// {url, pid, folder, stop()}: `url` the root of its API.

import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { client } from './load.mjs';
import { launch, until } from './processes.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, '../..');
export const built = path.join(root, 'build/runtime/cli/offstage');
export const tutorial = path.join(root, 'fixtures/apps/api-auth-auth0');
const START_MS = 30000;

export const USER = { accessKeyId: 'AKIAOFFSTAGEBENCH001', secretAccessKey: 'bench+secret/key0123456789abcdefghijklmn' };

// A number n so that the `count` ports from n on are free now.
export async function freePorts(count) {
	const listen = (port) =>
		new Promise((resolve) => {
			const server = net.createServer();
			server.on('error', () => resolve(null));
			server.listen(port, '127.0.0.1', () => resolve(server));
		});
	for (let tries = 0; tries < 100; tries++) {
		const first = 20000 + Math.floor(Math.random() * 10000);
		const servers = [];
		for (let i = 0; i < count; i++) {
			servers.push(await listen(first + i));
		}
		await Promise.all(servers.map((server) => server && new Promise((done) => server.close(done))));
		if (servers.every(Boolean)) {
			return first;
		}
	}
	throw new Error(`no ${count} free ports in a row`);
}

// A folder that nothing else touches: the app, with so many more routes.
export function copyApp(lab, { from = path.join(here, 'app'), moreRoutes = 0 } = {}) {
	const folder = fs.mkdtempSync(path.join(lab.folder, 'app-'));
	fs.cpSync(from, folder, { recursive: true });
	if (moreRoutes > 0) {
		fs.writeFileSync(path.join(folder, 'stacks/more.js'), `export const MORE_ROUTES = ${moreRoutes};\n`);
	}
	return folder;
}

async function answers(what, child, url, every = 20) {
	const probe = client(5000);
	const attempt = async () => ((await probe.get(url)).status === 200 ? true : undefined);
	await until(what, START_MS, attempt, { child, every }).finally(probe.close);
}

const subject = (child, folder, url) => ({ child, folder, url, pid: child.pid, stop: child.stop });

async function startLimit(lab) {
	const folder = copyApp(lab);
	const port = await freePorts(1);
	const child = launch(process.execPath, [path.join(here, 'limit.mjs'), folder, port], { log: lab.log('limit') });
	const url = `http://127.0.0.1:${port}`;
	await answers('the bare Node server', child, `${url}/hello`);
	return subject(child, folder, url);
}

// `offstage start` on its ports, no later than the exec; what it answers is the caller's to wait for.
export async function launchOffstage(lab, folder) {
	const port = await freePorts(4);
	const credentials = path.join(lab.scratch, 'credentials');
	fs.writeFileSync(
		credentials,
		`[bench]\naws_access_key_id = ${USER.accessKeyId}\naws_secret_access_key = ${USER.secretAccessKey}\n`,
		{ mode: 0o600 },
	);
	const args = ['start', folder, '--port', port, '--credentials', credentials];
	const child = launch(lab.program, args.map(String), { cwd: folder, log: lab.log('offstage') });
	return { ...subject(child, folder, `http://127.0.0.1:${port + 1}`), service: `http://127.0.0.1:${port}` };
}

async function startOffstage(lab, { moreRoutes } = {}) {
	const started = await launchOffstage(lab, copyApp(lab, { moreRoutes }));
	const file = path.join(started.folder, '.offstage/dev/endpoints.json');
	await until('offstage start', START_MS, () => (fs.existsSync(file) ? true : undefined), {
		child: started.child,
		every: 10,
	});
	return { ...started, url: JSON.parse(fs.readFileSync(file, 'utf8')).apis.Api };
}

export async function launchServerless(lab, folder, ...flags) {
	fs.symlinkSync(path.join(here, 'node_modules'), path.join(folder, 'node_modules'));
	const port = await freePorts(2);
	const serverless = path.join(here, 'node_modules/serverless/bin/serverless.js');
	const args = [serverless, 'offline', 'start', '--host', '127.0.0.1'];
	args.push('--httpPort', port, '--lambdaPort', port + 1, ...flags);
	const env = {
		SLS_TELEMETRY_DISABLED: '1',
		SLS_NOTIFICATIONS_MODE: 'off',
		AWS_ACCESS_KEY_ID: 'none',
		AWS_SECRET_ACCESS_KEY: 'none',
	};
	const child = launch(process.execPath, args.map(String), { cwd: folder, env, log: lab.log('serverless') });
	return subject(child, folder, `http://127.0.0.1:${port}`);
}

async function startServerless(lab, ...flags) {
	const started = await launchServerless(lab, copyApp(lab), ...flags);
	await answers('serverless-offline', started.child, `${started.url}/hello`);
	return started;
}

export async function launchSandbox(lab, folder) {
	fs.symlinkSync(path.join(here, 'node_modules'), path.join(folder, 'node_modules'));
	for (const name of ['hello', 'slow', 'echo', 'live', 'cold0', 'cold1', 'cold2', 'cold3', 'cold4']) {
		const source = path.join(folder, 'arc', name);
		fs.mkdirSync(source, { recursive: true });
		const code = `export { handler } from '../../functions/${name}.js';\n`;
		fs.writeFileSync(path.join(source, 'index.mjs'), code);
	}
	const port = await freePorts(1);
	const sandbox = path.join(here, 'node_modules/@architect/sandbox/src/cli/cli.js');
	const child = launch(process.execPath, [sandbox, '--port', String(port)], { cwd: folder, log: lab.log('sandbox') });
	return subject(child, folder, `http://127.0.0.1:${port}`);
}

async function startSandbox(lab) {
	const started = await launchSandbox(lab, copyApp(lab));
	await answers('@architect/sandbox', started.child, `${started.url}/hello`);
	return started;
}

export const SUBJECTS = {
	limit: { title: 'bare Node', start: startLimit },
	offstage: { title: 'offstage', start: startOffstage },
	'sls-inprocess': { title: 'sls in-process', start: (lab) => startServerless(lab, '--useInProcess') },
	'sls-worker': { title: 'sls worker', start: (lab) => startServerless(lab) },
	'sls-reload': { title: 'sls reload', start: (lab) => startServerless(lab, '--reloadHandler') },
	sandbox: { title: 'sandbox', start: startSandbox },
	'offstage-1000': { title: 'offstage, 1,000', start: (lab) => startOffstage(lab, { moreRoutes: 990 }) },
};
