/* The HTML that people see. Everything that comes from outside is escaped here. No page loads
 * anything from anywhere, nor runs a script (but the two that must hand an answer over). */
#pragma once

#include "emulator/login/visit.h"

#define PAGE_CSP \
	"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"

struct page_login {
	const char *app; /* "" if unnamed */
	const char *client_id;
	const char *state; /* of the transaction */
	const char *email; /* prefilled; "" = empty */
	const char *problem; /* NULL = none */
	bool signup;
	const struct store_user *users; /* one-click choices */
	size_t n_users;
};

void page_login(struct buf *out, const struct login *l, const struct page_login *p);
void page_error(struct buf *out, const struct login *l, const char *title, const char *text);
/* What stands at "/": where one has landed. */
void page_index(struct buf *out, const struct login *l, const char *base);
/* Posts the fields to action at once, or by a button where scripts are off. */
void page_form_post(struct buf *out, const char *action, const struct form_field *fields, size_t n,
	const char *nonce);
/* Hands the fields to the window that opened this one, if it is of that origin. */
void page_web_message(struct buf *out, const char *origin, const struct form_field *fields,
	size_t n, const char *nonce);
