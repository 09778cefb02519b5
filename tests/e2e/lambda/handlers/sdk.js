// An SDK in a handler, without any configuration: it talks to the emulator as the function's role.

const { InvokeCommand, LambdaClient } = require("@aws-sdk/client-lambda");
const { GetCallerIdentityCommand, STSClient } = require("@aws-sdk/client-sts");

exports.handler = async (event) => {
	const { Account, Arn } = await new STSClient({}).send(new GetCallerIdentityCommand({}));
	const command = new InvokeCommand({ FunctionName: event.other, Payload: JSON.stringify(event) });
	const { Payload, StatusCode } = await new LambdaClient({}).send(command);
	return { Account, Arn, StatusCode, other: JSON.parse(Buffer.from(Payload)) };
};
