/* Builds models from template text or from fixtures/templates. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* cmocka wants the standard ones first. */
#include <cmocka.h>

#include "emulator/model/model.h"
#include "proxy/base/alloc.h"
#include "proxy/base/file.h"

/* "api:KEY" or "function-url:KEY" as an address, so that tests see what was asked. */
static const char *fake_resolve(void *ctx, const char *kind, const char *key)
{
	static char address[200];
	(void)ctx;
	snprintf(address, sizeof address, "http://%s.localhost/%s", kind, key);
	return address;
}

/* `text` is {"stacks":[...]}. */
static inline struct model *build_from(struct span text, struct err *err)
{
	AUTO_JSON cJSON *tree = json_parse(text, err);
	if (!tree) {
		return NULL;
	}
	const struct model_input in = { .app = "app",
		.stage = "dev",
		.region = "us-east-1",
		.account = "123456789012",
		.stacks = json_get(tree, "stacks"),
		.resolve = fake_resolve };
	return model_build(&in, err);
}

/* One stack "S" whose template is {...members...}; quotes may be written as '. */
static inline struct model *build_members(const char *members, struct err *err)
{
	AUTO_FREE char *text =
		xasprintf("{'stacks':[{'id':'S','name':'S','template':{%s}}]}", members);
	for (char *c = text; *c; c++) {
		*c = *c == '\'' ? '"' : *c;
	}
	return build_from(span_of(text), err);
}

static inline struct model *build_fixture(const char *name)
{
	AUTO_FREE char *path = xasprintf(OFFSTAGE_SOURCE_DIR "/fixtures/templates/%s", name);
	struct buf text = BUF_INIT(4 << 20);
	struct err err = ERR_INIT;
	assert_int_equal(file_read(path, &text, &err), 0);
	struct model *m = build_from(buf_span(&text), &err);
	buf_fini(&text);
	if (!m) {
		fail_msg("%s: %s", name, err.msg);
	}
	return m;
}

/* The template must be refused with exactly that message. */
static inline void refuse(const char *members, const char *message)
{
	struct err err = ERR_INIT;
	struct model *m = build_members(members, &err);
	assert_null(m);
	assert_string_equal(err.msg, message);
}
