/* offstage remove [DIR] --stage NAME: stops a deployed stage and deletes all that is kept of it. A stage that
 * never was counts as removed (reference sst.md 6.5). */
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "proxy/base/console.h"
#include "proxy/base/file.h"
#include "runtime/cli/cmd.h"
#include "runtime/cli/endpoints.h"
#include "runtime/cli/paths.h"
#include "runtime/cli/stage_lock.h"
#include "runtime/cli/supervisor.h"

static int stop_stage(const struct paths *p, const char *stage, struct err *err)
{
	struct stage_owner owner = stage_lock_owner(p->stage);
	if (!owner.pid) {
		return 0;
	}
	if (owner.kind != STAGE_DEPLOY) {
		return err_set(err, ERR_CONFLICT,
			"stage '%s' was not deployed, it runs in a terminal (pid %ld): stop it "
			"there with "
			"Ctrl-C",
			stage, (long)owner.pid);
	}
	return supervisor_stop(p->stage, owner.pid, err);
}

static int remove_stage(const struct paths *p, const struct options *o, struct err *err)
{
	struct err ignored = ERR_INIT;
	AUTO_JSON cJSON *endpoints = endpoints_read(p->endpoints, o->stage, &ignored);
	console_line(STYLE_GREY, "Removing stacks");
	if (stop_stage(p, o->stage, err) || dir_remove(p->stage, err)) {
		return -(int)err->code;
	}
	JSON_FOR (stack, json_object(endpoints, "outputs")) {
		console_line(STYLE_GREEN, " ✅  %s", stack->string);
		console_line(STYLE_PLAIN, "\nStack %s\n  Status: removed", stack->string);
	}
	if (!endpoints) {
		console_line(STYLE_PLAIN, "Stage %s: removed", o->stage);
	}
	struct buf members = BUF_INIT(4096);
	json_add_member(&members, "stage", span_of(o->stage));
	console_event("removed", buf_span(&members));
	buf_fini(&members);
	return 0;
}

int cmd_remove(const struct options *o)
{
	struct paths p;
	struct err err = ERR_INIT;
	console_line(STYLE_PLAIN, "Using stage: %s", o->stage);
	bool good = !paths_find(&p, o, &err) && !remove_stage(&p, o, &err);
	if (!good) {
		console_problem("%s", err.msg);
	}
	paths_fini(&p);
	return good ? EXIT_DONE : EXIT_FAILED;
}
