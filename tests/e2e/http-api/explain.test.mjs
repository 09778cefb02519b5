// Every kind of refusal has one precise reason, told in the terminal and in --json, and never in the answer.
// Tokens are shown by their first 8 characters.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import test from "node:test";
import { quickCredentials, smithySign } from "../clients.mjs";
import { eventually, Program, tempDir } from "../support.mjs";
import { apiUrl, eventsSince, exchange, Template, told } from "./harness.mjs";
import { claims, jwk, jwt } from "./tokens.mjs";

const USER = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };

async function issuer(t) {
	const server = http.createServer((request, response) =>
		response.end(JSON.stringify(request.url === "/keys" ? { keys: [jwk("one")] } : { jwks_uri: `${url}/keys` })));
	await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close());
	server.unref();
	const url = `http://127.0.0.1:${server.address().port}`;
	return url;
}

function build(iss) {
	const simple = { IdentitySource: ["$request.header.X-Key"], AuthorizerResultTtlInSeconds: 0, AuthorizerPayloadFormatVersion: "2.0" };
	const template = new Template()
		.fn("Echo", "echo.handler")
		.fn("Behave", "behave.handler")
		.fn("Answer", "answer.handler")
		.fn("Auth", "authorizer.handler")
		.fn("Closed", "echo.handler")
		.api("A", {
			cors: { AllowOrigins: ["https://mine"], AllowMethods: ["*"] },
			stages: [{ StageName: "$default", RouteSettings: { "GET /never": { ThrottlingBurstLimit: 0 } } }, { StageName: "dev" }],
		})
		.api("Staged", { stages: [{ StageName: "dev" }] })
		.authorizer("A", "Jwt", {
			AuthorizerType: "JWT", IdentitySource: ["$request.header.Authorization"], JwtConfiguration: { Issuer: iss, Audience: ["shop"] },
		})
		.authorizer("A", "Simple", { ...simple, EnableSimpleResponses: true }, "Auth")
		.authorizer("A", "Policy", simple, "Auth")
		.authorizer("A", "Shut", { ...simple, EnableSimpleResponses: true }, "Closed")
		.route("A", "GET /never", "Echo")
		.route("A", "ANY /iam/{proxy+}", "Echo", { auth: "AWS_IAM" })
		.route("A", "GET /jwt", "Echo", { auth: "JWT", authorizer: "Jwt" })
		.route("A", "GET /scoped", "Echo", { auth: "JWT", authorizer: "Jwt", scopes: ["a", "b"] })
		.route("A", "GET /simple", "Echo", { auth: "CUSTOM", authorizer: "Simple" })
		.route("A", "GET /policy", "Echo", { auth: "CUSTOM", authorizer: "Policy" })
		.route("A", "GET /shut", "Echo", { auth: "CUSTOM", authorizer: "Shut" })
		.route("A", "GET /behave", "Behave")
		.route("A", "GET /slow", "Behave", { timeout: 60 })
		.route("A", "POST /answer", "Answer")
		.route("A", "GET /closed", "Closed")
		.route("A", "GET /nobody", null, { url: "http://127.0.0.1:9/" })
		.resource("Pool", "AWS::Cognito::IdentityPool", { AllowUnauthenticatedIdentities: true })
		.resource("Guest", "AWS::IAM::Role", {
			RoleName: "guest",
			AssumeRolePolicyDocument: {
				Version: "2012-10-17",
				Statement: { Effect: "Allow", Principal: { Federated: "cognito-identity.amazonaws.com" }, Action: "sts:AssumeRoleWithWebIdentity" },
			},
			Policies: [{
				PolicyName: "p",
				PolicyDocument: {
					Version: "2012-10-17",
					Statement: [
						{ Effect: "Allow", Action: "execute-api:Invoke", Resource: ["*/GET/iam/*", "*/dev/GET/iam/staged"] },
						{ Sid: "NotThat", Effect: "Deny", Action: "execute-api:Invoke", Resource: ["*/iam/denied", "*/$default/*/iam/staged"] },
					],
				},
			}],
		})
		.resource("Roles", "AWS::Cognito::IdentityPoolRoleAttachment", {
			IdentityPoolId: { Ref: "Pool" }, Roles: { unauthenticated: { "Fn::GetAtt": ["Guest", "Arn"] } },
		});
	delete template.resources.ClosedPermission;
	template.outputs = { IdentityPoolId: { Value: { Ref: "Pool" } } };
	return template;
}

