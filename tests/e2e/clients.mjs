// The real clients: a browser's steps by hand, the AWS CLI, curl, and three signers.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import aws4 from "aws4";
import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";
import { cleanEnv, CLIENT_ID, LOGIN_KEY, run, send } from "./support.mjs";

export const CALLBACK = "http://localhost:5678";

const form = (values) => new URLSearchParams(values).toString();
export const claimsOf = (jwt) => JSON.parse(Buffer.from(jwt.split(".")[1], "base64url"));

// --- login -------------------------------------------------------------------------------------------

export function pkce() {
	const verifier = randomBytes(32).toString("base64url");
	const challenge = createHash("sha256").update(verifier).digest("base64url");
	return { verifier, challenge: { code_challenge: challenge, code_challenge_method: "S256" } };
}

export const authorizeUrl = (login, more = {}) =>
	`${login}/authorize?${form({
		response_type: "code",
		client_id: CLIENT_ID,
		redirect_uri: CALLBACK,
		scope: "openid profile email",
		state: "a state+/=",
		...more,
	})}`;

/** Follows redirects within the login provider with a browser's cookies, up to a page or another site. */
export class Browser {
	cookies = new Map();

	constructor(login) {
		this.login = login;
	}

	async #request(url, options = {}) {
		const cookie = [...this.cookies].map((pair) => pair.join("=")).join("; ");
		const headers = { ...options.headers, ...(cookie && { cookie }) };
		const response = await send({ ...options, url, headers });
		for (const line of response.headers["set-cookie"] ?? []) {
			const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
			this.cookies.set(name, value);
		}
		return response;
	}

	async go(url, options) {
		let response = await this.#request(url, options);
		for (let hops = 0; hops < 5 && [302, 303].includes(response.status); hops++) {
			const target = new URL(response.headers.location, url);
			if (target.origin !== new URL(this.login).origin) {
				return { ...response, callback: target };
			}
			response = await this.#request(target.href);
		}
		return response;
	}

	/** Fills in the page's own form. */
	submit(page, email) {
		const [, action] = page.body.match(/<form[^>]* action="([^"]+)"/);
		const [, state] = page.body.match(/name="state" value="([^"]+)"/);
		return this.go(new URL(action, this.login).href, {
			method: "POST",
			headers: { "content-type": "application/x-www-form-urlencoded" },
			body: form({ state, username: email, password: "any" }),
		});
	}
}

/** Logs in as a browser does; answers the callback's URL. */
export async function browserLogin(login, email, more) {
	const browser = new Browser(login);
	const page = await browser.go(authorizeUrl(login, more));
	assert.equal(page.status, 200, page.body);
	assert.match(page.headers["content-type"], /^text\/html/);
	const { callback } = await browser.submit(page, email);
	assert.equal(callback?.origin, CALLBACK, "back at the application");
	return callback;
}

export const token = (login, values, headers = {}) =>
	send({
		url: `${login}/oauth/token`,
		method: "POST",
		headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
		body: form({ client_id: CLIENT_ID, ...values }),
	}).then((response) => ({ ...response, json: response.body && JSON.parse(response.body) }));

/** Tokens without a browser. */
export async function passwordLogin(login, username, more = {}) {
	const values = { grant_type: "password", username, password: "any", scope: "openid", ...more };
	const { status, json } = await token(login, values);
	assert.equal(status, 200, JSON.stringify(json));
	return json;
}

// --- AWS CLI -----------------------------------------------------------------------------------------

export class Aws {
	constructor(program, credentials) {
		this.program = program;
		this.env = cleanEnv({ HOME: program.home, AWS_DEFAULT_REGION: "us-east-1" });
		if (credentials) {
			this.env.AWS_ACCESS_KEY_ID = credentials.accessKeyId;
			this.env.AWS_SECRET_ACCESS_KEY = credentials.secretAccessKey;
			this.env.AWS_SESSION_TOKEN = credentials.sessionToken;
		}
	}

	run(...args) {
		return run("aws", [...args, "--endpoint-url", this.program.service], {
			env: this.env,
			cwd: this.program.home,
		});
	}

