/* What CloudFormation would have created: physical names, ids and attributes of every resource, the same
 * from run to run (derived from app, stage, stack and logical id). One table says it per type; types
 * that are not in it get plausible values too. */
#pragma once

#include "emulator/model/intrinsic.h"

/* What Ref gives. The caller frees. */
int physical_ref(const struct scope *s, struct template_resource *r, char **out) MUST_CHECK;
/* What Fn::GetAtt gives. Emulated types refuse attributes that they do not have; others answer any. */
int physical_attribute(const struct scope *s, struct template_resource *r, const char *attribute,
	char **out) MUST_CHECK;
/* The given or derived name; lives as long as the set. */
int physical_name(const struct scope *s, struct template_resource *r, const char **out) MUST_CHECK;
/* n characters that only this resource and kind have. */
void physical_id(const struct template_resource *r, const char *kind, char *out, size_t n,
	const char *alphabet);

enum physical_role {
	PHYSICAL_OTHER, /* not emulated */
	PHYSICAL_EMULATED,
	PHYSICAL_QUIET, /* not emulated, and nobody would miss it */
};
enum physical_role physical_role(const char *type);
