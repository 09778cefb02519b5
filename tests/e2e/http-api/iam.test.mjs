// Section 7, and identity-and-auth 5 and 6: signatures by every client, and the policies of the role.

import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { quickCredentials, aws4Sign, curl, smithySign } from "../clients.mjs";
import { cleanEnv, run, send, tempDir } from "../support.mjs";
import { apiUrl, assertError, exchange, Template, withApp, withEvent } from "./harness.mjs";

const USER = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };

const hash = (data) => createHash("sha256").update(data).digest("hex");
const hmac = (key, data) => createHmac("sha256", key).update(data).digest();
const encode = (text, keep = "") =>
	[...Buffer.from(text, "latin1")]
		.map((c) => {
			const char = String.fromCharCode(c);
			return /[A-Za-z0-9._~-]/.test(char) || keep.includes(char)
				? char
				: `%${c.toString(16).toUpperCase().padStart(2, "0")}`;
		})
		.join("");
const iso = (at) => at.toISOString().replace(/[-:]|\.\d+/g, "");

/** SigV4 written down from its rules, so that each part can be bent. The request is what `exchange` takes. */
function signed(url, credentials, {
	method = "GET", target = "/me", headers = [], body = "", at = new Date(), path: canonicalPath,
	region = "us-east-1", service = "execute-api", payloadHash, scopeDate, term = "aws4_request", presign,
	algorithm = "AWS4-HMAC-SHA256", names,
} = {}) {
	const date = iso(at);
	const scope = `${scopeDate ?? date.slice(0, 8)}/${region}/${service}/${term}`;
	const [rawPath, query = ""] = target.split(/\?(.*)/s);
	const all = [["Host", new URL(url).host], ...headers];
	const params = query.split("&").filter(Boolean).map((each) => {
		const [name, value = ""] = each.split(/=(.*)/s);
		return [name, value].map((text) => encode(unescape(text.replaceAll("+", " "))));
	});
	if (!presign) {
		all.push(["X-Amz-Date", date]);
		if (credentials.sessionToken) {
			all.push(["X-Amz-Security-Token", credentials.sessionToken]);
		}
	}
	const signedNames = names ?? [...new Set(all.map(([name]) => name.toLowerCase()))].sort();
	let wire = target;
	if (presign) {
		const own = {
			"X-Amz-Algorithm": algorithm,
			"X-Amz-Credential": `${credentials.accessKeyId}/${scope}`,
			"X-Amz-Date": date,
			"X-Amz-Expires": String(presign.expires ?? 300),
			...(credentials.sessionToken && { "X-Amz-Security-Token": credentials.sessionToken }),
			"X-Amz-SignedHeaders": signedNames.join(";"),
		};
		for (const [name, value] of Object.entries(own)) {
			params.push([encode(name), encode(value)]);
			wire += `${wire.includes("?") ? "&" : "?"}${encode(name)}=${encode(value)}`;
		}
	}
	const order = ([a, b], [c, d]) => (a < c ? -1 : a > c ? 1 : b < d ? -1 : b > d ? 1 : 0);
	const canonical = [
		method,
		canonicalPath ?? encode(rawPath, "/"),
		params.sort(order).map((pair) => pair.join("=")).join("&"),
		...signedNames.map((name) => {
			const values = all.filter(([n]) => n.toLowerCase() === name).map(([, v]) => v.trim().replace(/ +/g, " "));
			return `${name}:${values.join(",")}`;
		}),
		"",
		signedNames.join(";"),
		payloadHash ?? hash(body),
	].join("\n");
	const key = scope.split("/").reduce((k, part) => hmac(k, part), `AWS4${credentials.secretAccessKey}`);
	const signature = hmac(key, [algorithm, date, scope, hash(canonical)].join("\n")).toString("hex");
	if (presign) {
		wire += `&X-Amz-Signature=${signature}`;
		return { method, target: wire, headers: all, body };
	}
	const authorization =
		`${algorithm} Credential=${credentials.accessKeyId}/${scope}, ` +
		`SignedHeaders=${signedNames.join(";")}, Signature=${signature}`;
	return { method, target, headers: [...all, ["Authorization", authorization]], body };
}

