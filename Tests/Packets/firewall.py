#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Packets made by hand through `firewall`, and what scapy reads of what comes out.

Usage: firewall.py SOCKET-OF-HOVERD PREFIX-OF-NAMESPACES HOOK, with the network of CraftedPacketTests.swift: `left` is
10.0.0.1 and fd00::1, and may begin; `right` is 10.0.0.2 and fd00::2, and may not, but TCP to port 80 and UDP to 8081.
TCP to port 25 and UDP to 53 are rejected, and UDP to 123 on its way out. Prints a line for each thing that is wrong;
none means that all is right.
"""
import sys

from ends import Chain, fail, finish, padded, wrong_sums
from scapy.all import (ARP, ICMP, IP, SCTP, TCP, UDP, Dot1Q, Ether, ICMPv6DestUnreach, ICMPv6EchoReply,
                       ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6PacketTooBig, IPOption_RR, IPv6,
                       IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, Raw, fragment,
                       fragment6)

AT_XDP = sys.argv[3] == "xdp"
LEFT, RIGHT = "02:00:00:00:00:01", "02:00:00:00:00:02"
DATA = Raw(b"payload of odd size")


def left(payload, **fields):
    return Ether(src=LEFT, dst=RIGHT) / IP(**{"src": "10.0.0.1", "dst": "10.0.0.2", "id": 1} | fields) / payload


def right(payload, **fields):
    return Ether(src=RIGHT, dst=LEFT) / IP(**{"src": "10.0.0.2", "dst": "10.0.0.1", "id": 2} | fields) / payload


def left6(payload, **fields):
    return Ether(src=LEFT, dst=RIGHT) / IPv6(**{"src": "fd00::1", "dst": "fd00::2"} | fields) / payload


def right6(payload, **fields):
    return Ether(src=RIGHT, dst=LEFT) / IPv6(**{"src": "fd00::2", "dst": "fd00::1"} | fields) / payload


def counters(state):
    """Both directions together, without what rules and the default accept, as they do the markers."""
    counts = {}
    for row in state["counts"]:
        if not row["what"].startswith("accepted"):
            counts[row["what"]] = counts.get(row["what"], 0) + row["packets"]
    return counts


def marker(make, end):

    def marker(number):
        packet = make(UDP(sport=9, dport=8081) / (b"marker %d" % number))
        return packet, end, packet

    return marker


chain = Chain("fw", ["left", "right"], counters, {"left": marker(left, "right"), "right": marker(right, "left")})
check = chain.check
OTHER = {"left": "right", "right": "left"}


def passes(name, end, packet, **counts):
    """Each thing is counted on the way in and on the way out."""
    check(name, end, packet, (OTHER[end], packet), counts={what: 2 * number for what, number in counts.items()})


def is_dropped(name, end, packet, reason="dropped_by_default"):
    check(name, end, packet, counts={reason: 1})


def everyday(when, port):
    for make, answer, version in ((left, right, 4), (left6, right6, 6)):
        name = f"IPv{version} {when}"
        passes(f"UDP, {name}", "left", make(UDP(sport=port, dport=9000) / DATA))
        passes(f"answer by UDP, {name}", "right", answer(UDP(sport=9000, dport=port) / DATA), established=1)
        passes(f"SYN, {name}", "left", make(TCP(sport=port, dport=9000, flags="S", seq=99, window=1000)))
        passes(f"SYN, ACK, {name}", "right",
               answer(TCP(sport=9000, dport=port, flags="SA", seq=199, ack=100, window=1000)), established=1)
        passes(f"ACK, {name}", "left", make(TCP(sport=port, dport=9000, flags="A", seq=100, ack=200, window=1000)),
               established=1)
        passes(f"data, {name}", "right",
               answer(TCP(sport=9000, dport=port, flags="PA", seq=200, ack=100, window=1000) / DATA), established=1)
        echo = (ICMP(id=port), ICMP(type=0, id=port)) if version == 4 else (ICMPv6EchoRequest(id=port),
                                                                            ICMPv6EchoReply(id=port))
        passes(f"ping, {name}", "left", make(echo[0] / DATA))
        passes(f"answer to the ping, {name}", "right", answer(echo[1] / DATA), established=1)


everyday("at first", 5000)

for name, packet in {
        "UDP": right(UDP(sport=1, dport=2) / DATA),
        "SYN": right(TCP(sport=1, dport=2, flags="S")),
        "ping": right(ICMP() / DATA),
        "UDP by IPv6": right6(UDP(sport=1, dport=2) / DATA),
        "ping by IPv6": right6(ICMPv6EchoRequest()),
        "loopback": right(UDP(sport=1, dport=2) / DATA, src="127.0.0.1"),
        "no source": right(UDP(sport=1, dport=2) / DATA, src="0.0.0.0"),
        "a group": right(UDP(sport=1, dport=2) / DATA, src="224.0.0.1"),
        "land": right(ICMP() / DATA, src="10.0.0.3", dst="10.0.0.3"),
        "UDP's answer from another port": right(UDP(sport=9001, dport=5000) / DATA),
        "UDP's answer from another host": right(UDP(sport=9000, dport=5000) / DATA, src="10.0.0.3"),
        "options": right(UDP(sport=1, dport=2) / DATA, options=[IPOption_RR()]),
        "headers of IPv6": right6(IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / UDP(sport=1, dport=2)),
        "SCTP": right(SCTP(sport=1, dport=2) / DATA),
        "GRE": right(DATA, proto=47),
}.items():
    is_dropped(f"{name} that begins", "right", packet)

# What belongs to no connection.
for name, packet in {
        "ACK": TCP(sport=9000, dport=80, flags="A"),
        "FIN": TCP(sport=9000, dport=80, flags="F"),
        "no flags": TCP(sport=9000, dport=80, flags=""),
        "all flags": TCP(sport=9000, dport=80, flags="FSRPAUEC"),
        "SYN and FIN": TCP(sport=9000, dport=80, flags="SF"),
        "SYN and RST": TCP(sport=9000, dport=80, flags="SR"),
        "SYN, ACK": TCP(sport=80, dport=9000, flags="SA"),
        "RST": TCP(sport=9000, dport=80, flags="R"),
}.items():
    for end, make in {"left": left, "right": right, "left, IPv6": left6, "right, IPv6": right6}.items():
        is_dropped(f"{name} from {end}", end.split(",")[0], make(packet), "invalid")
is_dropped("an answer to no ping", "right", right(ICMP(type=0, id=4711)), "invalid")
is_dropped("an answer to no ping, IPv6", "right", right6(ICMPv6EchoReply(id=4711)), "invalid")
for name, packet in {
        "data outside of the window": TCP(sport=9000, dport=5000, flags="PA", seq=900000, ack=100) / DATA,
        "an ACK of what was not sent": TCP(sport=9000, dport=5000, flags="A", seq=219, ack=900000),
        "a RST outside of the window": TCP(sport=9000, dport=5000, flags="R", seq=900000),
}.items():
    is_dropped(name, "right", right(packet), "invalid")

# What contradicts itself, from who may send.
UDP4, SYN = UDP(sport=5100, dport=9000) / DATA, {"sport": 6100, "dport": 80, "flags": "S"}
for name, packet in {
        "IHL of 0": left(UDP4, ihl=0),
        "IHL of 4": left(UDP4, ihl=4),
        "IHL behind the end": left(UDP(), ihl=15),
        "version 6": left(UDP4, version=6),
        "total length of 0": left(UDP4, len=0),
        "total length of 19": left(UDP4, len=19),
        "total length without the ports": left(UDP4, len=23),
        "total length behind the end": left(UDP4, len=1000),
        "UDP length of 0": left(UDP(len=0) / DATA),
        "UDP length of 7": left(UDP(len=7) / DATA),
        "UDP length behind the end": left(UDP(len=500) / DATA),
        "TCP data offset of 0": left(TCP(**SYN, dataofs=0)),
        "TCP data offset of 4": left(TCP(**SYN, dataofs=4)),
        "TCP data offset behind the end": left(TCP(**SYN, dataofs=15)),
        "half of TCP": left(bytes(TCP(**SYN))[:12], proto=6),
        "half of a ping": left(bytes(ICMP())[:4], proto=1),
        "a first fragment without flags": left(bytes(TCP(**SYN))[:8], proto=6, flags="MF"),
        "a first fragment without ports": left(b"\0\1", proto=17, flags="MF"),
        "version 4 in IPv6": left6(UDP4, version=4),
        "length behind the end, IPv6": left6(UDP4, plen=1000),
        "length without the ports, IPv6": left6(UDP4, plen=3),
        "half of TCP by IPv6": left6(bytes(TCP(**SYN))[:12], nh=6),
        "options behind the end": left6(b"\x11\xff\0\0\0\0\0\0", nh=0),
        "hop-by-hop options in the middle": left6(IPv6ExtHdrDestOpt() / IPv6ExtHdrHopByHop() / UDP4),
        "too many headers": left6(
            b"".join(b"\x3c\0\1\4\0\0\0\0" for _ in range(8)) + b"\x11\0\1\4\0\0\0\0" + bytes(UDP4), nh=60),
        "two fragment headers": left6(IPv6ExtHdrFragment(id=1, m=1) / IPv6ExtHdrFragment(id=1, m=1) / UDP4),
        "an authentication header too short": left6(b"\x11\0" + bytes(6) + bytes(UDP4), nh=51),
        "half of ARP": Ether(src=LEFT, dst=RIGHT, type=0x806) / bytes(ARP())[:20],
        "ARP with long addresses": Ether(src=LEFT, dst=RIGHT) / ARP(hwlen=8, plen=4),
}.items():
    is_dropped(name, "left", packet, "malformed")

# What is strange, and right.
for name, packet in {
        "options": left(UDP4, options=[IPOption_RR()]),
        "all options": left(UDP4, options=b"\x01" * 40),
        "TTL 0": left(UDP4, ttl=0),
        "TTL 1": left(UDP4, ttl=1),
        "a wrong checksum of IP": left(UDP4, chksum=1),
        "padding": padded(left(UDP(sport=5100, dport=9000))),
        "a wrong checksum of UDP": left(UDP(sport=5100, dport=9000, chksum=1) / DATA),
        "headers of IPv6": left6(IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / IPv6ExtHdrRouting() / UDP4),
        "a fragment that is whole": left6(IPv6ExtHdrFragment(id=1) / UDP4),
        "no next header": left6(b"", nh=59),
        "TCP's options": left(TCP(sport=6101, dport=80, flags="S", options=[("WScale", 255), (254, b"x" * 20)])),
        "TCP's options without length": left(
            TCP(bytes(TCP(sport=6102, dport=80, flags="S", dataofs=6)) + b"\x03\x00\x03\x01")),
        "a tag": Ether(src=LEFT, dst=RIGHT) / Dot1Q(vlan=7) / left(UDP4)[IP],
}.items():
    passes(name, "left", packet)

# Fragments follow their first one.
pieces = fragment(right(UDP(sport=1, dport=8081) / (b"fragments" * 200), id=50), 600)
is_dropped("a fragment before its first", "right", pieces[-1])
passes("the first fragment", "right", pieces[0])
for piece in pieces[:0:-1]:
    passes("a fragment behind it", "right", piece, fragment_of_accepted=1)
is_dropped("a fragment of another datagram", "right", right(bytes(16), proto=17, id=51, frag=9))
is_dropped("a fragment of another protocol", "right", right(bytes(16), proto=6, id=50, frag=9))
is_dropped("the first fragment of what may not begin", "right",
           right(UDP(sport=1, dport=2) / bytes(16), id=52, flags="MF"))
is_dropped("the fragment behind that", "right", right(bytes(16), proto=17, id=52, frag=3))
pieces = fragment6(right6(IPv6ExtHdrFragment(id=50) / UDP(sport=1, dport=8081) / (b"fragments" * 200)), 700)
is_dropped("a fragment before its first, IPv6", "right", pieces[-1])
passes("the first fragment, IPv6", "right", pieces[0])
for piece in pieces[:0:-1]:
    passes("a fragment behind it, IPv6", "right", piece, fragment_of_accepted=1)
# One that begins with TCP's flags changes those that were looked at, where it is put together (RFC 1858, section 3.2).
syn = right(TCP(sport=1, dport=80, flags="S") / bytes(12), id=53, flags="MF")
passes("the first fragment of TCP", "right", syn)
is_dropped("a fragment with other flags", "right", right(bytes(16), proto=6, id=53, frag=1), "malformed")
is_dropped("a fragment with other flags, from left", "left", left(bytes(16), proto=6, id=53, frag=1, flags="MF"),
           "malformed")
passes("a fragment behind the flags", "right", right(bytes(16), proto=6, id=53, frag=4), fragment_of_accepted=1)

# Errors about what is there.
for make, answer, version in ((left, right, 4), (left6, right6, 6)):
    layer = IP if version == 4 else IPv6
    unreachable, wide = (ICMP(type=3, code=4, nexthopmtu=1280), 20) if version == 4 else (ICMPv6PacketTooBig(mtu=1280),
                                                                                          40)
    for kind, packet in {
            "UDP": make(UDP(sport=5000, dport=9000) / DATA),
            "TCP": make(TCP(sport=5000, dport=9000, flags="A") / DATA),
            "ping": make((ICMP if version == 4 else ICMPv6EchoRequest)(id=5000) / DATA),
    }.items():
        quoted = bytes(packet[layer])
        router = {"src": "10.0.0.77" if version == 4 else "fd00::77"}
        for length in (wide + 8, len(quoted)):
            passes(f"error about {kind}, IPv{version}, {length} bytes", "right",
                   answer(unreachable / quoted[:length], **router), related=1)
        for length in (0, 8, wide, wide + 7):
            is_dropped(f"error about {kind}, IPv{version}, {length} bytes", "right",
                       answer(unreachable / quoted[:length], **router), "invalid")
        elsewhere = {"dst": "10.0.0.5" if version == 4 else "fd00::5"}
        is_dropped(f"error about {kind} to another, IPv{version}", "right", answer(unreachable / quoted, **elsewhere),
                   "invalid")
quoted = left(UDP(sport=5000, dport=9000) / DATA)[IP]
for name, packet in {
        "another's packet": IP(src="10.0.0.5", dst="10.0.0.2") / UDP(sport=5000, dport=9000),
        "no connection": IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=5999, dport=9000),
        "an error": IP(src="10.0.0.1", dst="10.0.0.2") / ICMP(type=3, code=3) / bytes(quoted),
        "a later fragment": IP(src="10.0.0.1", dst="10.0.0.2", frag=5, proto=17) / bytes(8),
        "version 6": Raw(b"\x65" + bytes(quoted)[1:]),
        "an IHL of 1": Raw(b"\x41" + bytes(quoted)[1:]),
        "an IHL behind the end": Raw(b"\x4f" + bytes(quoted)[1:28]),
}.items():
    for end, make in {"left": left, "right": right}.items():
        is_dropped(f"error about {name} from {end}", end, make(ICMP(type=3, code=3) / packet), "invalid")
        is_dropped(f"redirect about {name} from {end}", end, make(ICMP(type=5, code=1) / packet), "invalid")


# What is rejected is answered, but at xdp.
def is_answered(name, end, packet, answer):
    if AT_XDP:
        check(name, end, packet, counts={"rejected_by_rule": 1, "answers_left_out": 1})
        return
    check(name, end, packet, (end, answer), counts={"rejected_by_rule": 1, "answers": 1})
    if wrong_sums(bytes(answer)):
        fail(name, f"the answer should have right checksums: {answer.summary()}")


MAIL = {"sport": 7000, "dport": 25}
RESET = {"sport": 25, "dport": 7000, "window": 0}
for make, answer, headers in ((left, right, Raw(b"")), (left6, right6, IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt())):
    fields = {"id": 0} if make is left else {}
    more = {"options": [IPOption_RR()]} if make is left else {}
    version = 4 if make is left else 6

    def with_headers(payload):
        return make(payload, **more) if make is left else make(headers / payload)

    is_answered(f"SYN, IPv{version}", "left", make(TCP(**MAIL, flags="S", seq=41)),
                answer(TCP(**RESET, flags="RA", seq=0, ack=42), **fields))
    is_answered(f"SYN behind options, IPv{version}", "left", with_headers(TCP(**MAIL, flags="S", seq=41)),
                answer(TCP(**RESET, flags="RA", seq=0, ack=42), **fields))
    is_answered(f"SYN with data and options, IPv{version}", "left",
                make(TCP(**MAIL, flags="S", seq=2**32 - 2, options=[("MSS", 1460)]) / (b"x" * 5)),
                answer(TCP(**RESET, flags="RA", seq=0, ack=4), **fields))
    for size in (0, 5, 500):
        for sent in (make(UDP(sport=7000, dport=53) / bytes(size)),
                     with_headers(UDP(sport=7000, dport=53) / bytes(size))):
            layer = IP if make is left else IPv6
            icmp = ICMP(type=3, code=3) if make is left else ICMPv6DestUnreach(code=4)
            is_answered(f"UDP of {size} bytes, IPv{version}", "left", padded(sent),
                        answer(icmp / bytes(sent[layer])[:128], **fields))
sent = left(UDP(sport=7000, dport=123) / DATA)
is_answered("on its way out", "left", sent, right(ICMP(type=3, code=3) / bytes(sent[IP]), id=0))
tagged = Ether(src=LEFT, dst=RIGHT) / Dot1Q(vlan=7) / left(TCP(**MAIL, flags="S", seq=41))[IP]
is_answered("SYN in a VLAN", "left", tagged,
            Ether(src=RIGHT, dst=LEFT) / Dot1Q(vlan=7) / right(TCP(**RESET, flags="RA", seq=0, ack=42), id=0)[IP])
for name, packet in {
        "to all": Ether(src=LEFT, dst="ff:ff:ff:ff:ff:ff") / left(UDP(dport=53) / DATA)[IP],
        "to a group": left(UDP(dport=53) / DATA, dst="224.0.0.1"),
        "from a group": left(UDP(dport=53) / DATA, src="224.0.0.1"),
        "from loopback": left(UDP(dport=53) / DATA, src="127.0.0.1"),
        "from nowhere": left(UDP(dport=53) / DATA, src="0.0.0.0"),
        "from all": left(UDP(dport=53) / DATA, src="255.255.255.255"),
        "from nowhere, IPv6": left6(UDP(dport=53) / DATA, src="::"),
        "to a group, IPv6": left6(UDP(dport=53) / DATA, dst="ff02::1"),
}.items():
    left_out = {"answers_left_out": 1} if AT_XDP else {}
    check(f"{name}, without answer", "left", packet, counts={"rejected_by_rule": 1} | left_out)

# What is not IP.
arp = Ether(src=RIGHT, dst="ff:ff:ff:ff:ff:ff") / ARP(psrc="10.0.0.2", pdst="10.0.0.1")
passes("ARP", "right", arp, arp=1)
is_dropped("another protocol", "left", Ether(src=LEFT, dst=RIGHT, type=0x88B5) / DATA, "non_ip_dropped")
is_dropped("three tags", "left", Ether(src=LEFT, dst=RIGHT) / Dot1Q(vlan=1) / \
           Dot1Q(vlan=1) / Dot1Q(vlan=1) / left(UDP4)[IP], "non_ip_dropped")
for name, message in {"solicitation": ICMPv6ND_NS(tgt="fd00::1"), "advertisement": ICMPv6ND_NA(tgt="fd00::2")}.items():
    passes(name, "right", right6(message, hlim=255), neighbour_discovery=1)
    is_dropped(f"{name} from afar", "right", right6(message, hlim=254))

everyday("at last", 5001)
finish()
