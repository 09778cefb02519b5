"""The Runtime API over one kept-alive connection (lambda.md 1).

The server answers in the order of the requests, so answers are matched by a queue. Each result and the request for the
following event leave in one write. With prefetch so many more GET next stay outstanding: events then already wait in the
socket when the handler finishes. Events are still run strictly one after the other.
"""

import collections
import re
import socket
import sys
import time

VERSION = "/2018-06-01/runtime"
READ_SIZE = 64 * 1024
MAX_HEAD = 1024 * 1024
MAX_BODY = 32 * 1024 * 1024
MAX_CAUSE = 64 * 1024  # what the platform keeps of an X-Ray cause

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9])(?: [^\r\n]*)?")
HEADER_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*")
CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[^\r\n]*)?")

EVENT = "event"
RESULT = "result"

Event = collections.namedtuple("Event", "id headers body deadline_ms")


class RuntimeApiError(Exception):
    """The server is gone, or does not speak the Runtime API."""


def parse_head(head):
    lines = head.split(b"\r\n")
    status = STATUS_LINE.fullmatch(lines[0])
    if not status:
        raise RuntimeApiError("not an HTTP/1.1 status line: %r" % lines[0][:80])
    headers = {}
    for line in lines[1:]:
        header = HEADER_LINE.fullmatch(line)
        if not header:
            raise RuntimeApiError("malformed header line: %r" % line[:80])
        name = header[1].decode().lower()
        value = header[2].decode(errors="replace")
        if name == "content-length" and headers.get(name, value) != value:
            raise RuntimeApiError("two different Content-Length headers")
        headers[name] = value
    return int(status[1]), headers


def header_safe(text):
    return re.sub(r"[\r\n\0]+", " ", text)


class RuntimeClient:
    def __init__(self, address, prefetch, fd=0):
        if fd:
            self.sock = socket.socket(fileno=fd)
            self.sock.set_inheritable(False)
        else:
            host, _, port = address.rpartition(":")
            self.sock = socket.create_connection((host, int(port)))
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.host = "Host: %s\r\n" % address
        self.get_next = ("GET %s/invocation/next HTTP/1.1\r\n%s\r\n" % (VERSION, self.host)).encode()
        self.prefetch = prefetch
        self.received = bytearray()
        self.expected = collections.deque()
        self.full_budget_ms = 0

    def start(self):
        """Asks for the first event: the end of init."""
        requests = 1 + self.prefetch
        self.expected.extend([EVENT] * requests)
        self.sock.sendall(self.get_next * requests)

    def next_event(self):
        """Blocks until there is an event."""
        while True:
            status, headers, body = self.read_answer()
            if not self.expected:
                raise RuntimeApiError("an answer without a request")
            if self.expected.popleft() is EVENT:
                return self.make_event(status, headers, body)
            if not 200 <= status <= 299:
                print("Failed to post the result: HTTP %d %s" % (status, bytes(body).decode()), file=sys.stderr)

    def make_event(self, status, headers, body):
        if not 200 <= status <= 299:
            raise RuntimeApiError("Failed to get next invocation, error %d" % status)
        if not headers.get("lambda-runtime-aws-request-id"):
            raise RuntimeApiError("an event without Lambda-Runtime-Aws-Request-Id")
        deadline_ms = int(headers.get("lambda-runtime-deadline-ms") or 0)
        if self.prefetch:
            # It may have lain in the socket while the last handler ran, and nothing tells for how long. Its time counts from
            # now, and is what the function has: the most that any event was given.
            now_ms = int(time.time() * 1000)
            self.full_budget_ms = max(self.full_budget_ms, deadline_ms - now_ms)
            deadline_ms = now_ms + self.full_budget_ms
        return Event(headers["lambda-runtime-aws-request-id"], headers, body, deadline_ms)

    def respond(self, event_id, body, content_type):
        """Posts a result (bytes) and asks for the following event, in one write."""
        self.post("/invocation/%s/response" % event_id, {"Content-Type": content_type}, body, self.get_next)
        self.expected.extend((RESULT, EVENT))

    def fail(self, event_id, body, cause):
        """Posts an error of the handler likewise."""
        headers = {"Content-Type": "application/json"}
        if len(cause) <= MAX_CAUSE:
            headers["Lambda-Runtime-Function-XRay-Error-Cause"] = cause
        self.post("/invocation/%s/error" % event_id, headers, body, self.get_next)
        self.expected.extend((RESULT, EVENT))

    def fail_init(self, error_type, body):
        """Posts the failure of init, and waits until the server has it."""
        self.post("/init/error", {"Lambda-Runtime-Function-Error-Type": header_safe(error_type)}, body, b"")
        self.read_answer()

    def post(self, path, headers, body, tail):
        lines = "".join("%s: %s\r\n" % header for header in headers.items())
        head = "POST %s%s HTTP/1.1\r\n%s%sContent-Length: %d\r\n\r\n" % (VERSION, path, self.host, lines, len(body))
        self.sock.sendall(b"".join((head.encode(), body, tail)))

    def receive(self):
        data = self.sock.recv(READ_SIZE)
        if not data:
            raise RuntimeApiError("the Runtime API closed the connection")
        self.received += data

    def take(self, size):
        while len(self.received) < size:
            self.receive()
        taken = bytes(self.received[:size])
        del self.received[:size]
        return taken

    def take_until(self, end, limit):
        searched = 0
        while True:
            at = self.received.find(end, searched)
            if at >= 0:
                break
            if len(self.received) > limit:
                raise RuntimeApiError("the answer's head is too large")
            searched = max(len(self.received) - len(end) + 1, 0)
            self.receive()
        return self.take(at + len(end))[: -len(end)]

    def read_answer(self):
        while True:
            status, headers = parse_head(self.take_until(b"\r\n\r\n", MAX_HEAD))
            if status >= 200:
                return status, headers, self.read_body(status, headers)

    def read_body(self, status, headers):
        length = headers.get("content-length")
        coding = headers.get("transfer-encoding")
        if status == 204:
            return b""
        if coding is not None:
            if length is not None or coding.lower() != "chunked":
                raise RuntimeApiError("unsupported Transfer-Encoding: %s" % coding)
            return self.read_chunks()
        if length is None or not re.fullmatch("[0-9]{1,9}", length) or int(length) > MAX_BODY:
            raise RuntimeApiError("unusable Content-Length: %s" % length)
        return self.take(int(length))

    def read_chunks(self):
        body = bytearray()
        while True:
            line = CHUNK_LINE.fullmatch(self.take_until(b"\r\n", MAX_HEAD))
            if not line or len(body) + int(line[1], 16) > MAX_BODY:
                raise RuntimeApiError("malformed or too large chunk")
            size = int(line[1], 16)
            if size == 0:
                break
            body += self.take(size)
            if self.take(2) != b"\r\n":
                raise RuntimeApiError("chunk longer than its size")
        while self.take_until(b"\r\n", MAX_HEAD):
            pass
        return bytes(body)