/** What the AWS CLI's own library would send; Debian's CLI has it inside. */
async function botocoreSign(credentials, url, { method = "GET", headers = {}, body } = {}) {
	const script = `
import importlib.util, json, sys
if not importlib.util.find_spec("botocore"):
    import awscli
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
q = json.load(sys.stdin)
r = AWSRequest(method=q["method"], url=q["url"], data=q.get("body"), headers=q["headers"])
c = q["credentials"]
SigV4Auth(Credentials(c["accessKeyId"], c["secretAccessKey"], c.get("sessionToken")), "execute-api", "us-east-1").add_auth(r)
print(json.dumps(dict(r.headers.items())))`;
	const input = JSON.stringify({ method, url, headers, body, credentials });
	const { code, stdout, stderr } = await run("python3", ["-c", script], { env: cleanEnv(), input });
	assert.equal(code, 0, stderr);
	return { url, method, body, headers: JSON.parse(stdout) };
}

const statement = (Effect, paths, more = {}) => ({
	Effect,
	Action: "execute-api:Invoke",
	Resource: paths.map((each) => ({ "Fn::Sub": `arn:aws:execute-api:*:*:\${A}/$default/${each}` })),
	...more,
});
const STATEMENTS = [
	statement("Allow", ["GET/me", "*/open/*", "GET/one/?", "GET/"]),
	statement("Deny", ["*/open/closed*", "DELETE/*"]),
	// Above $!: the variable is IAM's, not the template's.
	statement("Allow", ["GET/users/${!cognito-identity.amazonaws.com:sub}/*"]),
	statement("Allow", ["GET/near"], { Condition: { IpAddress: { "aws:SourceIp": ["127.0.0.0/8", "::1/128"] } } }),
	statement("Allow", ["GET/far"], { Condition: { IpAddress: { "aws:SourceIp": "203.0.113.0/24" } } }),
	statement("Allow", ["GET/agent"], { Condition: { StringLike: { "aws:UserAgent": "mine/*" } } }),
	statement("Allow", ["GET/guests"], {
		Condition: { "ForAnyValue:StringEquals": { "cognito-identity.amazonaws.com:amr": "unauthenticated" } },
	}),
	statement("Allow", ["GET/logins"], {
		Condition: { "ForAnyValue:StringEquals": { "cognito-identity.amazonaws.com:amr": "authenticated" } },
	}),
	{ Effect: "Allow", NotAction: "execute-api:Inv*", Resource: "*" },
];

const template = new Template()
	.fn("Echo", "echo.handler")
	.api("A")
	.route("A", "ANY /{proxy+}", "Echo", { auth: "AWS_IAM" })
	.api("One")
	.route("One", "ANY /{proxy+}", "Echo", { auth: "AWS_IAM", v1: true })
	.resource("Pool", "AWS::Cognito::IdentityPool", { AllowUnauthenticatedIdentities: true })
	.resource("Guest", "AWS::IAM::Role", {
		AssumeRolePolicyDocument: {
			Version: "2012-10-17",
			Statement: {
				Effect: "Allow",
				Principal: { Federated: "cognito-identity.amazonaws.com" },
				Action: "sts:AssumeRoleWithWebIdentity",
				Condition: { StringEquals: { "cognito-identity.amazonaws.com:aud": { Ref: "Pool" } } },
			},
		},
		Policies: [{ PolicyName: "p", PolicyDocument: { Version: "2012-10-17", Statement: STATEMENTS } }],
	})
	.resource("Roles", "AWS::Cognito::IdentityPoolRoleAttachment", {
		IdentityPoolId: { Ref: "Pool" },
		Roles: { unauthenticated: { "Fn::GetAtt": ["Guest", "Arn"] } },
	});
template.outputs = { IdentityPoolId: { Value: { Ref: "Pool" } } };

