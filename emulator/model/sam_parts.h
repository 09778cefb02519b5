/* What the files of the SAM transform share. */
#pragma once

#include "emulator/model/sam.h"

struct sam {
	cJSON *tree, *resources;
	struct err *err;
};

/* A new resource beside `from`, whose condition it takes over; its Properties are returned, NULL with
 * err set if the id is taken. */
cJSON *sam_add(struct sam *s, const cJSON *from, const char *logical_id, const char *type);
int sam_fault(const struct sam *s, const cJSON *resource, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* {"Ref": id}, {"Fn::GetAtt": [id, attribute]}, {"Fn::Sub": [text, {"Value": value}]}; new trees. */
cJSON *sam_ref(const char *logical_id);
cJSON *sam_attribute(const char *logical_id, const char *attribute);
cJSON *sam_sub(const char *text, const cJSON *value);
/* Moves (or copies) a member if it is there. */
void sam_move(cJSON *from, const char *name, cJSON *to, const char *as);
void sam_copy(const cJSON *from, const char *name, cJSON *to, const char *as);
void sam_set_type(cJSON *resource, const char *type);

int sam_function(struct sam *s, cJSON *resource) MUST_CHECK;
int sam_http_api(struct sam *s, cJSON *resource) MUST_CHECK;
/* One HttpApi event of a function. */
int sam_http_event(struct sam *s, const cJSON *function, const cJSON *event) MUST_CHECK;
