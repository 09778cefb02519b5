/* offstage start: the app on localhost, its story on the terminal. */
#include <unistd.h>

#include "proxy/base/console.h"
#include "runtime/cli/cmd.h"
#include "runtime/cli/paths.h"
#include "runtime/cli/run.h"
#include "runtime/cli/stage_lock.h"
#include "runtime/cli/story.h"

int cmd_start(const struct options *o)
{
	struct paths p;
	struct err err = ERR_INIT;
	int code = EXIT_FAILED;
	int lock = -1;
	if (!paths_find(&p, o, &err) && !paths_make(&p, &err)) {
		lock = stage_lock_take(p.stage, o->stage, STAGE_START, &err);
	}
	if (lock < 0) {
		console_problem("%s", err.msg);
	} else {
		console_line(STYLE_PLAIN, "Using stage: %s", o->stage);
		console_line(STYLE_GREY, "Preparing your app");
		code = run_alone(&(struct run){ .options = o,
			.app_dir = p.app,
			.state_dir = p.state,
			.stage_dir = p.stage,
			.runtime_dir = p.runtime,
			.on_ready = story_ready });
		close(lock);
	}
	paths_fini(&p);
	return code;
}
