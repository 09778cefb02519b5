export const handler = async (event) => ({
	statusCode: 200,
	headers: { 'content-type': 'application/json' },
	body: JSON.stringify({ message: 'Hello from a handler', path: event.rawPath ?? event.path }),
});
