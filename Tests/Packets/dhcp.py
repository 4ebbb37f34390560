#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Messages made by hand to `dhcp`, and what scapy reads in the answers.

Usage: dhcp.py SOCKET-OF-HOVERD PREFIX-OF-NAMESPACES, with the network of CraftedPacketTests.swift: `client` at a server
192.168.1.250 that gives 192.168.1.100 to 199, and 10.9.0.10 to 20 behind relays. Prints a line for each thing that is
wrong; none means that all is right.
"""
import ipaddress

from ends import Chain, describe, fail, finish, wrong_sums
from scapy.all import (ARP, BOOTP, DHCP, ICMP, IP, TCP, UDP, DHCP6_InfoRequest, DHCP6_Reply, DHCP6_Solicit,
                       DHCP6OptClientId, DHCP6OptDNSDomains, DHCP6OptDNSServers, DHCP6OptIA_NA, DHCP6OptOptReq,
                       DHCP6OptServerId, Dot1Q, DUID_LL, Ether, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS,
                       ICMPv6NDOptDstLLAddr, IPOption_RR, IPv6, Raw, fragment, mac2str)

SERVER, SERVER_IP, SERVER_LINK = "b6:87:f8:5a:40:23", "192.168.1.250", "fe80::b487:f8ff:fe5a:4023"
ALL = "ff:ff:ff:ff:ff:ff"
COOKIE = b"\x63\x82\x53\x63"
ROUTER = "02:00:00:00:00:fe"


def mac(number):
    return f"02:00:00:00:00:{number:02x}"


def marker(number):
    """A ping: it takes the way of DHCP's messages, in the same order."""
    data = b"marker %d" % number
    echo = Ether(src=ROUTER, dst=SERVER) / IP(src="192.168.1.1", dst=SERVER_IP) / ICMP(id=1) / data
    reply = Ether(src=SERVER, dst=ROUTER) / IP(src=SERVER_IP, dst="192.168.1.1", id=0) / ICMP(type=0, id=1) / data
    return echo, "client", reply


def counters(state):
    counts = state["counts"] | {f"refused {key}": number for key, number in state["refused"].items()}
    return {key: number for key, number in counts.items() if key != "echo"}


chain = Chain("dhcp", ["client"], counters, {"client": marker})


def datagram(message, source=None, **fields):
    """A message in a broadcast."""
    return (Ether(src=source or mac(1), dst=ALL) / IP(**{
        "src": "0.0.0.0",
        "dst": "255.255.255.255"
    } | fields) / UDP(sport=68, dport=67) / message)


def message(kind, number=1, options=(), **fields):
    """A client's message."""
    chosen = [("message-type", kind)] if kind is not None else []
    bootp = BOOTP(**{"op": 1, "chaddr": mac2str(mac(number)), "xid": number << 16} | fields)
    return bootp / DHCP(options=[*chosen, *options, "end"])


def raw(options, number=1, **fields):
    """A message with the bytes of its options."""
    return BOOTP(**{
        "op": 1,
        "chaddr": mac2str(mac(number)),
        "xid": number << 16,
        "options": COOKIE
    } | fields) / Raw(options)


def says_nothing(name, packet, **counts):
    chain.check(name, "client", packet, counts=counts)


