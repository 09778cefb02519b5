#include "emulator/auth/jwt.h"

#include "proxy/base/encode.h"

#define DEPTH_MAX 16
#define KID_MAX 512

static bool deeper_than(const cJSON *item, int depth)
{
	if (depth == 0) {
		return true;
	}
	JSON_FOR (child, item) {
		if (deeper_than(child, depth - 1)) {
			return true;
		}
	}
	return false;
}

/* One JSON object without repeated members, which two parsers would read differently. */
static cJSON *parse_object(struct span text, const char *what, struct err *err)
{
	cJSON *doc = json_parse_unique(text, err);
	if (!doc) {
		err_wrap(err, "the token's %s is not valid JSON", what);
		return NULL;
	}
	if (!cJSON_IsObject(doc) || deeper_than(doc, DEPTH_MAX)) {
		err_set(err, ERR_INVALID,
			cJSON_IsObject(doc) ? "the token's %s is nested too deeply"
					    : "the token's %s is not a JSON object",
			what);
		cJSON_Delete(doc);
		return NULL;
	}
	return doc;
}

static int split(struct span token, struct span parts[3], struct err *err)
{
	size_t n = 0;
	struct span rest = token;
	while (rest.ptr) {
		struct span part = span_cut(&rest, '.');
		if (n < 3) {
			parts[n] = part;
		}
		n++;
	}
	/* Text of the service (api-gateway.md 5.1). */
	return n == 3 ? 0
		      : err_set(err, ERR_INVALID, "token contains an invalid number of segments");
}

static int read_header(struct jwt *t, struct err *err)
{
	t->alg = json_str(t->header, "alg");
	if (!t->alg) {
		return err_set(err, ERR_INVALID, "the token's header has no alg");
	}
	if (strcmp(t->alg, "RS256") != 0 && strcmp(t->alg, "RS384") != 0 &&
		strcmp(t->alg, "RS512") != 0) {
		return err_set(err, ERR_UNSUPPORTED,
			"signing algorithm '%.20s' is not accepted: only "
			"RS256, RS384 and RS512 are",
			t->alg);
	}
	/* None is understood (RFC 7515 section 4.1.11, RFC 7797). */
	if (json_get(t->header, "crit") || json_get(t->header, "b64")) {
		return err_set(err, ERR_UNSUPPORTED, "the token's header has a critical extension");
	}
	t->kid = json_str(t->header, "kid");
	if (json_get(t->header, "kid") && (!t->kid || strlen(t->kid) > KID_MAX)) {
		return err_set(err, ERR_INVALID, "the token's kid is not a string or too long");
	}
	return 0;
}

int jwt_decode(struct jwt *out, struct span token, struct err *err)
{
	memset(out, 0, sizeof *out);
	buf_init(&out->payload, JWT_MAX);
	buf_init(&out->signature, JWT_MAX);
	if (token.len > JWT_MAX) {
		return err_set(err, ERR_LIMIT, "the token is longer than %d bytes", JWT_MAX);
	}
	struct span parts[3];
	if (split(token, parts, err)) {
		return -ERR_INVALID;
	}
	struct buf header = BUF_INIT(JWT_MAX);
	bool clean = parts[0].len && parts[2].len && base64url_decode(&header, parts[0]) &&
		     base64url_decode(&out->payload, parts[1]) &&
		     base64url_decode(&out->signature, parts[2]);
	if (clean) {
		out->header = parse_object(buf_span(&header), "header", err);
	} else {
		err_set(err, ERR_INVALID, "a segment of the token is empty or not base64url");
	}
	buf_fini(&header);
	if (!out->header) {
		return -ERR_INVALID;
	}
	out->signed_text = span_n(token.ptr, parts[0].len + 1 + parts[1].len);
	return read_header(out, err);
}

void jwt_fini(struct jwt *t)
{
	cJSON_Delete(t->header);
	buf_fini(&t->payload);
	buf_fini(&t->signature);
	t->header = NULL;
}

bool jwt_verify(const struct jwt *t, const struct jwk *key)
{
	return jwk_verify(key, t->alg, t->signed_text, buf_span(&t->signature));
}

cJSON *jwt_claims(const struct jwt *t, struct err *err)
{
	return parse_object(buf_span(&t->payload), "payload", err);
}
