"""delay ONE OTHER MS: two TUN devices of these names, between which each packet takes MS milliseconds; says "ready", and
ends with its stdin. By hand, since not every kernel has netem."""

import fcntl
import os
import selectors
import struct
import sys
import time
from collections import deque

TUNSETIFF = 0x400454CA  # linux/if_tun.h
TUN = 0x1001  # IFF_TUN | IFF_NO_PI


def tun(name: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), TUN))
    return device


def main(one: str, other: str, ms: str) -> None:
    ends = tun(one), tun(other)
    late = deque()  # (when it is due, where to, packet); all take as long, so in order
    ready = selectors.DefaultSelector()
    for source in (*ends, sys.stdin.fileno()):
        ready.register(source, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        wait = max(0, late[0][0] - time.monotonic()) if late else None
        for key, _ in ready.select(wait):
            if key.fd not in ends:
                return
            to = ends[1 - ends.index(key.fd)]
            late.append((time.monotonic() + int(ms) / 1000, to, os.read(key.fd, 65536)))
        while late and late[0][0] <= time.monotonic():
            _, to, packet = late.popleft()
            try:
                os.write(to, packet)
            except OSError:  # that end is not up
                pass


main(*sys.argv[1:])
