/* Time, behind one pointer so that tests own it. */
#pragma once

#include <stdint.h>

#include "proxy/base/span.h"

/* Milliseconds since the Unix epoch, and monotonic nanoseconds. */
struct clock {
	int64_t (*now_ms)(void *ctx);
	uint64_t (*mono_ns)(void *ctx);
	void *ctx;
};

extern const struct clock clock_system;

static inline int64_t clock_now_ms(const struct clock *c)
{
	return c->now_ms(c->ctx);
}

static inline uint64_t clock_mono_ns(const struct clock *c)
{
	return c->mono_ns(c->ctx);
}

/* "20250102T030405Z" (AWS basic format). out has 17 bytes. */
void time_basic(char out[17], int64_t ms);
/* "2025-01-02T03:04:05.678Z". out has 25 bytes. */
void time_iso(char out[25], int64_t ms);
/* "Thu, 02 Jan 2025 03:04:05 GMT" (RFC 9110 section 5.6.7). out has 30 bytes. */
void time_http(char out[30], int64_t ms);
/* "02/Jan/2025:03:04:05 +0000" (Common Log Format). out has 27 bytes. */
void time_clf(char out[27], int64_t ms);
/* Parses the basic format; false if it is anything else. */
bool time_parse_basic(struct span s, int64_t *ms);
