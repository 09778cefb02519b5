/* Peers and their sockets.
 *
 * Happy path: adopt -> WebSocket opened -> HELLO (checked) -> WELCOME -> messages -> BYE -> gone.
 * Failures:
 *   - the upgrade is refused or breaks off: the greeting peer is freed, nobody hears of it;
 *   - HELLO with a wrong token or version: BYE with the reason, then closed, nobody hears of it;
 *   - no HELLO within 5 s, TLS and upgrade included: cut;
 *   - too many who have not said HELLO: for each that comes, one of them is cut, the oldest of the address that has
 *     most, so that a flood starves itself and not an agent that comes from elsewhere;
 *   - the link breaks: on_link(false), the peer waits grace_ms for a HELLO with its session id;
 *   - it comes back: on_link(true), the rest is sent again; an older socket that still looks open is cut;
 *   - it does not: on_gone. */
#include "proxy/bridge/bridge_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/digest.h"
#include "proxy/base/ids.h"
#include "proxy/base/list.h"
#include "proxy/base/log.h"
#include "proxy/bridge/link.h"

#define SESSION_ID_LEN 32
#define HELLO_MS 5000
#define GREETING_MAX 64 /* how many may be about to say HELLO */

/* greeting: no HELLO yet. known: on_agent was called. leaving: BYE is on its way out. */
enum peer_state {
	PEER_GREETING,
	PEER_KNOWN,
	PEER_LEAVING
};

struct bridge_peer {
	struct list in_server; /* struct bridge_server.peers */
	struct bridge_server *server;
	enum peer_state state;
	char session_id[SESSION_ID_LEN + 1];
	char name[64];
	char address[INET6_ADDRSTRLEN]; /* it came from; "" = not known */
	struct session *session;
	struct wslink *link; /* NULL while the connection is down */
	struct timer *timer; /* HELLO, grace or leaving deadline */
	struct bridge_peer *resumes; /* set by HELLO, acted upon when the input batch has settled */
	char gone_why[512]; /* set: the peer goes when its link has closed */
	void *data;
};

/* A socket; it outlives its peer's interest until lws has closed it. */
struct wslink {
	struct link link;
	struct bridge_peer *peer; /* NULL: nobody's any more */
};

struct bridge_server {
	struct bridge_server_config config;
	char *token, *welcome;
	struct lws_context *lws; /* NULL until a WebSocket comes: a `start` alone never has one */
	struct link_source source;
	unsigned port; /* of the TLS listener; 0 = none */
	struct list peers; /* struct bridge_peer */
	unsigned counter;
	bool closing;
};

static void peer_free(struct bridge_peer *p)
{
	list_remove(&p->in_server);
	if (p->link) {
		p->link->peer = NULL;
		p->link->link.session = NULL;
	}
	timer_close(p->timer);
	session_destroy(p->session);
	free(p);
}

/* The session is over. Callers return at once: p is gone. */
static void peer_end(struct bridge_peer *p, const char *why)
{
	struct bridge_server *s = p->server;
	if (p->link) {
		link_cut(&p->link->link, why);
	}
	if (p->state == PEER_KNOWN && !s->closing) {
		s->config.on_gone(s->config.ctx, p, why);
	}
	peer_free(p);
}

static void on_timer(void *ctx)
{
	struct bridge_peer *p = ctx;
	peer_end(p, p->state == PEER_KNOWN      ? "it did not come back in time"
		    : p->state == PEER_GREETING ? "it never said HELLO"
						: p->gone_why);
}

/* Refuses or drops: BYE goes out, then the link is cut. */
static void peer_leave(struct bridge_peer *p, const char *code, const char *why)
{
	struct bridge_server *s = p->server;
	if (p->state == PEER_LEAVING) {
		return;
	}
	if (p->state == PEER_KNOWN) {
		s->config.on_gone(s->config.ctx, p, why);
	} else if (p->state == PEER_GREETING && !s->closing) {
		log_info("bridge", "refused an agent from %s: %s", p->address, why);
	}
	p->state = PEER_LEAVING;
	snprintf(p->gone_why, sizeof p->gone_why, "%s", why);
	struct buf meta = BUF_INIT(4096);
	buf_add_char(&meta, '{');
	json_add_member(&meta, "code", span_of(code));
	json_add_member(&meta, "reason", span_of(why));
	buf_add_char(&meta, '}');
	session_send(
		p->session, &(struct wire_message){ .type = WIRE_BYE, .meta = buf_span(&meta) });
	buf_fini(&meta);
	if (p->link) {
		link_wake(&p->link->link);
	}
	timer_arm(p->timer, 1000); /* time for BYE to leave; the peer closes first */
}

