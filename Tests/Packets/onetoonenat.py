#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Packets made by hand through `onetoonenat`, and what scapy reads of what comes out.

Usage: onetoonenat.py SOCKET-OF-HOVERD PREFIX-OF-NAMESPACES, with the network of CraftedPacketTests.swift: `inside` at
port 1, `outside` at port 2; 10.0.0.2 is 192.0.2.2 outside, 10.1.0.0/16 is 198.18.0.0/16, and fd01:203:405::/48 is
2001:db8:1::/48; what nothing stands for is dropped. Prints a line for each thing that is wrong; none means that all is
right.
"""
from ends import Chain, changed, finish, padded, wrong_sums
from scapy.all import (ARP, ICMP, IP, SCTP, TCP, UDP, Dot1Q, Ether, ICMPv6DestUnreach, ICMPv6EchoReply,
                       ICMPv6EchoRequest, ICMPv6ND_NS, ICMPv6PacketTooBig, IPOption_RR, IPv6, IPv6ExtHdrDestOpt,
                       IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, Raw, fragment, fragment6)

# RFC 6296, section 2.5: these stand for each other.
INSIDE6, OUTSIDE6 = "fd01:203:405:1::1234", "2001:db8:1:d550::1234"
SERVER, SERVER6 = "203.0.113.7", "2001:db8:ff::7"
DATA = Raw(b"payload of odd size")
OUT = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
IN = {"src": "02:00:00:00:00:02", "dst": "02:00:00:00:00:01"}


def inner(payload, **fields):
    return Ether(**OUT) / IP(**{"src": "10.0.0.2", "dst": SERVER, "id": 7} | fields) / payload


def outer(payload, **fields):
    return Ether(**IN) / IP(**{"src": SERVER, "dst": "192.0.2.2", "id": 9} | fields) / payload


def inner6(payload, **fields):
    return Ether(**OUT) / IPv6(**{"src": INSIDE6, "dst": SERVER6} | fields) / payload


def outer6(payload, **fields):
    return Ether(**IN) / IPv6(**{"src": SERVER6, "dst": OUTSIDE6} | fields) / payload


def seen_outside(packet):
    layer = "IP" if IP in packet else "IPv6"
    return changed(packet, **{layer: {"src": "192.0.2.2" if IP in packet else OUTSIDE6}})


def seen_inside(packet):
    layer = "IP" if IP in packet else "IPv6"
    return changed(packet, **{layer: {"dst": "10.0.0.2" if IP in packet else INSIDE6}})


def marker_inside(number):
    packet = inner(UDP(sport=9, dport=9) / (b"marker %d" % number))
    return packet, "outside", seen_outside(packet)


def marker_outside(number):
    packet = outer(UDP(sport=9, dport=9) / (b"marker %d" % number))
    return packet, "inside", seen_inside(packet)


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
    check(name, end, packet, counts={reason: 1})


def everyday(when):
    for kind, payload in {
            "UDP": UDP(sport=5000, dport=53) / DATA,
            "UDP without checksum": UDP(sport=5000, dport=53, chksum=0) / DATA,
            "SYN": TCP(sport=6000, dport=80, flags="S", options=[("MSS", 1460), ("WScale", 7)]),
            "TCP's data": TCP(sport=6000, dport=80, flags="PA") / DATA,
            "ping": ICMP(id=77) / DATA,
            "SCTP": SCTP(sport=1, dport=2) / DATA,
            "GRE": Raw(b"\0\0\x08\0"),
    }.items():
        protocol = {"proto": 47} if kind == "GRE" else {}
        goes_out(f"{kind} {when}", inner(payload, **protocol))
        comes_in(f"{kind}, from outside, {when}", outer(payload, **protocol))
    for kind, payload in {
            "UDP": UDP(sport=5000, dport=53) / DATA,
            "TCP's data": TCP(sport=6000, dport=80, flags="PA") / DATA,
            "ping": ICMPv6EchoRequest(id=77) / DATA,
            "answer": ICMPv6EchoReply(id=77) / DATA,
            "hop-by-hop options": IPv6ExtHdrHopByHop() / UDP(sport=5000, dport=53) / DATA,
            "two headers": IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / TCP(sport=6000, dport=80, flags="S"),
            "no next header": Raw(b""),
    }.items():
        fields = {"nh": 59} if kind == "no next header" else {}
        goes_out(f"{kind} by IPv6 {when}", inner6(payload, **fields))
        comes_in(f"{kind} by IPv6, from outside, {when}", outer6(payload, **fields))


everyday("at first")
goes_out("options", inner(UDP(sport=5000, dport=53) / DATA, options=[IPOption_RR()]))
comes_in("options", outer(TCP(sport=5000, dport=53) / DATA, options=b"\x01" * 40))
for ttl in (0, 1, 255):
    goes_out(f"TTL {ttl}", inner(UDP(sport=5000, dport=53) / DATA, ttl=ttl))
    goes_out(f"hop limit {ttl}", inner6(UDP(sport=5000, dport=53) / DATA, hlim=ttl))
goes_out("padding", padded(inner(UDP(sport=5000, dport=53) / b"x")))
packet = inner(UDP(sport=5000, dport=53) / DATA)
goes_out("tag", Ether(**OUT) / Dot1Q(vlan=5) / packet[IP])
packet = inner(TCP(sport=5000, dport=53) / DATA, src="10.1.2.3")
check("prefix", "inside", packet, ("outside", changed(packet, IP={"src": "198.18.2.3"})))
packet = outer(TCP(sport=5000, dport=53) / DATA, dst="198.18.2.3")
check("prefix, from outside", "outside", packet, ("inside", changed(packet, IP={"dst": "10.1.2.3"})))

# Fragments in any order: nothing is remembered.
for kind, payload in {"UDP": UDP(sport=5000, dport=53), "TCP": TCP(sport=1, dport=2), "ping": ICMP(id=3)}.items():
    packet = inner(payload / (b"fragments" * 200), id=100)
    pieces, whole = fragment(packet, 600), fragment(seen_outside(packet), 600)
    check(f"fragments of {kind}", "inside", pieces[::-1], *[("outside", piece) for piece in whole])
packet = inner6(IPv6ExtHdrFragment(id=5) / UDP(sport=5000, dport=53) / (b"fragments" * 200))
check("fragments of IPv6", "inside",
      fragment6(packet, 700)[::-1], *[("outside", piece) for piece in fragment6(seen_outside(packet), 700)])
overlap = inner(b"y" * 24, proto=17, id=104, frag=1)
check("overlapping fragment", "inside", overlap, ("outside", seen_outside(overlap)))

# What contradicts itself.
UDP4, TCP4 = UDP(sport=5100, dport=53) / DATA, {"sport": 6100, "dport": 80, "flags": "S"}
for name, packet in {
        "IHL of 0": inner(UDP4, ihl=0),
        "IHL of 4": inner(UDP4, ihl=4),
        "IHL behind the end": inner(UDP(sport=5100, dport=53), ihl=15),
        "version 6": inner(UDP4, version=6),
        "total length of 0": inner(UDP4, len=0),
        "total length less than the header": inner(UDP4, len=19),
        "total length without the ports": inner(UDP4, len=23),
        "total length without UDP's header": inner(UDP4, len=27),
        "total length behind the end": inner(UDP4, len=1000),
        "total length without TCP's header": inner(TCP(**TCP4) / DATA, len=39),
        "half of a TCP header": inner(bytes(TCP(**TCP4))[:12], proto=6),
        "half of a ping": inner(bytes(ICMP(id=1))[:4], proto=1),
        "nothing of UDP": inner(b"", proto=17),
        "half of UDP by IPv6": inner6(bytes(UDP(sport=1, dport=2))[:4], nh=17),
        "half of TCP by IPv6": inner6(bytes(TCP(**TCP4))[:12], nh=6),
        "length behind the end, IPv6": inner6(UDP4, plen=1000),
        "length without UDP's header": inner6(UDP4, plen=7),
        "version 4 in IPv6": inner6(UDP4, version=4),
        "options behind the end": inner6(bytes(IPv6ExtHdrHopByHop(nh=17))[:1] + b"\x20" + bytes(6), nh=0),
        "two fragment headers": inner6(IPv6ExtHdrFragment(id=1, m=1) / IPv6ExtHdrFragment(id=1, m=1) / UDP4),
}.items():
    is_dropped(name, "inside", packet, "malformed")
    other = {"IP": {"src": SERVER, "dst": "192.0.2.2"}} if IP in packet else {"IPv6": {"src": SERVER6, "dst": OUTSIDE6}}
    is_dropped(name + ", from outside", "outside", changed(packet, **other), "malformed")

# Checksums that are wrong stay wrong.
for name, packet in {
        "IP": inner(UDP4, chksum=0x1234),
        "UDP": inner(UDP(sport=5000, dport=53, chksum=0x1234) / DATA),
        "TCP": inner(TCP(**TCP4, chksum=0x1234) / DATA),
        "ICMP": inner(ICMP(id=77, chksum=0x1234) / DATA),
        "ICMPv6": inner6(ICMPv6EchoRequest(cksum=0x1234)),
}.items():
    arrived = chain.exchange(name, "inside", [packet], least=1)["outside"]
    chain.holds(f"wrong checksum of {name} stays wrong", len(arrived) == 1 and name in wrong_sums(arrived[0]), arrived)

# What nothing stands for.
for name, end, packet in [
    ("another client", "inside", inner(UDP4, src="10.0.0.3")),
    ("an address of outside, from inside", "inside", inner(UDP4, src="192.0.2.2")),
    ("loopback", "inside", inner(UDP4, src="127.0.0.1")),
    ("no source", "inside", inner(UDP4, src="0.0.0.0")),
    ("broadcast", "inside", inner(UDP4, src="255.255.255.255")),
    ("an inside address, from outside", "outside", outer(UDP4, dst="10.0.0.2")),
    ("an inside prefix, from outside", "outside", outer(UDP4, dst="10.1.2.3")),
    ("an inside address, IPv6", "outside", outer6(UDP4, dst=INSIDE6)),
    ("another client, IPv6", "inside", inner6(UDP4, src="fd02::1")),
    ("later fragment of another", "inside", inner(b"x" * 24, src="10.0.0.3", proto=17, frag=3)),
]:
    is_dropped(name, end, packet, "unmatched")
is_dropped("subnet ffff", "inside", inner6(UDP4, src="fd01:203:405:ffff::1"), "unmappable")
is_dropped("subnet ffff, from outside", "outside", outer6(UDP4, dst="2001:db8:1:ffff::1"), "unmappable")
is_dropped("subnet ffff behind options", "inside", inner6(IPv6ExtHdrHopByHop() / UDP4, src="fd01:203:405:ffff::1"),
           "unmappable")
land = outer(TCP(**TCP4), src="192.0.2.2")
check("land", "outside", land, ("inside", seen_inside(land)))

# From inside to what stands for an inside address: back, with the Ethernet addresses exchanged.
for name, packet, there in [
    ("hairpin", inner(UDP4, src="10.1.0.9", dst="192.0.2.2"), {
        "IP": {
            "src": "198.18.0.9",
            "dst": "10.0.0.2"
        }
    }),
    ("land by hairpin", inner(TCP(**TCP4), dst="192.0.2.2"), {
        "IP": {
            "src": "192.0.2.2",
            "dst": "10.0.0.2"
        }
    }),
    ("hairpin by IPv6", inner6(UDP4, src="fd01:203:405:2::9", dst=OUTSIDE6), {
        "IPv6": {
            "src": "2001:db8:1:d551::9",
            "dst": INSIDE6
        }
    }),
]:
    check(name, "inside", packet, ("inside", changed(packet, Ether={"src": packet.dst, "dst": packet.src}, **there)))


# Errors, with what they quote.
def with_quoted(error, layer, quoted):
    error = error.copy()
    error[layer].remove_payload()
    return error / quoted


for kind, quoted in {
        "UDP": inner(UDP4),
        "TCP": inner(TCP(**TCP4)),
        "ping": inner(ICMP(id=77) / DATA),
        "options": inner(UDP4, options=[IPOption_RR()]),
        "a later fragment": inner(b"x" * 24, proto=17, frag=3),
}.items():
    header = bytes(quoted[IP])[0] % 16 * 4
    for length in (header + 8, len(quoted[IP])):
        error = outer(
            ICMP(type=3, code=4, nexthopmtu=1280) / bytes(seen_outside(quoted)[IP])[:length], src="203.0.113.9")
        check(f"error about {kind}, {length} bytes", "outside", error,
              ("inside", with_quoted(seen_inside(error), ICMP,
                                     bytes(quoted[IP])[:length])))
answer = outer(UDP4)
error = inner(ICMP(type=3, code=3) / bytes(seen_inside(answer)[IP]))
check("error from inside", "inside", error, ("outside", with_quoted(seen_outside(error), ICMP, bytes(answer[IP]))))
for layer, icmp in {
        ICMPv6DestUnreach: ICMPv6DestUnreach(code=4),
        ICMPv6PacketTooBig: ICMPv6PacketTooBig(mtu=1280)
}.items():
    quoted = inner6(UDP4)
    error = outer6(icmp / bytes(seen_outside(quoted)[IPv6]))
    check(f"{icmp.name}", "outside", error,
          ("inside", changed(with_quoted(seen_inside(error), layer, bytes(quoted[IPv6])))))
quoted = bytes(seen_outside(inner(UDP4))[IP])
for name, packet in {
        "nothing": b"",
        "half a header": quoted[:12],
        "no ports": quoted[:20],
        "an IHL of 1": b"\x41" + quoted[1:],
        "an IHL behind the end": b"\x4f" + quoted[1:28],
        "version 6": b"\x65" + quoted[1:],
}.items():
    is_dropped(f"error that quotes {name}", "outside", outer(ICMP(type=3, code=3) / packet), "malformed")
quoted6 = bytes(seen_outside(inner6(UDP4))[IPv6])
for name, packet in {
        "nothing": b"",
        "half a header": quoted6[:30],
        "no ports": quoted6[:40],
        "version 4": b"\x40" + quoted6[1:]
}.items():
    is_dropped(f"error that quotes {name}, IPv6", "outside", outer6(ICMPv6DestUnreach() / packet), "malformed")
# About somebody else's packet: what stands for nothing stays.
error = outer(ICMP(type=3, code=3) / IP(src="192.0.2.77", dst=SERVER) / UDP(sport=1, dport=2))
check("error about another's packet", "outside", error, ("inside", seen_inside(error)))

# What is not translated passes as it is.
for name, packet in {
        "ARP": Ether(src=OUT["src"], dst="ff:ff:ff:ff:ff:ff") / ARP(psrc="10.0.0.2", pdst="10.0.0.1"),
        "another protocol": Ether(**OUT, type=0x88B5) / DATA,
        "solicitation": Ether(**OUT) / IPv6(src="fe80::1", dst="ff02::1:ff00:1", hlim=255) / ICMPv6ND_NS(tgt=INSIDE6),
}.items():
    check(name, "inside", packet, ("outside", packet))

everyday("at last")
finish()