def is_answered(name, packet, kind, **counts):
    """Checks that one right answer comes, of a kind; returns it."""
    arrived, counted = chain.observe(name, "client", [packet], least=1)
    frames = arrived["client"]
    if len(frames) != 1:
        fail(name, f"there came {describe(arrived)}")
        return None
    answer = Ether(frames[0])
    if DHCP not in answer or option(answer, "message-type") != kind:
        fail(name, f"not of kind {kind}: {describe(arrived)}")
        return None
    if counted != counts:
        fail(name, f"counted {counted}, not {counts}")
    if wrong_sums(frames[0]):
        fail(name, f"wrong checksums of {wrong_sums(frames[0])}: {describe(arrived)}")
    asked, bootp = packet[BOOTP], answer[BOOTP]
    same = ["xid", "htype", "hlen", "flags", "giaddr"] if kind != 6 else ["xid", "htype", "hlen", "giaddr"]
    for field in same:
        if getattr(asked, field) != getattr(bootp, field):
            fail(name, f"{field} is {getattr(bootp, field)}")
    if bootp.chaddr != asked.chaddr.ljust(16, b"\0")[:asked.hlen].ljust(16, b"\0"):
        fail(name, f"chaddr is {bootp.chaddr.hex()}")
    if (bootp.op, answer.src, answer[IP].src, answer[UDP].sport) != (2, SERVER, SERVER_IP, 67):
        fail(name, f"not from the server: {describe(arrived)}")
    if option(answer, "server_id") != SERVER_IP:
        fail(name, f"server is {option(answer, 'server_id')}")
    if frames[0][42:].rstrip(b"\0")[-1] != 255 or len(frames[0]) < 342:
        fail(name, "it has no end, or is too short for BOOTP")
    return answer


def option(answer, name):
    """The value of an option, or a tuple of several values."""
    for entry in answer[DHCP].options:
        if isinstance(entry, tuple) and entry[0] == name:
            return entry[1] if len(entry) == 2 else entry[1:]
    return None


def expect(name, answer, **values):
    """Checks what an answer holds: `to`, (Ethernet, IP, port), `yiaddr`, or options."""
    if answer is None:
        return
    found = {
        "to": (answer.dst, answer[IP].dst, answer[UDP].dport),
        "yiaddr": answer[BOOTP].yiaddr,
        "ciaddr": answer[BOOTP].ciaddr
    }
    for key, value in values.items():
        there = found[key] if key in found else option(answer, key)
        if there != value:
            fail(name, f"{key} is {there}, not {value}")


def lease(when, number):
    """A client's usual way."""
    name = f"{{}} {when}"
    wants = ("param_req_list", [1, 3, 6, 15, 26, 28, 51])
    offer = is_answered(name.format("offer"), datagram(message("discover", number, [wants]), mac(number)), 2,
                        discover=1, offer=1)
    if offer is None:
        return None
    address = offer[BOOTP].yiaddr
    if not ipaddress.ip_address("192.168.1.100") <= ipaddress.ip_address(address) <= ipaddress.ip_address(
            "192.168.1.199"):
        fail(when, f"was offered {address}")
    values = {
        "lease_time": 3600,
        "renewal_time": 1800,
        "rebinding_time": 3150,
        "subnet_mask": "255.255.255.0",
        "router": "192.168.1.1",
        "name_server": ("192.168.1.1", "9.9.9.9"),
        "domain": b"example.org",
        "interface-mtu": 1400,
        "broadcast_address": "192.168.1.255",
    }
    expect(name.format("offer"), offer, to=(mac(number), address, 68), **values)
    ask = [("requested_addr", address), ("server_id", SERVER_IP), wants, ("hostname", b"host-%d" % number)]
    ack = is_answered(name.format("acknowledgement"), datagram(message("request", number, ask), mac(number)), 5,
                      request=1, ack=1)
    expect(name.format("acknowledgement"), ack, to=(mac(number), address, 68), yiaddr=address, **values)
    renewal = datagram(message("request", number, [wants], ciaddr=address), mac(number), src=address, dst=SERVER_IP)
    renewal.dst = SERVER
    ack = is_answered(name.format("renewal"), renewal, 5, request=1, ack=1)
    expect(name.format("renewal"), ack, to=(mac(number), address, 68), yiaddr=address, ciaddr=address, **values)
    ask = datagram(message("discover", number, [wants], flags=0x8000), mac(number))
    expect(name.format("broadcast"), is_answered(name.format("broadcast"), ask, 2, discover=1, offer=1),
           to=(ALL, "255.255.255.255", 68), yiaddr=address)
    held = [row for row in chain.state()["leases"] if row["address"] == address]
    if len(held) != 1 or held[0].get("mac") != mac(number) or held[0].get("hostname") != f"host-{number}":
        fail(when, f"the lease of {address} is {held}")
    return address


mine = lease("at first", 1)
OFFER = {"discover": 1, "offer": 1}

