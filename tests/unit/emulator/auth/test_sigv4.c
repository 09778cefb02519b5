#include <stdio.h>

#include "request.h"

#include "emulator/auth/sigv4.h"
#include "proxy/base/clock.h"
#include "proxy/base/digest.h"
#include "proxy/base/encode.h"

/* The worked vectors of identity-and-auth.md 5.10. */
#define KEY "ASIAQWERTYUIOPASDFGH"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define TOKEN "IQoJb3JpZ2luX2VjEXAMPLETOKEN"
#define SCOPE "/20250102/us-east-1/execute-api/aws4_request"
#define STAMP "20250102T030405Z"
#define AUTH(signed, signature)                                 \
	"Authorization: AWS4-HMAC-SHA256 Credential=" KEY SCOPE \
	", SignedHeaders=" signed ", Signature=" signature "\n"
#define HEADERS "Host: localhost:9000\nX-Amz-Date: " STAMP "\nX-Amz-Security-Token: " TOKEN "\n"
#define SIGNED "host;x-amz-date;x-amz-security-token"
#define GET_SIGNATURE "049fa5e795cbf91ab08782ee332cd2a505b9ef4d854ae0812285c8d0d5d4d50b"
#define GET "GET /notes/a%20b?b=2&a=x%20y&a=1&flag HTTP/1.1\n" HEADERS AUTH(SIGNED, GET_SIGNATURE)
#define PRESIGNED_QUERY                                                          \
	"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" KEY                 \
	"%2F20250102%2Fus-east-1%2Fexecute-api%2Faws4_request&X-Amz-Date=" STAMP \
	"&X-Amz-Expires=300&X-Amz-SignedHeaders=host&X-Amz-Security-Token=" TOKEN
#define PRESIGNED                                                                           \
	"GET /notes?x=1&" PRESIGNED_QUERY                                                   \
	"&X-Amz-Signature=9018f79a0185fdf3c8de66cf340def143a9cd64f51f4c9dfe276bd57d4ad14bc" \
	" HTTP/1.1\nHost: localhost:9000\n"

struct fixture {
	struct arena *arena;
	struct sigv4_keys *keys;
	struct sigv4_claim claim;
	struct sigv4_fault fault;
	int64_t now;
};

static int set_up(void **state)
{
	static struct fixture f;
	memset(&f, 0, sizeof f);
	f.arena = arena_create();
	f.keys = sigv4_keys_create();
	assert_true(time_parse_basic(SPAN(STAMP), &f.now));
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	sigv4_keys_destroy(f->keys);
	arena_destroy(f->arena);
	return 0;
}

static bool check(struct fixture *f, struct http_request *r)
{
	return sigv4_read(r, f->arena, &f->claim, &f->fault) &&
	       sigv4_check_scope(
		       &f->claim, "us-east-1", "execute-api", 300, f->now, f->arena, &f->fault) &&
	       sigv4_verify(r, &f->claim, SECRET, f->keys, f->arena, &f->fault);
}

static struct http_request *parse(struct fixture *f, const char *text)
{
	return request_parse(f->arena, span_of(text));
}

static void assert_passes(struct fixture *f, struct http_request *r)
{
	if (!check(f, r)) {
		fail_msg("%s: %s", f->fault.check, f->fault.reason);
	}
}

static void assert_refused(struct fixture *f, struct http_request *r, const char *check_name,
	const char *aws_error, const char *words)
{
	assert_false(check(f, r));
	assert_string_equal(f->fault.check, check_name);
	assert_string_equal(f->fault.aws_error, aws_error);
	if (!strstr(f->fault.reason, words)) {
		fail_msg("'%s' is not in: %s", words, f->fault.reason);
	}
}

/* Signs r as a client would, over what it now holds; the mutation comes after. */
static void sign(
	struct fixture *f, struct http_request *r, const char *signed_headers, struct sigv4_way way)
{
	struct sigv4_claim c = { .access_key = SPAN(KEY),
		.date = SPAN("20250102"),
		.region = SPAN("us-east-1"),
		.service = SPAN("execute-api"),
		.terminator = SPAN("aws4_request"),
		.signed_headers = span_of(signed_headers),
		.stamp = STAMP };
	unsigned char key[SIGV4_KEY_LEN];
	char hex[SIGV4_HEX_LEN];
	sigv4_key(key, &c, SECRET);
	assert_true(sigv4_sign(hex, r, &c, way, key));
	request_add(r, "Authorization",
		arena_printf(f->arena,
			"AWS4-HMAC-SHA256 Credential=" KEY SCOPE
			",SignedHeaders=%s,Signature=%.64s",
			signed_headers, hex));
}

