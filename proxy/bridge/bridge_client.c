/* One connection after another, one session.
 *
 * Happy path: open -> connect -> HELLO -> WELCOME -> messages -> close (BYE).
 * Failures:
 *   - cannot connect, or the link breaks: on_link(false) once, then attempts with backoff and jitter;
 *   - WELCOME names our session: it resumes, on_link(true);
 *   - WELCOME names another: ours is lost (the emulator restarted, or the grace passed): a fresh session
 *     begins, on_welcome again;
 *   - BYE because the emulator shuts down: as if the link broke, for it is usually started again;
 *   - any other BYE, refused, or a certificate that is not the pinned one or not to be trusted: on_gone, no more attempts. */
#include "proxy/bridge/bridge_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/base/digest.h"
#include "proxy/base/log.h"
#include "proxy/bridge/bridge_server.h"
#include "proxy/bridge/link.h"

#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 5000
#define CONNECT_MS 5000 /* less than TCP's own next try of a SYN that was lost in a cut */

struct bridge_client {
	struct bridge_client_config config;
	char *host, *path, *token, *app, *stage, *fingerprint;
	int port;
	bool tls;
	struct lws_context *lws; /* NULL for a local one */
	struct link link;
	struct session *session;
	struct session *fresh; /* replaces `session` when the input batch has settled */
	char session_id[64];
	struct timer *retry;
	unsigned backoff_ms;
	bool attempting; /* a connect call has not been reported as failed yet */
	bool told_down, over, closing, finishing, welcomed;
	bool leaving; /* the emulator said BYE, but may be back */
	char gone_why[512];
	void (*closed)(void *ctx);
	void *closed_ctx;
};

static void connect_now(struct bridge_client *b);

static void send_hello(struct bridge_client *b)
{
	struct buf meta = BUF_INIT(65536);
	buf_add_char(&meta, '{');
	json_add_member_int(&meta, "version", WIRE_VERSION);
	json_add_member(&meta, "program", SPAN("offstage " OFFSTAGE_VERSION));
	json_add_member(&meta, "app", span_of(b->app));
	json_add_member(&meta, "stage", span_of(b->stage));
	json_add_member(&meta, "token", span_of(b->token));
	json_add_member(&meta, "session", span_of(b->session_id));
	session_state(b->session, &meta);
	buf_add_char(&meta, '}');
	session_send(
		b->session, &(struct wire_message){ .type = WIRE_HELLO, .meta = buf_span(&meta) });
	buf_fini(&meta);
}

static void on_bye(struct bridge_client *b, const cJSON *meta)
{
	const char *why = json_str(meta, "reason");
	const char *code = json_str(meta, "code");
	b->leaving = code && strcmp(code, "shutdown") == 0;
	b->over = !b->leaving;
	snprintf(b->gone_why, sizeof b->gone_why, "%s", why ? why : "the emulator said BYE");
}

static void on_session_message(void *ctx, const struct wire_message *m);

static void on_welcome(struct bridge_client *b, const cJSON *meta)
{
	const char *id = json_str(meta, "session");
	const char *region = json_str(meta, "region");
	const char *account = json_str(meta, "account");
	struct err err = ERR_INIT;
	bool resumed = b->session_id[0] && id && strcmp(id, b->session_id) == 0;
	bool first = !b->session_id[0];
	if (!resumed && !first) {
		/* Nothing of the old session means anything to this emulator. Only the link state is
		 * shared; the fresh session takes over after this batch. */
		b->fresh = session_create(on_session_message, b);
		session_link_up(b->fresh, uv_now(b->config.loop));
	}
	struct session *s = b->fresh ? b->fresh : b->session;
	if (!id || session_resume(s, meta, &err)) {
		on_bye(b, NULL);
		snprintf(b->gone_why, sizeof b->gone_why, "the emulator's WELCOME makes no sense");
		return;
	}
	snprintf(b->session_id, sizeof b->session_id, "%s", id);
	b->backoff_ms = 0;
	if (b->told_down) {
		b->told_down = false;
		b->config.on_link(b->config.ctx, true, "connected again");
	}
	b->welcomed = !resumed;
	if (b->welcomed && !b->fresh) {
		b->config.on_welcome(b->config.ctx, region ? region : "", account ? account : "");
		b->welcomed = false;
	}
}

