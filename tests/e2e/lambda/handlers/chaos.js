// Does what the event says; one of them never answers.

exports.handler = async ({ n, how, ms }) => {
	if (ms) {
		await new Promise((resolve) => setTimeout(resolve, ms));
	}
	switch (how) {
		case "exit":
			process.exit(n % 3);
			break;
		case "hang":
			await new Promise((resolve) => setTimeout(resolve, 1 << 30));
			break;
		case "throw":
			throw new Error(`thrown ${n}`);
		case "large":
			return { n, pid: process.pid, fill: "x".repeat(300_000) };
	}
	return { n, pid: process.pid };
};
