// Section 1: route keys, priority, stages, percent-encoding.

import assert from "node:assert/strict";
import test from "node:test";
import { apiUrl, assertError, eventOf, exchange, Template, withApp, withEvent } from "./harness.mjs";

const PETS = ["GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}", "$default"];
const APIS = {
	Pets: PETS,
	NoDefault: PETS.slice(0, 4),
	Fallback: ["GET /hello", "GET /pets/{id}", "$default"],
	Greedy: ["ANY /{proxy+}"],
	Prefix: ["GET /pe/{proxy+}", "ANY /{proxy+}"],
	Resource: ["GET /resource/{id}/{proxy+}", "GET /hello", "GET /hello/{name}", "GET /"],
	Ties: [
		"GET /a/{x}/c",
		"GET /{x}/b/c",
		"GET /{x}/{y}/{z}",
		"GET /m",
		"ANY /m",
		"GET /g/{p+}",
		"GET /g/h/{p+}",
		"ANY /g/h/i/{p+}",
		"ANY /n/dog",
		"GET /n/{x}",
		"POST /only",
		"GET /case",
		"HEAD /head",
		"OPTIONS /options",
		"PATCH /patch",
		"PUT /patch",
		"DELETE /patch",
		"GET /{a}/{b}/{c}/{rest+}",
	],
	Values: ["GET /v/{one}/{rest+}", "GET /one/{one}"],
};

function template() {
	const t = new Template().fn("Echo", "echo.handler");
	for (const [id, keys] of Object.entries(APIS)) {
		t.api(id);
		for (const key of keys) {
			t.route(id, key, "Echo");
		}
	}
	t.api("ValuesOne").route("ValuesOne", "GET /v/{one}/{rest+}", "Echo", { v1: true });
	t.route("ValuesOne", "$default", "Echo", { v1: true });
	for (const v1 of [false, true]) {
		const id = v1 ? "StagedOne" : "Staged";
		t.api(id, {
			stages: [
				{ StageName: "$default", StageVariables: { where: "default" } },
				{ StageName: "dev", StageVariables: { where: "dev", "a_b": "x?y=&,z" } },
				{ StageName: "bare" },
			],
		});
		t.route(id, "GET /agents/{id}", "Echo", { v1 }).route(id, "GET /", "Echo", { v1 });
		t.route(id, "GET /dev/dev", "Echo", { v1 });
	}
	t.api("OnlyNamed", { stages: [{ StageName: "live-1_x" }] });
	t.route("OnlyNamed", "ANY /{proxy+}", "Echo").route("OnlyNamed", "$default", "Echo");
	return t;
}