# Options that are strange, and can be read.
for name, options in {
        "no end": b"\x35\x01\x01",
        "padding before and behind": b"\0\0\x35\x01\x01\0\0\xff\0\0",
        "an unknown option": b"\xfe\x03abc\x35\x01\x01\xff",
        "an address of no length": b"\x35\x01\x01\x32\0\xff",
        "an address of three bytes": b"\x35\x01\x01\x32\3\xc0\xa8\1\xff",
        "a time of no length": b"\x35\x01\x01\x33\0\xff",
        "a lease time of 0": b"\x35\x01\x01\x33\4\0\0\0\0\xff",
        "the longest lease time": b"\x35\x01\x01\x33\4\xff\xff\xff\xff\xff",
        "a size of 0": b"\x35\x01\x01\x39\2\0\0\xff",
        "a size of 65535": b"\x35\x01\x01\x39\2\xff\xff\xff",
        "wishes for all": b"\x35\x01\x01\x37\xff" + bytes(range(255)) + b"\xff",
        "no wishes": b"\x35\x01\x01\x37\0\xff",
        "wishes repeated": b"\x35\x01\x01" + b"\x37\xff" + b"\3" * 255 + b"\xff",
        "an identifier of no length": b"\x35\x01\x01\x3d\0\xff",
        "an identifier of one byte": b"\x35\x01\x01\x3d\1\1\xff",
        "rubbish behind the end": b"\x35\x01\x01\xff\x35\xff\xff\xff",
        "an overload of 0": b"\x35\x01\x01\x34\1\0\xff",
        "an overload of no length": b"\x35\x01\x01\x34\0\xff",
        "an overload of 255": b"\x35\x01\x01\x34\1\xff\xff",
        "the address of another": b"\x35\x01\x01\x32\4\xc0\xa8\1\xfa\xff",
        "a group's address": b"\x35\x01\x01\x32\4\xe0\0\0\1\xff",
}.items():
    answer = is_answered(name, datagram(raw(options)), 2, **OFFER)
    expect(name, answer, yiaddr=mine, to=(mac(1), mine, 68))
    if answer is not None and len(answer[UDP]) > 1480:
        fail(name, f"an answer of {len(answer[UDP])} bytes")
times = is_answered("a lease time of 0", datagram(raw(b"\x35\x01\x01\x33\4\0\0\0\0\xff")), 2, **OFFER)
expect("a lease time of 0", times, lease_time=10)
for flag, field in ((1, "file"), (2, "sname")):
    there = {field: b"\x35\x01\x01\x34\1\3\xff"}
    expect(f"the kind in {field}",
           is_answered(f"the kind in {field}", datagram(raw(b"\x34\1" + bytes([flag]) + b"\xff", **there)), 2, **OFFER),
           yiaddr=mine)

# Options that cannot be read, and messages that say nothing.
for name, packet in {
        "an option behind the end": raw(b"\x35\x01\x01\x0c\xff" + b"x" * 20),
        "an option without length": raw(b"\x35\x01\x01\x0c"),
        "a kind without value": raw(b"\x35\x01"),
        "a length of 255 and nothing": raw(b"\x35\xff"),
        "an overload to rubbish": raw(b"\x35\1\1\x34\1\1\xff", file=b"\x0c\xff" + b"x" * 126),
        "an overload to rubbish in the name": raw(b"\x35\1\1\x34\1\2\xff", sname=b"\x0c\xff" + b"x" * 62),
        "another cookie": BOOTP(op=1, chaddr=mac2str(mac(1)), options=b"\x63\x82\x53\x64") / Raw(b"\x35\1\1\xff"),
        "no cookie": Raw(bytes(BOOTP(op=1, chaddr=mac2str(mac(1))))[:236]),
        "half a message": Raw(bytes(message("discover"))[:100]),
        "nothing": Raw(b""),
        "op 0": message("discover", op=0),
        "op 3": message("discover", op=3),
        "an address of 17 bytes": message("discover", hlen=17),
        "an address of 255 bytes": message("discover", hlen=255),
        "no address": message("discover", hlen=0),
}.items():
    says_nothing(name, datagram(packet), malformed=1)
