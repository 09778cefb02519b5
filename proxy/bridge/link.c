#include "proxy/bridge/link.h"

#include <dlfcn.h>
#include <link.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/base/log.h"

#define WRITE_BATCH (128u << 10)
#define READ_CHUNK (128u << 10)

static void arm(struct link *l)
{
	if (l->other) {
		return; /* memory does not fall silent */
	}
	uint64_t deadline = l->session ? session_next_deadline(l->session) : UINT64_MAX;
	uint64_t now = uv_now(l->loop);
	if (deadline == UINT64_MAX) {
		timer_stop(l->timer);
	} else {
		timer_arm(l->timer, deadline > now ? deadline - now : 0);
	}
}

static void on_timer(void *ctx)
{
	struct link *l = ctx;
	if (!l->session || l->cut) {
		return;
	}
	if (session_tick(l->session, uv_now(l->loop)) == SESSION_SILENT) {
		link_cut(l, "the other end has been silent for 6 seconds");
		return;
	}
	link_wake(l);
	arm(l);
}

static void on_turn_end(void *ctx);

void link_init(struct link *l, uv_loop_t *loop, void *ctx)
{
	*l = (struct link){ .loop = loop, .ctx = ctx, .out = BUF_INIT(64u << 20) };
	l->timer = timer_open(loop, on_timer, l);
	l->turn = turn_open(loop, on_turn_end, l);
}

void link_fini(struct link *l)
{
	ENSURE(!link_is_bound(l));
	timer_close(l->timer);
	turn_close(l->turn);
	l->timer = NULL;
	l->turn = NULL;
	buf_fini(&l->out);
}

bool link_is_bound(const struct link *l)
{
	return l->wsi || l->other;
}

void link_bind(struct link *l, struct lws *wsi)
{
	l->wsi = wsi;
	l->is_open = l->cut = false;
	l->why[0] = '\0';
	lws_set_opaque_user_data(wsi, l);
}

void link_attach(struct link *l, struct session *s)
{
	l->session = s;
	arm(l);
	link_wake(l);
}

void link_wake(struct link *l)
{
	if (l->is_open && !l->cut && l->session && session_has_output(l->session)) {
		turn_arm(l->turn);
	}
}

