#include "emulator/auth/request_keys.h"

#define KEYS_MAX 64

struct key_list {
	struct model_pair at[KEYS_MAX];
	size_t n;
};

static void add(struct key_list *k, const char *name, const char *value)
{
	if (value && k->n < KEYS_MAX) {
		k->at[k->n++] = (struct model_pair){ name, value };
	}
}

static void add_header(struct key_list *k, const struct http_request *r, const char *header,
	const char *name, struct arena *arena)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		if (span_iis(r->headers[i].name, header)) {
			struct span value = r->headers[i].value;
			add(k, name, arena_strndup(arena, value.ptr, value.len));
			return;
		}
	}
}

static void add_request(struct key_list *k, const struct http_request *r, struct arena *arena)
{
	add(k, "aws:SourceIp", r->peer);
	add(k, "aws:SecureTransport", "false");
	add_header(k, r, "user-agent", "aws:UserAgent", arena);
	add_header(k, r, "referer", "aws:Referer", arena);
}

static const char *iso(int64_t ms, struct arena *arena)
{
	char *text = arena_alloc(arena, 25);
	time_iso(text, ms);
	return text;
}

static void add_caller(struct key_list *k, const struct auth_caller *c, struct arena *arena)
{
	const struct auth_iam *iam = &c->iam;
	add(k, "aws:TokenIssueTime", c->issued_ms ? iso(c->issued_ms, arena) : NULL);
	add(k, "aws:userid", iam->user_id);
	add(k, "aws:PrincipalArn", *c->role_arn ? c->role_arn : iam->user_arn);
	add(k, "aws:PrincipalAccount", iam->account_id);
	add(k, "aws:PrincipalType", *c->role_arn ? "AssumedRole" : "User");
	add(k, "aws:PrincipalOrgID", iam->principal_org_id);
	if (iam->identity_id) {
		add(k, "cognito-identity.amazonaws.com:sub", iam->identity_id);
		add(k, "cognito-identity.amazonaws.com:aud", iam->identity_pool_id);
		for (const char *const *amr = iam->amr; amr && *amr; amr++) {
			add(k, "cognito-identity.amazonaws.com:amr", *amr);
		}
	}
}

struct condition_keys request_keys(const struct http_request *r, const struct auth_caller *caller,
	int64_t now_ms, struct arena *arena)
{
	struct key_list *k = arena_alloc(arena, sizeof *k);
	add(k, "aws:CurrentTime", iso(now_ms, arena));
	add(k, "aws:EpochTime", arena_printf(arena, "%lld", (long long)(now_ms / 1000)));
	if (r) {
		add_request(k, r, arena);
	}
	if (caller) {
		add_caller(k, caller, arena);
	}
	return (struct condition_keys){ k->at, k->n };
}
