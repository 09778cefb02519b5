// What the function was given, as it was given.
exports.handler = async (event) => ({
	statusCode: 200,
	headers: { "content-type": "application/json" },
	body: JSON.stringify(event),
});