static struct bridge_peer *find_peer(struct bridge_server *s, const char *session_id)
{
	LIST_FOR (node, &s->peers) {
		struct bridge_peer *p = container_of(node, struct bridge_peer, in_server);
		if (p->state == PEER_KNOWN && session_id &&
			strcmp(p->session_id, session_id) == 0) {
			return p;
		}
	}
	return NULL;
}

static void send_welcome(struct bridge_peer *p)
{
	struct buf meta = BUF_INIT(65536);
	buf_add_char(&meta, '{');
	json_add_member(&meta, "session", span_of(p->session_id));
	session_state(p->session, &meta);
	if (p->server->welcome[0]) {
		buf_add_char(&meta, ',');
		buf_add_str(&meta, p->server->welcome);
	}
	buf_add_char(&meta, '}');
	session_send(p->session,
		&(struct wire_message){ .type = WIRE_WELCOME, .meta = buf_span(&meta) });
	buf_fini(&meta);
}

static void greet_new(struct bridge_peer *p, const cJSON *hello)
{
	struct bridge_server *s = p->server;
	const char *app = json_str(hello, "app");
	const char *stage = json_str(hello, "stage");
	struct err err = ERR_INIT;
	id_random(p->session_id, SESSION_ID_LEN, ID_URLSAFE);
	snprintf(p->name, sizeof p->name, "agent %u", ++s->counter);
	send_welcome(p);
	/* What it says of a session that we do not know, as after our restart, is not about this one. */
	if (!app || !stage || session_resume(p->session, NULL, &err)) {
		peer_leave(p, "hello", app && stage ? err.msg : "HELLO without app or stage");
		return;
	}
	p->state = PEER_KNOWN;
	timer_stop(p->timer);
	s->config.on_agent(s->config.ctx, p, app, stage);
}

static void on_hello(struct bridge_peer *p, const cJSON *hello)
{
	struct bridge_server *s = p->server;
	struct span token = json_span(hello, "token");
	int version = (int)json_num(hello, "version", 0);
	if (!secret_eq(token, span_of(s->token))) {
		peer_leave(
			p, "token", "the token is wrong: take the one that `offstage serve` wrote");
	} else if (version != WIRE_VERSION) {
		const char *program = json_str(hello, "program");
		char why[300];
		snprintf(why, sizeof why,
			"the emulator is offstage " OFFSTAGE_VERSION
			" and speaks bridge version %d, the agent is %.60s and speaks %d: use the "
			"same offstage on both machines",
			WIRE_VERSION, program ? program : "another program", version);
		peer_leave(p, "version", why);
	} else {
		p->resumes = find_peer(s, json_str(hello, "session"));
		if (p->resumes) {
			/* Its state is needed when the batch has settled. */
			struct err err = ERR_INIT;
			session_link_down(p->resumes->session);
			session_link_up(p->resumes->session, uv_now(s->config.loop));
			send_welcome(p->resumes);
			if (session_resume(p->resumes->session, hello, &err)) {
				p->resumes = NULL;
				peer_leave(p, "resume", err.msg);
			}
		} else {
			greet_new(p, hello);
		}
	}
}

static void on_message(void *ctx, const struct wire_message *m)
{
	struct bridge_peer *p = ctx;
	if (p->state == PEER_LEAVING || p->resumes) {
		return;
	}
	if (m->type == WIRE_HELLO || m->type == WIRE_BYE) {
		struct err err = ERR_INIT;
		AUTO_JSON cJSON *meta = json_parse(m->meta, &err);
		const char *why = json_str(meta, "reason");
		if (m->type == WIRE_BYE) {
			peer_leave(p, "bye", why ? why : "it said BYE");
		} else if (p->state == PEER_GREETING && meta) {
			on_hello(p, meta);
		} else {
			peer_leave(p, "hello", meta ? "HELLO twice" : err.msg);
		}
		return;
	}
	if (p->state == PEER_GREETING) {
		peer_leave(p, "hello", "HELLO comes first");
		return;
	}
	p->server->config.on_message(p->server->config.ctx, p, m);
}

/* --- the socket's news ---------------------------------------------------------------------- */

