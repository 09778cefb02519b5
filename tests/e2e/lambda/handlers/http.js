// Behind function URLs.

const { existsSync } = require("node:fs");

exports.echo = async (event) => ({
	statusCode: 201,
	headers: { "x-from": "handler", "access-control-allow-origin": "handler" },
	cookies: ["a=1", "b=2; Path=/"],
	body: JSON.stringify(event),
});

exports.result = async (event) => JSON.parse(event.body);
exports.raises = async () => {
	throw new Error("secret reason");
};

const { HttpResponseStream } = globalThis.awslambda ?? {};
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What it does is the path. */
exports.stream = awslambda.streamifyResponse(async (event, stream) => {
	const headers = { "content-type": "text/plain", "x-from": "stream" };
	switch (event.rawPath) {
		case "/described": {
			const out = HttpResponseStream.from(stream, { statusCode: 418, headers, cookies: ["c=1"] });
			out.write("part1 ");
			await wait(50);
			out.end("part2");
			break;
		}
		case "/plain":
			stream.setContentType("text/html");
			stream.write("<p>");
			stream.end("</p>");
			break;
		case "/bytes":
			stream.end(Buffer.from([0, 1, 2, 255]));
			break;
		case "/empty":
			HttpResponseStream.from(stream, { statusCode: 204, headers }).end();
			break;
		case "/first":
			throw new Error("before the first byte");
		case "/midway":
			stream.write("so far");
			await wait(50);
			throw new Error("midway");
		case "/large":
			for (let i = 0; i < 40; i++) {
				if (!stream.write(Buffer.alloc(256 * 1024, 65 + (i % 26)))) {
					await new Promise((resolve) => stream.once("drain", resolve));
				}
			}
			stream.end();
			break;
		case "/gate": {
			const gate = decodeURIComponent(event.rawQueryString);
			stream.write("before");
			while (!existsSync(gate)) {
				await wait(10);
			}
			stream.end("after");
			break;
		}
		case "/leave":
			stream.write("begun");
			for (let i = 0; i < 20; i++) {
				stream.write(Buffer.alloc(256 * 1024, "x"));
				await wait(10);
			}
			console.log("ran to its end");
			stream.end();
			break;
		default:
			stream.end();
	}
});

/** A stream of AWS's content type whose first bytes are what the query says, decoded. */
exports.prelude = awslambda.streamifyResponse(async (event, stream) => {
	stream.setContentType("application/vnd.awslambda.http-integration-response");
	stream.write(decodeURIComponent(event.rawQueryString));
	stream.write(Buffer.alloc(8));
	stream.end("body");
});
