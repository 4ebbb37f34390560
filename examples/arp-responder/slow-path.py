#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The slow path of arp-responder: answers for the addresses that the module does not know yet.

It listens to what the module asks. An address that it knows it puts into the module's table, and the request into the
module again, which then answers it. A request for any other address goes on to the other port.
"""

import argparse
import http.client
import ipaddress
import json
import os
import re
import signal
import socket
import struct
import sys

# As in arp-responder.c.
UNKNOWN_ADDRESS = 1
STATION = re.compile("[0-9a-f]{2}(:[0-9a-f]{2}){5}", re.IGNORECASE)


class Hoverd(http.client.HTTPConnection):
    """A connection to hoverd's Unix socket."""

    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        try:
            self.sock.connect(self.path)
        except OSError as error:
            raise OSError(f"hoverd does not answer at {self.path}: {error.strerror}") from error

    def call(self, method, path, body=None):
        """The response to a request; what hoverd refuses is an OSError with its reason."""
        content = None if body is None else json.dumps(body)
        self.request(method, path, content, {"Content-Type": "application/json"})
        response = self.getresponse()
        if response.status >= 300:
            raise OSError(json.loads(response.read())["detail"])
        return response


class SlowPath:
    def __init__(self, socket_path, module, answers):
        self.socket_path = socket_path
        self.module = "/v1/modules/" + module
        self.answers = answers

    def run(self):
        """Answers until the module is deleted."""
        stream = Hoverd(self.socket_path).call("GET", self.module + "/packets")
        for line in stream:
            if line.startswith(b": listening"):
                print("listening", flush=True)
            elif line.startswith(b"data: "):
                packet = json.loads(line[len(b"data: "):])
                if packet["reason"] == UNKNOWN_ADDRESS:
                    self.handle(packet)

    def handle(self, packet):
        # The address as it lies in the packet, seen as a number of this machine.
        asked = socket.inet_ntoa(struct.pack("=I", packet["metadata"][0]))
        station = self.answers(asked)
        print(f"port {packet['port']}: who has {asked}? {station or 'not known here'}", flush=True)
        hoverd = Hoverd(self.socket_path)
        try:
            if station:
                entry = self.module + "/tables/stations/entries/" + asked
                hoverd.call("PUT", entry, {"value": station}).read()
                again = {"port": packet["port"], "direction": "in"}
            else:
                again = {"port": 3 - packet["port"], "direction": "out"}
            hoverd.call("POST", self.module + "/packets", {**again, "bytes": packet["bytes"]}).read()
        except OSError as error:
            print(f"{asked}: {error}", file=sys.stderr, flush=True)
        finally:
            hoverd.close()


def parse_answer(text):
    address, _, station = text.partition("=")
    if not STATION.fullmatch(station):
        raise argparse.ArgumentTypeError(f"{text}: expected an address and a station, 10.0.0.9=02:00:00:00:00:09")
    try:
        return str(ipaddress.IPv4Address(address)), station
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from error


def read_answers(path):
    """The answers in a file: an address and a station a line, with blanks between."""
    with open(path, encoding="utf-8") as file:
        lines = [line.split("#")[0].split() for line in file]
    return dict(parse_answer("=".join(words)) for words in lines if words)


def socket_path(endpoint):
    path = endpoint.removeprefix("unix:")
    if "://" in path:
        sys.exit(f"slow-path.py: HOVER_ENDPOINT is {endpoint}: expected the path of a Unix socket")
    return path


def main():
    parser = argparse.ArgumentParser(description="The slow path of the module arp-responder.")
    parser.add_argument("--module", default="arp-responder", help="its name or id")
    parser.add_argument("--file", help="answers: lines with an address and a station")
    parser.add_argument(
        "--answer", action="append", type=parse_answer, default=[], metavar="ADDRESS=STATION", help="one more answer")
    options = parser.parse_args()
    endpoint = socket_path(os.environ.get("HOVER_ENDPOINT", "/run/hover/hover.sock"))
    # In the background of a shell script, SIGINT is ignored at first.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        answers = read_answers(options.file) if options.file else {}
        answers.update(options.answer)
        SlowPath(endpoint, options.module, answers.get).run()
    except KeyboardInterrupt:
        pass
    except (OSError, http.client.HTTPException, argparse.ArgumentTypeError) as error:
        sys.exit(f"slow-path.py: {error}")


if __name__ == "__main__":
    main()