#define PLAIN "Host: localhost:9000\nX-Amz-Date: " STAMP "\n"
#define PLAIN_SIGNED "host;x-amz-date"

static struct http_request *signed_request(struct fixture *f, const char *line, const char *body)
{
	struct http_request *r =
		parse(f, arena_printf(f->arena, "%s HTTP/1.1\n" PLAIN "\n%s", line, body));
	sign(f, r, PLAIN_SIGNED, (struct sigv4_way){ 0 });
	return r;
}

static void worked_vectors(void **state)
{
	struct fixture *f = *state;
	struct http_request *r = parse(f, GET);
	assert_passes(f, r);
	struct buf text = BUF_INIT(4096);
	struct buf hash = BUF_INIT(128);
	sigv4_canonical(r, &f->claim, (struct sigv4_way){ 0 }, &text);
	sha256_hex(&hash, buf_span(&text));
	assert_string_equal(buf_cstr(&hash),
		"77e0c5f1d3864337cf318c82d982c53541440d99182fec4b26e9098f7ce2fce6");
	unsigned char key[SIGV4_KEY_LEN];
	sigv4_key(key, &f->claim, SECRET);
	buf_clear(&hash);
	hex_encode(&hash, span_n((const char *)key, sizeof key));
	assert_string_equal(buf_cstr(&hash),
		"848c94a1ec0b48778c04b97a71abcfc054dc02e0c6b6989226d8087b8153001f");
	buf_fini(&text);
	buf_fini(&hash);
	assert_passes(f,
		parse(f, "POST /prod/items HTTP/1.1\nContent-Type: application/json\n" HEADERS AUTH(
				 "content-type;" SIGNED,
				 "7d9408ef9e7a885ea3137d2aa4e3fdba1af4ed65f78b945ac913ea"
				 "456ef850b5") "\n{\"title\":\"h\xc3\xa9llo\"}"));
	assert_passes(f, parse(f, PRESIGNED));
	assert_true(f->claim.presigned);
	assert_int_equal(f->claim.expires_s, 300);
}

static void accepts_spacing_order_and_repeats_of_parameters(void **state)
{
	struct fixture *f = *state;
	assert_passes(
		f, parse(f, "GET /notes/a%20b?b=2&a=x%20y&a=1&flag HTTP/1.1\n" HEADERS
			    "authorization: AWS4-HMAC-SHA256 Signature=0000,  SignedHeaders=" SIGNED
			    ",Credential=" KEY SCOPE " , Signature=" GET_SIGNATURE "\n"));
}

static void accepts_every_signers_reading(void **state)
{
	struct fixture *f = *state;
	const struct sigv4_way ways[] = { { 0 }, { .raw_path = true }, { .literal_plus = true },
		{ .raw_path = true, .literal_plus = true } };
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		struct http_request *r =
			parse(f, "GET /a//b/./c/../d?q=a+b&q=%2b HTTP/1.1\n" PLAIN);
		sign(f, r, PLAIN_SIGNED, ways[i]);
		assert_passes(f, r);
	}
}

static void a_raw_plus_is_a_blank_or_itself(void **state)
{
	struct fixture *f = *state;
	const char *const canonical[] = { "q=%2B&q=a%20b&q%20=", "q=%2B&q=a+b&q+=" };
	for (size_t literal = 0; literal < 2; literal++) {
		struct http_request *r = parse(f, "GET /?q=a+b&q=%2b&q+ HTTP/1.1\n" PLAIN);
		struct sigv4_way way = { .literal_plus = literal };
		sign(f, r, PLAIN_SIGNED, way);
		assert_passes(f, r);
		struct buf text = BUF_INIT(4096);
		sigv4_canonical(r, &f->claim, way, &text);
		if (!strstr(buf_cstr(&text), canonical[literal])) {
			fail_msg("%s", buf_cstr(&text));
		}
		buf_fini(&text);
	}
}

