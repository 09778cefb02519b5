// Section 10: every $context variable of HTTP APIs in a stage's access log, and the formats offered.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import test from "node:test";
import { claimsOf, passwordLogin, quickCredentials, smithySign } from "../clients.mjs";
import { CLIENT_ID, ISSUER, tempDir } from "../support.mjs";
import { apiUrl, exchange, REQUEST_ID, Template, withApp, withEvent } from "./harness.mjs";
import { claims, jwk, jwt } from "./tokens.mjs";

const USER = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };
const HOST = new URL(ISSUER).host;

/** The list of the reference, with one property of each open-ended name. */
const VARIABLES = `accountId apiId authorizer.claims.sub authorizer.claims authorizer.error authorizer.principalId
	authorizer.level awsEndpointRequestId awsEndpointRequestId2 customDomain.basePathMatched dataProcessed domainName
	domainPrefix error.message error.messageString error.responseType extendedRequestId httpMethod identity.accountId
	identity.caller identity.cognitoAuthenticationProvider identity.cognitoAuthenticationType identity.cognitoIdentityId
	identity.cognitoIdentityPoolId identity.principalOrgId identity.clientCert.subjectDN identity.sourceIp identity.user
	identity.userAgent identity.userArn integration.error integration.integrationStatus integration.latency
	integration.requestId integration.status integrationErrorMessage integrationLatency integrationStatus path protocol
	requestId requestTime requestTimeEpoch responseLatency responseLength routeKey stage status nonsense`.split(/\s+/);
const FORMAT = VARIABLES.map((name) => `${name}=$context.${name}`).join(" ~ ");
const CLF = '$context.identity.sourceIp - - [$context.requestTime] "$context.httpMethod $context.routeKey $context.protocol" $context.status $context.responseLength $context.requestId';
const JSON_FORMAT = '{ "requestId":"$context.requestId", "ip": "$context.identity.sourceIp", "requestTime":"$context.requestTime", "httpMethod":"$context.httpMethod","routeKey":"$context.routeKey", "status":"$context.status","protocol":"$context.protocol", "responseLength":"$context.responseLength" }';
const XML = '<request id="$context.requestId"> <ip>$context.identity.sourceIp</ip> <requestTime>$context.requestTime</requestTime> <httpMethod>$context.httpMethod</httpMethod> <routeKey>$context.routeKey</routeKey> <status>$context.status</status> <protocol>$context.protocol</protocol> <responseLength>$context.responseLength</responseLength> </request>';
const CSV = "$context.identity.sourceIp,$context.requestTime,$context.httpMethod,$context.routeKey,$context.protocol,$context.status,$context.responseLength,$context.requestId";

/** As long as a format may be. */
const LONG = "$context.requestId".padEnd(3072, "$context.path").replace(/\$[^$]*$/, "");

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const TIME = /^\d\d\/(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\/\d{4}:\d\d:\d\d:\d\d \+0000$/;

async function backend(t) {
	const server = http.createServer((request, response) => {
		if (request.url === "/keys") {
			response.end(JSON.stringify({ keys: [jwk("one")] }));
		} else if (request.url.endsWith("/.well-known/openid-configuration")) {
			response.end(JSON.stringify({ jwks_uri: `${url}/keys` }));
		} else {
			response.writeHead(207, { "x-amz-request-id": "first-id", "x-amz-id-2": "second-id" });
			response.end("from behind");
		}
	});
	await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close());
	server.unref();
	const url = `http://127.0.0.1:${server.address().port}`;
	return url;
}

