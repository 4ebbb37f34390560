#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times ARP answers: asks for each address several times, the first time apart from those after it.

usage: time-answers.py INTERFACE FIRST-ADDRESS COUNT
"""

import ipaddress
import socket
import statistics
import struct
import sys
import time

ETH_P_ARP = 0x0806
TIMES = 20


def request(station, sender, asked):
    head = struct.pack("!6s6sHHHBBH", b"\xff" * 6, station, ETH_P_ARP, 1, 0x0800, 6, 4, 1)
    return head + station + sender + bytes(6) + asked


def ask(link, frame, asked):
    """Microseconds until the answer is here."""
    began = time.perf_counter_ns()
    link.send(frame)
    while True:
        reply = link.recv(64)
        ended = time.perf_counter_ns()
        if reply[20:22] == b"\x00\x02" and reply[28:32] == asked:
            return (ended - began) / 1000


def show(name, times):
    times = sorted(times)
    print(f"{name:<12} {len(times):6} answers   median {statistics.median(times):8.1f} us   "
          f"p99 {times[len(times) * 99 // 100]:8.1f} us")


def main():
    interface, first, count = sys.argv[1], ipaddress.IPv4Address(sys.argv[2]), int(sys.argv[3])
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP))
    link.bind((interface, ETH_P_ARP))
    link.settimeout(2)
    station = link.getsockname()[4]
    slow, fast = [], []
    for number in range(count):
        asked = (first + number).packed
        frame = request(station, socket.inet_aton("10.0.0.1"), asked)
        slow.append(ask(link, frame, asked))
        fast += [ask(link, frame, asked) for _ in range(TIMES)]
    show("first", slow)
    show("after it", fast)


if __name__ == "__main__":
    main()
