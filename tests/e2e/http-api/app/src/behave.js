// Misbehaves as its query says.
exports.handler = async (event) => {
	const query = event.queryStringParameters ?? {};
	if (query.throw) {
		throw new TypeError(query.throw);
	}
	if (query.exit) {
		process.exit(Number(query.exit));
	}
	if (query.ms) {
		await new Promise((resolve) => setTimeout(resolve, Number(query.ms)));
	}
	const size = Number(query.size ?? 0);
	return { statusCode: 200, body: size ? "x".repeat(size) : "done" };
};
