/* offstage deploy [DIR] --stage NAME: a frozen copy of the app, running in the background.
 *
 * Happy path: copy beside the running one -> stop that -> swap the copies -> start -> outputs.
 * Failures: the copy cannot be made (the running one stays); the new one does not come up (what it said is
 * shown, and the former copy runs again). A deployed stage keeps its ports and its state from one deploy to
 * the next, all of it in the stage's folder. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "proxy/base/console.h"
#include "proxy/base/file.h"
#include "runtime/cli/cmd.h"
#include "runtime/cli/copy.h"
#include "runtime/cli/ports.h"
#include "runtime/cli/stage_lock.h"
#include "runtime/cli/story.h"
#include "runtime/cli/supervisor.h"

#define MAX_LOG (1u << 20)

struct deploy {
	struct options options;
	struct paths paths;
	char *copy, *fresh, *former; /* <stage>/deploy, .new, .old */
	char *port_file, *log;
	int lock;
};

static void deploy_init(struct deploy *d, const struct options *o)
{
	*d = (struct deploy){ .options = *o, .lock = -1 };
}

static void deploy_fini(struct deploy *d)
{
	if (d->lock >= 0) {
		close(d->lock);
	}
	free(d->copy);
	free(d->fresh);
	free(d->former);
	free(d->port_file);
	free(d->log);
	paths_fini(&d->paths);
}

static int find_paths(struct deploy *d, struct err *err)
{
	if (paths_find(&d->paths, &d->options, err) || paths_make(&d->paths, err)) {
		return -(int)err->code;
	}
	const char *stage = d->paths.stage;
	d->copy = xasprintf("%s/deploy", stage);
	d->fresh = xasprintf("%s/deploy.new", stage);
	d->former = xasprintf("%s/deploy.old", stage);
	d->port_file = xasprintf("%s/port", stage);
	d->log = xasprintf("%s/deploy.log", stage);
	return 0;
}

/* --- ports --------------------------------------------------------------------------------------- */

static unsigned kept_port(const struct deploy *d)
{
	struct buf text = BUF_INIT(64);
	struct err err = ERR_INIT;
	uint64_t port = 0;
	if (!file_read(d->port_file, &text, &err)) {
		struct span rest = buf_span(&text);
		span_u64(span_cut(&rest, '\n'), 65535, &port);
	}
	buf_fini(&text);
	return (unsigned)port;
}

static int keep_port(const struct deploy *d, struct err *err)
{
	char text[16];
	int n = snprintf(text, sizeof text, "%u\n", d->options.port);
	return file_replace(d->port_file, span_n(text, (size_t)n), 0600, err);
}

/* --- copies -------------------------------------------------------------------------------------- */

static int make_copy(const struct deploy *d, struct err *err)
{
	int rc = dir_remove(d->fresh, err);
	rc = rc ? rc : copy_app(d->paths.app, d->fresh, err);
	if (rc) {
		struct err ignored = ERR_INIT;
		if (dir_remove(d->fresh, &ignored)) {
			console_problem("%s", ignored.msg);
		}
	}
	return rc;
}

static int move(const char *from, const char *to, struct err *err)
{
	return rename(from, to) && errno != ENOENT
		       ? err_errno(err, errno, "cannot rename '%s' to '%s'", from, to)
		       : 0;
}

static int swap_copies(const struct deploy *d, struct err *err)
{
	int rc = dir_remove(d->former, err);
	rc = rc ? rc : move(d->copy, d->former, err);
	return rc ? rc : move(d->fresh, d->copy, err);
}

/* --- up ------------------------------------------------------------------------------------------ */

/* Nobody else may run the stage but an earlier deploy of it, which ends here. */
static int take_over(struct deploy *d, struct err *err)
{
	struct stage_owner owner = stage_lock_owner(d->paths.stage);
	if (owner.pid && owner.kind == STAGE_DEPLOY &&
		supervisor_stop(d->paths.stage, owner.pid, err)) {
		return -(int)err->code;
	}
	d->lock = stage_lock_take(d->paths.stage, d->options.stage, STAGE_DEPLOY, err);
	return d->lock < 0 ? -(int)err->code : 0;
}

static cJSON *start(const struct deploy *d, struct err *err)
{
	return supervisor_start(&(struct supervised){ .options = &d->options,
					.paths = &d->paths,
					.copy_dir = d->copy,
					.log_path = d->log,
					.lock = d->lock },
		err);
}

/* On the port that is asked for, else the stage's own, else a new one. */
static cJSON *start_on_port(struct deploy *d, struct err *err)
{
	if (d->options.port) {
		return start(d, err);
	}
	int lock = ports_lock(err);
	if (lock < 0) {
		return NULL;
	}
	d->options.port = ports_find(d->options.host, kept_port(d));
	cJSON *report = start(d, err);
	ports_unlock(lock);
	return report;
}

static void show_log(const struct deploy *d)
{
	struct buf text = BUF_INIT(MAX_LOG);
	struct err err = ERR_INIT;
	if (!file_read(d->log, &text, &err)) {
		/* What it says of the copy, which is gone soon, is true of the app. */
		const char *rest = buf_cstr(&text);
		struct buf shown = BUF_INIT(MAX_LOG);
		for (const char *at; (at = strstr(rest, d->copy)); rest = at + strlen(d->copy)) {
			buf_add(&shown, rest, (size_t)(at - rest));
			buf_add_str(&shown, d->paths.app);
		}
		buf_add_str(&shown, rest);
		console_problem("%s", buf_cstr(&shown));
		buf_fini(&shown);
	}
	buf_fini(&text);
}

static void go_back(const struct deploy *d)
{
	struct err err = ERR_INIT;
	if (access(d->former, F_OK)) {
		return;
	}
	if (dir_remove(d->copy, &err) || move(d->former, d->copy, &err)) {
		console_problem("%s", err.msg);
		return;
	}
	AUTO_JSON cJSON *report = start(d, &err);
	console_problem(report ? "The former copy of stage '%s' runs again."
			       : "The former copy of stage '%s' does not come up either.",
		d->options.stage);
}

static int bring_up(struct deploy *d, struct err *err)
{
	struct err ignored = ERR_INIT;
	AUTO_JSON cJSON *report = start_on_port(d, err);
	if (!report) {
		show_log(d);
		go_back(d);
		return -(int)err->code;
	}
	const cJSON *endpoints = json_object(report, "endpoints");
	if (console_is_json()) {
		story_event("deployed", endpoints);
	} else {
		story_stacks(json_object(report, "outputs"));
		story_addresses(endpoints);
	}
	if (dir_remove(d->former, &ignored)) {
		console_problem("%s", ignored.msg);
	}
	return keep_port(d, err);
}

int cmd_deploy(const struct options *o)
{
	struct deploy d;
	struct err err = ERR_INIT;
	deploy_init(&d, o);
	console_line(STYLE_PLAIN, "Using stage: %s", o->stage);
	console_line(STYLE_GREY, "Preparing your app\nDeploying stacks");
	bool good = !find_paths(&d, &err) && !make_copy(&d, &err) && !take_over(&d, &err) &&
		    !swap_copies(&d, &err) && !bring_up(&d, &err);
	if (!good) {
		console_problem("%s", err.msg);
	}
	deploy_fini(&d);
	return good ? EXIT_DONE : EXIT_FAILED;
}
