// The login page in Chromium: what a demo's audience sees.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { test } from "node:test";
import { chromium } from "playwright-core";
import { authorizeUrl, pkce, quickCredentials, signedGet, token } from "./clients.mjs";
import { copyApp, Program, tempDir } from "./support.mjs";

const USER = "jane.doe@example.com";
const FLAGS = [
	"--no-sandbox",
	"--disable-gpu",
	"--disable-quic",
	"--no-first-run",
	"--disable-background-networking",
	"--disable-component-update",
	"--disable-sync",
];

/** The developer's own web application: it only has to receive the code. */
async function startApplication(t) {
	const visits = [];
	const server = createServer((request, response) => {
		if (request.url.startsWith("/callback")) {
			visits.push(new URL(request.url, "http://localhost"));
		}
		response.setHeader("content-type", "text/html");
		response.end('<!doctype html><link rel="icon" href="data:,"><title>App</title><h1>Signed in</h1>');
	});
	await new Promise((resolve) => server.listen(0, "localhost", resolve));
	t.after(() => server.close());
	return { origin: `http://localhost:${server.address().port}`, visits };
}

/** How many colours a screenshot has: a blank page has one. */
const colours = (page, png) =>
	page.evaluate(async (base64) => {
		const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
		const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
		const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
		canvas.drawImage(image, 0, 0);
		const pixels = new Uint32Array(canvas.getImageData(0, 0, image.width, image.height).data.buffer);
		return new Set(pixels).size;
	}, png.toString("base64"));

test("the login page in a browser", async (t) => {
	const program = await Program.start(t, copyApp("api-auth-auth0"));
	const application = await startApplication(t);
	const shots = process.env.E2E_SCREENSHOTS ?? tempDir();
	const context = await chromium.launchPersistentContext(path.join(tempDir(), "profile"), {
		executablePath: "/usr/bin/chromium",
		args: FLAGS,
		headless: true,
		env: { ...process.env, HOME: tempDir() },
		viewport: { width: 1000, height: 720 },
	});
	t.after(() => context.close());
	const page = context.pages()[0];
	page.setDefaultTimeout(15_000);
	const seen = { problems: [], origins: new Set() };
	page.on("console", (message) => {
		if (["error", "warning"].includes(message.type())) {
			seen.problems.push(message.text());
		}
	});
	page.on("pageerror", (error) => seen.problems.push(String(error)));
	page.on("requestfailed", (request) => seen.problems.push(`failed: ${request.url()}`));
	context.on("request", (request) => seen.origins.add(new URL(request.url()).origin));

	const shoot = async (name) => {
		const png = await page.screenshot({ path: path.join(shots, `${name}.png`) });
		const blank = await context.newPage();
		assert.ok((await colours(blank, png)) > 50, `${name} is blank`);
		await blank.close();
	};
	const start = async (more) => {
		await page.goto(
			authorizeUrl(program.login, { redirect_uri: `${application.origin}/callback`, ...more }),
		);
	};
	const { verifier, challenge } = pkce();

	await program.step(t, "it says where one is and what to fill in", async () => {
		await start(challenge);
		await page.getByRole("heading", { name: "Welcome", level: 1 }).waitFor();
		await page.getByRole("textbox", { name: "Email address" }).waitFor();
		await page.getByRole("button", { name: "Continue", exact: true }).waitFor();
		assert.match(await page.locator("body").innerText(), /local stand-in for myorg\.us\.auth0\.com/);
		assert.equal(await page.locator("html").getAttribute("lang"), "en");
		await shoot("login");
	});

	await program.step(t, "a wrong address is explained, and stays", async () => {
		await page.getByRole("textbox", { name: "Email address" }).fill("jane");
		await page.getByRole("button", { name: "Continue", exact: true }).click();
		await page.getByRole("alert").waitFor();
		const field = page.getByRole("textbox", { name: "Email address" });
		assert.equal(await field.inputValue(), "jane");
		assert.equal(await field.getAttribute("aria-invalid"), "true");
		await shoot("problem");
	});

	await program.step(t, "log in: back at the application with code and state", async () => {
		const field = page.getByRole("textbox", { name: "Email address" });
		await field.fill(USER);
		await field.press("Enter");
		await page.getByRole("heading", { name: "Signed in" }).waitFor();
		assert.equal(application.visits.length, 1);
		const { searchParams } = application.visits[0];
		assert.equal(searchParams.get("state"), "a state+/=");
		const answer = await token(program.login, {
			grant_type: "authorization_code",
			code: searchParams.get("code"),
			redirect_uri: `${application.origin}/callback`,
			code_verifier: verifier,
		});
		assert.equal(answer.status, 200, answer.body);
		const credentials = await quickCredentials(program, answer.json.id_token);
		assert.equal((await signedGet(credentials, `${program.api}/private`)).body, "Hello user!");
	});

	await program.step(t, "logged in already: no page in between", async () => {
		await start();
		await page.getByRole("heading", { name: "Signed in" }).waitFor();
		assert.ok(application.visits[1].searchParams.get("code"));
	});

	await program.step(t, "people who were here before are one click away, small screens too", async () => {
		await page.setViewportSize({ width: 360, height: 640 });
		await page.emulateMedia({ colorScheme: "dark" });
		await start({ prompt: "login" });
		const person = page.getByRole("button", { name: USER });
		await person.waitFor();
		const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
		assert.equal(wide, false, "nothing to scroll sideways");
		await shoot("people");
		await person.click();
		await page.getByRole("heading", { name: "Signed in" }).waitFor();
		assert.ok(application.visits[2].searchParams.get("code"));
	});

	await program.step(t, "a callback of a stranger is refused on a page", async () => {
		await page.setViewportSize({ width: 1000, height: 720 });
		seen.problems.length = 0;
		await page.goto(authorizeUrl(program.login, { redirect_uri: "https://evil.example.com/" }));
		await page.getByRole("heading", { level: 1 }).waitFor();
		assert.match(await page.locator("body").innerText(), /Callback URL mismatch/);
		await shoot("refused");
		seen.problems = seen.problems.filter((text) => !/status of 403/.test(text));
	});

	await program.step(t, "the console shows what ran", async () => {
		await page.emulateMedia({ colorScheme: "light" });
		await page.goto(program.endpoints.console);
		await page.getByText("GET /private").first().waitFor();
		await shoot("console");
	});

	await program.step(t, "no complaint in the browser, nothing from elsewhere", () => {
		assert.deepEqual(seen.problems, []);
		const ours = [program.login, program.service, application.origin];
		assert.deepEqual([...seen.origins].filter((origin) => !ours.includes(origin) && origin !== "null"), []);
		assert.ok(readFileSync(path.join(shots, "login.png")).length > 5000);
	});
});
