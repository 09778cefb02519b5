#include "emulator/lambda/function_config.h"

#include "proxy/base/alloc.h"
#include "proxy/base/clock.h"
#include "proxy/base/digest.h"
#include "proxy/base/encode.h"
#include "proxy/base/ids.h"

static void add_text(struct buf *out, const char *name, const char *value)
{
	json_add_member(out, name, span_of(value));
}

static void add_environment(struct buf *out, const struct model_function *f)
{
	json_add_name(out, "Environment");
	buf_add_str(out, "{\"Variables\":{");
	for (size_t i = 0; i < f->n_env; i++) {
		add_text(out, f->env[i].name, f->env[i].value);
	}
	buf_add_str(out, "}}");
}

/* There is no archive: hash and revision stand for the function's name, so that they keep still. */
static void add_code(struct buf *out, const struct model_function *f)
{
	unsigned char hash[SHA256_LEN];
	sha256(hash, span_of(f->arn));
	struct buf text = BUF_INIT(64);
	base64_encode(&text, span_n((const char *)hash, sizeof hash));
	json_add_member_int(out, "CodeSize", 0);
	json_add_member(out, "CodeSha256", buf_span(&text));
	buf_fini(&text);
	char revision[UUID_LEN + 1];
	uuid_from_name(revision, span_of(f->arn));
	add_text(out, "RevisionId", revision);
}

static void add_state(struct buf *out, const struct model_function *f)
{
	add_text(out, "State", "Active");
	add_text(out, "LastUpdateStatus", "Successful");
	if (*f->runtime) {
		/* arn:aws:lambda:REGION::runtime:HASH; the region stands in the function's ARN. */
		struct span region = span_of(f->arn + strlen("arn:aws:lambda:"));
		region = span_cut(&region, ':');
		AUTO_FREE char *arn =
			xasprintf("{\"RuntimeVersionArn\":\"arn:aws:lambda:%.*s::runtime:%s\"}",
				SPAN_ARG(region), f->runtime);
		json_add_member_raw(out, "RuntimeVersionConfig", span_of(arn));
	}
}

void function_config_add(struct buf *out, const struct model_function *f, const char *qualifier,
	bool in_list, int64_t modified_ms)
{
	char modified[25];
	time_iso(modified, modified_ms);
	/* "+0000" in place of "Z". */
	AUTO_FREE char *shown = xasprintf("%.23s+0000", modified);
	AUTO_FREE char *arn = qualifier ? xasprintf("%s:%s", f->arn, qualifier) : xstrdup(f->arn);
	buf_add_char(out, '{');
	add_text(out, "FunctionName", f->name);
	add_text(out, "FunctionArn", arn);
	if (*f->runtime) {
		add_text(out, "Runtime", f->runtime);
	}
	add_text(out, "Role", f->role_arn);
	add_text(out, "Handler", f->handler);
	add_text(out, "Description", f->description);
	json_add_member_int(out, "Timeout", f->timeout_s);
	json_add_member_int(out, "MemorySize", f->memory_mb);
	add_text(out, "LastModified", shown);
	add_code(out, f);
	add_text(out, "Version", qualifier ? qualifier : "$LATEST");
	add_environment(out, f);
	json_add_member_raw(out, "TracingConfig", SPAN("{\"Mode\":\"PassThrough\"}"));
	add_text(out, "PackageType", *f->runtime ? "Zip" : "Image");
	json_add_name(out, "Architectures");
	buf_addf(out, "[\"%s\"]", f->architecture);
	json_add_member_raw(out, "EphemeralStorage", SPAN("{\"Size\":512}"));
	json_add_member_raw(
		out, "SnapStart", SPAN("{\"ApplyOn\":\"None\",\"OptimizationStatus\":\"Off\"}"));
	json_add_name(out, "LoggingConfig");
	buf_addf(out, "{\"LogFormat\":\"%s\",\"LogGroup\":\"/aws/lambda/%s\"}", f->log_format,
		f->name);
	if (!in_list) {
		add_state(out, f);
	}
	buf_add_char(out, '}');
}
