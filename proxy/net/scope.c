#include "proxy/net/scope.h"

#include "proxy/base/alloc.h"

void scope_init(struct scope *s, void (*last)(struct scope *s))
{
	*s = (struct scope){ .holds = 1, .last = last };
}

void scope_hold(struct scope *s)
{
	ENSURE(s->holds > 0);
	s->holds++;
}

void scope_drop(struct scope *s)
{
	ENSURE(s->holds > 0);
	if (--s->holds == 0) {
		ENSURE(s->closing);
		s->last(s);
	}
}

bool scope_close(struct scope *s)
{
	if (s->closing) {
		return false;
	}
	s->closing = true;
	return true;
}
