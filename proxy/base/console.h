/* What the user sees. Human lines go to stdout, problems to stderr; with --json stdout carries one
 * JSON object per event and nothing else, and human lines are dropped. Colour only on a terminal
 * and without NO_COLOR. Both halves of the program print through here, so that `start` reads as
 * one story and `connect` shows only the agent's part. */
#pragma once

#include "proxy/base/buf.h"

enum console_style {
	STYLE_PLAIN,
	STYLE_GREY,
	STYLE_GREEN,
	STYLE_RED,
	STYLE_YELLOW,
	STYLE_CYAN,
	STYLE_BOLD
};

/* Call once before anything is printed. */
void console_init(bool json);
bool console_is_json(void);
/* From now on only problems are shown: the terminal belongs to somebody else. */
void console_mute(void);
/* One human line on stdout (a newline is added). Nothing under --json. */
void console_line(enum console_style style, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void console_line_span(enum console_style style, struct span text);
/* A problem: on stderr, also under --json. "what, where, what to do". */
void console_problem(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* One event under --json: `members` is the inside of the object after "event", for example
 * "\"requestId\":\"...\"" or empty. Nothing in human mode. */
void console_event(const char *event, struct span members);
/* Bytes of a handler's own output, passed through untouched. */
void console_raw(struct span bytes);
/* Output is buffered; whoever runs the loop flushes it soon, so that a burst is one write. */
bool console_has_pending(void);
void console_flush(void);