static void on_settled(void *ctx, struct link *l)
{
	struct wslink *w = ctx;
	struct bridge_peer *greeter = w->peer;
	struct bridge_peer *p = greeter ? greeter->resumes : NULL;
	if (!p) {
		return;
	}
	if (p->link) {
		/* The old socket still looks open: it is half-open, or its end is on the way. */
		p->link->peer = NULL;
		p->link->link.session = NULL;
		link_cut(&p->link->link, "replaced by a newer connection");
	}
	greeter->link = NULL;
	peer_free(greeter);
	w->peer = p;
	p->link = w;
	timer_stop(p->timer);
	link_attach(l, p->session);
	p->server->config.on_link(p->server->config.ctx, p, true, "the agent is back");
}

static void on_opened(void *ctx, struct link *l)
{
	struct wslink *w = ctx;
	if (!w->peer) {
		link_cut(l, "nobody's connection");
		return;
	}
	session_link_up(w->peer->session, uv_now(w->peer->server->config.loop));
	link_attach(l, w->peer->session);
}

static void on_closed(void *ctx, struct link *l, const char *why)
{
	struct wslink *w = ctx;
	struct bridge_peer *p = w->peer;
	link_fini(l);
	free(w);
	if (!p) {
		return;
	}
	p->link = NULL;
	session_link_down(p->session);
	struct bridge_server *s = p->server;
	if (p->state != PEER_KNOWN) {
		peer_free(p);
		return;
	}
	timer_arm(p->timer, s->config.grace_ms);
	s->config.on_link(s->config.ctx, p, false, why);
}

static size_t count_greeting(const struct bridge_server *s, const char *address)
{
	size_t n = 0;
	LIST_FOR (node, &s->peers) {
		struct bridge_peer *p = container_of(node, struct bridge_peer, in_server);
		n += p->state == PEER_GREETING && (!address || strcmp(p->address, address) == 0);
	}
	return n;
}

static void make_room(struct bridge_server *s)
{
	struct bridge_peer *victim = NULL;
	size_t most = 0;
	if (count_greeting(s, NULL) < GREETING_MAX) {
		return;
	}
	LIST_FOR (node, &s->peers) {
		struct bridge_peer *p = container_of(node, struct bridge_peer, in_server);
		size_t n = p->state == PEER_GREETING ? count_greeting(s, p->address) : 0;
		if (n > most) {
			most = n;
			victim = p;
		}
	}
	log_debug("bridge", "too many connections from '%s' that have not said HELLO",
		victim->address);
	peer_end(victim, "too many connections that have not said HELLO");
}

static void find_address(int fd, char *out, size_t size)
{
	struct sockaddr_storage peer;
	socklen_t n = sizeof peer;
	out[0] = '\0';
	if (getpeername(fd, (struct sockaddr *)&peer, &n) == 0) {
		uv_ip_name((struct sockaddr *)&peer, out, size);
	}
}

/* Somebody new, with a socket that is to be bound; or an agent of this process, then fd is -1. */
static struct wslink *greeter(struct bridge_server *s, int fd)
{
	make_room(s);
	struct bridge_peer *p = xalloc(sizeof *p);
	struct wslink *w = xalloc(sizeof *w);
	find_address(fd, p->address, sizeof p->address);
	p->server = s;
	p->session = session_create(on_message, p);
	p->timer = timer_open(s->config.loop, on_timer, p);
	p->link = w;
	w->peer = p;
	list_push_back(&s->peers, &p->in_server);
	link_init(&w->link, s->config.loop, w);
	w->link.settled = on_settled;
	w->link.opened = on_opened;
	w->link.closed = on_closed;
	timer_arm(p->timer, HELLO_MS);
	return w;
}

static struct link *on_accept(void *ctx, int fd)
{
	struct bridge_server *s = ctx;
	return s->closing ? NULL : &greeter(s, fd)->link;
}

/* --- public --------------------------------------------------------------------------------- */

struct bridge_server *bridge_server_create(const struct bridge_server_config *c)
{
	struct bridge_server *s = xalloc(sizeof *s);
	s->config = *c;
	s->config.grace_ms = c->grace_ms ? c->grace_ms : 30000;
	s->token = xstrdup(c->token ? c->token : "");
	s->welcome = xstrdup(c->welcome ? c->welcome : "");
	list_init(&s->peers);
	s->source = (struct link_source){ .accept = on_accept, .ctx = s };
	return s;
}

static int need_lws(struct bridge_server *s, struct err *err)
{
	if (!s->lws) {
		s->lws = link_context_create(s->config.loop, &s->source, s->config.tls);
	}
	return s->lws ? 0
		      : err_set(err, ERR_INTERNAL,
				"libwebsockets cannot start (is libwebsockets-evlib-uv "
				"installed?)");
}

