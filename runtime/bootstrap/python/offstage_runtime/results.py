"""From JSON to the event, and from what a handler returns or raises to what is posted."""

import decimal
import json
import math
import os
import re
import traceback

OWN_FILES = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DECIMAL_MARK = "\x00decimal:"
MARKED_DECIMAL = re.compile(r'"\\u0000decimal:([^"]*)"')
# Non-ASCII text leaves as it is only in newer managed versions (lambda.md 2.8).
RAW_UNICODE = re.compile(r"AWS_Lambda_python3\.(1[2-9]|[2-9][0-9])")


class Fault(Exception):
    """A failure that Lambda itself gives a type to."""

    def __init__(self, error_type, message, trace=None):
        super().__init__(message)
        self.error_type = "Runtime." + error_type
        self.message = message
        self.trace = trace or []


def encode_other(value):
    # The standard encoder cannot write a Decimal's digits as a number; they are marked here and unquoted afterwards.
    if isinstance(value, decimal.Decimal):
        return math.nan if value.is_nan() else DECIMAL_MARK + str(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def to_json(value):
    ascii_only = not RAW_UNICODE.fullmatch(os.environ.get("AWS_EXECUTION_ENV", ""))
    return MARKED_DECIMAL.sub(r"\1", json.dumps(value, default=encode_other, ensure_ascii=ascii_only))


def parse_event(body, content_type):
    if content_type != "application/json":
        return body
    try:
        return json.loads(body)
    except Exception as error:
        raise Fault("UnmarshalError", "Unable to unmarshal input: %s" % error) from error


def parse_header(text, name):
    if not text:
        return None
    try:
        return json.loads(text)
    except Exception as error:
        raise Fault("LambdaContextUnmarshalError", "Unable to parse %s JSON: %s" % (name, error)) from error


def marshal(result):
    """The body and its content type."""
    if isinstance(result, bytes):
        return result, "application/unknown"
    try:
        return to_json(result).encode(), "application/json"
    except Exception as error:
        raise Fault("MarshalError", "Unable to marshal response: %s" % error) from error


def frames_of(error):
    """The error's frames from the first that is not ours."""
    frames = traceback.extract_tb(error.__traceback__)
    first = next((i for i, frame in enumerate(frames) if not frame.filename.startswith(OWN_FILES)), 0)
    return [(frame.filename, frame.lineno, frame.name, frame.line) for frame in frames[first:]]


def error_body(error, request_id=""):
    """What the caller receives; key order matters."""
    if isinstance(error, Fault):
        message, kind, trace = error.message, error.error_type, error.trace
    else:
        message, kind, trace = str(error), type(error).__name__, traceback.format_list(frames_of(error))
    return {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace}


def error_cause(error):
    """The value of the X-Ray header."""
    frames = [] if isinstance(error, Fault) else frames_of(error)
    kind = "LambdaValidationError" if isinstance(error, Fault) else type(error).__name__
    stack = [{"label": name, "path": file, "line": line} for file, line, name, _ in frames]
    cause = {
        "working_directory": os.getcwd(),
        "exceptions": [{"message": str(error), "type": kind, "stack": stack}],
        "paths": list(dict.fromkeys(entry["path"] for entry in stack)),
    }
    return json.dumps(cause)