for kind, options in {"request": [], "decline": [("server_id", SERVER_IP)], "inform": []}.items():
    says_nothing(f"{kind} of nothing", datagram(message(kind, 2, options)), malformed=1, **{kind: 1})
for name, options in {
        "BOOTP": b"\xff",
        "no options": b"",
        "padding": bytes(60),
        "kind 0": b"\x35\1\0\xff",
        "kind 9": b"\x35\1\x09\xff",
        "kind 255": b"\x35\1\xff\xff",
        "a kind of two bytes": b"\x35\2\1\1\xff",
        "two kinds": b"\x35\1\1\x35\1\3\xff",
        "a kind of no length": b"\x35\0\xff"
}.items():
    says_nothing(name, datagram(raw(options)), unknown_kind=1)
says_nothing("an answer", datagram(message("discover", op=2)), from_server=1)
for kind in ("offer", "ack", "nak"):
    says_nothing(f"{kind} of another server", datagram(message(kind)), from_server=1)

# Who it is.
for name, number, fields, options, to in [
    ("a hardware of 16 bytes", 10, {
        "hlen": 16
    }, [], "all"),
    ("another hardware", 11, {
        "htype": 32
    }, [], "all"),
    ("an identifier instead of an address", 12, {
        "hlen": 0
    }, [("client_id", b"\xff0123")], "all"),
    ("the longest identifier", 13, {}, [("client_id", bytes(range(255)))], "it"),
    ("an identifier that goes on", 14, {}, [("client_id", b"a" * 255), ("client_id", b"b" * 45)], "it"),
    ("a relay's option", 15, {}, [("relay_agent_information", b"\1\4port")], "it"),
    ("rubbish for a relay's option", 16, {}, [("relay_agent_information", b"\1\xff\2")], "it"),
    ("many hops", 17, {
        "hops": 255,
        "secs": 65535
    }, [], "it"),
    ("all flags", 18, {
        "flags": 0xffff
    }, [], None),
]:
    if to is None:
        # Only the first bit means something, and the others are to be ignored (RFC 2131, section 2).
        arrived, counted = chain.observe(name, "client", [datagram(message("discover", number, options, **fields))],
                                         least=1)
        answers = [Ether(frame) for frame in arrived["client"]]
        if counted != OFFER or len(answers) != 1 or answers[0][BOOTP].flags != 0x8000 or answers[0].dst != ALL:
            fail(name, f"{counted}; {describe(arrived)}")
        continue
    answer = is_answered(name, datagram(message("discover", number, options, **fields), mac(number)), 2, **OFFER)
    if answer is not None:
        address = answer[BOOTP].yiaddr
        expect(name, answer, to=(ALL, "255.255.255.255", 68) if to == "all" else (mac(number), address, 68))
        for code, value in options:
            if options.count(code) == 1 and option(answer, code) != value:
                fail(name, f"{code} comes back as {option(answer, code)}")
for name, address in {"zeros": bytes(6), "everybody": b"\xff" * 6, "a group": b"\x01\0\x5e\0\0\1"}.items():
    says_nothing(f"an address of {name}", datagram(message("discover", chaddr=address)), malformed=1)

# What others have, and other servers'.
taken = [("requested_addr", mine), ("server_id", SERVER_IP)]
refusal = is_answered("another's address", datagram(message("request", 20, taken), mac(20)), 6, request=1, nak=1)
expect("another's address", refusal, to=(ALL, "255.255.255.255", 68), yiaddr="0.0.0.0", lease_time=None,
       subnet_mask=None)
refusal = is_answered("another network's address",
                      datagram(message("request", 20, [("requested_addr", "172.16.0.9")]), mac(20)), 6, request=1,
                      nak=1)
for address in (SERVER_IP, "192.168.1.255", "192.168.1.0", "192.168.1.1", "192.168.1.50", "0.0.0.0", "255.255.255.255"):
    refusal = is_answered(
        f"the address {address}",
        datagram(message("request", 20, [("requested_addr", address), ("server_id", SERVER_IP)]), mac(20)), 6,
        request=1, nak=1)
