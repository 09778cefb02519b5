// Handlers that behave as badly as they can. What one of them does that others may not see goes through
// files whose names come with the event.

const { spawn } = require("node:child_process");
const { writeFileSync } = require("node:fs");

let count = 0;
const never = () => new Promise((resolve) => setTimeout(resolve, 1 << 30));

exports.count = async () => ({ count: ++count, pid: process.pid });
exports.hang = () => never();
exports.spin = async () => {
	console.log("spinning");
	for (;;);
};
exports.hangWithChildren = async ({ file }) => {
	const child = spawn("sh", ["-c", "sleep 1000 & echo $! ; wait"], {
		stdio: ["ignore", "pipe", "inherit"],
	});
	child.stdout.once("data", (text) => writeFileSync(file, `${child.pid} ${text}`));
	await never();
};
exports.exit = async ({ code }) => process.exit(code);
exports.kill = async ({ signal }) => {
	process.kill(process.pid, signal);
	await never();
};
exports.reject = async () => {
	Promise.reject(new Error("nobody catches it"));
	await never();
};
exports.uncaught = async () => {
	setTimeout(() => {
		throw new TypeError("in a timer");
	}, 1);
	await never();
};
exports.memory = async () => {
	const all = [];
	for (;;) {
		all.push(new Array(1e5).fill(all.length));
	}
};
exports.later = async ({ text }) => {
	setTimeout(() => console.log(`later: ${text}`), 20);
	return "answered";
};
exports.chatter = async ({ bytes }) => {
	process.stdout.write(`${"x".repeat(1023)}\n`.repeat(bytes / 1024));
	return bytes;
};
exports.binary = async () => {
	process.stdout.write(Buffer.from([0, 255, 254, 10, 128, 10]));
	process.stderr.write("to stderr, no newline");
	return "wrote";
};
exports.large = async ({ bytes }) => "x".repeat(bytes);
exports.sleep = async ({ ms }) => {
	await new Promise((resolve) => setTimeout(resolve, ms));
	return process.pid;
};
exports.span = async ({ ms }) => {
	const begin = Date.now();
	await new Promise((resolve) => setTimeout(resolve, ms));
	return { pid: process.pid, begin, end: Date.now() };
};
exports.echo = async (event) => event;
exports.fail = async (event, context) => {
	console.log(`attempt ${context.awsRequestId}`);
	throw new Error("always");
};
exports.context = async (event, context) => ({
	...context,
	remaining: context.getRemainingTimeInMillis(),
});
exports.length = async (event) => event.length;
exports.speak = async ({ lines }, context) => {
	for (let i = 0; i < lines; i++) {
		console.log(`line ${i} of ${context.functionName}`);
	}
};
exports.trace = async () => process.env._X_AMZN_TRACE_ID;
exports.greedyChild = async () => {
	const code = "const held = []; setInterval(() => held.push(Buffer.alloc(1 << 22, 1)), 5)";
	spawn(process.execPath, ["-e", code], { stdio: "inherit" });
	await never();
};
exports.lastWords = async ({ how, bytes }) => {
	process.stdout.write(`${"x".repeat(1023)}\n`.repeat(bytes / 1024));
	console.log("last words");
	process.stderr.write("last complaint\n");
	if (how === "exit") {
		process.exit(3);
	} else if (how === "abort") {
		process.abort();
	} else if (how === "kill") {
		process.kill(process.pid, "SIGKILL");
	}
	setTimeout(() => {
		throw new Error("uncaught");
	}, 0);
	await never();
};
