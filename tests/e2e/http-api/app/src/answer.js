// Its result is the request's body, as a value.
exports.handler = async (event) => {
	const text = event.isBase64Encoded ? Buffer.from(event.body, "base64").toString() : event.body;
	return JSON.parse(text ?? "null");
};