void link_cut(struct link *l, const char *why)
{
	if (!link_is_bound(l) || l->cut) {
		return;
	}
	l->cut = true;
	snprintf(l->why, sizeof l->why, "%s", why);
	timer_stop(l->timer);
	if (l->other) {
		turn_arm(l->turn);
		return;
	}
	lws_set_timeout(l->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
	/* lws looks at its timeouts when something else wakes it, and a silent socket never does. */
	lws_cancel_service(lws_get_context(l->wsi));
}

void link_peer_fingerprint(const struct link *l, char out[FINGERPRINT_LEN + 1])
{
	X509 *certificate = l->wsi ? SSL_get1_peer_certificate(lws_get_ssl(l->wsi)) : NULL;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	out[0] = '\0';
	if (certificate && X509_digest(certificate, EVP_sha256(), digest, &n)) {
		for (unsigned i = 0; i < n; i++) {
			snprintf(out + (size_t)i * 2, 3, "%02x", digest[i]);
		}
	}
	X509_free(certificate);
}

bool link_peer_has_address(const struct link *l, const char *address)
{
	X509 *certificate = l->wsi ? SSL_get1_peer_certificate(lws_get_ssl(l->wsi)) : NULL;
	bool has = certificate && X509_check_ip_asc(certificate, address, 0) == 1;
	X509_free(certificate);
	return has;
}

/* Bytes of the other end. False: it is to be closed, for `why`. */
static bool receive(struct link *l, struct span bytes)
{
	struct err err = ERR_INIT;
	if (l->cut || !l->session) {
		return true;
	}
	if (session_input(l->session, bytes, uv_now(l->loop), &err)) {
		snprintf(l->why, sizeof l->why, "%s", err.msg);
		return false;
	}
	if (l->settled) {
		l->settled(l->ctx, l);
	}
	link_wake(l);
	return !l->cut;
}

/* The session's next frames; empty when it has nothing to say. */
static struct span next_batch(struct link *l)
{
	buf_clear(&l->out);
	char *pre = buf_reserve(&l->out, LWS_PRE);
	ENSURE(pre);
	buf_commit(&l->out, LWS_PRE);
	(void)session_output(l->session, &l->out, WRITE_BATCH);
	ENSURE(!l->out.overflow);
	return span_n(l->out.ptr + LWS_PRE, l->out.len - LWS_PRE);
}

/* --- joined ends --------------------------------------------------------------------------- */

void link_join(struct link *a, struct link *b)
{
	a->other = b;
	b->other = a;
	a->is_open = b->is_open = true;
	a->cut = b->cut = false;
	b->opened(b->ctx, b);
	a->opened(a->ctx, a);
}

/* Either owner may free its link in `closed`, so nothing of them is needed after it. */
static void part(struct link *l)
{
	struct link *other = l->other;
	char why[sizeof l->why];
	snprintf(why, sizeof why, "%s", l->why);
	l->other = other->other = NULL;
	l->is_open = other->is_open = false;
	other->closed(other->ctx, other, "the other end closed the connection");
	l->closed(l->ctx, l, why);
}

static void pass_batch(struct link *l)
{
	struct link *other = l->other;
	if (!receive(other, next_batch(l)) && !other->cut) {
		char why[sizeof other->why];
		snprintf(why, sizeof why, "%s", other->why);
		link_cut(other, why);
	}
	link_wake(l);
}

/* --- a WebSocket --------------------------------------------------------------------------- */

/* One message of frames. False: the socket took no more or is broken. */
static bool write_batch(struct link *l)
{
	struct span batch = next_batch(l);
	if (!batch.len) {
		return false;
	}
	unsigned char *frames = (unsigned char *)l->out.ptr + LWS_PRE;
	if (lws_write(l->wsi, frames, batch.len, LWS_WRITE_BINARY) < (int)batch.len) {
		snprintf(l->why, sizeof l->why, "cannot write to the other end");
		return false;
	}
	return !lws_partial_buffered(l->wsi);
}

/* Directly: asking for WRITEABLE first would cost a pass through the poll for each message. lws keeps what
 * the socket does not take; then, and for what is more than one batch, WRITEABLE says when to go on. */
static void write_directly(struct link *l)
{
	if (!lws_partial_buffered(l->wsi) && !write_batch(l) && l->why[0]) {
		char why[sizeof l->why];
		snprintf(why, sizeof why, "%s", l->why);
		link_cut(l, why);
	} else if (session_has_output(l->session)) {
		lws_callback_on_writable(l->wsi);
	}
}

/* At the end of the turn, so that what several callbacks had to say leaves in one write. */
static void on_turn_end(void *ctx)
{
	struct link *l = ctx;
	if (l->other && l->cut) {
		part(l);
	} else if (!l->is_open || l->cut || !l->session) {
		return;
	} else if (l->other) {
		pass_batch(l);
	} else {
		write_directly(l);
	}
}

/* --- lws callbacks, one function a reason -------------------------------------------------- */

static int on_established(struct link *l, struct lws *wsi)
{
	l->wsi = wsi;
	l->is_open = true;
	l->opened(l->ctx, l);
	link_wake(l);
	return 0;
}

static int on_receive(struct link *l, const char *bytes, size_t n)
{
	return receive(l, span_n(bytes, n)) ? 0 : -1;
}

static int on_writable(struct link *l)
{
	if (l->cut || !l->session) {
		return l->cut ? -1 : 0;
	}
	if (!write_batch(l) && l->why[0]) {
		return -1;
	}
	if (session_has_output(l->session)) {
		lws_callback_on_writable(l->wsi);
	}
	return 0;
}

static int on_gone(struct link *l, struct lws *wsi, const char *why)
{
	/* WSI_DESTROY still follows, when the link may be freed. */
	lws_set_opaque_user_data(wsi, NULL);
	l->wsi = NULL;
	l->is_open = false;
	timer_stop(l->timer);
	/* Copied: the owner may free the link in `closed`. */
	char reason[sizeof l->why];
	snprintf(reason, sizeof reason, "%s", l->why[0] ? l->why : why);
	l->closed(l->ctx, l, reason);
	return 0;
}

/* lws says no more than that TLS failed. */
static int on_no_connection(struct link *l, struct lws *wsi, const char *why)
{
	SSL *ssl = lws_get_ssl(wsi);
	long result = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;
	l->untrusted = result != X509_V_OK;
	return on_gone(l, wsi, l->untrusted ? X509_verify_cert_error_string(result) : why);
}

/* Browsers always send Origin with a WebSocket; agents never do. */
static int on_request(struct lws *wsi)
{
	return lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) > 0 ? -1 : 0;
}

/* A socket of lws's own listener is somebody's from the beginning, so that whoever does not even finish the
 * TLS handshake is known, and counted; an adopted one when it is a WebSocket. Other reasons come with lws's
 * own dummy sockets. */
