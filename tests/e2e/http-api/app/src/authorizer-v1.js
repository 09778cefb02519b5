// The event of payload format 1.0, handed on whole as a string.
exports.handler = async (event) => ({
	principalId: "user-1",
	policyDocument: {
		Version: "2012-10-17",
		Statement: [{ Action: "execute-api:Invoke", Effect: "Allow", Resource: event.methodArn }],
	},
	context: { event: JSON.stringify(event), n: 7, yes: true },
});
