// Section 7, and identity-and-auth 3.2 and 6: what a login's credentials and a user's session may do, what the
// handler learns of them, and which statement decided.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { Aws, claimsOf, cognito, passwordLogin, quickCredentials, smithySign } from "../clients.mjs";
import { CLIENT_ID, ISSUER, Program, send, tempDir } from "../support.mjs";
import { apiUrl, Template, withApp, withEvent } from "./harness.mjs";

const USER = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };
const HOST = new URL(ISSUER).host;
const DAY = 86_400_000;
const iso = (at) => new Date(at).toISOString().replace(/\.\d+/, "");
const seconds = (at) => String(Math.floor(at / 1000));

const resource = (each) => ({ "Fn::Sub": `arn:aws:execute-api:*:*:\${A}/$default/${each}` });
const allow = (path, more = {}) => ({ Effect: "Allow", Action: "execute-api:Invoke", Resource: resource(path), ...more });
const sub = (text) => ({ "Fn::Sub": text });

// A condition that holds and one that does not, for each operator and key of 6.4 that a signed request meets.
const role = sub("arn:aws:iam::${AWS::AccountId}:role/login");
const CONDITIONS = {
	stringEquals: [{ StringEquals: { "aws:PrincipalArn": role } }, { StringEquals: { "aws:PrincipalArn": "arn:aws:iam::1:role/*" } }],
	stringNotEquals: [{ StringNotEquals: { "aws:UserAgent": "curl" } }, { StringNotEquals: { "aws:UserAgent": "mine/1" } }],
	ignoreCase: [{ StringEqualsIgnoreCase: { "aws:useragent": "MINE/1" } }, { StringNotEqualsIgnoreCase: { "aws:useragent": "MINE/1" } }],
	stringLike: [{ StringLike: { "aws:userid": "AROA*:CognitoIdentityCredentials" } }, { StringNotLike: { "aws:userid": "AROA*" } }],
	anyOfValues: [{ StringEquals: { "aws:UserAgent": ["curl", "mine/1"] } }, { StringEquals: { "aws:UserAgent": ["curl", "wget"] } }],
	allOfKeys: [
		{ StringEquals: { "aws:UserAgent": "mine/1", "aws:PrincipalArn": role } },
		{ StringEquals: { "aws:UserAgent": "mine/1", "aws:PrincipalArn": "x" } },
	],
	allOfOperators: [
		{ StringEquals: { "aws:UserAgent": "mine/1" }, Bool: { "aws:SecureTransport": "false" } },
		{ StringEquals: { "aws:UserAgent": "mine/1" }, Bool: { "aws:SecureTransport": "true" } },
	],
	account: [{ StringEquals: { "aws:PrincipalAccount": { Ref: "AWS::AccountId" } } }, { StringEquals: { "aws:PrincipalAccount": "1" } }],
	numericEpoch: [{ NumericGreaterThan: { "aws:EpochTime": seconds(Date.now() - DAY) } }, { NumericLessThanEquals: { "aws:EpochTime": seconds(Date.now() - DAY) } }],
	date: [{ DateLessThan: { "aws:CurrentTime": iso(Date.now() + DAY) } }, { DateGreaterThan: { "aws:CurrentTime": iso(Date.now() + DAY) } }],
	dateEpoch: [{ DateGreaterThanEquals: { "aws:EpochTime": seconds(Date.now() - DAY) } }, { DateLessThan: { "aws:EpochTime": seconds(Date.now() - DAY) } }],
	tokenIssued: [{ DateGreaterThan: { "aws:TokenIssueTime": iso(Date.now() - DAY) } }, { DateLessThan: { "aws:TokenIssueTime": iso(Date.now() - DAY) } }],
	bool: [{ Bool: { "aws:SecureTransport": false } }, { Bool: { "aws:SecureTransport": true } }],
	ip: [{ IpAddress: { "aws:SourceIp": ["10.0.0.0/8", "127.0.0.1"] } }, { NotIpAddress: { "aws:SourceIp": "127.0.0.0/8" } }],
	arn: [{ ArnLike: { "aws:PrincipalArn": "arn:aws:iam::*:role/log*" } }, { ArnEquals: { "aws:PrincipalArn": "arn:aws:iam::*:user/*" } }],
	arnNot: [{ ArnNotLike: { "aws:PrincipalArn": "arn:aws:iam::*:user/*" } }, { ArnNotEquals: { "aws:PrincipalArn": role } }],
	isNull: [{ Null: { "aws:username": "true" } }, { Null: { "aws:userid": "true" } }],
	missing: [{ StringNotEquals: { "aws:PrincipalTag/x": "y" } }, { StringEquals: { "aws:PrincipalTag/x": "y" } }],
	ifExists: [{ StringEqualsIfExists: { "aws:PrincipalTag/x": "y" } }, { StringEqualsIfExists: { "aws:UserAgent": "y" } }],
	anyValue: [
		{ "ForAnyValue:StringLike": { "cognito-identity.amazonaws.com:amr": "*:OIDC:*" } },
		{ "ForAnyValue:StringLike": { "cognito-identity.amazonaws.com:amr": "unauth*" } },
	],
	anyOfMissing: [{ "ForAllValues:StringEquals": { "aws:TagKeys": "x" } }, { "ForAnyValue:StringEquals": { "aws:TagKeys": "x" } }],
	allValues: [
		{ "ForAllValues:StringLike": { "cognito-identity.amazonaws.com:amr": ["authenticated", `${HOST}*`, "arn:*"] } },
		{ "ForAllValues:StringEquals": { "cognito-identity.amazonaws.com:amr": "authenticated" } },
	],
	pool: [{ StringEquals: { "cognito-identity.amazonaws.com:aud": { Ref: "Pool" } } }, { StringEquals: { "cognito-identity.amazonaws.com:aud": "us-east-1:x" } }],
	variable: [
		{ StringLike: { "cognito-identity.amazonaws.com:sub": "${cognito-identity.amazonaws.com:sub}" } },
		{ StringLike: { "aws:UserAgent": "${aws:username}" } },
	],
	variableDefault: [{ StringEquals: { "aws:UserAgent": "${aws:username, 'mine/1'}" } }, { StringEquals: { "aws:UserAgent": "${aws:username, 'x'}" } }],
};

