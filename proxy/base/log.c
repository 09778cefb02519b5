#include "proxy/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const NAMES[] = { "error", "warn", "info", "debug" };

static void to_stderr(enum log_level level, const char *room, const char *line)
{
	fprintf(stderr, "offstage %s [%s] %s\n", NAMES[level], room, line);
}

static enum log_level threshold = LOG_WARN;
static log_sink_fn sink = to_stderr;

void log_init(void)
{
	const char *wish = getenv("OFFSTAGE_LOG");
	for (int level = LOG_ERROR; wish && level <= LOG_DEBUG; level++) {
		if (strcmp(wish, NAMES[level]) == 0) {
			threshold = (enum log_level)level;
		}
	}
}

void log_set_level(enum log_level level)
{
	threshold = level;
}

void log_set_sink(log_sink_fn wanted)
{
	sink = wanted ? wanted : to_stderr;
}

void log_line(enum log_level level, const char *room, const char *fmt, ...)
{
	if (level > threshold) {
		return;
	}
	char line[2048];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	sink(level, room, line);
}
