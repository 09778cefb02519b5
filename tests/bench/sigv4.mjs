// Signs requests ahead of a run: AWS Signature Version 4 in the Authorization header (reference/api-gateway.md 5).

import crypto from 'node:crypto';

const sha256 = (text) => crypto.createHash('sha256').update(text).digest('hex');
const hmac = (key, text) => crypto.createHmac('sha256', key).update(text).digest();

// GETs of `count` different queries of `path`, as [{path, headers}]. They are good for five minutes.
export function signedRequests(user, { host, path, count }) {
	const now = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
	const scope = `${now.slice(0, 8)}/us-east-1/execute-api/aws4_request`;
	const key = scope.split('/').reduce(hmac, `AWS4${user.secretAccessKey}`);
	return Array.from({ length: count }, (_, i) => {
		const names = 'host;x-amz-date';
		const canonical = ['GET', path, `n=${i}`, `host:${host}`, `x-amz-date:${now}`, '', names, sha256('')].join('\n');
		const signature = hmac(key, ['AWS4-HMAC-SHA256', now, scope, sha256(canonical)].join('\n')).toString('hex');
		const authorization =
			`AWS4-HMAC-SHA256 Credential=${user.accessKeyId}/${scope}, ` +
			`SignedHeaders=${names}, Signature=${signature}`;
		return { path: `${path}?n=${i}`, headers: { Host: host, 'X-Amz-Date': now, Authorization: authorization } };
	});
}
