/* Diagnostics for whoever works on or reports about Offstage itself: stderr, one line each, off
 * below `warn` unless OFFSTAGE_LOG=debug|info. What the user reads is console.h's.
 * Secrets and tokens are never logged: log the key id. */
#pragma once

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG
};

typedef void (*log_sink_fn)(enum log_level level, const char *room, const char *line);

/* Reads OFFSTAGE_LOG. */
void log_init(void);
void log_set_level(enum log_level level);
/* NULL restores the default. For tests, which assert on lines. */
void log_set_sink(log_sink_fn sink);
void log_line(enum log_level level, const char *room, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(room, ...) log_line(LOG_ERROR, room, __VA_ARGS__)
#define log_warn(room, ...) log_line(LOG_WARN, room, __VA_ARGS__)
#define log_info(room, ...) log_line(LOG_INFO, room, __VA_ARGS__)
#define log_debug(room, ...) log_line(LOG_DEBUG, room, __VA_ARGS__)
