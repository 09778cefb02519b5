export const handler = async (event) => ({
	statusCode: 200,
	headers: { 'content-type': 'text/plain' },
	body: event.isBase64Encoded ? Buffer.from(event.body, 'base64').toString() : event.body,
});
