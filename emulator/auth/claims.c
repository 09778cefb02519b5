#include "emulator/auth/claims.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/base/alloc.h"

#define SUBJECT_MAX 255

__attribute__((format(printf, 4, 5))) static bool refuse(struct claims_fault *fault,
	const char *check, const char *description, const char *fmt, ...)
{
	fault->check = check;
	fault->description = description;
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(fault->reason, sizeof fault->reason, fmt, args);
	va_end(args);
	return false;
}

static bool in_list(const char *value, const struct model_strings *list)
{
	for (size_t i = 0; value && i < list->n; i++) {
		if (strcmp(value, list->at[i]) == 0) {
			return true;
		}
	}
	return false;
}

/* A string or an array; elements that are no strings match nothing. */
static bool any_in_list(const cJSON *claim, const struct model_strings *list)
{
	if (!cJSON_IsArray(claim)) {
		return in_list(json_value(claim), list);
	}
	JSON_FOR (item, claim) {
		if (in_list(json_value(item), list)) {
			return true;
		}
	}
	return false;
}

/* For messages: "'a'", "'a', 'b'", or what kind of thing it is. */
static const char *shown(const cJSON *claim, char out[160])
{
	struct buf text = BUF_INIT(4096);
	if (!claim) {
		buf_add_str(&text, "absent");
	} else {
		json_add_tree(&text, claim);
	}
	(void)snprintf(
		out, 160, "%.*s", (int)(text.len < 150 ? text.len : 150), text.ptr ? text.ptr : "");
	buf_fini(&text);
	return out;
}

static const char *shown_list(const struct model_strings *list, char out[160])
{
	struct buf text = BUF_INIT(4096);
	for (size_t i = 0; i < list->n; i++) {
		buf_addf(&text, "%s\"%s\"", i ? ", " : "", list->at[i]);
	}
	(void)snprintf(out, 160, "%.*s", (int)(text.len < 150 ? text.len : 150),
		text.ptr ? text.ptr : "none");
	buf_fini(&text);
	return out;
}

/* NumericDate (RFC 7519 section 2): a finite JSON number, fractions allowed. */
static bool is_time(const cJSON *claim)
{
	return cJSON_IsNumber(claim) && isfinite(claim->valuedouble);
}

static bool times_fit(const cJSON *claims, double now, struct claims_fault *fault)
{
	const cJSON *exp = json_get(claims, "exp");
	const cJSON *nbf = json_get(claims, "nbf");
	const cJSON *iat = json_get(claims, "iat");
	char text[160];
	if (!is_time(exp)) {
		return refuse(fault, "expired token", "the token has no valid expiry",
			"claim exp must be a number, it is %s", shown(exp, text));
	}
	if (exp->valuedouble <= now) {
		return refuse(fault, "expired token", "the token has expired",
			"claim exp is %.0f, now is %.0f: the token expired %.0f s ago",
			exp->valuedouble, now, now - exp->valuedouble);
	}
	if (nbf && !(is_time(nbf) && nbf->valuedouble <= now)) {
		return refuse(fault, "token not yet valid", "the token is not valid yet",
			"claim nbf is %s, now is %.0f", shown(nbf, text), now);
	}
	if (iat && !(is_time(iat) && iat->valuedouble <= now)) {
		return refuse(fault, "token not yet valid", "the token was issued in the future",
			"claim iat is %s, now is %.0f: do the clocks differ?", shown(iat, text),
			now);
	}
	return true;
}

bool claims_fit_authorizer(const cJSON *claims, const struct model_authorizer *a, int64_t now_s,
	struct claims_fault *fault)
{
	char got[160];
	char want[160];
	const cJSON *iss = json_get(claims, "iss");
	/* A final slash counts (api-gateway.md 6). */
	if (!json_value(iss) || strcmp(json_value(iss), a->issuer) != 0) {
		return refuse(fault, "issuer", "issuer does not match",
			"claim iss is %s, the authorizer's issuer is \"%s\"%s", shown(iss, got),
			a->issuer,
			json_value(iss) && span_eq(claims_issuer_host(span_of(json_value(iss))),
						   claims_issuer_host(span_of(a->issuer)))
				? ": they differ only in scheme or final slash, which count"
				: "");
	}
	const cJSON *aud = json_get(claims, "aud");
	const cJSON *audience = aud ? aud : json_get(claims, "client_id");
	if (!any_in_list(audience, &a->audience)) {
		return refuse(fault, "audience", "the token does not have a valid audience",
			"claim %s is %s, the authorizer accepts %s", aud ? "aud" : "client_id",
			shown(audience, got), shown_list(&a->audience, want));
	}
	return times_fit(claims, (double)now_s, fault);
}

struct span claims_issuer_host(struct span issuer)
{
	const struct span schemes[] = { SPAN("https://"), SPAN("http://") };
	for (size_t i = 0; i < COUNT_OF(schemes); i++) {
		if (span_starts(issuer, schemes[i])) {
			issuer = span_n(issuer.ptr + schemes[i].len, issuer.len - schemes[i].len);
			break;
		}
	}
	if (span_ends(issuer, SPAN("/"))) {
		issuer.len--;
	}
	return issuer;
}