test("routes", (t) => withApp(t, template(), async (program) => {
	const url = (id) => apiUrl(program, id);

	const MATCHES = [
		["Pets", "GET /pets/dog/1", PETS[0]],
		["Pets", "GET /pets/dog/1?id=2", PETS[0]],
		["Pets", "GET /pets/dog/2", PETS[1], { id: "2" }],
		["Pets", "GET /pets/cat/1", PETS[2], { proxy: "cat/1" }],
		["Pets", "POST /test/5", PETS[3], { proxy: "test/5" }],
		["Pets", "POST /pets/dog/1", PETS[3], { proxy: "pets/dog/1" }],
		["Pets", "DELETE /pets/dog/2", PETS[3], { proxy: "pets/dog/2" }],
		["Pets", "GET /pets/dog/", PETS[2], { proxy: "dog/" }],
		["Pets", "GET /pets/dog/1/2", PETS[2], { proxy: "dog/1/2" }],
		["Pets", "GET /Pets/dog/1", PETS[3], { proxy: "Pets/dog/1" }],
		["Fallback", "GET /hello", "GET /hello"],
		["Fallback", "POST /hello", "$default"],
		["Fallback", "GET /hello/", "$default"],
		["Fallback", "GET /pets/1/2", "$default"],
		["Fallback", "OPTIONS /pets/1", "$default"],
		["Fallback", "HEAD /hello", "$default"],
		["Fallback", "GET /", "$default"],
		["Greedy", "GET /", "ANY /{proxy+}"],
		["Greedy", "OPTIONS /x", "ANY /{proxy+}", { proxy: "x" }],
		["Greedy", "HEAD /x", "ANY /{proxy+}"],
		["Greedy", "GET /a//b", "ANY /{proxy+}", { proxy: "a//b" }],
		["Greedy", "GET /a/../b", "ANY /{proxy+}", { proxy: "a/../b" }],
		["Greedy", "GET /a/./b/", "ANY /{proxy+}", { proxy: "a/./b/" }],
		["Prefix", "GET /pe", "ANY /{proxy+}", { proxy: "pe" }],
		["Prefix", "GET /pe/", "GET /pe/{proxy+}"],
		["Prefix", "POST /pe/x", "ANY /{proxy+}", { proxy: "pe/x" }],
		["Resource", "GET /resource/123", 404],
		["Resource", "GET /resource/123/4", "GET /resource/{id}/{proxy+}", { id: "123", proxy: "4" }],
		["Resource", "GET /hello", "GET /hello"],
		["Resource", "GET /hello/", 404],
		["Resource", "GET /hello/a", "GET /hello/{name}", { name: "a" }],
		["Resource", "GET /hello/a/", 404],
		["Resource", "GET /hello?a=/b", "GET /hello"],
		["Resource", "POST /hello", 404],
		["Resource", "OPTIONS /hello", 404],
		["Resource", "GET /Hello", 404],
		["Resource", "HEAD /hello", 404],
		["Resource", "GET /", "GET /"],
		["Resource", "GET /?x", "GET /"],
		["Ties", "GET /a/b/c", "GET /a/{x}/c", { x: "b" }],
		["Ties", "GET /q/b/c", "GET /{x}/b/c", { x: "q" }],
		["Ties", "GET /q/r/s", "GET /{x}/{y}/{z}", { x: "q", y: "r", z: "s" }],
		["Ties", "GET /q/r/s/t", "GET /{a}/{b}/{c}/{rest+}", { a: "q", b: "r", c: "s", rest: "t" }],
		["Ties", "GET /m", "GET /m"],
		["Ties", "DELETE /m", "ANY /m"],
		["Ties", "GET /g/x", "GET /g/{p+}", { p: "x" }],
		["Ties", "GET /g/h/y", "GET /{x}/{y}/{z}", { x: "g", y: "h", z: "y" }],
		["Ties", "GET /g/h/i/j", "ANY /g/h/i/{p+}", { p: "j" }],
		["Ties", "GET /g/h/k/j", "GET /g/h/{p+}", { p: "k/j" }],
		["Ties", "GET /n/dog", "ANY /n/dog"],
		["Ties", "GET /n/cat", "GET /n/{x}", { x: "cat" }],
		["Ties", "GET /only", 404],
		["Ties", "POST /only", "POST /only"],
		["Ties", "GET /CASE", 404],
		["Ties", "HEAD /case", 404],
		["Ties", "HEAD /head", "HEAD /head"],
		["Ties", "OPTIONS /options", "OPTIONS /options"],
		["Ties", "PATCH /patch", "PATCH /patch"],
		["Ties", "PUT /patch", "PUT /patch"],
		["Ties", "DELETE /patch", "DELETE /patch"],
		["Ties", "GET /a//c", 404],
		["NoDefault", "GET /pets", "ANY /{proxy+}", { proxy: "pets" }],
		["Pets", "PROPFIND /x", "ANY /{proxy+}", { proxy: "x" }],
	];
	for (const [id, line, key, params] of MATCHES) {
		await program.step(t, `${id}: ${line}`, async () => {
			const [method, target] = line.split(" ");
			if (key === 404) {
				const response = await exchange(url(id), { method, target });
				if (method === "HEAD") {
					assert.deepEqual([response.status, response.body], [404, ""]);
				} else {
					assertError(response, 404, "Not Found");
				}
				return;
			}
			if (method === "HEAD") {
				const ask = () => exchange(url(id), { method, target });
				const { answer, event } = await withEvent(program, "response", ask);
				assert.deepEqual([answer.status, answer.body], [200, ""]);
				const seen = JSON.parse(JSON.parse(event.result).body);
				assert.deepEqual([seen.routeKey, seen.requestContext.http.method], [key, "HEAD"]);
				assert.equal(answer.header("content-length"), String(JSON.parse(event.result).body.length));
				return;
			}
			const event = await eventOf(url(id), { method, target });
			assert.equal(event.routeKey, key);
			assert.equal(event.requestContext.routeKey, key);
			assert.equal(event.rawPath, target.split("?")[0]);
			assert.equal(event.requestContext.http.method, method);
			if (params || !key.includes("{")) {
				assert.deepEqual(event.pathParameters, params);
			}
		});
	}

	await program.step(t, "$default has no path parameters", async () => {
		for (const target of ["/", "/x/y"]) {
			const event = await eventOf(url("Pets"), { method: "GET", target });
			assert.equal("pathParameters" in event, event.routeKey !== "$default");
		}
	});

	await program.step(t, "a stage is chosen first, and stays in the path", async () => {
		const cases = [
			["/dev/agents/1", "dev", "GET /agents/{id}", { where: "dev", a_b: "x?y=&,z" }],
			["/agents/1", "$default", "GET /agents/{id}", { where: "default" }],
			["/dev", "dev", "GET /", { where: "dev", a_b: "x?y=&,z" }],
			["/dev/", "dev", "GET /", { where: "dev", a_b: "x?y=&,z" }],
			["/dev?q", "dev", "GET /", { where: "dev", a_b: "x?y=&,z" }],
			["/dev/dev/dev", "dev", "GET /dev/dev", { where: "dev", a_b: "x?y=&,z" }],
			["/", "$default", "GET /", { where: "default" }],
			["/bare/agents/2", "bare", "GET /agents/{id}", undefined],
		];
		for (const [target, stage, key, variables] of cases) {
			const event = await eventOf(url("Staged"), { target });
			const path = target.split("?")[0];
			assert.deepEqual(
				[event.requestContext.stage, event.routeKey, event.rawPath, event.requestContext.http.path],
				[stage, key, path, path],
			);
			assert.deepEqual(event.stageVariables, variables);
			const one = await eventOf(url("StagedOne"), { target });
			assert.deepEqual(
				[one.requestContext.stage, one.requestContext.resourceId, one.path, one.requestContext.path],
				[stage, key, path, path],
			);
			assert.deepEqual(one.stageVariables, variables ?? null);
		}
		assertError(await exchange(url("Staged"), { target: "/DEV/agents/1" }), 404, "Not Found");
		assertError(await exchange(url("Staged"), { target: "/devx/agents/1" }), 404, "Not Found");
		// The stage's segment is consumed: what is left does not match.
		assertError(await exchange(url("Staged"), { target: "/dev/dev" }), 404, "Not Found");
	});

	await program.step(t, "without a $default stage only named ones answer", async () => {
		for (const target of ["/", "/x", "/live-1_xx/a"]) {
			assertError(await exchange(url("OnlyNamed"), { target }), 404, "Not Found");
		}
		const event = await eventOf(url("OnlyNamed"), { target: "/live-1_x/a" });
		assert.deepEqual([event.rawPath, event.pathParameters], ["/live-1_x/a", { proxy: "a" }]);
	});

	const PATHS = [
		// as sent, decoded, {one}, {rest}
		["/v/a%20b/c", "/v/a b/c", "a b", "c"],
		["/v/%CE%BB/c", "/v/λ/c", "λ", "c"],
		["/v/%ce%bb/c", "/v/λ/c", "λ", "c"],
		["/v/a+b/c", "/v/a+b/c", "a+b", "c"],
		["/v/a%2Bb/c", "/v/a+b/c", "a+b", "c"],
		["/v/a%25b/c", "/v/a%b/c", "a%b", "c"],
		["/v/x/c%2Fd/e", "/v/x/c/d/e", "x", "c/d/e"],
		["/v/x/c//d/", "/v/x/c//d/", "x", "c//d/"],
		["/v/x/c%22%5C", '/v/x/c"\\', "x", 'c"\\'],
		["/v/x/%00%01%1F", "/v/x/\0\x01\x1f", "x", "\0\x01\x1f"],
		["/v/x/a%zz%4", "/v/x/a%zz%4", "x", "a%zz%4"],
		["/v/x/%F0%9F%98%80", "/v/x/😀", "x", "😀"],
		["/v/x/a;b=c@d:e!$&'()*,", "/v/x/a;b=c@d:e!$&'()*,", "x", "a;b=c@d:e!$&'()*,"],
	];
	for (const [sent, path, one, rest] of PATHS) {
		await program.step(t, `path ${sent}`, async () => {
			const two = await eventOf(url("Values"), { target: sent });
			assert.deepEqual([two.rawPath, two.requestContext.http.path], [path, path]);
			assert.deepEqual(two.pathParameters, { one, rest });
			const first = await eventOf(url("ValuesOne"), { target: sent });
			assert.deepEqual([first.path, first.requestContext.path], [sent, path]);
			assert.deepEqual(first.pathParameters, { one, rest });
		});
	}

	await program.step(t, "1.0: $default is its own resource", async () => {
		const { resource, requestContext: c, pathParameters } = await eventOf(url("ValuesOne"), { target: "/zzz" });
		assert.deepEqual(
			[resource, c.resourceId, c.resourcePath, pathParameters],
			["$default", "$default", "$default", null],
		);
	});

	await program.step(t, "escapes in a literal segment are decoded before it is matched", async () => {
		const event = await eventOf(url("Resource"), { target: "/hell%6F" });
		assert.deepEqual([event.routeKey, event.rawPath], ["GET /hello", "/hello"]);
	});

	await program.step(t, "an encoded slash ends no segment, and is decoded in the value", async () => {
		const event = await eventOf(url("Values"), { target: "/one/a%2Fb" });
		assert.deepEqual(
			[event.routeKey, event.rawPath, event.pathParameters],
			["GET /one/{one}", "/one/a/b", { one: "a/b" }],
		);
	});

	const QUERIES = [
		["", "", undefined, null, null],
		["?", "", undefined, null, null],
		["?a", "a", { a: "" }, { a: "" }, { a: [""] }],
		["?a=", "a=", { a: "" }, { a: "" }, { a: [""] }],
		["?r=one&r=two", "r=one&r=two", { r: "one,two" }, { r: "two" }, { r: ["one", "two"] }],
		["?p=a+b", "p=a+b", { p: "a b" }, { p: "a b" }, { p: ["a b"] }],
		["?p=a%2Bb", "p=a%2Bb", { p: "a+b" }, { p: "a+b" }, { p: ["a+b"] }],
		["?p=%CE%BB", "p=%CE%BB", { p: "λ" }, { p: "λ" }, { p: ["λ"] }],
		["?p=1,2&p=3", "p=1,2&p=3", { p: "1,2,3" }, { p: "3" }, { p: ["1,2", "3"] }],
		["?a=b=c", "a=b=c", { a: "b=c" }, { a: "b=c" }, { a: ["b=c"] }],
		["?a%20b=c&A=1", "a%20b=c&A=1", { "a b": "c", A: "1" }, { "a b": "c", A: "1" }],
		["?x=?y/z", "x=?y/z", { x: "?y/z" }, { x: "?y/z" }],
		["?u=https%3A%2F%2Fe.com%2Fa", "u=https%3A%2F%2Fe.com%2Fa", { u: "https://e.com/a" }],
	];
	for (const [query, text, joined, last, all] of QUERIES) {
		await program.step(t, `query ${query}`, async () => {
			const two = await eventOf(url("Values"), { target: `/v/x/y${query}` });
			assert.equal(two.rawQueryString, text);
			assert.deepEqual(two.queryStringParameters, joined);
			assert.equal("queryStringParameters" in two, joined !== undefined);
			const one = await eventOf(url("ValuesOne"), { target: `/v/x/y${query}` });
			assert.deepEqual(one.queryStringParameters, last === undefined ? joined : last);
			if (all !== undefined) {
				assert.deepEqual(one.multiValueQueryStringParameters, all);
			}
			assert.equal("rawQueryString" in one, false);
		});
	}
}));
