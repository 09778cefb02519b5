/* offstage connect URL [DIR]: the agent alone; the emulator is at URL, as `offstage serve` printed it. */
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "proxy/base/console.h"
#include "proxy/base/span.h"
#include "proxy/bridge/certificate.h"
#include "runtime/cli/cmd.h"
#include "runtime/cli/paths.h"
#include "runtime/cli/run.h"
#include "runtime/cli/stage_lock.h"
#include "runtime/cli/story.h"
#include "runtime/cli/token_file.h"

/* "wss://host:port/bridge#sha256=<hex>" in its two halves. */
static int split_url(const char *text, char **url, const char **fingerprint, struct err *err)
{
	static const char MARK[] = "#sha256=";
	const char *hash = strchr(text, '#');
	*fingerprint = "";
	*url = hash ? xstrndup(text, (size_t)(hash - text)) : xstrdup(text);
	if (strncmp(text, "ws://", 5) != 0 && strncmp(text, "wss://", 6) != 0) {
		return err_set(err, ERR_INVALID,
			"'%s' is no bridge URL: take the one that `offstage serve` prints "
			"(wss://...)",
			text);
	}
	if (!hash) {
		return 0;
	}
	*fingerprint = hash + strlen(MARK);
	bool good = strncmp(hash, MARK, strlen(MARK)) == 0 &&
		    strlen(*fingerprint) == FINGERPRINT_LEN &&
		    strspn(*fingerprint, "0123456789abcdefABCDEF") == FINGERPRINT_LEN;
	return good ? 0
		    : err_set(err, ERR_INVALID,
			      "'%s' is cut short or mistyped: #sha256= is followed by %d hex "
			      "digits",
			      text, FINGERPRINT_LEN);
}

static int connect_stage(const struct options *o, const struct paths *p, const char *token,
	const struct run_remote *remote, struct err *err)
{
	int lock = stage_lock_take(p->stage, o->stage, STAGE_CONNECT, err);
	if (lock < 0) {
		return EXIT_FAILED;
	}
	console_line(STYLE_PLAIN, "Using stage: %s", o->stage);
	console_line(STYLE_GREY, "Preparing your app");
	int code = run_alone(&(struct run){ .options = o,
		.app_dir = p->app,
		.stage_dir = p->stage,
		.runtime_dir = p->runtime,
		.token = token,
		.remote = remote,
		.on_ready = story_ready });
	close(lock);
	return code;
}

int cmd_connect(const struct options *o)
{
	struct paths p = { 0 };
	struct err err = ERR_INIT;
	struct run_remote remote;
	AUTO_FREE char *url = NULL;
	AUTO_FREE char *token = NULL;
	int code = EXIT_FAILED;
	if (split_url(o->url, &url, &remote.fingerprint, &err)) {
		console_problem("%s", err.msg);
		return EXIT_USAGE;
	}
	remote.url = url;
	if (!paths_find(&p, o, &err)) {
		token = token_find(o, &err);
	}
	if (token && !paths_make(&p, &err)) {
		code = connect_stage(o, &p, token, &remote, &err);
	}
	if (err.code) {
		console_problem("%s", err.msg);
	}
	paths_fini(&p);
	return code;
}
