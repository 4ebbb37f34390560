#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Packets made by hand through `nat`, and what scapy reads of what comes out.

Usage: nat.py SOCKET-OF-HOVERD PREFIX-OF-NAMESPACES, with the network of CraftedPacketTests.swift: `inside` at port 1,
`outside` at port 2; public address 192.0.2.1, whose UDP port 8053 leads to 10.0.0.3:53. Prints a line for each thing
that is wrong; none means that all is right.
"""
from ends import Chain, changed, finish, padded, wrong_sums
from scapy.all import (ARP, ICMP, IP, SCTP, TCP, UDP, Dot1Q, Ether, IPOption_LSRR, IPOption_RR, IPOption_Timestamp,
                       IPv6, Raw, fragment)

PUBLIC, CLIENT, SERVER = "192.0.2.1", "10.0.0.2", "198.51.100.7"
DATA = Raw(b"payload of odd size")


def inner(payload, **fields):
    """A packet of the client to the server."""
    return (Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(**{
        "src": CLIENT,
        "dst": SERVER,
        "id": 7
    } | fields) / payload)


def outer(payload, **fields):
    """A packet of the server to the public address."""
    return (Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01") / IP(**{
        "src": SERVER,
        "dst": PUBLIC,
        "id": 9
    } | fields) / payload)


def seen_outside(packet):
    return changed(packet, IP={"src": PUBLIC})


def seen_inside(packet, client=CLIENT):
    return changed(packet, IP={"dst": client})


def marker_inside(number):
    packet = inner(UDP(sport=9000, dport=9000) / (b"marker %d" % number), src="10.0.0.9")
    return packet, "outside", seen_outside(packet)


def marker_outside(number):
    packet = outer(UDP(sport=9000, dport=9000) / (b"marker %d" % number))
    return packet, "inside", seen_inside(packet, "10.0.0.9")


chain = Chain("nat", ["inside", "outside"], lambda state: state["drops"], {
    "inside": marker_inside,
    "outside": marker_outside
})
check = chain.check


def goes_out(name, packet):
    check(name, "inside", packet, ("outside", seen_outside(packet)))


def comes_in(name, packet):
    check(name, "outside", packet, ("inside", seen_inside(packet)))


def is_dropped(name, end, packet, reason):
    check(name, end, packet, counts={reason: len(packet) if isinstance(packet, list) else 1})


def everyday(when):
    """What belongs to sessions, with right checksums on the way out and in."""
    goes_out(f"UDP {when}", inner(UDP(sport=5000, dport=53) / DATA))
    comes_in(f"answer by UDP {when}", outer(UDP(sport=53, dport=5000) / DATA))
    goes_out(f"UDP without checksum {when}", inner(UDP(sport=5000, dport=53, chksum=0) / DATA))
    comes_in(f"answer without checksum {when}", outer(UDP(sport=53, dport=5000, chksum=0) / DATA))
    goes_out(f"SYN {when}", inner(TCP(sport=6000, dport=80, flags="S", options=[("MSS", 1460), ("WScale", 7)])))
    comes_in(f"SYN, ACK {when}", outer(TCP(sport=80, dport=6000, flags="SA", ack=1, options=[("MSS", 1460)])))
    goes_out(f"TCP's data {when}", inner(TCP(sport=6000, dport=80, flags="PA", seq=1, ack=1) / DATA))
    goes_out(f"ping {when}", inner(ICMP(id=77, seq=1) / DATA))
    comes_in(f"answer to the ping {when}", outer(ICMP(type=0, id=77, seq=1) / DATA))


everyday("at first")

# The checksum that comes out as 0 is sent as 0xffff (RFC 768): the payload is chosen so that it does.
for name, send, make in [("out", goes_out, lambda data: inner(UDP(sport=5000, dport=53) / data)),
                         ("in", comes_in, lambda data: outer(UDP(sport=53, dport=5000) / data))]:
    other = seen_outside if send is goes_out else seen_inside
    sum_of_zeros = other(make(b"\0\0")).build()[40:42]
    send(f"UDP's checksum of 0xffff, {name}", make(sum_of_zeros))

# Options, and how the packet is wrapped.
for options in ([IPOption_RR()], [IPOption_Timestamp()], b"\x01" * 40):
    goes_out(f"options {options}", inner(UDP(sport=5000, dport=53) / DATA, options=options))
    comes_in(f"options {options}", outer(UDP(sport=53, dport=5000) / DATA, options=options))
goes_out("source route", inner(UDP(sport=5000, dport=53) / DATA, options=[IPOption_LSRR(routers=["203.0.113.9"])]))
for ttl in (0, 1, 255):
    goes_out(f"TTL {ttl}", inner(UDP(sport=5000, dport=53) / DATA, ttl=ttl))
goes_out("padding", padded(inner(UDP(sport=5000, dport=53) / b"x")))
tagged = inner(UDP(sport=5000, dport=53) / DATA)
tagged = Ether(src=tagged.src, dst=tagged.dst) / Dot1Q(vlan=5) / tagged[IP]
goes_out("tag", tagged)
goes_out("SCTP", inner(SCTP(sport=7000, dport=80) / DATA))

# Fragments follow the first one, those before it are dropped, with the checksum right when they are put together.
for kind, packet in {
        "UDP": inner(UDP(sport=5000, dport=53) / (b"fragments" * 200), id=100),
        "ping": inner(ICMP(id=77) / (b"fragments" * 200), id=101),
        "TCP": inner(TCP(sport=6000, dport=80, flags="A", seq=1, ack=1) / (b"fragments" * 200), id=102),
}.items():
    first, *rest = fragment(packet, 600)
    is_dropped(f"fragments of {kind} before the first", "inside", rest[::-1], "fragment_unknown")
    whole = fragment(seen_outside(packet), 600)
    check(f"fragments of {kind}", "inside", [first, *rest[::-1]], *[("outside", piece) for piece in whole])
packet = outer(UDP(sport=53, dport=5000) / (b"fragments" * 200), id=103)
check("fragments in", "outside", fragment(packet, 600),
      *[("inside", piece) for piece in fragment(seen_inside(packet), 600)])
first = fragment(inner(UDP(sport=5000, dport=53) / (b"x" * 64), id=104), 32)[0]
overlap = inner(b"y" * 24, proto=17, id=104, frag=1)
check("overlapping fragments", "inside", [first, overlap],
      ("outside", fragment(seen_outside(inner(UDP(sport=5000, dport=53) / (b"x" * 64), id=104)), 32)[0]),
      ("outside", seen_outside(overlap)))
is_dropped("a fragment of another datagram", "inside", inner(b"z" * 24, proto=17, id=105, frag=3, flags="MF"),
           "fragment_unknown")
is_dropped("a fragment from outside of nothing", "outside", outer(b"z" * 24, proto=17, id=106, frag=3),
           "fragment_unknown")
is_dropped("a first fragment without the ports", "inside", inner(b"\x13\x88\x00\x35", proto=17, id=107, flags="MF"),
           "malformed")

# What contradicts itself.
UDP_OUT = UDP(sport=5100, dport=53)
SYN = {"sport": 6100, "dport": 80, "flags": "S"}
for name, packet in {
        "IHL of 0": inner(UDP_OUT / DATA, ihl=0),
        "IHL of 4": inner(UDP_OUT / DATA, ihl=4),
        "IHL behind the end": inner(UDP_OUT, ihl=15),
        "version 6": inner(UDP_OUT / DATA, version=6),
        "total length of 0": inner(UDP_OUT / DATA, len=0),
        "total length less than the header": inner(UDP_OUT / DATA, len=19),
        "total length without the ports": inner(UDP_OUT / DATA, len=23),
        "total length behind the end": inner(UDP_OUT / DATA, len=1000),
        "UDP length less than its header": inner(UDP(sport=5100, dport=53, len=7) / DATA),
        "UDP length of 0": inner(UDP(sport=5100, dport=53, len=0) / DATA),
        "UDP length behind the end": inner(UDP(sport=5100, dport=53, len=500) / DATA),
        "TCP data offset of 0": inner(TCP(**SYN, dataofs=0)),
        "TCP data offset of 4": inner(TCP(**SYN, dataofs=4)),
        "TCP data offset behind the end": inner(TCP(**SYN, dataofs=15)),
        "half of a TCP header": inner(bytes(TCP(**SYN))[:12], proto=6),
        "half of a ping": inner(bytes(ICMP(id=1))[:4], proto=1),
        "nothing of UDP": inner(b"", proto=17),
}.items():
    is_dropped(name, "inside", packet, "malformed")
    is_dropped(name + ", from outside", "outside", changed(packet, IP={"src": SERVER, "dst": PUBLIC}), "malformed")

# The same in packets of sessions that are there.
for name, packet in {
        "total length behind the end": inner(UDP(sport=5000, dport=53) / DATA, len=1000),
        "total length without the ports": padded(inner(UDP(sport=5000, dport=53) / DATA, len=23)),
        "total length without UDP's header": padded(inner(UDP(sport=5000, dport=53) / DATA, len=27)),
        "total length without TCP's header": inner(TCP(sport=6000, dport=80, flags="A", seq=1, ack=1) / DATA, len=39),
        "IHL of 4": inner(UDP(sport=5000, dport=53) / DATA, ihl=4),
}.items():
    is_dropped(name + ", of a session", "inside", packet, "malformed")

# Checksums that are wrong stay wrong: who gets the packet sees it.
for name, packet in {
        "IP": inner(UDP(sport=5000, dport=53) / DATA, chksum=0x1234),
        "UDP": inner(UDP(sport=5000, dport=53, chksum=0x1234) / DATA),
        "TCP": inner(TCP(sport=6000, dport=80, flags="A", seq=1, ack=1, chksum=0x1234) / DATA),
        "ICMP": inner(ICMP(id=77, chksum=0x1234) / DATA),
}.items():
    arrived = chain.exchange(name, "inside", [packet], least=1)["outside"]
    chain.holds(f"wrong checksum of {name} stays wrong", len(arrived) == 1 and name in wrong_sums(arrived[0]), arrived)

# What nobody may send in, or nobody asked for.
is_dropped("an inside address", "outside", outer(UDP(sport=53, dport=5000) / DATA, dst=CLIENT), "not_ours")
is_dropped("an ACK of nothing", "inside", inner(TCP(sport=6200, dport=80, flags="A")), "no_connection")
is_dropped("no flags", "inside", inner(TCP(sport=6200, dport=80, flags="")), "no_connection")
is_dropped("SYN and FIN", "inside", inner(TCP(sport=6200, dport=80, flags="SF")), "no_connection")
is_dropped("all flags", "inside", inner(TCP(sport=6200, dport=80, flags="FSRPAUEC")), "no_connection")
for kind in (9, 10, 13, 17, 30, 200):
    is_dropped(f"ICMP {kind}", "inside", inner(ICMP(type=kind) / DATA), "icmp_unrelated")
is_dropped("an answer to no ping", "inside", inner(ICMP(type=0, id=9)), "icmp_unrelated")
is_dropped("from another server", "outside", outer(UDP(sport=53, dport=5000) / DATA, src="198.51.100.8"), "filtered")
for source in (CLIENT, PUBLIC, "127.0.0.1", "0.0.0.0", "255.255.255.255"):
    is_dropped(f"from {source}", "outside", outer(UDP(sport=53, dport=5000) / DATA, src=source), "filtered")
is_dropped("from another port", "outside", outer(UDP(sport=54, dport=5000) / DATA), "filtered")
for name, packet in {
        "land": outer(TCP(sport=80, dport=80, flags="S"), src=PUBLIC),
        "ping of the public address": outer(ICMP(id=1)),
}.items():
    check(name, "outside", packet, ("inside", packet))

# Forwarded ports, also from inside: there and back with the Ethernet addresses exchanged.
request = outer(UDP(sport=1234, dport=8053) / DATA)
check("forward", "outside", request, ("inside", changed(request, IP={"dst": "10.0.0.3"}, UDP={"dport": 53})))
request = inner(UDP(sport=1234, dport=8053) / DATA, dst=PUBLIC)
back = changed(request, Ether={
    "src": request.dst,
    "dst": request.src
}, IP={
    "src": PUBLIC,
    "dst": "10.0.0.3"
}, UDP={"dport": 53})
check("hairpin", "inside", request, ("inside", back))
error = inner(ICMP(type=3, code=3) / bytes(back[IP]), src="10.0.0.3", dst=PUBLIC)
there = changed(error, Ether={"src": error.dst, "dst": error.src}, IP={"src": PUBLIC, "dst": CLIENT})
there[ICMP].remove_payload()
check("error about the hairpin", "inside", error, ("inside", there / bytes(request[IP])))

# Errors, with what they quote.
QUOTED = {
    "UDP": inner(UDP(sport=5000, dport=53) / DATA),
    "TCP": inner(TCP(sport=6000, dport=80, flags="PA", seq=1, ack=1) / DATA),
    "ping": inner(ICMP(id=77, seq=1) / DATA),
    "options": inner(UDP(sport=5000, dport=53) / DATA, options=[IPOption_RR()]),
    "UDP without checksum": inner(UDP(sport=5000, dport=53, chksum=0) / DATA),
    "SCTP": inner(SCTP(sport=7000, dport=80) / DATA),
}
for kind, quoted in QUOTED.items():
    header = quoted[IP].copy().build()[0] % 16 * 4
    for length in (header + 8, header + 11, len(quoted[IP])):
        for icmp in (ICMP(type=3, code=3), ICMP(type=3, code=4, nexthopmtu=1280), ICMP(type=11), ICMP(type=12)):
            error = outer(icmp / bytes(seen_outside(quoted)[IP])[:length], src="203.0.113.9")
            there = changed(error, IP={"dst": CLIENT})
            there[ICMP].remove_payload()
            there = there / bytes(quoted[IP])[:length]
            check(f"error {icmp.type} about {kind}, {length} bytes", "outside", error, ("inside", there))
answer = outer(UDP(sport=53, dport=5000) / DATA)
error = inner(ICMP(type=3, code=3) / bytes(seen_inside(answer)[IP]), src="10.0.0.254")
there = seen_outside(error)
there[ICMP].remove_payload()
check("error from inside", "inside", error, ("outside", there / bytes(answer[IP])))

quoted = bytes(seen_outside(QUOTED["UDP"])[IP])
for length in (0, 8, 19, 20, 27):
    is_dropped(f"error with {length} bytes", "outside", outer(ICMP(type=3, code=3) / quoted[:length]), "malformed")
for name, packet in {
        "an IHL of 1": b"\x41" + quoted[1:],
        "an IHL behind the end": b"\x4f" + quoted[1:28],
        "version 6": b"\x65" + quoted[1:],
}.items():
    is_dropped(f"error that quotes {name}", "outside", outer(ICMP(type=3, code=3) / packet), "malformed")
for name, packet in {
        "about another's packet": outer(
            ICMP(type=3, code=3) / IP(src="192.0.2.77", dst=SERVER) / UDP(sport=5000, dport=53)),
        "about a session that is not": outer(
            ICMP(type=3, code=3) / IP(src=PUBLIC, dst=SERVER) / UDP(sport=5999, dport=53)),
        "about an error": outer(ICMP(type=3, code=3) / IP(src=PUBLIC, dst=SERVER) / ICMP(type=3, code=3) / quoted),
        "about a later fragment": outer(
            ICMP(type=3, code=3) / IP(src=PUBLIC, dst=SERVER, frag=9, proto=17) / (b"x" * 8)),
}.items():
    # The router has the public address as its own, and sees for itself.
    check(f"error {name}", "outside", packet, ("inside", packet))
    is_dropped(f"error {name}, to the inside", "outside", changed(packet, IP={"dst": CLIENT}), "not_ours")
    is_dropped(f"error {name}, from inside", "inside", changed(packet, IP={
        "src": CLIENT,
        "dst": SERVER
    }), "icmp_unrelated")

# What is not translated passes as it is.
packet = inner(UDP(sport=68, dport=67) / DATA, src="0.0.0.0", dst="255.255.255.255")
check("a DHCP client", "inside", packet, ("outside", packet))
for name, packet in {
        "ARP": Ether(src="02:00:00:00:00:01", dst="ff:ff:ff:ff:ff:ff") / ARP(psrc=CLIENT, pdst="10.0.0.1"),
        "IPv6": Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IPv6(src="fd00::1", dst="fd00::2") / UDP() /
        DATA,
        "an empty frame": Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02", type=0x88B5),
        "to a group": Ether(src="02:00:00:00:00:01", dst="01:00:5e:00:00:05") / IP(src=CLIENT, dst="224.0.0.5") / DATA,
}.items():
    check(name, "inside", packet, ("outside", packet))

everyday("at last")
finish()