elsewhere = [("requested_addr", mine), ("server_id", "192.168.1.9")]
says_nothing("another server's offer", datagram(message("request", 20, elsewhere)), request=1, other_server=1)
says_nothing("a server of three bytes", datagram(raw(b"\x35\1\3\x36\3\xc0\xa8\1\xff", 20)), request=1, other_server=1)
says_nothing("an unknown client", datagram(message("request", 20, [("requested_addr", "192.168.1.180")])), request=1,
             unknown_client=1)
says_nothing("a decline of another's", datagram(message("decline", 20, taken)), decline=1, unknown_client=1)
says_nothing("a decline to another", datagram(message("decline", 1, elsewhere)), decline=1, other_server=1)
says_nothing("a release of another's", datagram(message("release", 20, [("server_id", SERVER_IP)], ciaddr=mine)),
             release=1, unknown_client=1)
says_nothing("a release of nothing", datagram(message("release", 1, [("server_id", SERVER_IP)])), release=1,
             unknown_client=1)
for name, hostname in {
        "zeros": bytes(8),
        "no UTF-8": b"\xff\xfe\x80",
        "lines": b"a\nb\r\n",
        "quotes": b'"; drop',
        "a path": b"../../etc",
        "spaces": b"a b",
        "the longest": b"x" * 255,
        "nothing": b"",
        "control": b"\x1b[31mred"
}.items():
    ask = [("requested_addr", mine), ("server_id", SERVER_IP), ("hostname", hostname)]
    is_answered(f"a host's name of {name}", datagram(message("request", 1, ask)), 5, request=1, ack=1)
    held = [row for row in chain.state()["leases"] if row["address"] == mine]
    if len(held) != 1 or "hostname" in held[0]:
        fail(f"a host's name of {name}", f"is shown as {held}")

# Relays.
answer = is_answered("behind a relay",
                     datagram(message("discover", 30, giaddr="10.9.0.1"), ROUTER, src="10.9.0.1", dst=SERVER_IP), 2,
                     **OFFER)
expect("behind a relay", answer, to=(ROUTER, "10.9.0.1", 67), yiaddr="10.9.0.10", subnet_mask="255.255.255.0",
       router="10.9.0.1")
for relay in ("10.8.0.1", "224.0.0.1", "255.255.255.255", "127.0.0.1"):
    says_nothing(f"the relay {relay}", datagram(message("discover", 31, giaddr=relay), ROUTER), no_subnet=1)

for number in range(31, 41):
    is_answered("the relay's addresses", datagram(message("discover", number, giaddr="10.9.0.1"), ROUTER), 2, **OFFER)
says_nothing("one more behind the relay", datagram(message("discover", 41, giaddr="10.9.0.1"), ROUTER), discover=1,
             exhausted=1)

# Who has an address already (RFC 2131, section 4.3.5).
inform = datagram(message("inform", 1, ciaddr="192.168.1.9"), src="192.168.1.9", dst=SERVER_IP)
answer = is_answered("inform", inform, 5, inform=1, ack=1)
expect("inform", answer, to=(mac(1), "192.168.1.9", 68), yiaddr="0.0.0.0", ciaddr="192.168.1.9", lease_time=None,
       subnet_mask="255.255.255.0")
for address in ("127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", SERVER_IP):
    says_nothing(f"inform of {address}", datagram(message("inform", 1, ciaddr=address)), inform=1, malformed=1)
    says_nothing(f"inform from {address}", datagram(message("inform", 1), src=address), inform=1, malformed=1)

# How it comes.
good = message("discover", 1)
for name, packet in {
        "options of IP": datagram(good, options=[IPOption_RR()]),
        "TTL 0": datagram(good, ttl=0),
        "TTL 1": datagram(good, ttl=1),
        "from loopback": datagram(good, src="127.0.0.1"),
        "from all": datagram(good, src="255.255.255.255"),
        "from itself": datagram(good, src=SERVER_IP),
        "without checksum": datagram(good),
        "with another checksum": datagram(good),
}.items():
    if "checksum" in name:
        packet[UDP].chksum = 0 if name.startswith("without") else 0x1234
    expect(name, is_answered(name, packet, 2, **OFFER), to=(mac(1), mine, 68))