static struct link *link_of(struct lws *wsi, enum lws_callback_reasons reason)
{
	struct link *l = lws_get_opaque_user_data(wsi);
	bool binds = reason == LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED ||
		     reason == LWS_CALLBACK_ESTABLISHED;
	if (l || !binds) {
		return l;
	}
	struct link_source *source = lws_context_user(lws_get_context(wsi));
	if (source && !lws_is_ssl(wsi) && source->adopting) {
		l = TAKE(source->adopting);
	} else if (source && lws_is_ssl(wsi) && source->accept) {
		l = source->accept(source->ctx, lws_get_socket_fd(wsi));
	}
	if (l) {
		link_bind(l, wsi);
	}
	return l;
}

static int dispatch(
	struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	(void)user;
	struct link *l = link_of(wsi, reason);
	if (reason == LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION) {
		return on_request(wsi);
	}
	if (!l) {
		/* Nobody's: closed. */
		return reason == LWS_CALLBACK_ESTABLISHED || reason == LWS_CALLBACK_HTTP ? -1 : 0;
	}
	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		return on_established(l, wsi);
	case LWS_CALLBACK_RECEIVE:
	case LWS_CALLBACK_CLIENT_RECEIVE:
		return on_receive(l, in, len);
	case LWS_CALLBACK_HTTP:
		return -1; /* a browser on the TLS port */
	case LWS_CALLBACK_SERVER_WRITEABLE:
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return on_writable(l);
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		return on_no_connection(l, wsi, in ? in : "cannot connect");
	case LWS_CALLBACK_CLOSED:
	case LWS_CALLBACK_CLIENT_CLOSED:
		return on_gone(l, wsi, "the other end closed the connection");
	case LWS_CALLBACK_WSI_DESTROY:
		/* A socket that never became a WebSocket has no CLOSED of its own. */
		return l->wsi == wsi ? on_gone(l, wsi, "the connection broke off") : 0;
	default:
		return 0;
	}
}

const struct lws_protocols link_protocols[] = {
	{ LINK_PROTOCOL, dispatch, 0, READ_CHUNK, 0, NULL, 0 },
	{ NULL, NULL, 0, 0, 0, NULL, 0 },
};

static void on_lws_log(int level, const char *line)
{
	size_t n = strcspn(line, "\n");
	log_line(level == LLL_ERR ? LOG_INFO : LOG_DEBUG, "bridge", "lws: %.*s", (int)n, line);
}

/* lws keeps its libuv glue in a plugin, which it unloads with the context, while the loop still has to
 * call that plugin's close callbacks. So it stays loaded. */
static int keep_plugin(struct dl_phdr_info *info, size_t size, void *ctx)
{
	(void)size;
	(void)ctx;
	if (strstr(info->dlpi_name, "libwebsockets-evlib_uv")) {
		void *handle = dlopen(info->dlpi_name, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
		if (handle) {
			dlclose(handle);
		}
		return 1;
	}
	return 0;
}

struct lws_context *link_context_create(uv_loop_t *loop, struct link_source *source, bool tls)
{
	lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
	void *loops[] = { loop };
	struct lws_context_creation_info info = { 0 };
	info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
	info.protocols = link_protocols;
	info.user = source;
	info.foreign_loops = loops;
	info.pt_serv_buf_size = READ_CHUNK;
	info.gid = -1;
	info.uid = -1;
	/* Signals are the composition root's: without this option lws takes SIGTERM and others. */
	info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_UV_NO_SIGSEGV_SIGFPE_SPIN |
		       (tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0);
	struct lws_context *lws = lws_create_context(&info);
	dl_iterate_phdr(keep_plugin, NULL);
	return lws;
}

#define CLOSE_TURNS 4

struct context_close {
	struct lws_context *lws;
	struct timer *timer;
	unsigned turns; /* of the loop, still to come */
	void (*done)(void *ctx);
	void *ctx;
};

/* The loop's time stands still within a turn, so each call is in a turn of its own, however long that one took. */
static void on_context_turn(void *ctx)
{
	struct context_close c = *(struct context_close *)ctx;
	if (c.turns > 0) {
		((struct context_close *)ctx)->turns--;
		timer_arm(c.timer, 1);
		return;
	}
	timer_close(c.timer);
	free(ctx);
	lws_context_destroy(c.lws);
	if (c.done) {
		c.done(c.ctx);
	}
}

void link_context_close(
	struct lws_context *lws, uv_loop_t *loop, void (*done)(void *ctx), void *ctx)
{
	struct context_close *c = xalloc(sizeof *c);
	*c = (struct context_close){ .lws = lws, .turns = CLOSE_TURNS, .done = done, .ctx = ctx };
	/* With a foreign loop the first call closes and the second frees; between them the loop must
	 * have run the close callbacks of lws's handles: first its sockets', then those that the last of them closes. */
	lws_context_destroy(lws);
	c->timer = timer_open(loop, on_context_turn, c);
	timer_arm(c->timer, 1);
}
