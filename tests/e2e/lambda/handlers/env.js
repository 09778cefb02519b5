exports.handler = async (event, context) => ({
	env: process.env,
	cwd: process.cwd(),
	offset: new Date().getTimezoneOffset(),
	remaining: context.getRemainingTimeInMillis(),
	context: { ...context },
});
