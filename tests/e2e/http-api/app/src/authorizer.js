// Answers what the header x-answer says, a template in which ARN and N stand for the request's ARN and
// how often this process was asked.
let calls = 0;

exports.handler = async (event) => {
	calls++;
	const given = event.headers["x-answer"] ?? event.headers["X-Answer"] ?? '{"isAuthorized":true}';
	if (given === "throw") {
		throw new Error("no");
	}
	if (given === "sleep") {
		await new Promise((resolve) => setTimeout(resolve, 11_000));
	}
	if (given === "event") {
		return { isAuthorized: true, context: { event } };
	}
	const arn = event.routeArn ?? event.methodArn;
	return JSON.parse(given.replaceAll("ARN", arn).replaceAll('"N"', String(calls)));
};