int claims_fit_login(
	const cJSON *claims, const struct model_oidc_provider *p, int64_t now_s, struct err *err)
{
	static const char *const required[] = { "iss", "sub", "exp" };
	for (size_t i = 0; i < COUNT_OF(required); i++) {
		if (!json_get(claims, required[i])) {
			return err_set(
				err, ERR_DENIED, "Missing a required claim: %s", required[i]);
		}
	}
	struct span issuer = json_span(claims, "iss");
	if (!span_is(claims_issuer_host(issuer), p->host)) {
		return err_set(err, ERR_DENIED, "Issuer doesn't match providerName");
	}
	const cJSON *exp = json_get(claims, "exp");
	const cJSON *nbf = json_get(claims, "nbf");
	struct span subject = json_span(claims, "sub");
	if (!is_time(exp) || (nbf && !(is_time(nbf) && nbf->valuedouble <= (double)now_s)) ||
		subject.len == 0 || subject.len > SUBJECT_MAX) {
		return err_set(err, ERR_DENIED, "Not a valid OpenId Connect identity token.");
	}
	if (exp->valuedouble <= (double)now_s) {
		return err_set(err, ERR_EXPIRED, "Token expired: %lld >= %.0f", (long long)now_s,
			exp->valuedouble);
	}
	const cJSON *azp = json_get(claims, "azp");
	const cJSON *aud = json_get(claims, "aud");
	if (!aud) {
		return err_set(err, ERR_DENIED, "Missing a required claim: aud");
	}
	/* Cognito's text is not known; this is STS's (identity-and-auth.md 1.5). */
	return any_in_list(azp ? azp : aud, &p->client_ids)
		       ? 0
		       : err_set(err, ERR_DENIED, "Incorrect token audience");
}

const char *const *claims_scopes(const cJSON *claims, struct arena *arena)
{
	const cJSON *scp = json_get(claims, "scp");
	const cJSON *from = scp ? scp : json_get(claims, "scope");
	struct span text = span_of(json_value(from));
	size_t most = cJSON_IsArray(from) ? (size_t)cJSON_GetArraySize(from) : text.len / 2 + 1;
	const char **out = arena_alloc(arena, (most + 1) * sizeof *out);
	size_t n = 0;
	if (cJSON_IsArray(from)) {
		JSON_FOR (item, from) {
			if (json_value(item)) {
				out[n++] = arena_strdup(arena, json_value(item));
			}
		}
	}
	while (text.ptr) {
		struct span scope = span_cut(&text, ' ');
		if (scope.len) {
			out[n++] = arena_strndup(arena, scope.ptr, scope.len);
		}
	}
	return out;
}

/* --- the strings handed on: Go's %v, as live captures show it (api-gateway.md 2.4) --------- */

static void add_number(struct buf *out, double value)
{
	char text[40];
	if (value == floor(value) && fabs(value) < 1e21) {
		(void)snprintf(text, sizeof text, "%.0f", value);
	} else {
		for (int digits = 1; digits <= 17; digits++) {
			(void)snprintf(text, sizeof text, "%.*g", digits, value);
			if (strtod(text, NULL) == value) {
				break;
			}
		}
	}
	buf_add_str(out, text);
}

static int by_name(const void *a, const void *b)
{
	const cJSON *const *p = a;
	const cJSON *const *q = b;
	return strcmp((*p)->string, (*q)->string);
}

static void add_value(struct buf *out, const cJSON *item);

static void add_map(struct buf *out, const cJSON *map)
{
	size_t n = (size_t)cJSON_GetArraySize(map);
	AUTO_FREE const cJSON **sorted = xcalloc(n + 1, sizeof *sorted);
	size_t i = 0;
	JSON_FOR (item, map) {
		sorted[i++] = item;
	}
	qsort(sorted, n, sizeof *sorted, by_name);
	buf_add_str(out, "map[");
	for (i = 0; i < n; i++) {
		buf_addf(out, "%s%s:", i ? " " : "", sorted[i]->string);
		add_value(out, sorted[i]);
	}
	buf_add_char(out, ']');
}

static void add_value(struct buf *out, const cJSON *item)
{
	if (cJSON_IsString(item)) {
		buf_add_str(out, item->valuestring);
	} else if (cJSON_IsNumber(item)) {
		add_number(out, item->valuedouble);
	} else if (cJSON_IsBool(item)) {
		buf_add_str(out, cJSON_IsTrue(item) ? "true" : "false");
	} else if (cJSON_IsArray(item)) {
		buf_add_char(out, '[');
		JSON_FOR (child, item) {
			buf_add_str(out, child == item->child ? "" : " ");
			add_value(out, child);
		}
		buf_add_char(out, ']');
	} else if (cJSON_IsObject(item)) {
		add_map(out, item);
	} else {
		buf_add_str(out, "<nil>");
	}
}

void claims_text(const cJSON *claims, struct buf *out)
{
	struct buf value = BUF_INIT(out->max);
	buf_add_char(out, '{');
	JSON_FOR (item, claims) {
		if (cJSON_IsNull(item)) {
			continue;
		}
		buf_clear(&value);
		add_value(&value, item);
		json_add_member(out, item->string, buf_span(&value));
	}
	buf_add_char(out, '}');
	buf_fini(&value);
}
