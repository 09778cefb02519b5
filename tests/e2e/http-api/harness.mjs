// Builds an app of HTTP APIs as a CloudFormation template, starts the real program on it, and talks to it
// in bytes where bytes matter. One program a test file.

import assert from "node:assert/strict";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { eventually, Program, tempDir } from "../support.mjs";

const SOURCES = path.join(path.dirname(fileURLToPath(import.meta.url)), "app");
export const ACCOUNT = /^\d{12}$/;

const ref = (id) => ({ Ref: id });
const lambda = (id) => ({
	"Fn::Sub": `arn:aws:apigateway:\${AWS::Region}:lambda:path/2015-03-31/functions/\${${id}.Arn}/invocations`,
});

/** A template in the making. Ids of routes and integrations count up. */
export class Template {
	resources = {};
	outputs = {};
	#n = 0;

	#add(id, Type, Properties) {
		this.resources[id] = { Type, Properties };
		return this;
	}

	fn(id, handler, more = {}) {
		this.resources[id] = {
			Type: "AWS::Lambda::Function",
			Properties: {
				Runtime: "nodejs18.x",
				Handler: handler,
				Code: "src",
				Role: { "Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/any" },
				...more,
			},
		};
		return this.#add(`${id}Permission`, "AWS::Lambda::Permission", {
			Action: "lambda:InvokeFunction",
			FunctionName: ref(id),
			Principal: "apigateway.amazonaws.com",
		});
	}

	api(id, { cors, stages = [{ StageName: "$default" }] } = {}) {
		this.#add(id, "AWS::ApiGatewayV2::Api", {
			Name: id,
			ProtocolType: "HTTP",
			...(cors && { CorsConfiguration: cors }),
		});
		for (const stage of stages) {
			this.#add(`${id}Stage${++this.#n}`, "AWS::ApiGatewayV2::Stage", {
				ApiId: ref(id),
				AutoDeploy: true,
				...stage,
			});
		}
		return this;
	}

	authorizer(api, id, properties, fn) {
		return this.#add(id, "AWS::ApiGatewayV2::Authorizer", {
			ApiId: ref(api),
			Name: id,
			...(fn && { AuthorizerType: "REQUEST", AuthorizerUri: lambda(fn) }),
			...properties,
		});
	}

	/** A route to a function, or to the URL of more.url. */
	route(api, key, fn, more = {}) {
		const { v1, url, method = "ANY", timeout, mappings, responses, authorizer, auth, scopes } = more;
		const id = `${api}Integration${++this.#n}`;
		const target = url
			? { IntegrationType: "HTTP_PROXY", IntegrationUri: url, IntegrationMethod: method }
			: { IntegrationType: "AWS_PROXY", IntegrationUri: lambda(fn) };
		this.#add(id, "AWS::ApiGatewayV2::Integration", {
			ApiId: ref(api),
			PayloadFormatVersion: v1 || url ? "1.0" : "2.0",
			...target,
			...(timeout && { TimeoutInMillis: timeout }),
			...(mappings && { RequestParameters: mappings }),
			...(responses && { ResponseParameters: responses }),
		});
		return this.#add(`${api}Route${this.#n}`, "AWS::ApiGatewayV2::Route", {
			ApiId: ref(api),
			RouteKey: key,
			Target: { "Fn::Sub": `integrations/\${${id}}` },
			...(auth && { AuthorizationType: auth }),
			...(authorizer && { AuthorizerId: ref(authorizer) }),
			...(scopes && { AuthorizationScopes: scopes }),
		});
	}

	resource(id, Type, Properties) {
		return this.#add(id, Type, Properties);
	}

	write(dir) {
		mkdirSync(dir, { recursive: true });
		cpSync(SOURCES, dir, { recursive: true });
		const template = {
			AWSTemplateFormatVersion: "2010-09-09",
			Resources: this.resources,
			Outputs: this.outputs,
		};
		writeFileSync(path.join(dir, "template.json"), JSON.stringify(template, null, "\t"));
	}
}

/** Runs `fn` with the program on this template, under --json so that its events can be read. */
export async function withApp(t, template, fn, { args = [], env = {} } = {}) {
	const dir = path.join(tempDir(t), "http-api");
	template.write(dir);
	const program = await Program.start(t, dir, { args: ["--json", ...args], env });
	try {
		await fn(program);
	} finally {
		await program.stop("SIGINT");
	}
	// A sanitizer's report, or a failed check, is on stderr.
	assert.doesNotMatch(program.stderr, /Sanitizer|ENSURE/);
}

export const apiUrl = (program, id) => program.endpoints.apis[id];

/** The events that the program has told since `from`, a length of its stdout. */
export const eventsSince = (program, from) =>
	program.stdout
		.slice(from)
		.split("\n")
		.filter((line) => line.startsWith("{") && line.endsWith("}"))
		.map((line) => JSON.parse(line));

/** The length of the program's stdout when all that it has told by now was read: events are written before
 * the answers that they are about, so two turns of our loop have read them. */