	async json(...args) {
		const { code, stdout, stderr } = await this.run(...args);
		assert.equal(code, 0, stderr);
		return JSON.parse(stdout);
	}
}

/** The tutorial's two commands, letter for letter, with --endpoint-url added. */
export async function cliCredentials(program, idToken) {
	const aws = new Aws(program);
	const logins = ["--logins", `${LOGIN_KEY}=${idToken}`];
	const { IdentityId } = await aws.json(
		"cognito-identity",
		"get-id",
		"--identity-pool-id",
		program.outputs.IdentityPoolId,
		...logins,
	);
	const { Credentials, IdentityId: again } = await aws.json(
		"cognito-identity",
		"get-credentials-for-identity",
		"--identity-id",
		IdentityId,
		...logins,
	);
	assert.equal(again, IdentityId);
	return { identityId: IdentityId, expiration: Credentials.Expiration, ...named(Credentials) };
}

const named = (c) => ({
	accessKeyId: c.AccessKeyId,
	secretAccessKey: c.SecretKey,
	sessionToken: c.SessionToken,
});

/** The same two calls without a client: for tests that are about something else. */
export async function quickCredentials(program, idToken) {
	const Logins = idToken ? { [LOGIN_KEY]: idToken } : undefined;
	const { IdentityId } = (
		await cognito(program, "GetId", { IdentityPoolId: program.outputs.IdentityPoolId, Logins })
	).json;
	const { Credentials } = (
		await cognito(program, "GetCredentialsForIdentity", { IdentityId, Logins })
	).json;
	return { identityId: IdentityId, ...named(Credentials) };
}

export async function cognito(program, operation, input) {
	const response = await send({
		url: `${program.service}/`,
		method: "POST",
		headers: {
			"content-type": "application/x-amz-json-1.1",
			"x-amz-target": `AWSCognitoIdentityService.${operation}`,
		},
		body: JSON.stringify(input),
	});
	return { ...response, json: JSON.parse(response.body) };
}

// --- signers -----------------------------------------------------------------------------------------

export const smithySigner = (credentials, service = "execute-api") =>
	new SignatureV4({ credentials, region: "us-east-1", service, sha256: Sha256 });

/** What a signer of @smithy/signature-v4 takes. */
export function smithyRequest(url, { method = "GET", headers = {}, body } = {}) {
	const target = new URL(url);
	return {
		method,
		protocol: target.protocol,
		hostname: target.hostname,
		port: Number(target.port),
		path: target.pathname,
		query: Object.fromEntries(target.searchParams),
		headers: { host: target.host, ...headers },
		body,
	};
}

/** What @smithy/signature-v4 would send; change it before sending to see it refused. */
export async function smithySign(credentials, url, more = {}) {
	const { method = "GET", body, at = new Date(), service } = more;
	const signer = smithySigner(credentials, service);
	const { headers } = await signer.sign(smithyRequest(url, more), { signingDate: at });
	return { url, method, headers, body };
}

export function aws4Sign(credentials, url, { method = "GET", headers = {}, body } = {}) {
	const target = new URL(url);
	const signed = aws4.sign(
		{
			host: target.host,
			path: target.pathname + target.search,
			service: "execute-api",
			region: "us-east-1",
			method,
			headers,
			body,
		},
		credentials,
	);
	return { url, method, headers: signed.headers, body };
}

export const curl = (...args) => run("curl", ["-s", "-S", "--max-time", "20", ...args]);

/** curl's own signature; answers {status, body}. */
export async function curlSigned(credentials, url, ...more) {
	const { code, stdout, stderr } = await curl(
		...["--aws-sigv4", "aws:amz:us-east-1:execute-api"],
		...["--user", `${credentials.accessKeyId}:${credentials.secretAccessKey}`],
		...["-H", `x-amz-security-token: ${credentials.sessionToken}`],
		...["-w", "\n%{http_code}", ...more, url],
	);
	assert.equal(code, 0, stderr);
	const cut = stdout.lastIndexOf("\n");
	return { status: Number(stdout.slice(cut + 1)), body: stdout.slice(0, cut) };
}

export const signedGet = async (credentials, url) => send(await smithySign(credentials, url));