const trust = (amr) => ({
	Version: "2012-10-17",
	Statement: {
		Effect: "Allow",
		Principal: { Federated: "cognito-identity.amazonaws.com" },
		Action: "sts:AssumeRoleWithWebIdentity",
		Condition: {
			StringEquals: { "cognito-identity.amazonaws.com:aud": { Ref: "Pool" } },
			"ForAnyValue:StringLike": { "cognito-identity.amazonaws.com:amr": amr },
		},
	},
});
const policy = (Statement, Version = "2012-10-17") => ({ PolicyName: "p", PolicyDocument: { Version, Statement } });

const template = new Template()
	.fn("Echo", "echo.handler")
	.api("A")
	.route("A", "ANY /{proxy+}", "Echo", { auth: "AWS_IAM" })
	.api("One")
	.route("One", "GET /me", "Echo", { auth: "AWS_IAM", v1: true })
	.api("Two", { stages: [{ StageName: "$default" }, { StageName: "dev" }] })
	.route("Two", "ANY /{proxy+}", "Echo", { auth: "AWS_IAM" })
	.resource("Auth0", "AWS::IAM::OIDCProvider", { Url: ISSUER, ClientIdList: [CLIENT_ID] })
	.resource("Pool", "AWS::Cognito::IdentityPool", {
		AllowUnauthenticatedIdentities: true,
		OpenIdConnectProviderARNs: [{ Ref: "Auth0" }],
	})
	.resource("Login", "AWS::IAM::Role", {
		RoleName: "login",
		AssumeRolePolicyDocument: trust("authenticated"),
		Policies: [
			policy([
				allow("GET/me"),
				allow("*/open/*"),
				{ ...allow("GET/either"), Action: ["s3:*", "EXECUTE-API:in?oke"] },
				...Object.entries(CONDITIONS).flatMap(([name, [yes, no]]) => [
					allow(`GET/yes/${name}`, { Condition: yes }),
					allow(`GET/no/${name}`, { Condition: no }),
				]),
				{ Effect: "Allow", Action: "execute-api:Invoke", Resource: sub("arn:aws:execute-api:*:*:${One}/*") },
			]),
			policy([
				{ ...allow("*/open/closed*"), Effect: "Deny", Sid: "NoClosed" },
				{ Sid: "DevOnly", Effect: "Deny", Action: "execute-api:Invoke", Resource: sub("arn:aws:execute-api:*:*:${Two}/$default/GET/dev-only") },
				{ Sid: "NotDev", Effect: "Deny", Action: "execute-api:Invoke", Resource: sub("arn:aws:execute-api:*:*:${Two}/dev/GET/default-only/*") },
				{ Effect: "Deny", NotAction: "execute-api:Invoke", Resource: resource("*/open/only") },
				{ Effect: "Deny", Action: "execute-api:Invoke", Resource: resource("GET/open/wet"), Condition: { Bool: { "aws:SecureTransport": "false" } } },
				{ Effect: "Deny", Action: "*", Resource: resource("GET/open/dry"), Condition: { Bool: { "aws:SecureTransport": "true" } } },
			]),
			policy([
				{ Sid: "AllBut", Effect: "Allow", Action: "execute-api:*", NotResource: [resource("*"), sub("arn:aws:execute-api:*:*:${Two}/*/DELETE/*")] },
			]),
			policy([{ Effect: "Allow", NotAction: ["execute-api:InvalidateCache", "s3:*"], Resource: resource("GET/notaction") }]),
			policy([{ Effect: "Allow", NotAction: "execute-api:In*", Resource: resource("GET/notinvoke") }]),
			// Of the old version: variables are text.
			policy([{ ...allow("GET/literal/${!aws:userid}"), Effect: "Allow" }], "2008-10-17"),
		],
	})
	.resource("Guest", "AWS::IAM::Role", {
		AssumeRolePolicyDocument: trust("unauthenticated"),
		Policies: [policy([{ Effect: "Allow", Action: "execute-api:Invoke", Resource: sub("arn:aws:execute-api:*:*:${One}/*") }])],
	})
	.resource("Roles", "AWS::Cognito::IdentityPoolRoleAttachment", {
		IdentityPoolId: { Ref: "Pool" },
		Roles: { authenticated: { "Fn::GetAtt": ["Login", "Arn"] }, unauthenticated: { "Fn::GetAtt": ["Guest", "Arn"] } },
	});