for name, packet, reason in [
    ("IHL of 4", datagram(good, ihl=4), "refused malformed"),
    ("IHL of 0", datagram(good, ihl=0), "refused malformed"),
    ("version 6", datagram(good, version=6), "refused malformed"),
    ("length behind the end", datagram(good, len=1400), "refused truncated"),
    ("length of 27", datagram(good, len=27), "refused malformed"),
    ("length of 0", datagram(good, len=0), "refused malformed"),
    ("a wrong checksum of IP", datagram(good, chksum=0x1234), "unreadable"),
    ("from a group's station", datagram(good, "01:00:5e:00:00:01"), "unreadable"),
    ("a tag", Ether(src=mac(1), dst=ALL) / Dot1Q(vlan=5) / datagram(good)[IP], "refused tagged"),
    ("to another station", Ether(src=mac(1), dst=mac(2)) / datagram(good)[IP], "refused other_station"),
    ("to another address", datagram(good, dst="192.168.1.251"), "refused other_address"),
    ("to a group", datagram(good, dst="224.0.0.1"), "refused other_address"),
    ("TCP", Ether(src=mac(1), dst=SERVER) / IP(src=mine, dst=SERVER_IP) / TCP(dport=67), "refused other_protocol"),
    ("DNS", Ether(src=mac(1), dst=SERVER) / IP(src=mine, dst=SERVER_IP) / UDP(dport=53), "refused other_protocol"),
    ("an error", Ether(src=mac(1), dst=SERVER) / IP(src=mine, dst=SERVER_IP) / ICMP(type=3) / b"\x45\0",
     "refused other_protocol"),
    ("another protocol", Ether(src=mac(1), dst=SERVER, type=0x88B5) / bytes(50), "refused other_protocol"),
    ("half of ARP", Ether(src=mac(1), dst=ALL, type=0x806) / bytes(ARP())[:20], "refused truncated"),
    ("ARP with long addresses", Ether(src=mac(1), dst=ALL) / ARP(hwlen=8, plen=4, pdst=SERVER_IP), "refused malformed"),
    ("RARP's operation", Ether(src=mac(1), dst=ALL) / ARP(op=3, pdst=SERVER_IP), "refused malformed"),
    ("ARP for another", Ether(src=mac(1), dst=ALL) / ARP(hwsrc=mac(1), pdst="192.168.1.251"), "refused other_address"),
]:
    says_nothing(name, packet, **{reason: 1})
for length in (0, 7, 900):
    packet = datagram(good)
    packet[UDP].len = length
    says_nothing(f"a UDP length of {length}", packet, **{"refused malformed": 1})
for piece in fragment(datagram(good / Raw(bytes(400))), 400):
    says_nothing("a fragment", piece, **{"refused fragment": 1})


# What else it answers: ARP, pings, neighbour discovery.
def station(payload, source=mac(1)):
    return Ether(src=source, dst=SERVER) / payload


chain.check(
    "ARP", "client",
    Ether(src=mac(1), dst=ALL) / ARP(hwsrc=mac(1), psrc=mine, pdst=SERVER_IP),
    ("client", Ether(src=SERVER, dst=mac(1)) / ARP(op=2, hwsrc=SERVER, psrc=SERVER_IP, hwdst=mac(1), pdst=mine)))
chain.check(
    "ping", "client", station(IP(src=mine, dst=SERVER_IP, options=[IPOption_RR()]) / ICMP(id=9, seq=3) / b"odd"),
    ("client", Ether(src=SERVER, dst=mac(1)) / IP(src=SERVER_IP, dst=mine, id=0) / ICMP(type=0, id=9, seq=3) / b"odd"))
for source in ("0.0.0.0", "255.255.255.255", "224.0.0.1", "127.0.0.1", "240.0.0.1", SERVER_IP):
    says_nothing(f"a ping from {source}", station(IP(src=source, dst=SERVER_IP) / ICMP()), unreadable=1)