static void on_session_message(void *ctx, const struct wire_message *m)
{
	struct bridge_client *b = ctx;
	if (b->over || b->closing) {
		return;
	}
	if (m->type != WIRE_WELCOME && m->type != WIRE_BYE) {
		b->config.on_message(b->config.ctx, m);
		return;
	}
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *meta = json_parse(m->meta, &err);
	if (m->type == WIRE_WELCOME && meta) {
		on_welcome(b, meta);
	} else {
		on_bye(b, meta);
	}
}

/* --- the socket's news ---------------------------------------------------------------------- */

static void on_settled(void *ctx, struct link *l)
{
	struct bridge_client *b = ctx;
	if (b->fresh) {
		session_destroy(b->session);
		b->session = TAKE(b->fresh);
		link_attach(l, b->session);
		if (b->welcomed) {
			b->welcomed = false;
			b->config.on_welcome(b->config.ctx, "", "");
		}
	}
	if (b->over || b->leaving) {
		b->leaving = false;
		link_cut(l, b->gone_why);
	}
}

static void refuse_certificate(struct bridge_client *b, const char *shown)
{
	b->over = true;
	snprintf(b->gone_why, sizeof b->gone_why,
		"the emulator at %s:%d shows another certificate (sha256=%s) than the URL names: "
		"take "
		"the URL that `offstage serve` prints now, or find out who answers there",
		b->host, b->port, shown);
	link_cut(&b->link, b->gone_why);
}

/* lws compares only names with a certificate's, so an address is compared here. */
static bool is_number(const char *host)
{
	unsigned char address[16];
	return uv_inet_pton(AF_INET, host, address) == 0 ||
	       uv_inet_pton(AF_INET6, host, address) == 0;
}

static void on_opened(void *ctx, struct link *l)
{
	struct bridge_client *b = ctx;
	char shown[FINGERPRINT_LEN + 1];
	timer_stop(b->retry);
	if (b->tls && !b->fingerprint[0] && is_number(b->host) &&
		!link_peer_has_address(l, b->host)) {
		l->untrusted = true;
		link_cut(l, "its certificate is for another address");
		return;
	}
	if (b->fingerprint[0]) {
		link_peer_fingerprint(l, shown);
		if (strcasecmp(shown, b->fingerprint) != 0) {
			refuse_certificate(b, shown);
			return;
		}
	}
	session_link_up(b->session, uv_now(b->config.loop));
	send_hello(b);
	link_attach(l, b->session);
}

static void on_closed(void *ctx, struct link *l, const char *why)
{
	struct bridge_client *b = ctx;
	b->attempting = false;
	session_link_down(b->session);
	if (b->closing) {
		/* Never from inside lws: finish destroys its context. */
		if (!b->finishing) {
			timer_arm(b->retry, 0);
		}
		return;
	}
	if (l->untrusted) {
		b->over = true;
		snprintf(b->gone_why, sizeof b->gone_why,
			"cannot trust the emulator at %s:%d: %s; take the URL with #sha256= that "
			"`offstage serve` prints, or name your authority's file in SSL_CERT_FILE",
			b->host, b->port, why);
	}
	if (b->over) {
		b->config.on_gone(b->config.ctx, b->gone_why);
		return;
	}
	if (!b->told_down) {
		b->told_down = true;
		b->config.on_link(b->config.ctx, false, why);
	}
	b->backoff_ms = b->backoff_ms ? b->backoff_ms * 2 : BACKOFF_MIN_MS;
	if (b->backoff_ms > BACKOFF_MAX_MS) {
		b->backoff_ms = BACKOFF_MAX_MS;
	}
	/* Full jitter: many agents of one emulator must not come back in step. */
	unsigned char dice;
	random_bytes(&dice, 1);
	timer_arm(b->retry, b->backoff_ms / 2 + b->backoff_ms * dice / 512);
}