export async function told(program) {
	await new Promise(setImmediate);
	await new Promise(setImmediate);
	return program.stdout.length;
}

/** Runs `ask`; answers its result and the first event of that name told meanwhile. */
export async function withEvent(program, name, ask) {
	const from = await told(program);
	const answer = await ask();
	const event = await eventually(`event ${name}`, () =>
		eventsSince(program, from).find((each) => each.event === name),
	);
	return { answer, event };
}

// --- bytes -------------------------------------------------------------------------------------------

/** Sends bytes as they are and answers all that comes until the server closes. With `quiet` it does not
 * close its own side first. `pieces` may hold numbers: milliseconds to wait. */
export function raw(url, pieces, { halfClose = false, ms = 20_000 } = {}) {
	const { hostname, port } = new URL(url);
	return new Promise((resolve, reject) => {
		const socket = connect({ port, host: hostname, allowHalfOpen: true });
		const chunks = [];
		const timer = setTimeout(() => {
			socket.destroy();
			reject(new Error(`not closed within ${ms} ms; got ${Buffer.concat(chunks).toString("latin1")}`));
		}, ms);
		socket.on("data", (data) => chunks.push(data));
		socket.on("error", () => {});
		socket.on("end", () => socket.end());
		socket.on("close", () => {
			clearTimeout(timer);
			resolve(Buffer.concat(chunks).toString("latin1"));
		});
		const all = [pieces].flat();
		(async () => {
			for (const piece of all) {
				if (typeof piece === "number") {
					await new Promise((done) => setTimeout(done, piece));
				} else {
					socket.write(typeof piece === "string" ? Buffer.from(piece, "latin1") : piece);
				}
			}
			if (halfClose) {
				socket.end();
			}
		})();
	});
}

/** Reads responses off a text of bytes; `heads` says which of them answer HEAD. */
export function parseResponses(text, heads = []) {
	const out = [];
	let rest = text;
	while (rest.length > 0) {
		const end = rest.indexOf("\r\n\r\n");
		assert.ok(end >= 0, `no end of head in ${JSON.stringify(rest)}`);
		const [line, ...lines] = rest.slice(0, end).split("\r\n");
		const [, status] = line.match(/^HTTP\/1\.1 (\d{3}) /) ?? assert.fail(line);
		const headers = lines.map((each) => each.match(/^([^:]+): ?(.*)$/).slice(1, 3));
		const find = (name) => headers.find(([n]) => n.toLowerCase() === name)?.[1];
		rest = rest.slice(end + 4);
		let body = "";
		const bodiless = heads.includes(out.length) || /^(1..|204|304)$/.test(status);
		if (!bodiless && find("transfer-encoding") === "chunked") {
			for (;;) {
				const size = parseInt(rest, 16);
				assert.ok(size >= 0 && size < rest.length, `a chunk is cut off: ${JSON.stringify(rest)}`);
				rest = rest.slice(rest.indexOf("\r\n") + 2);
				body += rest.slice(0, size);
				rest = rest.slice(size + 2);
				if (size === 0) {
					break;
				}
			}
		} else if (!bodiless) {
			const length = Number(find("content-length") ?? rest.length);
			body = rest.slice(0, length);
			rest = rest.slice(length);
		}
		out.push({ status: Number(status), line, headers, body, header: find });
	}
	return out;
}

/** One request on a connection of its own, which asks to be closed; all of the answer, case kept. */
export async function exchange(url, { method = "GET", target = "/", headers = [], body = "" } = {}) {
	const { host } = new URL(url);
	const bytes = Buffer.from(body, "latin1");
	const lines = [
		`${method} ${target} HTTP/1.1`,
		...(headers.some(([name]) => name.toLowerCase() === "host") ? [] : [`Host: ${host}`]),
		...headers.map(([name, value]) => `${name}: ${value}`),
		...(bytes.length > 0 ? [`Content-Length: ${bytes.length}`] : []),
		"Connection: close",
	];
	const text = await raw(url, [`${lines.join("\r\n")}\r\n\r\n`, bytes]);
	const [response, ...more] = parseResponses(text, method === "HEAD" ? [0] : []).filter(
		(each) => each.status !== 100,
	);
	assert.deepEqual(more, []);
	return response;
}

/** The event that the echo function was given. */
export async function eventOf(url, request) {
	const response = await exchange(url, request);
	assert.equal(response.status, 200, response.body);
	return JSON.parse(Buffer.from(response.body, "latin1").toString());
}

export function assertError(response, status, message) {
	assert.equal(response.status, status, response.body);
	const body = JSON.stringify({ message });
	assert.equal(response.body, body);
	assert.equal(response.header("content-type"), "application/json");
	assert.equal(response.header("content-length"), String(body.length));
	assert.match(response.header("apigw-requestid"), REQUEST_ID);
}

export const REQUEST_ID = /^[A-Za-z0-9_-]{15}=$/;
