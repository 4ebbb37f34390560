# SPDX-License-Identifier: Apache-2.0
"""Both ends of a chain in one process: packet sockets in the namespaces of the hosts there, and the module's counters.

Nothing is waited for by the clock. A marker that passes for certain is sent behind what is tested: what has not come
when the marker comes, does not come. The hosts have no addresses, so their kernels say nothing of their own accord.
"""
import ctypes
import http.client
import json
import logging
import os
import select
import socket
import struct
import sys
import time

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.all import IP, Ether, IPv6, Padding, checksum, conf, in4_chksum, in6_chksum  # noqa: E402

conf.verb = 0

# linux/if_packet.h, linux/if_ether.h, linux/sched.h; Python 3.11 has no os.setns.
ALL_PROTOCOLS = 3
PACKET_LEVEL, AUXILIARY_DATA, IGNORE_OUTGOING = 263, 8, 23
VLAN_IS_VALID, VLAN_PROTOCOL_IS_VALID = 0x10, 0x40
NEW_NETWORK = 0x40000000

# Seconds: for a marker, and for what may come behind it.
LIMIT, REST = 20.0, 3.0
failures = 0


def fail(name, why):
    global failures
    failures += 1
    print(f"{name}: {why}", flush=True)


def finish():
    sys.exit(1 if failures else 0)


class End:
    """A host's eth0."""

    def __init__(self, namespace):
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/self/ns/net") as here, open(f"/run/netns/{namespace}") as there:
            if libc.setns(there.fileno(), NEW_NETWORK):
                raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.socket.setsockopt(PACKET_LEVEL, AUXILIARY_DATA, 1)
            self.socket.setsockopt(PACKET_LEVEL, IGNORE_OUTGOING, 1)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            self.socket.bind(("eth0", ALL_PROTOCOLS))
            libc.setns(here.fileno(), NEW_NETWORK)
        self.socket.setblocking(False)

    def send(self, frame):
        self.socket.send(bytes(frame))

    def receive(self):
        """The next frame, with its VLAN tag in its place; None when there is none."""
        try:
            frame, control, _, _ = self.socket.recvmsg(65536, 64)
        except BlockingIOError:
            return None
        for level, kind, data in control:
            if (level, kind) != (PACKET_LEVEL, AUXILIARY_DATA):
                continue
            # struct tpacket_auxdata
            status, _, _, _, _, tag, protocol = struct.unpack("=IIIHHHH", data[:20])
            if status & VLAN_IS_VALID:
                protocol = protocol if status & VLAN_PROTOCOL_IS_VALID else 0x8100
                frame = frame[:12] + struct.pack("!HH", protocol, tag) + frame[12:]
        return frame


