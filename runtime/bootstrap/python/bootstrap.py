"""The process that runs a Python handler: `python3 bootstrap.py`, with the environment of lambda.md 2.1. It speaks the
public Runtime API and nothing else. Variables of our own, removed before the handler can see them, tune it:
OFFSTAGE_PREFETCH=n lets the next n events wait in the socket, OFFSTAGE_RUNTIME_FD=n is a socket to the Runtime API that
is there already, OFFSTAGE_SPARE=1 starts it before its function is known."""

import io
import logging
import os
import sys

# Written once beside the program, compiled files would outlive it unseen; and the folder may be read-only.
written_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True

from offstage_runtime import logs, results, spare  # noqa: E402
from offstage_runtime.client import RuntimeApiError, RuntimeClient  # noqa: E402
from offstage_runtime.context import LambdaContext  # noqa: E402
from offstage_runtime.load import load_handler, use_task_root  # noqa: E402

sys.dont_write_bytecode = written_bytecode


def take_number(name):
    return int(os.environ.pop(name, "") or 0)


def unbuffer(stream):
    """Lambda's streams hold nothing back: what was printed before a crash is seen."""
    return io.TextIOWrapper(io.FileIO(stream.fileno(), "w", closefd=False), "utf-8", "backslashreplace", write_through=True)


def set_trace(trace):
    if trace is not None:
        os.environ["_X_AMZN_TRACE_ID"] = trace
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)


def call(handler, event):
    """Runs the handler; returns the body to post and its content type."""
    headers = event.headers
    context = LambdaContext(
        event,
        results.parse_header(headers.get("lambda-runtime-client-context"), "Client Context"),
        results.parse_header(headers.get("lambda-runtime-cognito-identity"), "Cognito Identity"),
    )
    return results.marshal(handler(results.parse_event(event.body, headers.get("content-type")), context))


def handle(client, log, handler, event):
    log.request_id = event.id
    log.tenant_id = event.headers.get("lambda-runtime-aws-tenant-id")
    set_trace(event.headers.get("lambda-runtime-trace-id"))
    try:
        body, content_type = call(handler, event)
    except Exception as error:
        described = results.error_body(error, event.id)
        log.log_error(described)
        client.fail(event.id, results.to_json(described).encode(), results.error_cause(error))
    else:
        client.respond(event.id, body, content_type)


def load(client, log):
    try:
        return load_handler(os.environ.get("_HANDLER", ""))
    except Exception as error:
        described = results.error_body(error)
        logging.warning(logs.UNHANDLED_WARNING)
        log.log_error(described)
        client.fail_init(described["errorType"], results.to_json(described).encode())
        sys.exit(1)


def main():
    if take_number("OFFSTAGE_SPARE"):
        spare.await_assignment()
    sys.stdout = unbuffer(sys.stdout)
    sys.stderr = unbuffer(sys.stderr)
    log = logs.Logs(os.environ)
    fd = take_number("OFFSTAGE_RUNTIME_FD")
    client = RuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"], take_number("OFFSTAGE_PREFETCH"), fd)
    use_task_root(os.path.abspath(os.environ.get("LAMBDA_TASK_ROOT") or os.getcwd()))
    handler = load(client, log)
    client.start()
    while True:
        handle(client, log, handler, client.next_event())


try:
    main()
except (RuntimeApiError, ConnectionError) as failure:
    sys.exit("Runtime API: %s" % failure)