says_nothing("a ping with a wrong checksum", station(IP(src=mine, dst=SERVER_IP) / ICMP(chksum=1)), unreadable=1)
says_nothing("half a ping", station(IP(src=mine, dst=SERVER_IP, proto=1) / \
             bytes(ICMP())[:4]), **{"refused malformed": 1})
LINK = "fe80::1"
arrived, counted = chain.observe("solicitation", "client", [
    Ether(src=mac(1), dst="33:33:ff:5a:40:23") / IPv6(src=LINK, dst="ff02::1:ff5a:4023", hlim=255) /
    ICMPv6ND_NS(tgt=SERVER_LINK)
], least=1)
answer = Ether(arrived["client"][0]) if arrived["client"] else Ether()
chain.holds(
    "solicitation", ICMPv6ND_NA in answer and answer[ICMPv6ND_NA].tgt == SERVER_LINK and answer[IPv6].hlim == 255
    and answer[ICMPv6NDOptDstLLAddr].lladdr == SERVER and not wrong_sums(bytes(answer)) and answer[ICMPv6ND_NA].R == 0,
    arrived["client"])
for name, packet in {
        "a solicitation from afar": IPv6(src=LINK, dst=SERVER_LINK, hlim=64) / ICMPv6ND_NS(tgt=SERVER_LINK),
        "a solicitation with a wrong checksum": IPv6(src=LINK, dst=SERVER_LINK, hlim=255) /
        ICMPv6ND_NS(tgt=SERVER_LINK, cksum=1),
        "a ping from all": IPv6(src="ff02::1", dst=SERVER_LINK) / ICMPv6EchoRequest(),
        "a ping from nowhere": IPv6(src="::", dst=SERVER_LINK) / ICMPv6EchoRequest(),
        "a ping from itself": IPv6(src=SERVER_LINK, dst=SERVER_LINK) / ICMPv6EchoRequest(),
        "a ping from loopback": IPv6(src="::1", dst=SERVER_LINK) / ICMPv6EchoRequest(),
}.items():
    kinds = {"solicitation": 1} if "solicitation" in name else {}
    says_nothing(name, station(packet), unreadable=1, **kinds)


# DHCPv6.
def six(payload, source=LINK, to="ff02::1:2"):
    return (Ether(src=mac(1), dst="33:33:00:01:00:02") / IPv6(src=source, dst=to) / UDP(sport=546, dport=547) / payload)


DUID = DHCP6OptClientId(duid=DUID_LL(lladdr=mac(1)))
arrived, counted = chain.observe("information request", "client",
                                 [six(DHCP6_InfoRequest(trid=77) / DUID / DHCP6OptOptReq(reqopts=[23, 24]))], least=1)
answer = Ether(arrived["client"][0]) if arrived["client"] else Ether()
chain.holds(
    "information request", DHCP6_Reply in answer and answer[DHCP6_Reply].trid == 77 and not wrong_sums(bytes(answer))
    and answer[DHCP6OptDNSServers].dnsservers == ["2001:db8::53"] and (answer.dst, answer[IPv6].dst) == (mac(1), LINK)
    and answer[DHCP6OptDNSDomains].dnsdomains == ["example.org."]
    and bytes(answer[DHCP6OptClientId].duid) == bytes(DUID.duid) and answer[IPv6].src == SERVER_LINK
    and DHCP6OptServerId in answer, arrived["client"])
chain.holds("information request", counted == {"information_request": 1})
says_nothing("a wish for addresses", six(DHCP6_Solicit(trid=78) / DUID / DHCP6OptIA_NA()), no_addresses=1)
for name, payload in {
        "an option behind the end": b"\x0b\0\0\1\0\1\xff\xff\0",
        "half a header": b"\x0b\0",
        "nothing": b"",
        "half an option": b"\x0b\0\0\1\0\1\0"
}.items():
    says_nothing(f"DHCPv6: {name}", six(Raw(payload)), malformed_dhcpv6=1)

chain.holds("no wrong leases", all(row.get("mac") not in ("00:00:00:00:00:00", ALL) for row in chain.state()["leases"]))
lease("at last", 99)
finish()
