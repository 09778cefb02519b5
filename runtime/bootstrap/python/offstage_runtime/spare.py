"""A spare process is started before it is known for which function. One line of JSON on descriptor 3,
{"env":{...},"unset":[...],"cwd":"..."}, makes it the process that a normal start would have made."""

import json
import os
import sys
import time

ASSIGNMENT_FD = 3


def await_assignment():
    """Blocks until assigned; ends the process when the other side closes without assigning it."""
    with os.fdopen(ASSIGNMENT_FD, "rb") as assignments:
        line = assignments.readline()
    if not line.endswith(b"\n"):
        sys.exit(0)
    assignment = json.loads(line)
    inherited = os.environ.get("PYTHONPATH", "")
    for name in assignment.get("unset", ()):
        os.environ.pop(name, None)
    os.environ.update(assignment.get("env", {}))
    time.tzset()
    replace_python_path(inherited, os.environ.get("PYTHONPATH", ""))
    if "cwd" in assignment:
        os.chdir(assignment["cwd"])


def replace_python_path(old, new):
    """The interpreter read the variable when it started: right after the first entry."""
    stale = set(filter(None, old.split(os.pathsep)))
    rest = [path for path in sys.path[1:] if path not in stale]
    sys.path[1:] = [os.path.abspath(path) for path in new.split(os.pathsep) if path] + rest
