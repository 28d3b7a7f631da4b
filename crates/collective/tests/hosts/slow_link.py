#!/usr/bin/env python3
"""A slow cable between two network devices: delay, loss and rate, as `tc netem` has them.

    slow_link.py NAME NAME DELAY_MS LOSS_PERCENT MBIT_PER_S

For kernels without the netem module. Makes two TAP devices, which may be moved to other namespaces once this has
printed "ready", and carries frames between them until it is killed. Each way has its own delay, loss and rate, and a
queue of 1,000 frames, netem's own limit.
"""

import collections
import fcntl
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
QUEUE = 1000


def tap(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return device


def main():
    names, (delay, loss, rate) = sys.argv[1:3], map(float, sys.argv[3:6])
    seconds_per_byte = 8 / (rate * 1e6)
    ends = [tap(name) for name in names]
    queues = [collections.deque(), collections.deque()]
    free = [0.0, 0.0]
    random.seed(1)
    print("ready", flush=True)
    while True:
        due = min((queue[0][0] for queue in queues if queue), default=None)
        timeout = None if due is None else max(0.0, due - time.monotonic())
        for end in select.select(ends, [], [], timeout)[0]:
            way = ends.index(end)
            try:
                frame = os.read(end, 65536)
            except OSError:
                time.sleep(0.01)
                continue
            now = time.monotonic()
            if random.random() * 100 < loss or len(queues[way]) >= QUEUE:
                continue
            free[way] = max(now, free[way]) + len(frame) * seconds_per_byte
            queues[way].append((free[way] + delay / 1000, frame))
        now = time.monotonic()
        for way, queue in enumerate(queues):
            while queue and queue[0][0] <= now:
                try:
                    os.write(ends[1 - way], queue.popleft()[1])
                except OSError:
                    pass  # The device is down: the frame is lost.


main()
