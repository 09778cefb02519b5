"""The root logger and the error records as Lambda formats them (lambda.md 3.3, 3.4, 3.5)."""

import datetime
import json
import logging
import os
import sys
import time
import traceback

FRAME_TEXT = 0xA55A0003
FRAME_JSON = 0xA55A0002
ERROR_MASK = 0x14
LEVEL_MASKS = {
    logging.DEBUG: 0x8,
    logging.INFO: 0xC,
    logging.WARNING: 0x10,
    logging.ERROR: 0x14,
    logging.CRITICAL: 0x18,
}
INDENT = "\u00a0"  # ordinary leading spaces would be trimmed by what reads the log
TEXT_FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S"
UNHANDLED_WARNING = (
    "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. However, in rare cases, "
    "a Lambda runtime update can cause unexpected function behavior. For functions using managed runtimes, runtime updates "
    "can be triggered by a function change, or can be applied automatically. To determine if the runtime has been updated, "
    "check the runtime version in the INIT_START log entry. If this error correlates with a change in the runtime version, "
    "you may be able to mitigate this error by temporarily rolling back to the previous runtime version. For more "
    "information, see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html\r"
)
STANDARD_FIELDS = set(vars(logging.makeLogRecord({}))) | {"aws_request_id", "tenant_id", "message", "asctime", "taskName"}


class StdoutSink:
    separator = "\r"
    end = "\n"

    def log(self, text, frame_type=FRAME_TEXT):
        sys.stdout.write(text)


class FrameSink:
    separator = "\n"
    end = ""

    def __init__(self, fd):
        self.file = os.fdopen(fd, "wb", 0)

    def log(self, text, frame_type=FRAME_TEXT):
        message = text.encode("utf8")
        time_us = time.time_ns() // 1000
        header = frame_type.to_bytes(4, "big") + len(message).to_bytes(4, "big") + time_us.to_bytes(8, "big")
        self.file.write(header + message)


class JsonFormatter(logging.Formatter):
    def format(self, record):
        when = datetime.datetime.fromtimestamp(record.created, tz=datetime.timezone.utc)
        failure = record.exc_info or None
        fields = {
            "timestamp": when.strftime(TIME_FORMAT + ".%f")[:-3] + "Z",
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "stackTrace": failure and traceback.format_tb(failure[2]),
            "errorType": failure and failure[0].__name__,
            "errorMessage": failure and str(failure[1]),
            "requestId": record.aws_request_id,
            "location": failure and "%s:%s:%d" % (record.pathname, record.funcName, record.lineno),
            "tenantId": record.tenant_id,
        }
        extras = {name: value for name, value in vars(record).items() if name not in STANDARD_FIELDS}
        fields = {**extras, **fields}
        known = {name: value for name, value in fields.items() if value is not None}
        return json.dumps(known, ensure_ascii=False, default=str) + "\n"


class LambdaHandler(logging.Handler):
    def __init__(self, logs, by_level):
        super().__init__()
        self.logs = logs
        self.log_sink = logs.sink
        self.by_level = by_level

    def filter(self, record):
        record.aws_request_id = self.logs.request_id
        record.tenant_id = self.logs.tenant_id
        return super().filter(record)

    def emit(self, record):
        level = min(record.levelno, logging.CRITICAL) // 10 * 10
        mask = LEVEL_MASKS.get(level, 0) if self.by_level else 0
        self.log_sink.log(self.format(record), self.logs.frame | mask)


class Logs:
    """Where log records go, and which invocation they belong to."""

    def __init__(self, env):
        fd = env.pop("_LAMBDA_TELEMETRY_LOG_FD", None)
        self.sink = StdoutSink() if fd is None else FrameSink(int(fd))
        self.json = env.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
        self.frame = FRAME_JSON if self.json else FRAME_TEXT
        self.request_id = ""
        self.tenant_id = None
        self.attach(env.get("AWS_LAMBDA_LOG_LEVEL", "").upper())

    def attach(self, level):
        logging.Formatter.converter = time.gmtime
        handler = LambdaHandler(self, by_level=self.json or bool(level))
        handler.setFormatter(JsonFormatter() if self.json else logging.Formatter(TEXT_FORMAT, TIME_FORMAT))
        root = logging.getLogger()
        root.addHandler(handler)
        level = "DEBUG" if level == "TRACE" else "CRITICAL" if level == "FATAL" else level
        if isinstance(logging.getLevelName(level), int):
            root.setLevel(level)

    def log_error(self, error):
        """One record for an error body."""
        if self.json:
            stamp = time.strftime(TIME_FORMAT + "Z", time.gmtime())
            lines = [json.dumps({"timestamp": stamp, "log_level": "ERROR", **error})]
        else:
            lines = self.describe(error)
        self.sink.log(self.sink.separator.join(lines) + self.sink.end, self.frame | ERROR_MASK)

    @staticmethod
    def describe(error):
        title = "[ERROR]"
        if error["errorType"]:
            title += " " + error["errorType"]
        if error["errorMessage"]:
            title += (": " if error["errorType"] else " ") + error["errorMessage"]
        lines = [title, "Traceback (most recent call last):"]
        for entry in error["stackTrace"]:
            for line in entry.splitlines():
                text = line.lstrip(" ")
                lines.append(INDENT * (len(line) - len(text)) + text)
        return lines