/** [name, request of this program, status, check, reason] for each kind. */
async function kinds(program, iss) {
	const url = apiUrl(program, "A");
	const guest = await quickCredentials(program);
	const sign = async (credentials, target, more = {}) => {
		const signed = await smithySign(credentials, url + target, more);
		return { target, method: more.method, body: more.body, headers: Object.entries(signed.headers).filter(([name]) => name !== "host") };
	};
	const bearer = (token, target = "/jwt") => ({ target, headers: [["Authorization", `Bearer ${token}`]] });
	const key = (target, answer) => ({ target, headers: [["X-Key", "k"], ["X-Answer", answer]] });
	const good = await sign(USER, "/iam/a");
	const change = (from, to) => ({ ...good, headers: good.headers.map(([n, v]) => [n, n === "authorization" ? v.replace(from, to) : v]) });
	const [head, body] = jwt(claims(iss)).split(".");
	const forged = jwt(claims(iss), {}, "two").split(".")[2];
	const hash = (text) => createHash("sha256").update(text).digest("hex");
	const statement = (Resource) => JSON.stringify({
		principalId: "p", policyDocument: { Version: "2012-10-17", Statement: [{ Action: "execute-api:Invoke", Effect: "Allow", Resource }] },
	});
	return [
		["no route", { target: "/none" }, 404, "route", /^no route matches GET \/none$/],
		["throttled", { target: "/never" }, 429, "throttle", /burst 0\) to route 'GET \/never'$/],
		["preflight of a stranger", { method: "OPTIONS", target: "/jwt", headers: [["Origin", "https://other"], ["Access-Control-Request-Method", "GET"]] }, 204, "CORS", /^origin 'https:\/\/other' is not in allowOrigins$/],

		["no token", { target: "/jwt" }, 401, "token missing", /^no token in \$request\.header\.Authorization$/],
		["no JWT", bearer("abcdefghijkl"), 401, "token", /^token abcdefgh\.\.\.: token contains an invalid number of segments$/],
		["alg", bearer(`${Buffer.from('{"alg":"none"}').toString("base64url")}.${body}.AA`), 401, "token", /^token eyJhbGci\.\.\.: signing algorithm 'none' is not accepted: only RS256, RS384 and RS512 are$/],
		["unknown key", bearer(jwt(claims(iss), { kid: "nine" })), 401, "signing key", /^issuer http:\S+: no key with kid 'nine' in the key set$/],
		["bad signature", bearer(`${head}.${body}.${forged}`), 401, "signature", /^the signature of token eyJhbGci\.\.\. is not by key 'one'$/],
		["another issuer's", bearer(jwt(claims("https://x"), { kid: "nine" })), 401, "signing key", /\(the token says its issuer is "https:\/\/x"\)$/],
		["issuer", bearer(jwt(claims(`${iss}/`))), 401, "issuer", /^claim iss is "http:\S+\/", the authorizer's issuer is "http:\S+": they differ only in scheme or final slash, which count$/],
		["audience", bearer(jwt(claims(iss, { aud: ["x", "y"] }))), 401, "audience", /^claim aud is \["x","y"\], the authorizer accepts "shop"$/],
		["client", bearer(jwt(claims(iss, { aud: undefined, client_id: "z" }))), 401, "audience", /^claim client_id is "z", the authorizer accepts "shop"$/],
		["expired", bearer(jwt(claims(iss, { exp: 1000 }))), 401, "expired token", /^claim exp is 1000, now is \d+: the token expired \d+ s ago$/],
		["too early", bearer(jwt(claims(iss, { nbf: 9e9 }))), 401, "token not yet valid", /^claim nbf is 9000000000, now is \d+$/],
		["of tomorrow", bearer(jwt(claims(iss, { iat: 9e9 }))), 401, "token not yet valid", /^claim iat is 9000000000, now is \d+: do the clocks differ\?$/],
		["scope", bearer(jwt(claims(iss, { scope: "c" })), "/scoped"), 403, "scope", /^the token has none of the route's scopes \[a b\]; its scopes are \["c"\]$/],

		["unsigned", { target: "/iam/a" }, 403, "credentials", /^Request is missing Authentication Token\nneither an Authorization header nor X-Amz-\* query parameters: the client did not sign the request$/],
		["a bearer token", bearer(jwt(claims(iss)), "/iam/a"), 403, "algorithm", /^Unsupported AWS 'algorithm': 'Bearer'\.$/],
		["a token alone", { target: "/iam/a", headers: [["Authorization", jwt(claims(iss))]] }, 403, "algorithm", /^Unsupported AWS 'algorithm': 'eyJhbGci\.\.\.'\.$/],
		["another algorithm", change("SHA256", "SHA512"), 403, "algorithm", /^Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512'\.$/],
		["no pairs", { target: "/iam/a", headers: [["Authorization", "AWS4-HMAC-SHA256 x"]] }, 403, "authorization header", /^'x' not a valid key=value pair \(missing equal-sign\) in Authorization header: 'AWS4-HMAC-SHA256 x'\.$/],
		["no signature", change(/, Signature=.*/, ""), 403, "authorization header", /^Authorization header requires 'Signature' parameter\. Authorization=AWS4-HMAC-SHA256$/],
		["unsigned host", change("host;", ""), 403, "signed headers", /^'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization\.$/],
		["the date's form", { ...good, headers: good.headers.map(([n, v]) => [n, n === "x-amz-date" ? "yesterday" : v]) }, 403, "date", /^Date must be in ISO-8601 'basic format'\. Got 'yesterday'\. See http:\/\/en\.wikipedia\.org\/wiki\/ISO_8601$/],
		["four parts", change("/aws4_request", ""), 403, "credential scope", /^Credential must have exactly 5 slash-delimited elements, e\.g\. keyid\/date\/region\/service\/term, got 'AKIA/],
		["old", await sign(USER, "/iam/a", { at: new Date(Date.now() - 600_000) }), 403, "clock", /^Signature expired: (\d{8}T\d{6}Z) is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - 5 min\.\)\nthe request was signed 60\d s ago: clock skew, or an old request sent again$/],
		["region", change("us-east-1", "eu-west-1"), 403, "credential scope", /^Credential should be scoped to a valid region, not 'eu-west-1'\. \nexpected the scope \d{8}\/us-east-1\/execute-api\/aws4_request, received \d{8}\/eu-west-1\/execute-api\/aws4_request$/],
		["service", change("execute-api", "lambda"), 403, "credential scope", /^Credential should be scoped to correct service: 'execute-api'\. \n/],
		["terminator", change("aws4_request", "aws5"), 403, "credential scope", /^Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5'\. \n/],
		["day", change(/\/\d{8}\//, "/20200101/"), 403, "credential scope", /^Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20200101' != '(\d{8})', from '\1T\d{6}Z'\. \n/],
		["access key", change("AKIAIOSFODNN7EXAMPLE", "AKIAX"), 403, "access key", /^The security token included in the request is invalid\.\naccess key 'AKIAX' is unknown here: /],
		["no session token", await sign({ ...guest, sessionToken: undefined }, "/iam/a"), 403, "session token", /^The security token included in the request is invalid\ntemporary credentials need their token: X-Amz-Security-Token is missing$/],
		["another session token", await sign({ ...guest, sessionToken: "AnotherTokenThatIsLong" }, "/iam/a"), 403, "session token", /^The security token included in the request is invalid\nthe session token is not the one issued with this access key: it starts with AnotherT$/],
		["wrong secret", await sign({ ...guest, secretAccessKey: "x" }, "/iam/a"), 403, "signature", /^The request signature we calculated does not match the signature you provided\. Check your AWS Secret Access Key and signing method\. Consult the service documentation for details\.\nno single change explains it: a wrong secret for this access key, [^\n]*\nexpected canonical request:\nGET\n\/iam\/a\n\n(?:[a-z0-9-]+:[^\n]*\n)+\n[^\n]+\n[0-9a-f]{64}\nexpected string to sign:\nAWS4-HMAC-SHA256\n\d{8}T\d{6}Z\n\d{8}\/us-east-1\/execute-api\/aws4_request\n[0-9a-f]{64}\nreceived signature: [0-9a-f]{64}$/],
		["another method", { ...good, method: "POST" }, 403, "signature", /\nmethod changed: GET was signed, POST was received\n/],
		["another stage", { ...(await sign(USER, "/iam/a")), target: "/dev/iam/a" }, 403, "signature", /\npath changed: it was signed without its first segment \(stage or prefix\)\n/],
		["another body", { ...(await sign(USER, "/iam/a", { method: "POST", body: "one" })), body: "two" }, 403, "body hash", new RegExp(`^x-amz-content-sha256 is not the hash of the body received\\.\nexpected ${hash("two")} \\(3 bytes\\), received '${hash("one")}'`)],
		["no Allow", await sign(guest, "/iam/a", { method: "DELETE" }), 403, "policy", /^User: arn:aws:sts::\d{12}:assumed-role\/guest\/CognitoIdentityCredentials is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:us-east-1:\d{12}:\w{10}\/\$default\/DELETE\/iam\/a\nno statement of its role allows it:\nstatement 1 of policy 'guest#1': its Resource does not match \(\*\/GET\/iam\/\*, \*\/dev\/GET\/iam\/staged\)$/],
		["a Deny", await sign(guest, "/iam/denied"), 403, "policy", /\nexplicitly denied by statement 2 \(NotThat\) of policy 'guest#1'$/],
		["a Deny in one stage", await sign(guest, "/iam/staged"), 403, "policy", /\/\$default\/GET\/iam\/staged\nexplicitly denied/],
		["a long URL", await sign(USER, `/iam/${"x".repeat(1600)}`), 414, "uri length", /^the ARN of the request has 16\d\d bytes, at most 1600 are allowed$/],

		["no identity", { target: "/simple" }, 401, "identity source", /^identity source '\$request\.header\.X-Key' of authorizer 'Simple' is missing or empty: the function was not invoked$/],
		["not authorized", key("/simple", '{"isAuthorized":false}'), 403, "Lambda authorizer", /isAuthorized: false/],
		["another shape", key("/simple", '{"ok":1}'), 500, "Lambda authorizer", /^authorizer function '\S+': .*isAuthorized/],
		["its policy", key("/policy", statement("x")), 403, "Lambda authorizer", /execute-api:Invoke/],
		["it threw", key("/simple", "throw"), 500, "Lambda authorizer", /^authorizer function '\S+' failed: .*"errorMessage":"no"/],
		["it may not be invoked", key("/shut", "x"), 500, "Lambda authorizer", /^no permission lets the API invoke authorizer function '\S+': add an AWS::Lambda::Permission$/],

		["a function threw", { target: "/behave?throw=boom" }, 500, "function error", /^TypeError: boom/],
		["a function's result", { method: "POST", target: "/answer", body: '{"statusCode":"x"}' }, 500, "result", /statusCode/],
		["a slow function", { target: "/slow?ms=300" }, 503, "timeout", /^function '\S+' did not answer within 60 ms, the integration's timeout$/],
		["a function may not be invoked", { target: "/closed" }, 500, "permission", /^no AWS::Lambda::Permission lets this API invoke function '\S+'$/],
		["nobody behind a URL", { target: "/nobody" }, 503, "integration", /127\.0\.0\.1:9/],
		["a head too large", { target: `/${"x".repeat(10_240)}` }, 431, "HTTP", /head too large/],
		["a body too large", { method: "POST", target: "/answer", body: "x".repeat(10 * 1024 * 1024 + 1) }, 413, "HTTP", /./],
	];
}

const BODIES = { 204: "", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 413: "Request Entity Too Large", 414: "Request URI too long", 429: "Too Many Requests", 431: "Request Header Fields Too Large", 500: "Internal Server Error", 503: "Service Unavailable" };
const HEADERS = /^(content-type|content-length|date|connection|apigw-requestid|www-authenticate|vary|access-control-[a-z-]+)$/;

test("each refusal is explained", async (t) => {
	const iss = await issuer(t);
	const file = path.join(tempDir(), "credentials");
	writeFileSync(file, `[jane]\naws_access_key_id = ${USER.accessKeyId}\naws_secret_access_key = ${USER.secretAccessKey}\n`);
	for (const mode of ["--json", "the terminal"]) {
		const dir = path.join(tempDir(), "app");
		build(iss).write(dir);
		const args = ["--credentials", file, ...(mode === "--json" ? [mode] : [])];
		const program = await Program.start(t, dir, { args });
		const url = apiUrl(program, "A");
		const reasonIn = {
			"--json": async (from) => {
				const event = await eventually("it is told", () => eventsSince(program, from).find((each) => each.event === "refused"));
				return [event.status, event.check, event.reason];
			},
			"the terminal": async (from) => {
				// "ID REFUSED METHOD PATH STATUS, CHECK: REASON" and indented lines below it.
				const pattern = /^\S+ REFUSED (?:\S* \S* )?(\d{3}), ([^:\n]+): (.*(?:\n {4}.*)*)\n/m;
				const [, status, check, reason] = await eventually("it is told", () => program.stdout.slice(from).match(pattern));
				return [Number(status), check, reason.replaceAll("\n    ", "\n")];
			},
		}[mode];
		for (const [name, request, status, check, reason] of await kinds(program, iss)) {
			await program.step(t, `${mode}: ${name}`, async () => {
				const from = await told(program);
				const answer = await exchange(url, { method: "GET", ...request });
				const [saidStatus, saidCheck, said] = await reasonIn(from);
				assert.deepEqual([saidStatus, saidCheck], [status, check], said);
				assert.match(said, reason);
				assert.equal(answer.status, status);
				assert.equal(answer.body, BODIES[status] && JSON.stringify({ message: BODIES[status] }), "nothing more in the body");
				for (const [header] of answer.headers) {
					assert.match(header.toLowerCase(), HEADERS, "nothing more in a header");
				}
				for (const [header, value] of request.headers ?? []) {
					if (/^(authorization|x-amz-security-token)$/i.test(header)) {
						for (const token of value.match(/eyJ[\w.-]{20,}|IQoJ[\w+/=]{20,}/g) ?? []) {
							assert.ok(!program.stdout.slice(from).includes(token.slice(0, 9)), `${token.slice(0, 9)} is shown`);
						}
					}
				}
				assert.ok(!program.stdout.slice(from).includes(USER.secretAccessKey), "a secret is shown");
			});
		}
		await program.stop("SIGINT");
		assert.doesNotMatch(program.stderr, /Sanitizer|ENSURE/);
	}
});