test("IAM", async (t) => {
	const file = path.join(tempDir(t), "credentials");
	writeFileSync(file, `[jane]\naws_access_key_id = ${USER.accessKeyId}\naws_secret_access_key = ${USER.secretAccessKey}\n`);
	await withApp(t, template, async (program) => {
		const url = apiUrl(program, "A");
		const guest = await quickCredentials(program);
		const passes = async (request, at = url) => {
			const answer = await exchange(at, request);
			assert.equal(answer.status, 200, JSON.stringify(request));
			return JSON.parse(answer.body);
		};
		const refuses = async (request, check, reason = /./) => {
			const { answer, event } = await withEvent(program, "refused", () => exchange(url, request));
			assertError(answer, 403, "Forbidden");
			assert.equal(answer.header("www-authenticate"), undefined);
			assert.match(`${event.check}: ${event.reason}`, check);
			assert.match(event.reason, reason);
			const told = JSON.stringify(event);
			assert.ok(!told.includes(guest.sessionToken.slice(0, 40)), "session tokens are not shown");
			assert.ok(!told.includes(USER.secretAccessKey) && !told.includes(guest.secretAccessKey), "nor secrets");
			return event;
		};
		const bent = (more) => signed(url, USER, more);

		await program.step(t, "an IAM user, header form, 2.0 and 1.0", async () => {
			const event = await passes(bent());
			assert.deepEqual(event.requestContext.authorizer, {
				iam: {
					accessKey: USER.accessKeyId,
					accountId: event.requestContext.accountId,
					callerId: event.requestContext.authorizer.iam.callerId,
					cognitoIdentity: null,
					principalOrgId: "aws:PrincipalOrgID",
					userArn: `arn:aws:iam::${event.requestContext.accountId}:user/jane`,
					userId: event.requestContext.authorizer.iam.callerId,
				},
			});
			assert.match(event.requestContext.authorizer.iam.callerId, /^AIDA[A-Z0-9]+$/);
			assert.match(event.headers.authorization, /^AWS4-HMAC-SHA256 Credential=/);
			const one = apiUrl(program, "One");
			const { requestContext: c } = await passes(signed(one, USER), one);
			assert.deepEqual(
				[c.identity.accessKey, c.identity.accountId, c.identity.userArn, c.identity.caller, c.identity.user],
				[USER.accessKeyId, c.accountId, `arn:aws:iam::${c.accountId}:user/jane`,
					event.requestContext.authorizer.iam.callerId, event.requestContext.authorizer.iam.callerId],
			);
			assert.equal("authorizer" in c, false);
		});

		await program.step(t, "a guest of the identity pool", async () => {
			const event = await passes(signed(url, guest));
			const { iam } = event.requestContext.authorizer;
			assert.deepEqual(iam.cognitoIdentity, {
				amr: ["unauthenticated"],
				identityId: guest.identityId,
				identityPoolId: program.outputs.IdentityPoolId,
			});
			assert.match(iam.userArn, /^arn:aws:sts::\d{12}:assumed-role\/[^/]+\/CognitoIdentityCredentials$/);
			assert.match(iam.userId, /^AROA[A-Z0-9]+:CognitoIdentityCredentials$/);
			assert.equal(event.headers["x-amz-security-token"], guest.sessionToken);
		});

		const TARGETS = [
			"/a%20b", "/a%2Fb/c", "/%CE%BB", "/%ce%bb", "/a+b", "/a%2Bb", "/x/@connections/abc%3D", "/a:b;c=d,e", "/a/",
			"/q?b=2&a=x%20y&a=1&flag", "/q?a=b+c", "/q?a=b%2Bc", "/q?Param-3=a&Param=b&param=c", "/q?a=%2f%3f&a=%2F",
			"/q?=v&b", "/q?a=1&&b=2", "/q?x=%CE%BB&x=a/b&x=~", "/q?a=b=c", "/q?", "/%25", "/a%zz",
		];
		for (const target of TARGETS) {
			await program.step(t, target, async () => {
				await passes(bent({ target }));
				await passes(bent({ target, presign: {} }));
				await refuses(bent({ target: `${target}${target.includes("?") ? "&" : "?"}x`, presign: undefined, path: "/other" }), /signature/);
			});
		}

		await program.step(t, "//, . and .. are normalised for the signature, or not", async () => {
			for (const [target, canonical] of [["/a//b", "/a/b"], ["/a/../b", "/b"], ["/a/./b/", "/a/b/"]]) {
				const event = await passes(bent({ target, path: canonical }));
				assert.equal(event.rawPath, target, "routed as received");
				await passes(bent({ target }));
			}
		});

		await program.step(t, "S3's single encoding is not ours", async () => {
			await refuses(bent({ target: "/a%20b", path: "/a%20b" }), /signature/);
		});

		await program.step(t, "repeated headers, blanks, case, and a body", async () => {
			await passes(bent({
				method: "POST", body: '{"a":1}',
				headers: [["X-Many", "b"], ["Content-Type", "application/json"], ["x-many", "  a   c  "], ["X-Q", '"a   b"']],
			}));
			await passes(signed(url, guest, { headers: [["x-empty", ""]] }));
		});

		await program.step(t, "payload hashes", async () => {
			const post = (value, more = {}) =>
				bent({ method: "POST", body: "body", headers: [["X-Amz-Content-Sha256", value]], payloadHash: value, ...more });
			await passes(post(hash("body")));
			await passes(post("UNSIGNED-PAYLOAD"));
			await refuses(post(hash("other")), /body|hash/i);
			await refuses(post("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), /./);
			await refuses({ ...bent({ method: "POST", body: "body" }), body: "bode" }, /signature|body/);
		});

		await program.step(t, "the clock: five minutes either way", async () => {
			const at = (s) => new Date(Date.now() + s * 1000);
			for (const s of [-290, 290]) {
				await passes(bent({ at: at(s) }));
			}
			await refuses(bent({ at: at(-310) }), /clock/, /Signature expired/);
			await refuses(bent({ at: at(310) }), /clock/, /not yet current/);
			await passes(bent({ at: at(-500), presign: { expires: 600 } }));
			await refuses(bent({ at: at(-500), presign: { expires: 400 } }), /./);
			await refuses(bent({ presign: { expires: 604801 } }), /./);
			await refuses(bent({ presign: { expires: 0 } }), /./);
			await refuses(bent({ presign: { expires: "x" } }), /./);
		});

		await program.step(t, "the scope, the algorithm, the parts", async () => {
			await refuses(bent({ region: "eu-west-1" }), /./, /region/);
			await refuses(bent({ service: "lambda" }), /./, /execute-api/);
			await refuses(bent({ term: "aws4" }), /./, /aws4_request/);
			await refuses(bent({ scopeDate: "20200101" }), /./, /[Dd]ate/);
			await refuses(bent({ algorithm: "AWS4-HMAC-SHA512" }), /./, /AWS4-HMAC-SHA512/);
			await refuses(bent({ algorithm: "AWS4-ECDSA-P256-SHA256" }), /./, /AWS4-ECDSA-P256-SHA256/);
			await refuses(bent({ names: ["x-amz-date"] }), /./, /host/i);
			const good = bent();
			const change = (from, to) => ({
				...good,
				headers: good.headers.map(([n, v]) => [n, n === "Authorization" ? v.replace(from, to) : v]),
			});
			for (const name of ["Credential", "SignedHeaders", "Signature"]) {
				await refuses(change(new RegExp(`${name}=[^,]*`), "X=y"), /./, new RegExp(name));
			}
			await refuses(change(/Signature=./, "Signature=g"), /./);
			await refuses(change(/Signature=.{2}/, "Signature="), /./);
			await passes(change(/, /g, ","));
			await refuses({ ...good, headers: good.headers.filter(([n]) => n !== "X-Amz-Date") }, /./, /[Dd]ate/);
			await refuses({ ...good, headers: [...good.headers, good.headers.at(-1)] }, /./, /Authorization/);
			const query = bent({ presign: {} });
			await refuses({ ...query, headers: good.headers }, /./);
			await refuses({ target: "/me" }, /./, /sign|Authorization/);
			await refuses({ target: "/me", headers: [["Authorization", "Bearer x"]] }, /./);
			await refuses({ ...good, method: "POST" }, /signature/, /GET|method/);
			await refuses({ ...good, headers: good.headers.map(([n, v]) => [n, n === "Host" ? "other:1" : v]) }, /signature/, /[Hh]ost/);
			const { reason } = await refuses(signed(url, { ...USER, secretAccessKey: "wrong" }), /signature/);
			assert.match(reason, /AWS4-HMAC-SHA256\n\d{8}T\d{6}Z\n/, "the string to sign");
			assert.match(reason, /GET\n\/me\n/, "the canonical request");
		});

		await program.step(t, "keys and session tokens", async () => {
			await refuses(signed(url, { ...USER, accessKeyId: "AKIAUNKNOWNUNKNOWN00" }), /access key/);
			await refuses(signed(url, { ...guest, sessionToken: undefined }), /session token/);
			await refuses(signed(url, { ...guest, sessionToken: `${guest.sessionToken}x` }), /session token/);
			const other = await quickCredentials(program);
			await refuses(signed(url, { ...guest, sessionToken: other.sessionToken }), /session token/);
			await passes(signed(url, guest, { presign: {} }));
			const late = signed(url, { ...guest, sessionToken: undefined });
			await passes({ ...late, headers: [...late.headers, ["X-Amz-Security-Token", guest.sessionToken]] });
		});

		await program.step(t, "other people's signers", async () => {
			for (const target of ["/me", "/me?b=2&a=x%20y&c=%2F", "/open/a%20b"]) {
				for (const request of [await smithySign(guest, url + target), aws4Sign(guest, url + target)]) {
					assert.equal((await send(request)).status, 200, target);
				}
			}
			for (const more of [
				{ target: "/me" },
				{ target: "/q?b=2&a=x%20y&a=1&flag=&p=a+b" }, // a plus that botocore signs as it stands
				{ target: "/open/a%20b/%CE%BB" },
				{ target: "/open/x", method: "POST", body: '{"a":1}', headers: { "content-type": "application/json" } },
			]) {
				const request = await botocoreSign(guest, url + more.target, more);
				assert.equal((await send(request)).status, /^\/q/.test(more.target) ? 403 : 200, more.target);
				assert.equal((await send(await botocoreSign(USER, url + more.target, more))).status, 200, more.target);
			}
			const { stdout } = await curl(
				"--aws-sigv4", "aws:amz:us-east-1:execute-api", "--user", `${USER.accessKeyId}:${USER.secretAccessKey}`,
				"-o", "/dev/null", "-w", "%{http_code}", `${url}/me`,
			);
			assert.equal(stdout, "200");
		});

		await program.step(t, "the headers that clients sign", async () => {
			const post = { method: "POST", target: "/open/x?q=a+b", body: '{"a":1}' };
			const json = [["Content-Type", "application/json; charset=UTF-8"]];
			const sum = [["X-Amz-Content-Sha256", hash(post.body)]];
			const sdk = [
				["amz-sdk-invocation-id", "5f7c8ec7"], ["amz-sdk-request", "attempt=1; max=3"], ["Content-Length", "7"],
				["X-Amz-Target", "T"], ["X-Amz-User-Agent", "aws-sdk-js/3"],
			];
			const rows = {
				"Amplify v6, GET": [{ target: "/me" }, "host;x-amz-date;x-amz-security-token"],
				"Amplify v6, POST": [{ ...post, headers: json }, "content-type;host;x-amz-date;x-amz-security-token"],
				"@smithy/signature-v4": [
					{ ...post, headers: [...json, ...sum] }, "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token",
				],
				"AWS SDK v3": [
					{ ...post, headers: [...sdk, ...json, ...sum] },
					"amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-amz-target;x-amz-user-agent",
				],
				"generated SDKs of REST APIs": [{ target: "/me", headers: [["Accept", "application/json"]] }, "accept;host;x-amz-date"],
			};
			for (const [name, [request, names]] of Object.entries(rows)) {
				const made = signed(url, guest, { ...request, names: names.split(";") });
				// `exchange` writes the length itself.
				made.headers = made.headers.filter(([n]) => n !== "Content-Length");
				const { status, body } = await exchange(url, made);
				assert.equal(status, 200, `${name}: ${body}`);
			}
		});

		await program.step(t, "X-Amz-Date goes before Date", async () => {
			await passes(bent({ headers: [["Date", "Thu, 02 Jan 2003 03:04:05 GMT"]] }));
		});

		const POLICY = [
			["GET /me", true], ["GET /me/", false], ["GET /me/x", false], ["POST /me", false], ["GET /Me", false],
			["GET /", true], ["PUT /open/a", true], ["GET /open/a/b/c", true], ["GET /open/", true], ["GET /open", false],
			["GET /open/closed", false], ["GET /open/closed/x", false], ["DELETE /open/a", false],
			["GET /one/1", true], ["GET /one/12", false], ["GET /near", true], ["GET /far", false],
			["GET /agent", false], ["GET /guests", true], ["GET /logins", false], ["GET /open/../me", true],
			["GET /users/me/x", false],
		];
		for (const [line, allowed] of POLICY) {
			await program.step(t, `policy: ${line}`, async () => {
				const [method, target] = line.split(" ");
				const request = signed(url, guest, { method, target });
				if (allowed) {
					await passes(request);
				} else {
					await refuses(request, /policy/, /execute-api:Invoke/);
				}
			});
		}

		await program.step(t, "policy: variables, and conditions on headers", async () => {
			const id = guest.identityId;
			await passes(signed(url, guest, { target: `/users/${id}/x` }));
			await passes(signed(url, guest, { target: `/users/${id.replace(":", "%3A")}/x` }));
			await refuses(signed(url, guest, { target: `/users/${id}` }), /policy/);
			await refuses(signed(url, guest, { target: `/users/${id}x/x` }), /policy/);
			await passes(signed(url, guest, { target: "/agent", headers: [["User-Agent", "mine/1"]] }));
			await refuses(signed(url, guest, { target: "/far", headers: [["X-Forwarded-For", "203.0.113.9"]] }), /policy/);
			const { reason } = await refuses(signed(url, guest, { target: "/open/closed" }), /policy/);
			assert.match(reason, /[Dd]en/);
		});
	}, { args: ["--credentials", file] });
});
