export const handler = async () => {
	await new Promise((resolve) => setTimeout(resolve, 100));
	return { statusCode: 200, headers: { 'content-type': 'text/plain' }, body: 'done' };
};
