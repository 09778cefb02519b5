// The limit: Node's own HTTP server with the same handlers and nothing between.
//
//   node limit.mjs APP-FOLDER PORT

import http from 'node:http';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, port] = process.argv.slice(2);

async function handlerOf(name) {
	return (await import(pathToFileURL(path.resolve(folder, 'functions', `${name}.js`)))).handler;
}

const routes = {
	'/hello': await handlerOf('hello'),
	'/slow': await handlerOf('slow'),
	'/echo': await handlerOf('echo'),
};

async function answer(rawPath, body, response) {
	const result = await routes[rawPath]({ rawPath, body });
	response.writeHead(result.statusCode, result.headers);
	response.end(result.body);
}

http
	.createServer((request, response) => {
		if (!routes[request.url]) {
			response.writeHead(404).end();
		} else if (request.method === 'GET') {
			answer(request.url, undefined, response);
		} else {
			const parts = [];
			request.on('data', (part) => parts.push(part));
			request.on('end', () => answer(request.url, Buffer.concat(parts).toString(), response));
		}
	})
	.listen(Number(port), '127.0.0.1');
