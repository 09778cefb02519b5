import os
import time


def handler(event, context):
    """Three processes that share almost all they hold."""
    held = b"x" * (70 << 20)
    children = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            time.sleep(1)
            os._exit(held[0] - ord("x"))
        children.append(pid)
    return [os.waitpid(pid, 0)[1] for pid in children]
