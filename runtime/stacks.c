#include "runtime/stacks.h"

#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "runtime/bundle/answer.h"
#include "runtime/bundle/bundler.h"
#include "runtime/bundle/cache.h"

/* An app whose stacks write what they read would be evaluated for ever. */
#define OVERTAKEN_MAX 3

/* An evaluation on its way; outlives stacks that are destroyed meanwhile. */
struct evaluation {
	struct stacks *stacks; /* NULL: nobody waits for it */
};

struct stacks {
	struct stacks_config config;
	struct inputs *inputs;
	char *cache; /* path */
	struct evaluation *running;
	bool tried;
	unsigned overtaken; /* evaluations in a row whose inputs changed meanwhile */
};

struct stacks *stacks_create(const struct stacks_config *config)
{
	struct stacks *s = xalloc(sizeof *s);
	s->config = *config;
	s->inputs = inputs_create(config->watch);
	s->cache = xasprintf("%s/synth.json", config->stage_dir);
	return s;
}

void stacks_destroy(struct stacks *s)
{
	if (!s) {
		return;
	}
	if (s->running) {
		s->running->stacks = NULL;
	}
	inputs_destroy(s->inputs);
	free(s->cache);
	free(s);
}

/* Stacks may read any variable (dotenv files are among the inputs), so an earlier evaluation is good only
 * under the same environment; what shells change from call to call is left out. */
static void add_environment(struct buf *out)
{
	static const char *const passing[] = { "_=", "SHLVL=", "PWD=", "OLDPWD=", "TERM",
		"COLUMNS=", "LINES=", "SSH_", "WINDOWID=", "npm_", "INIT_CWD=", "XDG_", "DBUS_" };
	for (char **var = environ; *var; var++) {
		bool skip = false;
		for (size_t i = 0; i < COUNT_OF(passing); i++) {
			skip |= strncmp(*var, passing[i], strlen(passing[i])) == 0;
		}
		if (!skip) {
			buf_addf(out, "%s\n", *var);
		}
	}
}

static void add_question(const struct stacks *s, struct buf *out)
{
	buf_addf(out, "synth\n%s\n%s\n", s->config.app_dir, s->config.stage);
	add_environment(out);
}

static bool use_cache(struct stacks *s)
{
	struct buf question = BUF_INIT(4 * 1024 * 1024);
	add_question(s, &question);
	AUTO_JSON cJSON *kept =
		cache_load(s->cache, buf_span(&question), s->config.app_dir, s->inputs);
	buf_fini(&question);
	if (!kept) {
		return false;
	}
	s->config.on_stacks(s->config.ctx, kept);
	return true;
}

static void keep(const struct stacks *s, const cJSON *result)
{
	struct buf question = BUF_INIT(4 * 1024 * 1024), text = BUF_INIT(32 * 1024 * 1024);
	add_question(s, &question);
	json_add_tree(&text, result);
	cache_store(s->cache, buf_span(&question), s->config.app_dir, buf_span(&text), s->inputs);
	buf_fini(&question);
	buf_fini(&text);
}

static void take_inputs(struct stacks *s, const cJSON *lists)
{
	struct answer_paths inputs = answer_paths(lists, "inputs");
	struct answer_paths missing = answer_paths(lists, "missing");
	inputs_end(s->inputs, inputs.at, inputs.n, missing.at, missing.n);
	answer_paths_fini(&inputs);
	answer_paths_fini(&missing);
}

static void tell_error(struct stacks *s, const cJSON *error, const struct err *err)
{
	struct buf problem = BUF_INIT(256 * 1024);
	build_problem(&problem, error);
	s->config.on_error(s->config.ctx, problem.len ? buf_cstr(&problem) : err->msg);
	buf_fini(&problem);
}

static void evaluate(struct stacks *s);

/* Inputs changed while they were read: the answer is history, and nothing else would tell of the change. */
static bool is_overtaken(struct stacks *s)
{
	watch_drain(s->config.watch);
	return !s->config.frozen && s->overtaken < OVERTAKEN_MAX &&
	       inputs_check(s->inputs) == INPUTS_CHANGED;
}

static void on_answer(void *ctx, const cJSON *answer, const struct err *err)
{
	struct evaluation *e = ctx;
	struct stacks *s = e->stacks;
	free(e);
	if (!s) {
		return;
	}
	s->running = NULL;
	const cJSON *error = json_object(answer, "error");
	take_inputs(s, error ? error : answer);
	if (is_overtaken(s)) {
		s->overtaken++;
		evaluate(s);
		return;
	}
	s->overtaken = 0;
	if (!answer || !json_bool(answer, "ok", false)) {
		tell_error(s, error, err);
		return;
	}
	if (inputs_check(s->inputs) == INPUTS_SAME) {
		keep(s, answer);
	}
	s->config.on_stacks(s->config.ctx, answer);
}

static void evaluate(struct stacks *s)
{
	s->running = xalloc(sizeof *s->running);
	s->running->stacks = s;
	inputs_begin(s->inputs);
	s->config.on_begin(s->config.ctx);
	struct buf request = BUF_INIT(64 * 1024);
	buf_add_str(&request, "\"op\":\"synth\"");
	json_add_member(&request, "app", span_of(s->config.app_dir));
	json_add_member(&request, "stage", span_of(s->config.stage));
	json_add_member_bool(&request, "local", !s->config.frozen);
	helper_ask(s->config.helper, buf_span(&request), on_answer, s->running);
	buf_fini(&request);
}

bool stacks_check(struct stacks *s)
{
	if (s->running) {
		return false;
	}
	if (!s->tried) {
		s->tried = true;
		if (!use_cache(s)) {
			evaluate(s);
		}
		return false;
	}
	if (s->config.frozen) {
		return false;
	}
	enum inputs_state state = inputs_check(s->inputs);
	if (state == INPUTS_CHANGED) {
		evaluate(s);
	}
	return state == INPUTS_UNSETTLED;
}
