/* offstage status [DIR]: every stage of the app that runs, or was deployed and should. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "proxy/base/console.h"
#include "runtime/cli/cmd.h"
#include "runtime/cli/endpoints.h"
#include "runtime/cli/paths.h"
#include "runtime/cli/stage_lock.h"

/* What a stage's folder says: how it runs, "" if there is nothing to tell. */
static const char *state_of(const struct stage_owner *owner, bool answers, bool has_copy)
{
	static const char *const RUNNING[] = { "started", "connected", "deployed" };
	if (!owner->pid) {
		return has_copy ? "stopped" : "";
	}
	return answers ? RUNNING[owner->kind] : "starting";
}

static void add_stage(
	struct buf *out, const char *stage, const char *state, pid_t pid, const cJSON *endpoints)
{
	buf_add_str(out, out->len && out->ptr[out->len - 1] != '[' ? ",{" : "{");
	json_add_member(out, "stage", span_of(stage));
	json_add_member(out, "state", span_of(state));
	if (pid) {
		json_add_member_int(out, "pid", pid);
	}
	JSON_FOR (member, endpoints) {
		if (strcmp(member->string, "pid") != 0 && strcmp(member->string, "stage") != 0) {
			json_add_name(out, member->string);
			json_add_tree(out, member);
		}
	}
	buf_add_char(out, '}');
}

static void print_stage(const char *stage, const char *state, pid_t pid, const cJSON *endpoints)
{
	char tail[32] = "";
	if (pid) {
		snprintf(tail, sizeof tail, " (pid %ld)", (long)pid);
	}
	console_line(STYLE_BOLD, "%s: %s%s", stage, state, tail);
	JSON_FOR (api, json_object(endpoints, "apis")) {
		console_line(STYLE_PLAIN, "  API %s: %s", api->string, json_value(api));
	}
	JSON_FOR (login, json_object(endpoints, "login")) {
		console_line(STYLE_PLAIN, "  Login %s: %s", login->string, json_value(login));
	}
	if (endpoints) {
		console_line(STYLE_PLAIN, "  AWS services: %s", json_str(endpoints, "service"));
	} else if (strcmp(state, "stopped") == 0) {
		console_line(STYLE_PLAIN, "  start it again: offstage deploy --stage %s", stage);
	}
}

static bool show_stage(const char *state_dir, const char *stage, struct buf *json)
{
	AUTO_FREE char *dir = xasprintf("%s/%s", state_dir, stage);
	AUTO_FREE char *file = xasprintf("%s/endpoints.json", dir);
	AUTO_FREE char *copy = xasprintf("%s/deploy", dir);
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *endpoints = endpoints_read(file, stage, &err);
	struct stage_owner owner = stage_lock_owner(dir);
	const char *state = state_of(&owner, endpoints != NULL, access(copy, F_OK) == 0);
	if (!*state) {
		return false;
	}
	add_stage(json, stage, state, owner.pid, owner.pid ? endpoints : NULL);
	print_stage(stage, state, owner.pid, owner.pid ? endpoints : NULL);
	return true;
}

static int is_stage(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int cmd_status(const struct options *o)
{
	struct paths p;
	struct err err = ERR_INIT;
	struct buf json = BUF_INIT(64u << 20);
	if (paths_find(&p, o, &err)) {
		console_problem("%s", err.msg);
		paths_fini(&p);
		return EXIT_FAILED;
	}
	struct dirent **entries = NULL;
	int n = scandir(p.state, &entries, is_stage, alphasort);
	bool any = false;
	json_add_name(&json, "stages");
	buf_add_char(&json, '[');
	for (int i = 0; i < n; i++) {
		any = show_stage(p.state, entries[i]->d_name, &json) || any;
		free(entries[i]);
	}
	free(entries);
	buf_add_char(&json, ']');
	console_event("status", buf_span(&json));
	if (!any) {
		console_line(STYLE_PLAIN, "No stage of this app runs.");
	}
	buf_fini(&json);
	paths_fini(&p);
	return EXIT_DONE;
}
