#include "proxy/net/http_chars.h"

#define TOKEN HTTP_CHAR_TOKEN
#define TARGET HTTP_CHAR_TARGET
#define HOST HTTP_CHAR_HOST

static const unsigned char kinds[256] = {
	['0' ... '9'] = TOKEN | TARGET | HOST,
	['A' ... 'Z'] = TOKEN | TARGET | HOST,
	['a' ... 'z'] = TOKEN | TARGET | HOST,
	['!'] = TOKEN | TARGET | HOST,
	['"'] = TARGET,
	['#'] = TOKEN,
	['$'] = TOKEN | TARGET | HOST,
	['%'] = TOKEN | TARGET | HOST,
	['&'] = TOKEN | TARGET | HOST,
	['\''] = TOKEN | TARGET | HOST,
	['('] = TARGET | HOST,
	[')'] = TARGET | HOST,
	['*'] = TOKEN | TARGET | HOST,
	['+'] = TOKEN | TARGET | HOST,
	[','] = TARGET,
	['-'] = TOKEN | TARGET | HOST,
	['.'] = TOKEN | TARGET | HOST,
	['/'] = TARGET,
	[':'] = TARGET | HOST,
	[';'] = TARGET | HOST,
	['<'] = TARGET,
	['='] = TARGET | HOST,
	['>'] = TARGET,
	['?'] = TARGET,
	['@'] = TARGET,
	['['] = TARGET | HOST,
	['\\'] = TARGET,
	[']'] = TARGET | HOST,
	['^'] = TOKEN | TARGET,
	['_'] = TOKEN | TARGET | HOST,
	['`'] = TOKEN | TARGET,
	['{'] = TARGET,
	['|'] = TOKEN | TARGET,
	['}'] = TARGET,
	['~'] = TOKEN | TARGET | HOST,
};

bool http_chars_all(struct span s, enum http_char kind)
{
	unsigned char all = (unsigned char)kind;
	for (size_t i = 0; i < s.len; i++) {
		all &= kinds[(unsigned char)s.ptr[i]];
	}
	return all != 0;
}

static bool is_text(unsigned char c)
{
	return c >= ' ' ? c != 0x7f : c == '\t';
}

/* Eight bytes at once, for every byte of a head goes through here. A byte's top bit comes up where 0x20 cannot
 * be taken away (it is below a blank) or 1 makes it 0x80 (it is DEL); those that had it up are text. What a
 * byte borrows from or carries to the next may raise a false alarm there: it is looked at byte by byte. */
static bool may_hold_control(const char *p)
{
	const uint64_t ones = UINT64_MAX / 0xff;
	uint64_t word;
	memcpy(&word, p, sizeof word);
	return (((word - ones * 0x20) | (word + ones)) & ~word & (ones * 0x80)) != 0;
}

size_t http_chars_text(struct span s)
{
	size_t i = 0;
	while (s.len - i >= sizeof(uint64_t) && !may_hold_control(s.ptr + i)) {
		i += sizeof(uint64_t);
	}
	while (i < s.len && is_text((unsigned char)s.ptr[i])) {
		i++;
	}
	return i;
}