static void accepts_a_date_header(void **state)
{
	struct fixture *f = *state;
	struct http_request *r = parse(f, "GET / HTTP/1.1\nHost: a\n"
					  "Date: Thu, 02 Jan 2025 03:04:05 GMT\n");
	sign(f, r, "date;host", (struct sigv4_way){ 0 });
	assert_passes(f, r);
	assert_string_equal(f->claim.stamp, STAMP);
}

static void body_hash_is_the_header_text_and_must_be_true(void **state)
{
	struct fixture *f = *state;
	const struct {
		const char *value;
		bool good;
		const char *words;
	} cases[] = {
		{ "UNSIGNED-PAYLOAD", true, "" },
		{ "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", true, "" },
		{ "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9825", false,
			"received '2cf24dba" },
		{ "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", false, "S3" },
		{ "", false, "not the hash" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct http_request *r = parse(f, "PUT /x HTTP/1.1\n" PLAIN "\nhello");
		request_add(r, "X-Amz-Content-Sha256", cases[i].value);
		sign(f, r, "host;x-amz-content-sha256;x-amz-date", (struct sigv4_way){ 0 });
		if (cases[i].good) {
			assert_passes(f, r);
		} else {
			assert_refused(f, r, "body hash", "SignatureDoesNotMatch", cases[i].words);
		}
	}
}

static void refuses_incomplete_credentials(void **state)
{
	struct fixture *f = *state;
	const struct {
		const char *text, *check, *error, *words;
	} cases[] = {
		{ "GET / HTTP/1.1\n" HEADERS, "credentials", "MissingAuthenticationToken",
			"Request is missing Authentication Token\n" },
		{ "GET / HTTP/1.1\n" HEADERS "Authorization: Bearer abc\n", "algorithm",
			"IncompleteSignature", "Unsupported AWS 'algorithm': 'Bearer'." },
		{ "GET / HTTP/1.1\n" HEADERS "Authorization: secretsecret\n", "algorithm",
			"IncompleteSignature", "Unsupported AWS 'algorithm': 'secretse...'." },
		{ "GET / HTTP/1.1\n" HEADERS "Authorization: AWS4-HMAC-SHA512 Credential=a\n",
			"algorithm", "IncompleteSignature",
			"Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512'." },
		{ "GET / HTTP/1.1\n" HEADERS "Authorization: AWS4-HMAC-SHA256 x\n",
			"authorization header", "IncompleteSignature",
			"'x' not a valid key=value pair (missing equal-sign) in "
			"Authorization header: 'AWS4-HMAC-SHA256 x'." },
		{ "GET / HTTP/1.1\nHost: a\nAuthorization: AWS4-HMAC-SHA256 a=b\n",
			"authorization header", "IncompleteSignature",
			"Authorization header requires 'Credential' parameter. "
			"Authorization header requires 'Signature' parameter. Authorization header "
			"requires "
			"'SignedHeaders' parameter. Authorization header requires existence of "
			"either a "
			"'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256" },
		{ "GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256 HTTP/1.1\nHost: a\n", "query parameters",
			"IncompleteSignature",
			"AWS query-string parameters must include 'X-Amz-Credential'. " },
		{ "GET /?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256 HTTP/1.1\nHost: a\n", "algorithm",
			"IncompleteSignature", "AWS4-ECDSA-P256-SHA256" },
		{ "GET / HTTP/1.1\n" HEADERS AUTH("x-amz-date", "00"), "signed headers",
			"SignatureDoesNotMatch",
			"'Host' or ':authority' must be a 'SignedHeader'" },
		{ "GET / HTTP/1.1\nHost: a\nX-Amz-Date: yesterday\n" AUTH("host", "00"), "date",
			"IncompleteSignature", "Got 'yesterday'" },
		{ "GET / HTTP/1.1\n" PLAIN "Authorization: AWS4-HMAC-SHA256 Credential=a/b/c, "
		  "SignedHeaders=host, Signature=00\n",
			"credential scope", "IncompleteSignature",
			"exactly 5 slash-delimited elements" },
		{ GET AUTH(SIGNED, GET_SIGNATURE), "credentials", "SignatureDoesNotMatch",
			"more than one Authorization header" },
		{ "GET /?" PRESIGNED_QUERY
		  "&X-Amz-Signature=00 HTTP/1.1\n" HEADERS AUTH(SIGNED, GET_SIGNATURE),
			"credentials", "SignatureDoesNotMatch", "both" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_refused(
			f, parse(f, cases[i].text), cases[i].check, cases[i].error, cases[i].words);
	}
}

static void refuses_outside_the_window(void **state)
{
	struct fixture *f = *state;
	f->now += 300 * 1000;
	assert_passes(f, parse(f, GET));
	f->now += 1000;
	assert_refused(f, parse(f, GET), "clock", "SignatureDoesNotMatch",
		"Signature expired: 20250102T030405Z is now earlier than 20250102T030406Z "
		"(20250102T030906Z - 5 min.)\n");
	assert_refused(
		f, parse(f, PRESIGNED), "clock", "SignatureDoesNotMatch", "Signature expired");
	f->now -= 2 * 301 * 1000;
	assert_refused(f, parse(f, GET), "clock", "SignatureDoesNotMatch",
		"Signature not yet current: 20250102T030405Z is still later than 20250102T030404Z "
		"(20250102T025904Z + 5 min.)\nthe client's clock is 301 s ahead");
}

static void presigned_lives_as_long_as_it_says(void **state)
{
	struct fixture *f = *state;
	const char *url = "GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" KEY SCOPE
			  "&X-Amz-Date=" STAMP
			  "&X-Amz-Expires=%s&X-Amz-SignedHeaders=host&X-Amz-Signature=00 "
			  "HTTP/1.1\nHost: a\n";
	const char *const bad[] = { "0", "604801", "-1", "x", "" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct buf text = BUF_INIT(4096);
		const char *mark = strstr(url, "%s");
		buf_add(&text, url, (size_t)(mark - url));
		buf_add_str(&text, bad[i]);
		buf_add_str(&text, mark + 2);
		assert_refused(f, request_parse(f->arena, buf_span(&text)), "expiry",
			"SignatureDoesNotMatch", "between 1 and 604800");
		buf_fini(&text);
	}
}

static void refuses_another_scope(void **state)
{
	struct fixture *f = *state;
	struct http_request *r =
		parse(f, "GET / HTTP/1.1\n" PLAIN "Authorization: AWS4-HMAC-SHA256 "
			 "Credential=A/20250103/eu-west-1/s3/aws3_request, SignedHeaders=host, "
			 "Signature=00\n");
	assert_refused(f, r, "credential scope", "SignatureDoesNotMatch",
		"Credential should be scoped to a valid region, not 'eu-west-1'. Credential should "
		"be "
		"scoped to correct service: 'execute-api'. Credential should be scoped with a "
		"valid "
		"terminator: 'aws4_request', not 'aws3_request'. Date in Credential scope does not "
		"match "
		"YYYYMMDD from ISO-8601 version of date from HTTP: '20250103' != '20250102', from "
		"'20250102T030405Z'. ");
}

static void explains_what_changed(void **state)
{
	struct fixture *f = *state;
	struct http_request *r = signed_request(f, "GET /a", "");
	r->method = SPAN("POST");
	assert_refused(
		f, r, "signature", "SignatureDoesNotMatch", "GET was signed, POST was received");
	r = signed_request(f, "GET /prod/a", "");
	request_target(r, SPAN("/dev/prod/a"));
	assert_refused(f, r, "signature", "SignatureDoesNotMatch", "without its first segment");
	r = signed_request(f, "GET /a/", "");
	request_target(r, SPAN("/a"));
	assert_refused(f, r, "signature", "SignatureDoesNotMatch", "with a slash at its end");
	r = signed_request(f, "GET /a b", "");
	request_target(r, SPAN("/a%20b"));
	assert_refused(f, r, "signature", "SignatureDoesNotMatch", "curl before 8.9");
	r = signed_request(f, "GET /a", "");
	request_target(r, SPAN("/a?utm=1"));
	assert_refused(
		f, r, "signature", "SignatureDoesNotMatch", "query changed: none was signed");
	r = signed_request(f, "POST /a", "");
	r->body = SPAN("more");
	assert_refused(f, r, "signature", "SignatureDoesNotMatch", "an empty body was signed");
	r = signed_request(f, "GET /a", "");
	struct http_header *headers = arena_alloc(f->arena, r->n_headers * sizeof *headers);
	memcpy(headers, r->headers, r->n_headers * sizeof *headers);
	headers[0].value = SPAN("127.0.0.1:9000");
	r->headers = headers;
	assert_refused(f, r, "signature", "SignatureDoesNotMatch",
		"Host changed: 'localhost:9000' was signed, '127.0.0.1:9000' was received");
	r = parse(f, "GET /a HTTP/1.1\n" PLAIN);
	sign(f, r, "host;x-amz-date;x-extra", (struct sigv4_way){ 0 });
	request_add(r, "X-Extra", "added");
	assert_refused(f, r, "signature", "SignatureDoesNotMatch", "a wrong secret");
	r = parse(f, "GET /it's HTTP/1.1\n" HEADERS AUTH(SIGNED, GET_SIGNATURE));
	assert_refused(f, r, "signature", "SignatureDoesNotMatch", "Amplify");
	r = parse(f, "GET /a HTTP/1.1\n" HEADERS AUTH("host;x-gone", GET_SIGNATURE));
	assert_refused(f, r, "signature", "SignatureDoesNotMatch",
		"header 'x-gone' is in SignedHeaders but did not arrive");
}

static void explanations_hold_no_secret(void **state)
{
	struct fixture *f = *state;
	struct http_request *r = parse(f, GET);
	r->method = SPAN("TRACE");
	assert_refused(
		f, r, "signature", "SignatureDoesNotMatch", "x-amz-security-token:IQoJb3Jp...\n");
	assert_null(strstr(f->fault.reason, TOKEN));
	assert_null(strstr(f->fault.reason, SECRET));
	assert_non_null(
		strstr(f->fault.reason, "expected canonical request:\nTRACE\n/notes/a%2520b\n"));
	assert_non_null(strstr(f->fault.reason, "AWS4-HMAC-SHA256\n" STAMP "\n"));
	r = parse(f, PRESIGNED);
	r->method = SPAN("TRACE");
	assert_refused(
		f, r, "signature", "SignatureDoesNotMatch", "X-Amz-Security-Token=IQoJb3Jp...&");
	assert_null(strstr(f->fault.reason, TOKEN));
}

static void a_changed_secret_does_not_meet_its_old_key(void **state)
{
	struct fixture *f = *state;
	struct http_request *r = parse(f, GET);
	assert_passes(f, r);
	/* Far more secrets than the cache has places: some meet the place of the first. */
	for (int i = 0; i < 2000; i++) {
		char secret[16];
		(void)snprintf(secret, sizeof secret, "%d", i);
		assert_false(sigv4_verify(r, &f->claim, secret, f->keys, f->arena, &f->fault));
	}
	assert_true(sigv4_verify(r, &f->claim, SECRET, f->keys, f->arena, &f->fault));
}

static void repeated_signed_names_have_a_ceiling(void **state)
{
	struct fixture *f = *state;
	struct buf names = BUF_INIT(64 * 1024);
	buf_add_str(&names, "host");
	for (int i = 0; i < 4000; i++) {
		buf_add_str(&names, ";x-long");
	}
	struct buf value = BUF_INIT(1024);
	for (int i = 0; i < 1000; i++) {
		buf_add_char(&value, 'v');
	}
	struct http_request *r = parse(f, "GET / HTTP/1.1\n" PLAIN);
	request_add(r, "X-Long", buf_cstr(&value));
	request_add(r, "Authorization",
		arena_printf(f->arena,
			"AWS4-HMAC-SHA256 Credential=" KEY SCOPE ",SignedHeaders=%s,Signature=00",
			buf_cstr(&names)));
	assert_refused(f, r, "signature", "SignatureDoesNotMatch", "");
	buf_fini(&names);
	buf_fini(&value);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(worked_vectors),
		TEST(accepts_spacing_order_and_repeats_of_parameters),
		TEST(accepts_every_signers_reading),
		TEST(a_raw_plus_is_a_blank_or_itself),
		TEST(accepts_a_date_header),
		TEST(body_hash_is_the_header_text_and_must_be_true),
		TEST(refuses_incomplete_credentials),
		TEST(refuses_outside_the_window),
		TEST(presigned_lives_as_long_as_it_says),
		TEST(refuses_another_scope),
		TEST(explains_what_changed),
		TEST(explanations_hold_no_secret),
		TEST(a_changed_secret_does_not_meet_its_old_key),
		TEST(repeated_signed_names_have_a_ceiling),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
