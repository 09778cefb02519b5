// Tokens signed here, by keys of our own.

import { generateKeyPairSync, sign } from "node:crypto";

const rsa = () => generateKeyPairSync("rsa", { modulusLength: 2048 });
export const KEYS = { one: rsa(), two: rsa(), three: rsa() };
export const b64 = (value) =>
	Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
export const jwk = (kid, more = {}) => ({
	...KEYS[kid].publicKey.export({ format: "jwk" }), kid, use: "sig", alg: "RS256", ...more,
});

export const now = () => Math.floor(Date.now() / 1000);
export const claims = (iss, more = {}) => ({
	iss, aud: "shop", sub: "jane", iat: now() - 5, exp: now() + 600, ...more,
});

/** Header and payload may be texts, so that what JSON.stringify would not write can be sent. */
export function jwt(payload, header = {}, kid = "one") {
	const alg = header.alg ?? "RS256";
	const head = typeof header === "string" ? header : { alg, kid, typ: "JWT", ...header };
	const text = `${b64(head)}.${b64(payload)}`;
	const hash = { RS256: "sha256", RS384: "sha384", RS512: "sha512" }[alg] ?? "sha256";
	return `${text}.${sign(hash, Buffer.from(text), KEYS[kid].privateKey).toString("base64url")}`;
}

/** The challenge for a token that was refused. */
export const INVALID = (words, scope = "") =>
	`Bearer scope="${scope}" error="invalid_token" error_description="${words}"`;