int bridge_server_listen(struct bridge_server *s, const char *host, unsigned port, const char *cert,
	const char *key, struct err *err)
{
	int rc = need_lws(s, err);
	if (rc) {
		return rc;
	}
	struct lws_context_creation_info info = { 0 };
	info.vhost_name = "tls";
	info.iface = host;
	info.port = (int)port;
	info.protocols = link_protocols;
	info.ssl_cert_filepath = cert;
	info.ssl_private_key_filepath = key;
	info.timeout_secs = HELLO_MS / 1000;
	info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
		       LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND | LWS_SERVER_OPTION_DISABLE_IPV6;
	if (strchr(host, ':')) {
		info.options &= ~(uint64_t)LWS_SERVER_OPTION_DISABLE_IPV6;
	}
	struct lws_vhost *vhost = lws_create_vhost(s->lws, &info);
	if (!vhost) {
		return err_set(
			err, ERR_BUSY, "the bridge cannot listen on '%s' port %u", host, port);
	}
	s->port = (unsigned)lws_get_vhost_listen_port(vhost);
	return 0;
}

unsigned bridge_server_port(const struct bridge_server *s)
{
	return s->port;
}

bool bridge_server_adopt(struct bridge_server *s, int fd, struct span head)
{
	struct err err = ERR_INIT;
	if (s->closing || need_lws(s, &err)) {
		log_warn("bridge", "an agent is turned away: %s", s->closing ? "closing" : err.msg);
		close(fd);
		return false;
	}
	struct lws_vhost *vhost = lws_get_vhost_by_name(s->lws, "default");
	struct wslink *w = greeter(s, fd);
	s->source.adopting = &w->link;
	struct lws *wsi = lws_adopt_socket_vhost_readbuf(vhost, fd, head.ptr, head.len);
	if (s->source.adopting) {
		/* Nothing was called back yet: bind it here, or, if lws gave up (and closed fd), clean up. */
		s->source.adopting = NULL;
		if (wsi) {
			link_bind(&w->link, wsi);
		} else {
			on_closed(w, &w->link, "the upgrade failed");
		}
	}
	return wsi != NULL;
}

bool bridge_server_join(struct bridge_server *s, struct link *agent)
{
	if (!s->closing) {
		link_join(agent, &greeter(s, -1)->link);
	}
	return !s->closing;
}

void bridge_peer_send(struct bridge_peer *p, const struct wire_message *m)
{
	session_send(p->session, m);
	if (p->link) {
		link_wake(&p->link->link);
	}
}

size_t bridge_peer_waiting(const struct bridge_peer *p)
{
	return session_waiting(p->session);
}

void bridge_peer_set_data(struct bridge_peer *p, void *data)
{
	p->data = data;
}

void *bridge_peer_data(const struct bridge_peer *p)
{
	return p->data;
}

const char *bridge_peer_name(const struct bridge_peer *p)
{
	return p->name;
}

void bridge_peer_drop(struct bridge_peer *p, const char *reason)
{
	peer_leave(p, "dropped", reason);
}

struct closing {
	struct bridge_server *server;
	struct timer *timer;
	void (*done)(void *ctx);
	void *ctx;
};

/* BYE has had its moment. lws closes what is left inside the call and lets go of its loop handles in
 * the turns that follow. */
static void finish_close(void *ctx)
{
	struct closing *c = ctx;
	struct bridge_server *s = c->server;
	LIST_FOR_SAFE (node, &s->peers) {
		struct bridge_peer *p = container_of(node, struct bridge_peer, in_server);
		if (p->link) {
			link_cut(&p->link->link, "the emulator is shutting down");
		}
		peer_free(p);
	}
	timer_close(c->timer);
	if (s->lws) {
		link_context_close(s->lws, s->config.loop, c->done, c->ctx);
	} else if (c->done) {
		c->done(c->ctx);
	}
	free(s->token);
	free(s->welcome);
	free(s);
	free(c);
}

void bridge_server_close(struct bridge_server *s, void (*done)(void *ctx), void *ctx)
{
	struct closing *c = xalloc(sizeof *c);
	*c = (struct closing){ .server = s, .done = done, .ctx = ctx };
	c->timer = timer_open(s->config.loop, finish_close, c);
	s->closing = true;
	bool any = false;
	LIST_FOR_SAFE (node, &s->peers) {
		struct bridge_peer *p = container_of(node, struct bridge_peer, in_server);
		any = any || p->link;
		if (p->state == PEER_KNOWN) {
			p->state = PEER_GREETING; /* the owner is going too: no on_gone for it */
			peer_leave(p, "shutdown", "the emulator is shutting down");
		}
	}
	timer_arm(c->timer, any ? 50 : 0);
}