template.outputs = { IdentityPoolId: { Value: { Ref: "Pool" } } };

test("IAM by identities", async (t) => {
	const file = path.join(tempDir(), "credentials");
	writeFileSync(file, `[jane]\naws_access_key_id = ${USER.accessKeyId}\naws_secret_access_key = ${USER.secretAccessKey}\n`);
	await withApp(t, template, async (program) => {
		const { id_token: token } = await passwordLogin(program.login, "jane@example.com");
		const login = await quickCredentials(program, token);
		const guest = await quickCredentials(program);
		const call = async (target, { as = login, api = "A", method = "GET" } = {}) =>
			send(await smithySign(as, apiUrl(program, api) + target, { method, headers: { "user-agent": "mine/1" } }));
		const passes = async (...args) => {
			const { status, body } = await call(...args);
			assert.equal(status, 200, body);
			return JSON.parse(body);
		};
		const refuses = async (...args) => {
			const { answer, event } = await withEvent(program, "refused", () => call(...args));
			assert.deepEqual([answer.status, answer.body, event.status, event.check], [403, '{"message":"Forbidden"}', 403, "policy"]);
			return event.reason;
		};

		const amr = (account) => ["authenticated", HOST, `arn:aws:iam::${account}:oidc-provider/${HOST}:OIDC:${claimsOf(token).sub}`];

		await program.step(t, "payload 2.0: who logged in, and by what", async () => {
			const { requestContext } = await passes("/me");
			const { accountId } = requestContext;
			const { userId } = requestContext.authorizer.iam;
			assert.match(userId, /^AROA[A-Z2-7]{17}:CognitoIdentityCredentials$/);
			assert.deepEqual(requestContext.authorizer, {
				iam: {
					accessKey: login.accessKeyId,
					accountId,
					callerId: userId,
					cognitoIdentity: { amr: amr(accountId), identityId: login.identityId, identityPoolId: program.outputs.IdentityPoolId },
					principalOrgId: "aws:PrincipalOrgID",
					userArn: `arn:aws:sts::${accountId}:assumed-role/login/CognitoIdentityCredentials`,
					userId,
				},
			});
		});

		await program.step(t, "payload 1.0: the same in requestContext.identity, of a login and of a guest", async () => {
			const identity = async (as) => (await passes("/me", { as, api: "One" })).requestContext;
			const mine = await identity(login);
			const { accountId } = mine;
			const { user } = mine.identity;
			assert.equal("authorizer" in mine, false);
			assert.deepEqual(mine.identity, {
				accessKey: login.accessKeyId,
				accountId,
				caller: user,
				cognitoAmr: amr(accountId),
				cognitoAuthenticationProvider: amr(accountId).slice(1).join(","),
				cognitoAuthenticationType: "authenticated",
				cognitoIdentityId: login.identityId,
				cognitoIdentityPoolId: program.outputs.IdentityPoolId,
				principalOrgId: null,
				sourceIp: "127.0.0.1",
				user,
				userAgent: "mine/1",
				userArn: `arn:aws:sts::${accountId}:assumed-role/login/CognitoIdentityCredentials`,
			});
			assert.match(user, /^AROA[A-Z2-7]{17}:CognitoIdentityCredentials$/);
			const other = (await identity(guest)).identity;
			assert.deepEqual(
				[other.cognitoAmr, other.cognitoAuthenticationProvider, other.cognitoAuthenticationType, other.cognitoIdentityId],
				[["unauthenticated"], null, "unauthenticated", guest.identityId],
			);
		});

		await program.step(t, "an explicit Deny is named: statement, Sid, policy", async () => {
			await passes("/open/a");
			const reason = await refuses("/open/closed/x");
			assert.match(reason, /^User: arn:aws:sts::\d{12}:assumed-role\/login\/CognitoIdentityCredentials is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:us-east-1:\d{12}:[a-z0-9]{10}\/\$default\/GET\/open\/closed\/x\n/);
			assert.match(reason, /explicitly denied by statement 1 \(NoClosed\) of policy 'login#2'/);
			await passes("/open/only");
			assert.match(await refuses("/open/wet"), /explicitly denied by statement 5 of policy 'login#2'/);
			await passes("/open/dry");
		});

		await program.step(t, "no Allow: each statement says why it did not apply", async () => {
			const reason = await refuses("/nothing");
			assert.match(reason, /no statement of its role allows it:\n/);
			assert.match(reason, /statement 1 of policy 'login#1': its Resource does not match/);
			assert.match(await refuses("/notinvoke"), /its NotAction holds the action \(execute-api:In\*\)/);
		});

		await program.step(t, "the ARN has the stage, $default literally, and the path without it", async () => {
			const two = { api: "Two" };
			assert.match(await refuses("/dev-only", two), /\/\$default\/GET\/dev-only\nexplicitly denied by .*\(DevOnly\)/);
			await passes("/dev/dev-only", two);
			await passes("/default-only/x", two);
			assert.match(await refuses("/dev/default-only/x", two), /\/dev\/GET\/default-only\/x\nexplicitly denied by .*\(NotDev\)/);
			await passes("/dev/default-only", two);
		});

		await program.step(t, "the forms of credentials", async () => {
			// 123456789012 / 2 + 2^39 in base32, of an even account; then 7 at random.
			assert.match(login.accessKeyId, /^ASIARZPUZDIK[A-P][A-Z2-7]{7}$/);
			assert.match(login.secretAccessKey, /^[A-Za-z0-9+/]{40}$/);
			assert.match(login.sessionToken, /^IQoJb3JpZ2luX2Vj[A-Za-z0-9+/=]{284,1484}$/);
			const given = await cognito(program, "GetCredentialsForIdentity", { IdentityId: login.identityId, Logins: { [HOST]: token } });
			assert.ok(Math.abs(given.json.Credentials.Expiration - Date.now() / 1000 - 3600) < 60, "one hour");
			assert.notEqual(given.json.Credentials.AccessKeyId, login.accessKeyId);
			await passes("/me"); // the older ones stay good
		});

		await program.step(t, "NotAction and NotResource", async () => {
			await passes("/notaction");
			await passes("/x", { api: "Two" });
			await passes("/x", { api: "Two", method: "POST" });
			assert.match(await refuses("/x", { api: "Two", method: "DELETE" }), /\(AllBut\) of policy .login#3.: its NotResource holds the resource/);
			await passes("/either");
		});

		for (const name of Object.keys(CONDITIONS)) {
			await program.step(t, `Condition: ${name}`, async () => {
				await passes(`/yes/${name}`);
				const reason = await refuses(`/no/${name}`);
				const operator = Object.keys(CONDITIONS[name][1]).at(-1);
				assert.ok(reason.includes(operator), `${operator} is named: ${reason}`);
			});
		}

		await program.step(t, "variables are text in a policy of the old version", async () => {
			await passes("/literal/$%7Baws:userid%7D");
			await refuses(`/literal/${(await passes("/me")).requestContext.authorizer.iam.userId}`);
		});

		await program.step(t, "a user, and the session that GetSessionToken gives him", async () => {
			const { Credentials } = await new Aws(program, USER).json("sts", "get-session-token", "--output", "json");
			const session = {
				accessKeyId: Credentials.AccessKeyId,
				secretAccessKey: Credentials.SecretAccessKey,
				sessionToken: Credentials.SessionToken,
			};
			const iam = async (as) => (await passes("/anything", { as })).requestContext.authorizer.iam;
			const [own, lent] = [await iam(USER), await iam(session)];
			assert.equal(own.userArn, `arn:aws:iam::${own.accountId}:user/jane`);
			assert.deepEqual(lent, { ...own, accessKey: session.accessKeyId });
			const caller = await new Aws(program, session).json("sts", "get-caller-identity", "--output", "json");
			assert.deepEqual(caller, { UserId: own.userId, Account: own.accountId, Arn: own.userArn });
			const again = await new Aws(program, session).run("sts", "get-session-token");
			assert.match(again.stderr, /AccessDenied.*Cannot call GetSessionToken with session credentials/);
		});
	}, { args: ["--credentials", file] });
});

test("two stages of one app share their credentials", async (t) => {
	const dir = path.join(tempDir(), "shared");
	template.write(dir);
	const one = await Program.start(t, dir, { stage: "one" });
	const two = await Program.start(t, dir, { stage: "two" });
	// Both have opened the file: each meets a key that the other issued since.
	for (const [issuer, other] of [[one, two], [two, one]]) {
		const { id_token: token } = await passwordLogin(issuer.login, "jane@example.com");
		const login = await quickCredentials(issuer, token);
		const answer = await send(await smithySign(login, `${apiUrl(other, "A")}/me`));
		assert.equal(answer.status, 200, answer.body);
	}
	await Promise.all([one.stop("SIGINT"), two.stop("SIGINT")]);
	assert.doesNotMatch(one.stderr + two.stderr, /Sanitizer|ENSURE/);
});
