#include "proxy/base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t system_now_ms(void *ctx)
{
	(void)ctx;
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static uint64_t system_mono_ns(void *ctx)
{
	(void)ctx;
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

const struct clock clock_system = { system_now_ms, system_mono_ns, NULL };

static const char MONTHS[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
	"Oct", "Nov", "Dec" };
static const char DAYS[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };

static struct tm utc(int64_t ms)
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	gmtime_r(&s, &tm);
	return tm;
}

/* The fields reduced to what their columns hold, so that no year can overrun a buffer. */
#define YEAR(tm) ((unsigned)((tm).tm_year + 1900) % 10000u)
#define TWO(n) ((unsigned)(n) % 100u)

void time_basic(char out[17], int64_t ms)
{
	struct tm tm = utc(ms);
	snprintf(out, 17, "%04u%02u%02uT%02u%02u%02uZ", YEAR(tm), TWO(tm.tm_mon + 1),
		TWO(tm.tm_mday), TWO(tm.tm_hour), TWO(tm.tm_min), TWO(tm.tm_sec));
}

void time_iso(char out[25], int64_t ms)
{
	struct tm tm = utc(ms);
	snprintf(out, 25, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", YEAR(tm), TWO(tm.tm_mon + 1),
		TWO(tm.tm_mday), TWO(tm.tm_hour), TWO(tm.tm_min), TWO(tm.tm_sec),
		(unsigned)(ms % 1000) % 1000u);
}

void time_http(char out[30], int64_t ms)
{
	struct tm tm = utc(ms);
	snprintf(out, 30, "%s, %02u %s %04u %02u:%02u:%02u GMT", DAYS[tm.tm_wday], TWO(tm.tm_mday),
		MONTHS[tm.tm_mon], YEAR(tm), TWO(tm.tm_hour), TWO(tm.tm_min), TWO(tm.tm_sec));
}

static void two_digits(char *out, unsigned value)
{
	out[0] = (char)('0' + value / 10);
	out[1] = (char)('0' + value % 10);
}

static void write_clf(char out[27], int64_t ms)
{
	struct tm tm = utc(ms);
	unsigned year = YEAR(tm);
	memcpy(out, "00/Mon/0000:00:00:00 +0000", 27);
	two_digits(out, TWO(tm.tm_mday));
	memcpy(out + 3, MONTHS[tm.tm_mon], 3);
	two_digits(out + 7, year / 100 % 100);
	two_digits(out + 9, year % 100);
	two_digits(out + 12, TWO(tm.tm_hour));
	two_digits(out + 15, TWO(tm.tm_min));
	two_digits(out + 18, TWO(tm.tm_sec));
}

/* Each event has one: by hand, and once for all of the same second. */
void time_clf(char out[27], int64_t ms)
{
	static char last[27];
	static int64_t last_second = INT64_MIN;
	if (ms / 1000 != last_second) {
		last_second = ms / 1000;
		write_clf(last, ms);
	}
	memcpy(out, last, sizeof last);
}

static int digits(const char *p, int n)
{
	int value = 0;
	for (int i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9') {
			return -1;
		}
		value = value * 10 + (p[i] - '0');
	}
	return value;
}

bool time_parse_basic(struct span s, int64_t *ms)
{
	if (s.len != 16 || s.ptr[8] != 'T' || s.ptr[15] != 'Z') {
		return false;
	}
	struct tm tm = { .tm_year = digits(s.ptr, 4),
		.tm_mon = digits(s.ptr + 4, 2),
		.tm_mday = digits(s.ptr + 6, 2),
		.tm_hour = digits(s.ptr + 9, 2),
		.tm_min = digits(s.ptr + 11, 2),
		.tm_sec = digits(s.ptr + 13, 2) };
	if (tm.tm_year < 1970 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
		tm.tm_mday > 31 || tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 ||
		tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60) {
		return false;
	}
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*ms = (int64_t)timegm(&tm) * 1000;
	return true;
}
