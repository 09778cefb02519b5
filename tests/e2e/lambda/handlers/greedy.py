import time


def handler(event, context):
    held = []
    while True:
        held.append(bytearray(b"x" * (1 << 20)))
        time.sleep(0.002)
