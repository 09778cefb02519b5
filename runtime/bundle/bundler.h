/* How a function's source becomes what its process loads: one struct of functions per kind of runtime. */
#pragma once

#include "proxy/base/arena.h"
#include "proxy/base/buf.h"
#include "runtime/bundle/helper.h"
#include "runtime/bundle/toolchain.h"

/* What builds are made with. */
struct build_means {
	struct helper *helper;
	struct toolchain *toolchain;
};

/* What to build; strings are borrowed for as long as the build runs. */
struct build_order {
	const char *function; /* name */
	const char *runtime; /* "nodejs18.x" */
	const char *entry; /* the handler as declared: "functions/private.handler" */
	const char *src_path; /* below app; "." */
	const char *app; /* absolute */
	const char *outdir; /* absolute; this function's own */
	bool minify; /* for a frozen copy, as a deploy to the cloud does */
	const char *options; /* the function's bundle options, JSON; "" = none */
	const char *logical_id; /* in its template */
	const char *method; /* SAM's BuildMethod; "" = none */
	const char *binary; /* SAM's BuildProperties.Binary; "" = none */
};

/* The same order, its strings in the arena. */
struct build_order build_order_copy(struct arena *a, const struct build_order *order);

/* What came out. Spans and strings are valid for the call. */
struct build_report {
	bool ok;
	bool changed; /* ok: what there is to load is not what it was */
	const char *root; /* ok: absolute; the process's task root */
	const char *handler; /* ok: below root */
	const char *const *inputs; /* absolute paths that it was made of, also after an error */
	size_t n_inputs;
	const char *const *missing; /* absolute paths whose creation would change it */
	size_t n_missing;
	const char *message; /* !ok: one line */
	const char *problem; /* !ok: for the terminal: file:line:column, the line, a caret */
	double ms;
};

/* Exactly once per build; may run before build returns. */
typedef void (*build_fn)(void *ctx, const struct build_report *report);

struct bundler {
	const char *name;
	bool (*takes)(const struct build_order *order);
	void (*build)(const struct build_means *means, const struct build_order *order, build_fn fn,
		void *ctx);
	bool cached; /* its output is a folder of its own, which a later run may use */
};

extern const struct bundler
	bundler_esbuild; /* Node: TypeScript and JavaScript, through the helper */
extern const struct bundler bundler_native; /* Go, Rust, make: by the developer's own tools */
extern const struct bundler bundler_plain; /* all others, and JavaScript that is not to be
						* bundled: the folder as it is */

/* The one for an order; there always is one. */
const struct bundler *bundler_for(const struct build_order *order);
/* Turns the helper's error object into what a developer reads (file:line:column, the line, a caret). */
void build_problem(struct buf *out, const cJSON *error);
