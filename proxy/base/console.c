#include "proxy/base/console.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/json.h"

static bool json_mode;
static bool muted;
static bool colour_out;
static bool colour_err;

static const char *const CODES[] = { "", "\x1b[90m", "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[36m",
	"\x1b[1m" };

void console_init(bool json)
{
	const char *no_color = getenv("NO_COLOR");
	bool allowed = !(no_color && *no_color);
	json_mode = json;
	setvbuf(stdout, NULL, _IOFBF, 64u << 10);
	colour_out = allowed && isatty(STDOUT_FILENO);
	colour_err = allowed && isatty(STDERR_FILENO);
}

void console_mute(void)
{
	muted = true;
}

bool console_is_json(void)
{
	return json_mode;
}

void console_line_span(enum console_style style, struct span text)
{
	if (json_mode || muted) {
		return;
	}
	bool coloured = colour_out && style != STYLE_PLAIN;
	if (coloured) {
		fputs(CODES[style], stdout);
	}
	fwrite(text.ptr, 1, text.len, stdout);
	fputs(coloured ? "\x1b[0m\n" : "\n", stdout);
}

void console_line(enum console_style style, const char *fmt, ...)
{
	if (json_mode || muted) {
		return;
	}
	char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n >= 0) {
		console_line_span(style, span_n(text, (size_t)n));
		free(text);
	}
}

void console_problem(const char *fmt, ...)
{
	console_flush();
	char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	/* Some problems are whole texts of other programs, with an end of line of their own. */
	while (n > 0 && text[n - 1] == '\n') {
		n--;
	}
	if (n >= 0) {
		fprintf(stderr, "%s%.*s%s\n", colour_err ? CODES[STYLE_RED] : "", n, text,
			colour_err ? "\x1b[0m" : "");
		free(text);
	}
}

void console_event(const char *event, struct span members)
{
	if (!json_mode || muted) {
		return;
	}
	struct buf line = BUF_INIT(8u << 20);
	buf_add_char(&line, '{');
	json_add_member(&line, "event", span_of(event));
	if (members.len) {
		buf_add_char(&line, ',');
		buf_add_span(&line, members);
	}
	buf_add_str(&line, "}\n");
	fwrite(line.ptr, 1, line.len, stdout);
	/* At once: who reads events may act on the answer that comes after them. */
	console_flush();
	buf_fini(&line);
}

void console_raw(struct span bytes)
{
	if (!json_mode && !muted) {
		fwrite(bytes.ptr, 1, bytes.len, stdout);
	}
}

bool console_has_pending(void)
{
	return __fpending(stdout) > 0;
}

void console_flush(void)
{
	fflush(stdout);
}