test("access logs", async (t) => {
	const back = await backend(t);
	const stage = (StageName, Format) => ({
		StageName,
		AccessLogSettings: { DestinationArn: "x", Format },
		...(StageName === "$default" && { RouteSettings: { "GET /never": { ThrottlingBurstLimit: 0, ThrottlingRateLimit: 1 } } }),
	});
	const role = (amr) => ({
		RoleName: amr,
		AssumeRolePolicyDocument: {
			Version: "2012-10-17",
			Statement: { Effect: "Allow", Principal: { Federated: "cognito-identity.amazonaws.com" }, Action: "sts:AssumeRoleWithWebIdentity" },
		},
		Policies: [{
			PolicyName: "p",
			PolicyDocument: { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "execute-api:Invoke", Resource: "*/GET/iam" }] },
		}],
	});
	const template = new Template()
		.fn("Echo", "echo.handler")
		.fn("Behave", "behave.handler")
		.fn("Auth", "authorizer.handler")
		.fn("Closed", "echo.handler")
		.api("A", {
			stages: [stage("$default", FORMAT), stage("dev", FORMAT), stage("clf", CLF), stage("json", JSON_FORMAT), stage("xml", XML), stage("csv", CSV), stage("long", LONG)],
		})
		.authorizer("A", "Jwt", {
			AuthorizerType: "JWT",
			IdentitySource: ["$request.header.Authorization"],
			JwtConfiguration: { Issuer: back, Audience: ["shop"] },
		})
		.authorizer("A", "Custom", {
			IdentitySource: ["$request.header.X-Key"], AuthorizerResultTtlInSeconds: 0, AuthorizerPayloadFormatVersion: "2.0",
		}, "Auth")
		.route("A", "ANY /behave/{x}", "Behave")
		.route("A", "GET /slow", "Behave", { timeout: 60 })
		.route("A", "GET /never", "Behave")
		.route("A", "GET /jwt", "Echo", { auth: "JWT", authorizer: "Jwt" })
		.route("A", "GET /scoped", "Echo", { auth: "JWT", authorizer: "Jwt", scopes: ["a"] })
		.route("A", "GET /custom", "Echo", { auth: "CUSTOM", authorizer: "Custom" })
		.route("A", "GET /iam", "Echo", { auth: "AWS_IAM" })
		.route("A", "GET /iam/closed", "Echo", { auth: "AWS_IAM" })
		.route("A", "GET /permission", "Closed")
		.route("A", "POST /url", null, { url: `${back}/there` })
		.route("A", "GET /nobody", null, { url: "http://127.0.0.1:9/" })
		.resource("Auth0", "AWS::IAM::OIDCProvider", { Url: ISSUER, ClientIdList: [CLIENT_ID] })
		.resource("Pool", "AWS::Cognito::IdentityPool", { AllowUnauthenticatedIdentities: true, OpenIdConnectProviderARNs: [{ Ref: "Auth0" }] })
		.resource("Login", "AWS::IAM::Role", role("login"))
		.resource("Roles", "AWS::Cognito::IdentityPoolRoleAttachment", {
			IdentityPoolId: { Ref: "Pool" },
			Roles: { authenticated: { "Fn::GetAtt": ["Login", "Arn"] }, unauthenticated: { "Fn::GetAtt": ["Login", "Arn"] } },
		});
	delete template.resources.ClosedPermission;
	template.outputs = { IdentityPoolId: { Value: { Ref: "Pool" } } };
	const file = path.join(tempDir(), "credentials");
	writeFileSync(file, `[jane]\naws_access_key_id = ${USER.accessKeyId}\naws_secret_access_key = ${USER.secretAccessKey}\n`);

	await withApp(t, template, async (program) => {
		const url = apiUrl(program, "A");
		const line = async (target, more = {}) => {
			const { answer, event } = await withEvent(program, "access-log", () => exchange(url, { target, ...more }));
			return { answer, text: event.line, seen: Object.fromEntries(event.line.split(" ~ ").map((each) => each.split(/=(.*)/s).slice(0, 2))) };
		};
		/** What was set, without what every line has and what changes from one to the next. */
		const special = async (target, more) => {
			const { answer, seen } = await line(target, more);
			assert.deepEqual(Object.keys(seen), VARIABLES);
			const set = Object.entries(seen).filter(([, value]) => value !== "-");
			const usual = /^(accountId|apiId|domain|extendedRequestId|httpMethod|identity.sourceIp|identity.userAgent|path|protocol|requestId|requestTime|response|stage|dataProcessed|routeKey|.*[lL]atency$)/;
			assert.equal(seen.status, String(answer.status));
			assert.equal(seen.responseLength, String(answer.body.length));
			return Object.fromEntries(set.filter(([name]) => !usual.test(name)));
		};
		const headersOf = async (credentials, target) =>
			Object.entries((await smithySign(credentials, url + target)).headers).filter(([name]) => name !== "host");

		await program.step(t, "what every request has", async () => {
			const { answer, seen } = await line("/dev/behave/a%20b?q=1", {
				method: "POST", body: "12345", headers: [["User-Agent", "mine/1 \"x\""]],
			});
			const id = answer.header("apigw-requestid");
			assert.match(id, REQUEST_ID);
			const { requestTime, requestTimeEpoch, responseLatency, integrationLatency, accountId, apiId, ...rest } = seen;
			assert.match(requestTime, TIME);
			assert.ok(Math.abs(Number(requestTimeEpoch) - Date.now()) < 60_000);
			assert.ok(Number(responseLatency) >= Number(integrationLatency) && Number(integrationLatency) >= 0);
			assert.match(`${accountId} ${apiId}`, /^\d{12} [a-z0-9]{10}$/);
			assert.equal(rest["integration.latency"], integrationLatency);
			assert.match(rest["integration.requestId"], UUID);
			assert.equal(rest.awsEndpointRequestId, rest["integration.requestId"]);
			delete rest["integration.latency"];
			delete rest["integration.requestId"];
			delete rest.awsEndpointRequestId;
			const expected = {
				dataProcessed: "9", domainName: new URL(url).host, domainPrefix: "localhost", extendedRequestId: id, httpMethod: "POST",
				"identity.sourceIp": "127.0.0.1", "identity.userAgent": 'mine/1 "x"', "integration.integrationStatus": "200",
				"integration.status": "200", integrationStatus: "200", path: "/dev/behave/a%20b", protocol: "HTTP/1.1", requestId: id,
				responseLength: "4", routeKey: "ANY /behave/{x}", stage: "dev", status: "200",
			};
			for (const name of Object.keys(rest)) {
				assert.equal(rest[name], expected[name] ?? "-", name);
			}
			assert.equal((await line("/behave/x")).seen.stage, "$default");
		});

		const INTEGRATED = { "integration.integrationStatus": "200", integrationStatus: "200" };
		const ids = (set) => {
			const { "integration.requestId": one, awsEndpointRequestId: two, ...rest } = set;
			assert.match(one, UUID);
			assert.equal(two, one);
			return rest;
		};
		const error = (status, message, type) => ({
			status: String(status), "error.message": message, "error.messageString": JSON.stringify(message), "error.responseType": type,
		});

		await program.step(t, "a function that failed: Lambda's API still answered 200", async () => {
			const set = ids(await special("/behave/x?throw=boom"));
			assert.deepEqual(set, {
				...INTEGRATED, ...error(500, "Internal Server Error", "INTEGRATION_FAILURE"),
				"integration.error": set["integration.error"], integrationErrorMessage: set["integration.error"],
			});
			assert.match(set["integration.error"], /Unhandled|TypeError/);
		});

		await program.step(t, "a function that is too slow, or may not be invoked", async () => {
			const { "integration.error": words, integrationErrorMessage, ...slow } = ids(await special("/slow?ms=400"));
			assert.deepEqual(slow, error(503, "Service Unavailable", "INTEGRATION_TIMEOUT"));
			assert.match(words, /timed out/);
			assert.equal(integrationErrorMessage, words);
			assert.deepEqual(await special("/permission"), error(500, "Internal Server Error", "API_CONFIGURATION_ERROR"));
		});

		await program.step(t, "an HTTP backend, and one that is not there", async () => {
			assert.deepEqual(await special("/url", { method: "POST" }), {
				status: "207", "integration.integrationStatus": "207", "integration.status": "207", integrationStatus: "207",
				"integration.requestId": "first-id", awsEndpointRequestId: "first-id", awsEndpointRequestId2: "second-id",
			});
			const { "integration.error": words, integrationErrorMessage, ...set } = await special("/nobody");
			assert.deepEqual(set, error(503, "Service Unavailable", "INTEGRATION_FAILURE"));
			assert.equal(integrationErrorMessage, words);
		});

		await program.step(t, "no route, and a throttled one", async () => {
			const { seen } = await line("/none");
			assert.equal(seen.routeKey, "-");
			assert.deepEqual(await special("/none"), error(404, "Not Found", "RESOURCE_NOT_FOUND"));
			assert.deepEqual(await special("/never"), error(429, "Too Many Requests", "THROTTLED"));
		});

		await program.step(t, "a JWT: its claims, or why it was refused", async () => {
			const bearer = (token) => ({ headers: [["Authorization", `Bearer ${token}`]] });
			const set = ids(await special("/jwt", bearer(jwt(claims(back)))));
			assert.deepEqual(set, { ...INTEGRATED, "integration.status": "200", status: "200", "authorizer.claims.sub": "jane" });
			const refused = async (target, more, why, status = [401, "Unauthorized", "UNAUTHORIZED"]) =>
				assert.deepEqual(await special(target, more), { ...error(...status), "authorizer.error": why });
			await refused("/jwt", {}, "missing: token not provided");
			await refused("/jwt", bearer("abc"), "invalid_token: token contains an invalid number of segments");
			await refused("/jwt", bearer(jwt(claims("https://x"))), "invalid_token: issuer does not match");
			await refused("/jwt", bearer(jwt(claims(back, { aud: "x" }))), "invalid_token: the token does not have a valid audience");
			await refused("/jwt", bearer(jwt(claims(back, { exp: 1 }))), "invalid_token: the token has expired");
			await refused("/scoped", bearer(jwt(claims(back))), "insufficient_scope: expected scopes: [a]", [403, "Forbidden", "ACCESS_DENIED"]);
		});

		await program.step(t, "a Lambda authorizer: principal and context, or why", async () => {
			const ask = (answer, key = "k") => special("/custom", { headers: [...(key ? [["X-Key", key]] : []), ["X-Answer", answer]] });
			const policy = (Effect) => JSON.stringify({
				principalId: "p-1", context: { level: 7 },
				policyDocument: { Version: "2012-10-17", Statement: [{ Action: "execute-api:Invoke", Effect, Resource: "ARN" }] },
			});
			assert.deepEqual(ids(await ask(policy("Allow"))), {
				...INTEGRATED, "integration.status": "200", status: "200", "authorizer.principalId": "p-1", "authorizer.level": "7",
			});
			const why = async (...args) => {
				const { "authorizer.error": words, ...rest } = await ask(...args);
				return [rest, words];
			};
			assert.deepEqual(await why(policy("Deny")), [error(403, "Forbidden", "ACCESS_DENIED"), "the authorizer denied the request"]);
			assert.deepEqual(await why("throw"), [error(500, "Internal Server Error", "AUTHORIZER_FAILURE"), "the authorizer failed"]);
			assert.deepEqual(await why("x", null), [error(401, "Unauthorized", "UNAUTHORIZED"), "missing identity source"]);
		});

		await program.step(t, "IAM: a login, a guest, a user", async () => {
			const { id_token: token } = await passwordLogin(program.endpoints.login[ISSUER], "jane@example.com");
			const login = await quickCredentials(program, token);
			const identity = async (credentials) => {
				const { seen } = await line("/iam", { headers: await headersOf(credentials, "/iam") });
				assert.equal(seen.status, "200");
				return Object.fromEntries(
					Object.entries(seen).filter(([name, value]) => /^identity\./.test(name) && value !== "-")
						.map(([name, value]) => [name.slice("identity.".length), value]),
				);
			};
			const { accountId } = (await line("/iam")).seen;
			const mine = await identity(login);
			assert.match(mine.user, /^AROA[A-Z2-7]{17}:CognitoIdentityCredentials$/);
			assert.deepEqual(mine, {
				accountId, caller: mine.user, user: mine.user, sourceIp: "127.0.0.1",
				userArn: `arn:aws:sts::${accountId}:assumed-role/login/CognitoIdentityCredentials`,
				cognitoAuthenticationProvider: `${HOST},arn:aws:iam::${accountId}:oidc-provider/${HOST}:OIDC:${claimsOf(token).sub}`,
				cognitoAuthenticationType: "authenticated",
				cognitoIdentityId: login.identityId,
				cognitoIdentityPoolId: program.outputs.IdentityPoolId,
			});
			const guest = await quickCredentials(program);
			const { cognitoAuthenticationType, cognitoAuthenticationProvider, cognitoIdentityId } = await identity(guest);
			assert.deepEqual(
				[cognitoAuthenticationType, cognitoAuthenticationProvider, cognitoIdentityId], ["unauthenticated", undefined, guest.identityId],
			);
			const user = await identity(USER);
			assert.match(user.user, /^AIDA[A-Z2-7]{17}$/);
			assert.deepEqual(user, { accountId, caller: user.user, user: user.user, sourceIp: "127.0.0.1", userArn: `arn:aws:iam::${accountId}:user/jane` });
		});

		await program.step(t, "IAM refused: the answer says Forbidden, the log has the words", async () => {
			const refused = async (headers, message, type, target = "/iam") => {
				const set = await special(target, { headers });
				assert.match(set["error.message"], message);
				assert.deepEqual(set, error(403, set["error.message"], type));
			};
			const guest = await quickCredentials(program);
			const of = (credentials) => headersOf(credentials, "/iam");
			await refused([], /^Request is missing Authentication Token$/, "MISSING_AUTHENTICATION_TOKEN");
			await refused(
				await of({ ...USER, secretAccessKey: "x" }),
				/^The request signature we calculated does not match the signature you provided\. Check your AWS Secret Access Key and signing method\. Consult the service documentation for details\.$/,
				"INVALID_SIGNATURE",
			);
			await refused(await of({ ...USER, accessKeyId: "AKIAX" }), /^The security token included in the request is invalid\.$/, "ACCESS_DENIED");
			await refused(await of({ ...guest, sessionToken: "x" }), /^The security token included in the request is invalid$/, "ACCESS_DENIED");
			await refused(
				await headersOf(guest, "/iam/closed"),
				/^User: arn:aws:sts::\d{12}:assumed-role\/login\/CognitoIdentityCredentials is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:us-east-1:\d{12}:\w{10}\/\$default\/GET\/iam\/closed$/,
				"ACCESS_DENIED", "/iam/closed",
			);
		});

		await program.step(t, "the four offered formats", async () => {
			const show = async (name) => {
				const { answer, text } = await line(`/${name}/behave/x`);
				return [text, answer.header("apigw-requestid")];
			};
			const [clf, one] = await show("clf");
			assert.match(clf, /^127\.0\.0\.1 - - \[[^\]]+\] "GET ANY \/behave\/\{x\} HTTP\/1\.1" 200 4 \S{16}$/);
			assert.ok(clf.endsWith(one));
			const [json, two] = await show("json");
			const { requestTime, ...rest } = JSON.parse(json);
			assert.match(requestTime, TIME);
			assert.deepEqual(rest, {
				requestId: two, ip: "127.0.0.1", httpMethod: "GET", routeKey: "ANY /behave/{x}", status: "200", protocol: "HTTP/1.1", responseLength: "4",
			});
			const [xml, three] = await show("xml");
			assert.equal(
				xml.replace(/<requestTime>.*<\/requestTime>/, ""),
				`<request id="${three}"> <ip>127.0.0.1</ip>  <httpMethod>GET</httpMethod> <routeKey>ANY /behave/{x}</routeKey> <status>200</status> <protocol>HTTP/1.1</protocol> <responseLength>4</responseLength> </request>`,
			);
			const [csv, four] = await show("csv");
			const fields = csv.split(",");
			assert.match(fields.splice(1, 1)[0], TIME);
			assert.deepEqual(fields, ["127.0.0.1", "GET", "ANY /behave/{x}", "HTTP/1.1", "200", "4", four]);
		});
		await program.step(t, "an entry ends at 1 MB", async () => {
			const { text } = await line(`/long/behave/${"x".repeat(9000)}`);
			assert.equal(text.length, 1024 * 1024);
			assert.ok(text.endsWith("xxx"));
			assert.ok((await line("/long/behave/x")).text.length < 10_000);
		});
	}, { args: ["--credentials", file] });
});
