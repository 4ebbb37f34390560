#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Frames made by hand through `switch`, and what scapy reads of what comes out.

Usage: switch.py SOCKET-OF-HOVERD PREFIX-OF-NAMESPACES, with the network of CraftedPacketTests.swift: `one` and `two`
are in VLAN 10, with the stations 02:00:00:00:00:0a and 0b; `trunk` has VLANs 10 and 20; `guarded` is in VLAN 10, and
may send from 192.0.2.3, 2001:db8::3 and fe80::/10. Prints a line for each thing that is wrong; none means that all is
right.
"""
from ends import Chain, finish
from scapy.all import (ARP, BOOTP, DHCP, ICMP, IP, LLC, TCP, UDP, Dot1AD, Dot1Q, Dot3, Ether, ICMPv6MLReport2,
                       ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RS, IPOption_RR, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                       IPv6ExtHdrHopByHop, Raw, fragment, fragment6)

A, B, TRUNK, GUARDED = [f"02:00:00:00:00:{number}" for number in ("0a", "0b", "0c", "0d")]
EVERYBODY = "ff:ff:ff:ff:ff:ff"
DATA = Raw(b"payload of odd size, longer than the shortest frame")


def marker(source, tags=None):

    def make(number):
        plain = Ether(src=source, dst=A if source == B else B, type=0x88B5) / (b"marker %d" % number + bytes(50))
        sent = plain
        if tags:
            sent = Ether(src=source, dst=plain.dst) / Dot1Q(vlan=tags, type=0x88B5) / plain.payload
        return sent, "one" if source == B else "two", plain

    return make


chain = Chain("sw", ["one", "two", "trunk", "guarded"], lambda state: state["drops"], {
    "one": marker(A),
    "two": marker(B),
    "trunk": marker(TRUNK, 10),
    "guarded": marker(GUARDED)
})
check = chain.check


def is_dropped(name, end, frame, reason):
    check(name, end, frame, counts={reason: 1})


def frame(payload, source=A, to=B, tag=None, priority=0):
    ethernet = Ether(src=source, dst=to)
    return ethernet / payload if tag is None else ethernet / Dot1Q(vlan=tag, prio=priority) / payload


def everyday(when):
    """Who gets which form."""
    packet = IP(src="192.0.2.1", dst="192.0.2.255") / UDP(sport=1, dport=2) / DATA
    check(f"to a station {when}", "one", frame(packet), ("two", frame(packet)))
    check(f"to all {when}", "one", frame(packet, to=EVERYBODY), ("two", frame(packet, to=EVERYBODY)),
          ("guarded", frame(packet, to=EVERYBODY)), ("trunk", frame(packet, to=EVERYBODY, tag=10)))
    check(f"from the trunk to all {when}", "trunk", frame(packet, TRUNK, EVERYBODY, 10, 7),
          *[(end, frame(packet, TRUNK, EVERYBODY)) for end in ("one", "two", "guarded")])
    check(f"to the trunk {when}", "two", frame(packet, B, TRUNK), ("trunk", frame(packet, B, TRUNK, 10)))
    check(f"back from the trunk {when}", "trunk", frame(packet, TRUNK, A, 10), ("one", frame(packet, TRUNK, A)))


everyday("at first")

# Tags.
packet = IP(src="192.0.2.1", dst="192.0.2.2") / DATA
check("a priority without VLAN", "one", frame(packet, tag=0, priority=5), ("two", frame(packet)))
check("a priority, to the trunk", "one", frame(packet, A, TRUNK, 0, 5), ("trunk", frame(packet, A, TRUNK, 10, 5)))
check("a provider's tag is carried", "one",
      Ether(src=A, dst=B) / Dot1AD(vlan=10) / packet, ("two", Ether(src=A, dst=B) / Dot1AD(vlan=10) / packet))
check("a provider's tag, to the trunk", "one",
      Ether(src=A, dst=TRUNK) / Dot1AD(vlan=20) / packet,
      ("trunk", Ether(src=A, dst=TRUNK) / Dot1Q(vlan=10) / Dot1AD(vlan=20) / packet))
for name, end, crafted in [
    ("a tag at an access port", "one", frame(packet, tag=20)),
    ("its own VLAN's tag at an access port", "one", frame(packet, tag=10)),
    ("VLAN 4095", "trunk", frame(packet, TRUNK, B, 4095)),
    ("VLAN 30", "trunk", frame(packet, TRUNK, B, 30)),
    ("VLAN 1", "trunk", frame(packet, TRUNK, B, 1)),
    ("no tag", "trunk", frame(packet, TRUNK, B)),
    ("a priority without native VLAN", "trunk", frame(packet, TRUNK, B, 0, 3)),
    ("a tag behind a priority", "one", Ether(src=A, dst=B) / Dot1Q(vlan=0) / Dot1Q(vlan=20) / packet),
    ("two tags", "trunk", Ether(src=TRUNK, dst=B) / Dot1Q(vlan=10) / Dot1Q(vlan=20) / packet),
    ("two tags, to all", "trunk", Ether(src=TRUNK, dst=EVERYBODY) / Dot1Q(vlan=10) / Dot1Q(vlan=20) / packet),
]:
    is_dropped(name, end, crafted, "vlan")
check("VLAN 20 goes nowhere else", "trunk", frame(packet, TRUNK, EVERYBODY, 20))
# At tc the kernel drops it before, at xdp it has no tag.
arrived, counted = chain.observe("half a tag", "trunk", [Ether(src=TRUNK, dst=B, type=0x8100) / b"\0"])
chain.holds("half a tag", not any(arrived.values()) and counted in ({}, {"vlan": 1}))
check("a tag, and nothing behind", "one", Ether(src=A, dst=B, type=0x8100) / b"\0\x0a")

# What no bridge forwards.
for source in ("01:00:5e:00:00:01", EVERYBODY, "33:33:00:00:00:01", "00:00:00:00:00:00"):
    is_dropped(f"from {source}", "one", frame(packet, source), "bad_source")
for last in ("00", "01", "03", "0e", "0f"):
    is_dropped(f"to 01:80:c2:00:00:{last}", "one", frame(packet, to=f"01:80:c2:00:00:{last}"), "link_local")
for group in ("01:80:c2:00:00:10", "33:33:00:00:00:02", "01:00:5e:00:00:fb"):
    check(f"to {group}", "one", frame(packet, to=group), ("two", frame(packet, to=group)),
          ("guarded", frame(packet, to=group)), ("trunk", frame(packet, to=group, tag=10)))
is_dropped("to the port that it came by", "one", frame(packet, "02:00:00:00:00:99", A), "same_port")
is_dropped("from and to the same station", "one", frame(packet, A, A), "same_port")

# What is inside is no concern of a switch.
for name, payload in {
        "IHL of 0": IP(ihl=0) / DATA,
        "total length behind the end": IP(len=1000) / DATA,
        "TTL 0": IP(ttl=0) / DATA,
        "a wrong checksum": IP(chksum=1) / UDP(chksum=1) / DATA,
        "land": IP(src="192.0.2.9", dst="192.0.2.9") / TCP(flags="S"),
        "loopback": IP(src="127.0.0.1", dst="127.0.0.1") / DATA,
        "a later fragment": IP(frag=100) / DATA,
        "version 15": IP(version=15) / DATA,
        "truncated error": IP() / ICMP(type=3) / b"\x45",
        "IPv6 with a wrong length": IPv6(plen=9999) / DATA,
        "half of ARP": Raw(bytes(ARP())[:10]),
        "nothing": Raw(b""),
}.items():
    crafted = Ether(src=A, dst=B, type=0x86DD if "IPv6" in name else 0x806 if "ARP" in name else 0x800) / payload
    check(name, "one", crafted, ("two", crafted))
crafted = Dot3(src=A, dst=B) / LLC(dsap=0x42, ssap=0x42, ctrl=3) / DATA
check("802.3", "one", crafted, ("two", crafted))
crafted = frame(packet / bytes(1400))
check("the longest frame", "one", crafted, ("two", crafted))

# IP security: who is at `guarded` may be these, whatever is around it.
MINE, MINE6, LINK = "192.0.2.3", "2001:db8::3", "fe80::d"
UDP4 = UDP(sport=1000, dport=53) / DATA


def guarded(payload, to=B):
    return Ether(src=GUARDED, dst=to) / payload


def nd(message, source=MINE6, header=None):
    packet = IPv6(src=source, dst="2001:db8::1", hlim=255)
    return packet / header / message if header else packet / message


for name, payload in {
        "IPv4": IP(src=MINE, dst="192.0.2.1") / UDP4,
        "options": IP(src=MINE, dst="192.0.2.1", options=[IPOption_RR()]) / UDP4,
        "a wrong checksum": IP(src=MINE, dst="192.0.2.1", chksum=1) / UDP4,
        "ARP": ARP(hwsrc=GUARDED, psrc=MINE, pdst="192.0.2.1"),
        "an ARP probe": ARP(hwsrc=GUARDED, psrc="0.0.0.0", pdst=MINE),
        "DHCP": IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67) / BOOTP() / DHCP(options=["end"]),
        "IPv6": IPv6(src=MINE6, dst="2001:db8::1") / UDP4,
        "options of IPv6": IPv6(src=MINE6, dst="2001:db8::1") / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / UDP4,
        "advertisement": nd(ICMPv6ND_NA(tgt=MINE6)),
        "a link-local address": nd(ICMPv6ND_NA(tgt=LINK), LINK),
        "duplicate address detection": nd(ICMPv6ND_NS(tgt=MINE6), "::"),
        "router solicitation": nd(ICMPv6ND_RS(), "::"),
        "MLD": nd(ICMPv6MLReport2(), "::", IPv6ExtHdrHopByHop()),
        "solicitation for another": nd(ICMPv6ND_NS(tgt="2001:db8::9")),
        "another protocol": LLC(dsap=0x42, ssap=0x42, ctrl=3) / DATA,
        "a tag of a provider": Dot1AD(vlan=3) / IP(src=MINE, dst="192.0.2.1") / UDP4,
}.items():
    crafted = Dot3(src=GUARDED, dst=B) / payload if LLC in payload else guarded(payload)
    check(f"{name}, allowed", "guarded", crafted, ("two", crafted))
for piece in fragment(guarded(IP(src=MINE, dst="192.0.2.1") / UDP4 / bytes(1000)), 400):
    check("a fragment, allowed", "guarded", piece, ("two", piece))
for piece in fragment6(guarded(IPv6(src=MINE6, dst="2001:db8::1") / IPv6ExtHdrFragment(id=1) / UDP4 / bytes(1000)),
                       500):
    check("a fragment of IPv6, allowed", "guarded", piece, ("two", piece))

OTHER, OTHER6 = {"src": "192.0.2.4", "dst": "192.0.2.1"}, {"src": "2001:db8::4", "dst": "2001:db8::1"}
RIGHT = {"src": MINE, "dst": "192.0.2.1"}
for name, payload in {
        "another address": IP(**OTHER) / UDP4,
        "another's fragment": IP(**OTHER, frag=9) / UDP4,
        "another address behind options": IP(**OTHER, options=[IPOption_RR()]) / UDP4,
        "another address in a provider's tag": Dot1AD(vlan=3) / IP(**OTHER) / UDP4,
        "another address in a priority's tag": Dot1Q(vlan=0, prio=3) / IP(**OTHER) / UDP4,
        "an address in three tags": Dot1AD(vlan=3) / Dot1AD(vlan=3) / Dot1AD(vlan=3) / IP(**RIGHT) / UDP4,
        "loopback": IP(src="127.0.0.1", dst="192.0.2.1") / UDP4,
        "broadcast": IP(src="255.255.255.255", dst="192.0.2.1") / UDP4,
        "a group": IP(src="224.0.0.1", dst="192.0.2.1") / UDP4,
        "no address": IP(src="0.0.0.0", dst="192.0.2.1") / UDP4,
        "no address, and later": IP(src="0.0.0.0", frag=9, proto=17) / bytes(UDP(sport=68, dport=67)),
        "no address, from a server": IP(src="0.0.0.0", dst="192.0.2.1") / UDP(sport=67, dport=68) / DATA,
        "IHL of 4": IP(**RIGHT, ihl=4) / UDP4,
        "IHL behind the end": IP(**RIGHT, ihl=15),
        "version 6 in IPv4": IP(**RIGHT, version=6) / UDP4,
        "total length behind the end": IP(**RIGHT, len=1000) / UDP4,
        "total length of 19": IP(**RIGHT, len=19) / UDP4,
        "UDP length of 0": IP(**RIGHT) / UDP(len=0) / DATA,
        "UDP length behind the end": IP(**RIGHT) / UDP(len=999) / DATA,
        "half of TCP": IP(**RIGHT, proto=6) / bytes(8),
        "TCP data offset of 0": IP(**RIGHT) / TCP(dataofs=0),
        "another's ARP": ARP(hwsrc=GUARDED, psrc="192.0.2.4", pdst="192.0.2.1"),
        "ARP of another station": ARP(hwsrc=A, psrc=MINE, pdst="192.0.2.1"),
        "an ARP probe for another": ARP(hwsrc=GUARDED, psrc="0.0.0.0", pdst="192.0.2.4"),
        "half of ARP": Raw(bytes(ARP(hwsrc=GUARDED, psrc=MINE))[:20]),
        "ARP with long addresses": ARP(hwsrc=GUARDED, psrc=MINE, hwlen=8, plen=4),
        "another IPv6 address": IPv6(**OTHER6) / UDP4,
        "another IPv6 address behind options": IPv6(**OTHER6) / IPv6ExtHdrHopByHop() / UDP4,
        "a fragment of another": IPv6(**OTHER6) / IPv6ExtHdrFragment(id=1, offset=9) / UDP4,
        "no IPv6 address": IPv6(src="::", dst="2001:db8::1") / UDP4,
        "an advertisement of another": nd(ICMPv6ND_NA(tgt="2001:db8::4")),
        "an advertisement of another behind options": nd(ICMPv6ND_NA(tgt="2001:db8::4"), header=IPv6ExtHdrDestOpt()),
        "an advertisement cut off": nd(Raw(bytes(ICMPv6ND_NA(tgt=MINE6))[:16])),
        "detection of another": nd(ICMPv6ND_NS(tgt="2001:db8::4"), "::"),
        "version 4 in IPv6": IPv6(src=MINE6, dst="2001:db8::1", version=4) / UDP4,
        "length behind the end, IPv6": IPv6(src=MINE6, dst="2001:db8::1", plen=999) / UDP4,
        "options behind the end": IPv6(src=MINE6, dst="2001:db8::1", nh=0) / b"\x11\xff\0\0\0\0\0\0",
        # An advertisement in fragments (RFC 6980): the address in the frame's padding is not the one that arrives.
        "an advertisement in fragments": nd(Raw(bytes(ICMPv6ND_NA(tgt=MINE6))),
                                            header=IPv6ExtHdrFragment(id=2, m=1, nh=58)),
}.items():
    crafted = guarded(payload)
    if "ARP" in name:
        crafted = guarded(payload)
        crafted.type = 0x806
    if name == "an advertisement cut off":
        crafted[IPv6].nh = 58
    is_dropped(f"{name}, refused", "guarded", crafted, "address_not_allowed")
first = guarded(nd(Raw(bytes(ICMPv6ND_NA(tgt=MINE6))[:8]), header=IPv6ExtHdrFragment(id=2, m=1, nh=58)))
is_dropped("an advertisement whose target is padding", "guarded",
           first.__class__(bytes(first)) / Raw(bytes(ICMPv6ND_NA(tgt=MINE6))[8:]), "address_not_allowed")

everyday("at last")
finish()
