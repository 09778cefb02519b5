/* What the emulator and an agent say to each other. Each message has a type, an id, a JSON meta
 * (small, always an object) and raw payload bytes that are never re-encoded. How messages become bytes
 * (frames, chunks, acknowledgements, credit) is frame.h's and session.h's.
 *
 *   agent -> emulator                         emulator -> agent
 *   HELLO    who I am, which stage            WELCOME   session, resume point
 *   APP      templates (payload)              OUTPUTS   the model's answer (payload)
 *                                             INVOKE    run this event (payload)
 *   RESULT   the end of an invocation         CANCEL    nobody waits for this one any more
 *   CHUNK    a piece of a streamed response   CREDIT    so many bytes of the stream were taken
 *   LOG      output of a handler
 *   NOTE     rebuilds, errors (for consoles)
 *   BYE      I leave (either way, with the reason)
 *
 * Meta members, by type:
 *   HELLO    version(int), app, stage, token, session ("" = new), program ("offstage 0.1.0")
 *   WELCOME  session, region, account
 *   APP      app, region; payload: {"stacks":[{"id","name","template"}]}
 *   OUTPUTS  ok(bool), error; payload on ok: {"app","region","account","service","console","apis":{},"login":{},
 *            "outputs":{stack:{k:v}},"notes":[..],"functions":[FUNCTION..]}
 *            FUNCTION = {"name","arn","logicalId","stack","handler","shownHandler","runtime","timeout"(s),
 *            "memory"(MB),"environment":{},"reserved"(int or -1),"logFormat","architecture","code",
 *            "metadata"(Metadata.offstage),"credentials":{"accessKeyId","secretAccessKey","sessionToken"}}
 *   INVOKE   function(name), requestId, traceId, arn (if the caller used a qualifier; else it is FUNCTION's),
 *            clientContext(JSON text), identity(JSON text), logTail(bool). Timeout: FUNCTION's
 *   RESULT   ok(bool), durationUs(int), errorType, logTail(base64), detail; payload: the
 *            function's result or error body. Streams end with a RESULT whose payload is empty;
 *            streamError(base64 JSON) if it broke midway
 * Each request has an INVOKE and a RESULT: they say nothing that the other half knows or does not need.
 *   CHUNK    contentType (first piece only); payload: bytes
 *   CREDIT   bytes(int)
 *   LOG      function, requestId, kind("stdout"|"stderr"|"record"); payload: text
 *   NOTE     kind("building"|"built"|"build-error"|"synth"|"synth-error"|...), text, function
 *   BYE      reason, code
 * id: INVOKE, RESULT, CHUNK, CREDIT, CANCEL and LOG carry the invocation's wire id (LOG: 0 outside one);
 * APP and OUTPUTS carry the agent's counter; others 0. */
#pragma once

#include "proxy/base/span.h"

#define WIRE_VERSION 2

/* name, number on the wire */
#define WIRE_TYPES(X) \
	X(HELLO, 1)   \
	X(WELCOME, 2) \
	X(APP, 3)     \
	X(OUTPUTS, 4) \
	X(INVOKE, 5)  \
	X(RESULT, 6)  \
	X(CHUNK, 7)   \
	X(CREDIT, 8)  \
	X(CANCEL, 9)  \
	X(LOG, 10)    \
	X(NOTE, 11)   \
	X(BYE, 12)

enum wire_type {
#define X(name, number) WIRE_##name = number,
	WIRE_TYPES(X)
#undef X
};

struct wire_message {
	enum wire_type type;
	uint64_t id;
	struct span meta; /* JSON object text */
	struct span payload;
};

/* "INVOKE", or "?" */
const char *wire_type_name(enum wire_type type);