class Chain:
    """The ends of a chain, and the module in it.

    - counters: picks from the module's state the numbers that are looked at, by name.
    - markers: for each end that sends, what makes a marker of a number: the packet to send, the end where it comes out,
      and the packet that it is then."""

    def __init__(self, module, names, counters, markers):
        # Packets of one CPU stay in order.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        self.daemon, prefix = sys.argv[1:3]
        self.module, self.counters, self.markers = module, counters, markers
        self.ends = {name: End(prefix + name) for name in names}
        self.count = 0
        # As they were after the last check.
        self.counted = {}
        self.begin()

    def state(self):
        """What `hoverctl get state` shows."""
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.daemon)
        connection.request("GET", f"/v1/modules/{self.module}/state?limit=1000")
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status != 200:
            sys.exit(f"{self.module}: {answer.status} {text.decode()}")
        return json.loads(text)

    def exchange(self, name, sender, packets, least=0):
        """Sends packets into an end, and a marker behind them. Returns what else comes out of each end until the marker
        does. `least` so many frames are waited for: what is sent back may be slower than the marker."""
        self.count += 1
        sent, receiver, expected = self.markers[sender](self.count)
        expected = bytes(expected)
        for packet in [*packets, sent]:
            self.ends[sender].send(packet)
        arrived = {end: [] for end in self.ends}
        deadline = time.monotonic() + LIMIT
        is_over = False
        while not is_over or sum(map(len, arrived.values())) < least:
            if not self.receive(arrived, deadline):
                break
            if not is_over and expected in arrived[receiver]:
                arrived[receiver].remove(expected)
                is_over = True
                deadline = time.monotonic() + REST
        if not is_over:
            fail(name, f"nothing goes from {sender} to {receiver} any more; there came {describe(arrived)}")
            finish()
        return arrived

    def receive(self, arrived, deadline):
        """Adds what arrives; false when there is nothing until then."""
        waits = max(deadline - time.monotonic(), 0)
        ready, _, _ = select.select([end.socket for end in self.ends.values()], [], [], waits)
        for end in self.ends:
            while (frame := self.ends[end].receive()) is not None:
                arrived[end].append(frame)
        return bool(ready)

    def begin(self):
        """Waits until the module works: its slow path may need a moment."""
        deadline = time.monotonic() + LIMIT
        for end in self.markers:
            arrived = {name: [] for name in self.ends}
            while not any(arrived.values()) and time.monotonic() < deadline:
                self.count += 1
                self.ends[end].send(self.markers[end](self.count)[0])
                self.receive(arrived, time.monotonic() + 0.2)
            # When this one comes, those that were sent before it have come.
            self.exchange("begin", end, [])
        self.counted = self.counters(self.state())

    def observe(self, name, sender, packets, least=0):
        """The same, and which counters have gone up since the last time, by how much."""
        arrived = self.exchange(name, sender, packets, least)
        before, self.counted = self.counted, self.counters(self.state())
        return arrived, {
            key: number - before.get(key, 0)
            for key, number in self.counted.items() if number != before.get(key, 0)
        }

    def check(self, name, sender, packets, *out, counts=None):
        """Sends a packet, or a list of them, and checks what comes out: pairs of an end and a packet, in any order; and
        which counters go up by how much, all others staying as they are."""
        packets = packets if isinstance(packets, list) else [packets]
        arrived, counted = self.observe(name, sender, packets, least=len(out))
        for end, packet in out:
            if bytes(packet) in arrived[end]:
                arrived[end].remove(bytes(packet))
            else:
                fail(name, f"{end} did not get {Ether(bytes(packet)).summary()} {bytes(packet).hex()}")
        if any(arrived.values()):
            fail(name, f"there came {describe(arrived)}")
        if counted != (counts or {}):
            fail(name, f"counted {counted}, not {counts or {}}")

    def holds(self, name, condition, arrived=()):
        if not condition:
            fail(name, f"there came {describe({'': arrived})}")


def describe(arrived):
    return "; ".join(f"{name}: {Ether(frame).summary()} {frame.hex()}" for name, frames in arrived.items()
                     for frame in frames) or "nothing"


def changed(packet, **layers):
    """A copy of a packet with other fields, and checksums made anew: changed(packet, IP={"src": "192.0.2.1"}). That of
    UDP stays 0 if it is."""
    packet = packet.copy()
    for name, fields in layers.items():
        for field, value in fields.items():
            setattr(packet.getlayer(name), field, value)
    layer = packet
    while layer:
        for field in ("chksum", "cksum"):
            if layer.fields.get(field):
                delattr(layer, field)
        layer = layer.payload
    return packet


def wrong_sums(frame):
    """The headers of a frame whose checksums are not those that scapy computes. Of fragments only the IP header's."""
    packet = Ether(frame)
    wrong = []
    if IP in packet:
        ip = packet[IP]
        datagram = bytes(ip)[:ip.len]
        header, body = datagram[:ip.ihl * 4], datagram[ip.ihl * 4:]
        if checksum(header):
            wrong.append("IP")
        if ip.frag or ip.flags.MF:
            return wrong
        if ip.proto == 6 and in4_chksum(6, ip, body):
            wrong.append("TCP")
        if ip.proto == 17 and body[6:8] != b"\0\0" and in4_chksum(17, ip, body):
            wrong.append("UDP")
        if ip.proto == 1 and checksum(body):
            wrong.append("ICMP")
    elif IPv6 in packet:
        ip = packet[IPv6]
        datagram = bytes(ip)[:40 + ip.plen]
        kind, at = ip.nh, 40
        while kind in (0, 43, 60):
            kind, at = datagram[at], at + (datagram[at + 1] + 1) * 8
        if kind in (6, 17, 58) and in6_chksum(kind, ip, datagram[at:]):
            wrong.append({6: "TCP", 17: "UDP", 58: "ICMPv6"}[kind])
    return wrong


def padded(packet):
    """A packet in a frame of the least length, 60 bytes without its checksum (IEEE 802.3)."""
    return packet / Padding(bytes(max(60 - len(packet), 0)))
