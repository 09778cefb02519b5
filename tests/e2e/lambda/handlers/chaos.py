import os
import time


def handler(event, context):
    if event["ms"]:
        time.sleep(event["ms"] / 1000)
    how, n = event["how"], event["n"]
    if how == "exit":
        os._exit(n % 3)
    if how == "hang":
        time.sleep(1000)
    if how == "throw":
        raise Exception(f"thrown {n}")
    answer = {"n": n, "pid": os.getpid()}
    return {**answer, "fill": "x" * 300_000} if how == "large" else answer
