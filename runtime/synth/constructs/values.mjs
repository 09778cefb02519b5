// Durations and sizes in the forms that SST accepts (reference sst 4.1), and the CDK's Duration and
// Size objects where only their value matters.

const SECONDS = { second: 1, minute: 60, hour: 3600, day: 86400 };

/** Seconds of a number, "30 seconds", "1 minute", "2 hours", "1 day" or a Duration. */
export function toSeconds(value) {
	if (typeof value === "number") {
		return value;
	}
	if (value instanceof Duration) {
		return value.toSeconds();
	}
	const match = /^(\d+) (second|minute|hour|day)s?$/.exec(value);
	if (!match) {
		throw new Error(
			`Invalid duration "${value}": use a form such as "30 seconds" or "1 minute"`,
		);
	}
	return Number(match[1]) * SECONDS[match[2]];
}

/** Megabytes of a number, "512 MB", "2 GB" or a Size. */
export function toMegabytes(value) {
	if (typeof value === "number") {
		return value;
	}
	if (value instanceof Size) {
		return value.toMebibytes();
	}
	const match = /^(\d+) (MB|GB)$/.exec(value);
	if (!match) {
		throw new Error(`Invalid size "${value}": use a form such as "512 MB" or "2 GB"`);
	}
	return Number(match[1]) * (match[2] === "GB" ? 1024 : 1);
}

/** The CDK's Duration. */
export class Duration {
	#ms;

	constructor(ms) {
		this.#ms = ms;
	}

	static millis = (n) => new Duration(n);
	static seconds = (n) => new Duration(n * 1000);
	static minutes = (n) => new Duration(n * 60_000);
	static hours = (n) => new Duration(n * 3_600_000);
	static days = (n) => new Duration(n * 86_400_000);

	plus(other) {
		return new Duration(this.#ms + other.toMilliseconds());
	}

	toMilliseconds() {
		return this.#ms;
	}

	toSeconds() {
		return this.#ms / 1000;
	}

	toMinutes() {
		return this.#ms / 60_000;
	}

	toHours() {
		return this.#ms / 3_600_000;
	}

	toDays() {
		return this.#ms / 86_400_000;
	}

	toTemplate() {
		return this.toSeconds();
	}
}

/** The CDK's Size. */
export class Size {
	#mebibytes;

	constructor(mebibytes) {
		this.#mebibytes = mebibytes;
	}

	static mebibytes = (n) => new Size(n);
	static gibibytes = (n) => new Size(n * 1024);

	toMebibytes() {
		return this.#mebibytes;
	}

	toTemplate() {
		return this.#mebibytes;
	}
}

/** CDK property names with a capital: those of CloudFormation. */
export function pascalKeys(value) {
	return Object.fromEntries(
		Object.entries(value).map(([key, item]) => [key[0].toUpperCase() + key.slice(1), item]),
	);
}