static void finish(struct bridge_client *b);

static void on_retry(void *ctx)
{
	struct bridge_client *b = ctx;
	if (b->closing && b->config.local && link_is_bound(&b->link)) {
		link_cut(&b->link, "the agent is shutting down");
	} else if (b->closing) {
		finish(b);
	} else if (link_is_bound(&b->link)) {
		link_cut(&b->link, "connecting took too long");
	} else {
		connect_now(b);
	}
}

static void connect_by_url(struct bridge_client *b)
{
	struct lws_client_connect_info info = { 0 };
	info.context = b->lws;
	info.address = b->host;
	info.port = b->port;
	info.path = b->path;
	info.host = b->host;
	info.protocol = LINK_PROTOCOL;
	info.local_protocol_name = LINK_PROTOCOL;
	info.ssl_connection = b->tls ? LCCSCF_USE_SSL : 0;
	if (b->fingerprint[0]) {
		/* The pin says more than any authority; it is checked before anything secret is said. */
		info.ssl_connection |= LCCSCF_ALLOW_SELFSIGNED | LCCSCF_ALLOW_INSECURE |
				       LCCSCF_ALLOW_EXPIRED |
				       LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
	} else if (is_number(b->host)) {
		info.ssl_connection |= LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
	}
	info.opaque_user_data = &b->link;
	info.pwsi = &b->link.wsi;
	b->link.wsi = NULL;
	b->link.cut = b->link.is_open = false;
	b->attempting = true;
	timer_arm(b->retry, CONNECT_MS);
	/* A failure inside the call may or may not have been reported through on_closed. */
	if (!lws_client_connect_via_info(&info) && b->attempting) {
		b->link.wsi = NULL;
		on_closed(b, &b->link, "cannot connect");
	}
}

static void connect_now(struct bridge_client *b)
{
	b->link.why[0] = '\0';
	if (!b->config.local) {
		connect_by_url(b);
	} else if (!bridge_server_join(b->config.local, &b->link)) {
		on_closed(b, &b->link, "the emulator is shutting down");
	}
}

static void free_client(struct bridge_client *b)
{
	link_fini(&b->link);
	timer_close(b->retry);
	session_destroy(b->session);
	session_destroy(b->fresh);
	free(b->host);
	free(b->path);
	free(b->token);
	free(b->app);
	free(b->fingerprint);
	free(b->stage);
	free(b);
}

/* The socket has closed (or BYE had its moment). */
static void finish(struct bridge_client *b)
{
	b->finishing = true;
	void (*closed)(void *ctx) = b->closed;
	void *ctx = b->closed_ctx;
	if (b->lws) {
		link_context_close(b->lws, b->config.loop, closed, ctx);
		closed = NULL;
	}
	free_client(b);
	if (closed) {
		closed(ctx);
	}
}

/* --- public --------------------------------------------------------------------------------- */

/* 127.0.0.0/8 is loopback as a whole (RFC 1122 section 3.2.1.3). */
static bool is_loopback(struct span host)
{
	bool digits = true;
	for (size_t i = 0; i < host.len; i++) {
		digits = digits &&
			 ((host.ptr[i] >= '0' && host.ptr[i] <= '9') || host.ptr[i] == '.');
	}
	return span_iis(host, "localhost") || span_is(host, "::1") ||
	       (digits && span_starts(host, SPAN("127.")));
}

/* Or one of this machine's own addresses? What goes there never leaves it. */
static bool stays_here(const char *host)
{
	uv_interface_address_t *all = NULL;
	int n = 0;
	bool own = is_loopback(span_of(host));
	if (!own && uv_interface_addresses(&all, &n) == 0) {
		for (int i = 0; i < n; i++) {
			char address[INET6_ADDRSTRLEN] = "";
			uv_ip_name(
				(const struct sockaddr *)&all[i].address, address, sizeof address);
			own = own || strcmp(address, host) == 0;
		}
		uv_free_interface_addresses(all, n);
	}
	return own;
}

