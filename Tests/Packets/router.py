#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Packets made by hand, and what a router answers, as scapy reads it.

Runs on the host 10.0.1.2, 2001:db8:1::2 behind the router's port 10.0.1.1, 2001:db8:1::1 (RouterRig.swift). Prints a line
for each answer that is wrong; none means that all are right.
"""
import logging
import sys

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.all import (  # noqa: E402
    ARP, ICMP, IP, UDP, Ether, ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS,
    ICMPv6ND_RA, ICMPv6ND_RS, ICMPv6NDOptDNSSL, ICMPv6NDOptDstLLAddr, ICMPv6NDOptPrefixInfo, ICMPv6NDOptRDNSS,
    ICMPv6NDOptSrcLLAddr, ICMPv6ParamProblem, ICMPv6TimeExceeded, IPOption_RR, IPv6, IPv6ExtHdrDestOpt,
    IPv6ExtHdrHopByHop, Raw, conf, get_if_hwaddr, srp1)

conf.verb = 0
HERE = get_if_hwaddr("eth0")
failures = []


def check(name, holds, answer=None):
    if not holds:
        failures.append(name)
        print(name, "" if answer is None else answer.summary())


def ask(packet, timeout=3.0, to=None):
    return srp1(Ether(src=HERE, dst=to or GATEWAY) / packet, iface="eth0", timeout=timeout)


def has_right_sums(answer):
    """Whether scapy computes the same checksums."""
    again = answer.copy()
    for layer in (IP, ICMP):
        if layer in again:
            del again[layer].chksum
    for layer in (ICMPv6TimeExceeded, ICMPv6DestUnreach, ICMPv6ParamProblem, ICMPv6ND_NA, ICMPv6ND_RA, ICMPv6EchoReply):
        if layer in again:
            del again[layer].cksum
    return bytes(Ether(bytes(again))) == bytes(answer)


def check_error4(name, packet, kind, code):
    answer = ask(packet)
    check(name, answer is not None and ICMP in answer and (answer[ICMP].type, answer[ICMP].code) == (kind, code)
          and answer[IP].src == "10.0.1.1" and has_right_sums(answer), answer)


def check_error6(name, packet, layer, code):
    answer = ask(packet)
    check(name, answer is not None and layer in answer and answer[layer].code == code
          and answer[IPv6].src == "2001:db8:1::1" and has_right_sums(answer), answer)


arp = srp1(Ether(src=HERE, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=HERE, psrc="10.0.1.2", pdst="10.0.1.1"), iface="eth0",
           timeout=3)
if arp is None:
    sys.exit("the router does not answer ARP")
GATEWAY = arp[ARP].hwsrc
check("arp", arp[ARP].op == 2 and arp[ARP].hwdst == HERE and arp[Ether].src == GATEWAY, arp)

UDP4 = UDP(sport=4000, dport=9) / Raw(b"x" * 30)
check_error4("time exceeded", IP(src="10.0.1.2", dst="10.0.2.2", ttl=1) / UDP4, 11, 0)
check_error4("time exceeded with options", IP(src="10.0.1.2", dst="10.0.2.2", ttl=1, options=[IPOption_RR()]) / UDP4,
             11, 0)
check_error4("first fragment", IP(src="10.0.1.2", dst="10.0.2.2", ttl=1, flags="MF") / UDP4, 11, 0)
check_error4("no route", IP(src="10.0.1.2", dst="172.16.0.1") / UDP4, 3, 0)
check_error4("port", IP(src="10.0.1.2", dst="10.0.1.1") / UDP4, 3, 3)
check_error4("protocol", IP(src="10.0.1.2", dst="10.0.1.1", proto=200) / Raw(b"x" * 30), 3, 2)
for name, packet in {
    "later fragment": IP(src="10.0.1.2", dst="10.0.2.2", ttl=1, frag=5) / Raw(b"x" * 30),
    "error about an error": IP(src="10.0.1.2", dst="10.0.2.2", ttl=1) / ICMP(type=3, code=1) / Raw(b"x" * 30),
    "no source": IP(src="0.0.0.0", dst="10.0.2.2", ttl=1) / UDP4,
}.items():
    answer = ask(packet, timeout=0.3)
    check(name, answer is None, answer)

echo = ask(IP(src="10.0.1.2", dst="10.0.1.1", options=[IPOption_RR()]) / ICMP(id=7, seq=3) / Raw(b"hover"))
check("echo", echo is not None and echo[ICMP].type == 0 and echo[ICMP].id == 7 and echo[Raw].load == b"hover"
      and has_right_sums(echo), echo)

UDP6 = UDP(sport=4000, dport=9) / Raw(b"x" * 30)
SIX = {"src": "2001:db8:1::2"}
check_error6("time exceeded, IPv6", IPv6(dst="2001:db8:2::2", hlim=1, **SIX) / UDP6, ICMPv6TimeExceeded, 0)
check_error6("behind options", IPv6(dst="2001:db8:2::2", hlim=1, **SIX) / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt()
             / UDP6, ICMPv6TimeExceeded, 0)
check_error6("no route, IPv6", IPv6(dst="2001:db8:ffff::1", **SIX) / UDP6, ICMPv6DestUnreach, 0)
check_error6("port, IPv6", IPv6(dst="2001:db8:1::1", **SIX) / UDP6, ICMPv6DestUnreach, 4)
check_error6("next header", IPv6(dst="2001:db8:1::1", nh=200, **SIX) / Raw(b"x" * 30), ICMPv6ParamProblem, 1)
echo = ask(IPv6(dst="2001:db8:1::1", **SIX) / ICMPv6EchoRequest(id=7, data=b"hover"))
check("echo, IPv6", echo is not None and ICMPv6EchoReply in echo and echo[ICMPv6EchoReply].data == b"hover"
      and has_right_sums(echo), echo)

# In the usual form, which the kernel answers, and in others, which the slow path does.
for name, options in {"solicitation": [HERE], "without option": []}.items():
    question = IPv6(dst="ff02::1:ff00:1", hlim=255, **SIX) / ICMPv6ND_NS(tgt="2001:db8:1::1")
    for mac in options:
        question /= ICMPv6NDOptSrcLLAddr(lladdr=mac)
    answer = ask(question, to="33:33:ff:00:00:01")
    check(name, answer is not None and ICMPv6ND_NA in answer and answer[ICMPv6ND_NA].tgt == "2001:db8:1::1"
          and (answer[ICMPv6ND_NA].R, answer[ICMPv6ND_NA].S, answer[ICMPv6ND_NA].O) == (1, 1, 1)
          and answer[ICMPv6NDOptDstLLAddr].lladdr == GATEWAY and has_right_sums(answer), answer)

answer = ask(IPv6(src="2001:db8:1::2", dst="ff02::2", hlim=255) / ICMPv6ND_RS() / ICMPv6NDOptSrcLLAddr(lladdr=HERE),
             to="33:33:00:00:00:02")
check("advertisement", answer is not None and ICMPv6ND_RA in answer and answer[IPv6].hlim == 255
      and answer[IPv6].src.startswith("fe80:") and answer[ICMPv6NDOptPrefixInfo].prefix == "2001:db8:1::"
      and answer[ICMPv6NDOptRDNSS].dns == ["2001:db8::53"] and answer[ICMPv6NDOptDNSSL].searchlist == ["example.org."]
      and has_right_sums(answer), answer)

sys.exit(1 if failures else 0)
