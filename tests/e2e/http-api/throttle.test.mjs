// Section 10, 5.1: a stage's and a route's throttles. Rates are so low that nothing refills meanwhile.

import assert from "node:assert/strict";
import path from "node:path";
import test from "node:test";
import { eventually } from "../support.mjs";
import { apiUrl, assertError, exchange, Template, withApp, withEvent } from "./harness.mjs";

const limit = (ThrottlingBurstLimit, ThrottlingRateLimit = 0.001) => ({ ThrottlingBurstLimit, ThrottlingRateLimit });

const template = () =>
	new Template()
		.fn("Behave", "behave.handler")
		.fn("Auth", "authorizer.handler")
		.api("A", {
			cors: { AllowOrigins: ["*"], AllowMethods: ["*"] },
			stages: [
				{ StageName: "$default", DefaultRouteSettings: limit(3), RouteSettings: { "GET /one": limit(1), "GET /zero": limit(0), "GET /norate": { ThrottlingBurstLimit: 2 } } },
				{ StageName: "dev", DefaultRouteSettings: limit(2) },
				{ StageName: "free" },
				{ StageName: "closed", DefaultRouteSettings: limit(0, 0) },
			],
		})
		.authorizer("A", "Custom", {
			IdentitySource: ["$request.header.X-Key"], AuthorizerResultTtlInSeconds: 0,
			AuthorizerPayloadFormatVersion: "2.0", EnableSimpleResponses: true,
		}, "Auth")
		.route("A", "GET /one", "Behave")
		.route("A", "GET /many", "Behave")
		.route("A", "GET /more", "Behave")
		.route("A", "GET /zero", "Behave")
		.route("A", "GET /norate", "Behave")
		.route("A", "GET /kept", "Behave")
		.route("A", "GET /guarded", "Behave", { auth: "CUSTOM", authorizer: "Custom" });

test("throttling", (t) => withApp(t, template(), async (program) => {
	const url = apiUrl(program, "A");
	const statuses = async (target, n) => {
		const out = [];
		for (let i = 0; i < n; i++) {
			out.push((await exchange(url, { target })).status);
		}
		return out;
	};

	await program.step(t, "a route's own limit, else the stage's; each route has a bucket, in each stage", async () => {
		assert.deepEqual(await statuses("/one", 3), [200, 429, 429]);
		assert.deepEqual(await statuses("/many", 5), [200, 200, 200, 429, 429]);
		assert.deepEqual(await statuses("/more", 4), [200, 200, 200, 429]);
		assert.deepEqual(await statuses("/dev/one", 3), [200, 200, 429]);
		assert.deepEqual(await statuses("/free/one", 8), Array(8).fill(200));
	});

	await program.step(t, "0 is a limit and not the lack of one", async () => {
		assert.deepEqual(await statuses("/zero", 2), [429, 429]);
		assert.deepEqual(await statuses("/closed/many", 2), [429, 429]);
		assert.deepEqual(await statuses("/free/zero", 2), [200, 200]);
	});

	await program.step(t, "the answer, and why is told here only", async () => {
		const { answer, event } = await withEvent(program, "refused", () =>
			exchange(url, { target: "/one", headers: [["Origin", "https://a"]] }));
		assertError(answer, 429, "Too Many Requests");
		assert.equal(answer.header("access-control-allow-origin"), "*");
		assert.deepEqual([event.check, event.status], ["throttle", 429]);
		assert.match(event.reason, /0\.001 requests per second \(burst 1\) to route 'GET \/one'/);
	});

	await program.step(t, "before it the route, after it the authorizer; preflights are free", async () => {
		assertError(await exchange(url, { target: "/none" }), 404, "Not Found");
		for (const status of [401, 401, 401, 429]) {
			assert.equal((await exchange(url, { target: "/guarded" })).status, status);
		}
		const preflight = await exchange(url, {
			method: "OPTIONS", target: "/one", headers: [["Origin", "https://a"], ["Access-Control-Request-Method", "GET"]],
		});
		assert.equal(preflight.status, 204);
	});

	await program.step(t, "a save of the stacks refills nothing", async () => {
		assert.deepEqual(await statuses("/kept", 1), [200]);
		const next = template().route("A", "GET /added", "Behave");
		// Another order of the routes, and a limit of its own that is higher.
		next.resources = Object.fromEntries(Object.entries(next.resources).reverse());
		const settings = Object.values(next.resources).find((each) => each.Properties.StageName === "$default").Properties.RouteSettings;
		settings["GET /many"] = limit(4);
		next.write(path.join(program.dir));
		await eventually("the new route answers", async () => (await exchange(url, { target: "/free/added" })).status === 200);
		assert.deepEqual(await statuses("/one", 1), [429]);
		assert.deepEqual(await statuses("/kept", 3), [200, 200, 429]);
		assert.deepEqual(await statuses("/many", 2), [200, 429]);
		assert.deepEqual(await statuses("/added", 4), [200, 200, 200, 429]);
	});
}));