/* ws[s]://host[:port][/path]; an IPv6 host stands in brackets. */
static int parse_url(struct bridge_client *b, const char *url, struct err *err)
{
	struct span rest = span_of(url);
	if (span_starts(rest, SPAN("ws://"))) {
		rest = span_n(rest.ptr + 5, rest.len - 5);
	} else if (span_starts(rest, SPAN("wss://"))) {
		rest = span_n(rest.ptr + 6, rest.len - 6);
		b->tls = true;
	} else {
		return err_set(err, ERR_INVALID,
			"'%s' is no bridge URL: it starts with ws:// or wss://", url);
	}
	ptrdiff_t slash = span_find(rest, '/');
	struct span authority = slash < 0 ? rest : span_n(rest.ptr, (size_t)slash);
	b->path = slash < 0 ? xstrdup("/bridge") : xstrdup(rest.ptr + slash);
	struct span host = authority;
	struct span port = { NULL, 0 };
	ptrdiff_t close = authority.len && authority.ptr[0] == '[' ? span_find(authority, ']') : -1;
	if (close > 0) {
		host = span_n(authority.ptr + 1, (size_t)close - 1);
		port = span_n(authority.ptr + close + 1, authority.len - (size_t)close - 1);
		port = span_starts(port, SPAN(":")) ? span_n(port.ptr + 1, port.len - 1)
						    : (struct span){ NULL, 0 };
	} else {
		port = authority;
		host = span_cut(&port, ':');
	}
	b->host = xstrndup(host.ptr, host.len);
	uint64_t number = b->tls ? 4511 : 4510;
	if (!b->tls && !stays_here(b->host)) {
		return err_set(err, ERR_INVALID,
			"'%s' leaves this machine without TLS: use the wss:// URL that `offstage "
			"serve` prints",
			url);
	}
	if (!host.len || (port.ptr && (!span_u64(port, 65535, &number) || !number))) {
		return err_set(
			err, ERR_INVALID, "'%s' is no bridge URL: host or port is missing", url);
	}
	b->port = (int)number;
	return 0;
}

struct bridge_client *bridge_client_open(const struct bridge_client_config *c, struct err *err)
{
	struct bridge_client *b = xalloc(sizeof *b);
	b->config = *c;
	b->token = xstrdup(c->token ? c->token : "");
	b->app = xstrdup(c->app);
	b->fingerprint = xstrdup(c->fingerprint ? c->fingerprint : "");
	b->stage = xstrdup(c->stage);
	b->session = session_create(on_session_message, b);
	b->retry = timer_open(c->loop, on_retry, b);
	link_init(&b->link, c->loop, b);
	b->link.settled = on_settled;
	b->link.opened = on_opened;
	b->link.closed = on_closed;
	if (c->local) {
		timer_arm(b->retry, 0);
		return b;
	}
	if (parse_url(b, c->url, err)) {
		free_client(b);
		return NULL;
	}
	b->lws = link_context_create(c->loop, NULL, b->tls);
	if (!b->lws) {
		free_client(b);
		err_set(err, ERR_INTERNAL,
			"libwebsockets cannot start (is libwebsockets-evlib-uv installed?)");
		return NULL;
	}
	timer_arm(b->retry, 0);
	return b;
}

void bridge_client_send(struct bridge_client *b, const struct wire_message *m)
{
	session_send(b->session, m);
	link_wake(&b->link);
}

void bridge_client_close(struct bridge_client *b, void (*done)(void *ctx), void *ctx)
{
	b->closing = true;
	b->closed = done;
	b->closed_ctx = ctx;
	if (b->link.is_open) {
		session_send(b->session, &(struct wire_message){ .type = WIRE_BYE,
						 .meta = SPAN("{\"code\":\"bye\",\"reason\":\"the "
							      "agent is shutting down\"}") });
		link_wake(&b->link);
	}
	/* The emulator cuts the link on BYE; the timer is for the one that does not. In one process BYE needs
	 * no more than a turn. */
	timer_arm(b->retry, !link_is_bound(&b->link) ? 0 : b->config.local ? 1 : 200);
}
