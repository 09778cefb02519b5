/* What `start`, `connect` and `deploy` tell once an app is up, in SST's words (reference sst.md 6.4). */
#pragma once

#include "proxy/base/json.h"

/* A title between two rules. */
void story_banner(const char *title);
/* Stacks with their outputs, and notes; all of it from the emulator's OUTPUTS. */
void story_stacks(const cJSON *outputs);
/* APIs, logins, service port and console; from endpoints.json. */
void story_addresses(const cJSON *endpoints);
/* --json: one event that carries what endpoints.json holds. */
void story_event(const char *event, const cJSON *endpoints);
/* The on_ready of whoever stays in the terminal. */
void story_ready(void *ctx, const cJSON *endpoints, const cJSON *outputs, bool first);
