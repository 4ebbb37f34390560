// SPDX-License-Identifier: Apache-2.0
//
// The fuzzer of the helpers for modules: random packets, a reference that does to them what the helpers do, in its own
// way, and the loop that compares. In C, because a debug build of it in Swift takes minutes for a million packets.
#pragma once

#include <stdint.h>

// A program in the kernel (Fixtures/fuzz.c), loaded.
struct fuzz_program {
	int program;
	int arguments;
	int results;
	// Whether it is for xdp.
	int is_xdp;
	// Bytes that are the packet's first piece, at xdp; the rest is a fragment. 0: all of it.
	uint32_t first_piece;
};

// What was found.
struct fuzz_report {
	// How many packets were run, and of these, how many parsed and quoted another packet that parsed.
	uint64_t packets;
	uint64_t parsed;
	uint64_t quoting;
	// How often the helpers could do what they were told, and could not.
	uint64_t done;
	uint64_t refused;
	// The first packet with a difference, and what differs; empty if none does.
	uint64_t number;
	char difference[512];
	uint32_t size;
	uint8_t packet[4096];
};

// Runs `count` packets, from number `first` of the sequence that belongs to `seed`, and stops at the first difference.
void fuzz(const struct fuzz_program *program, uint64_t seed, uint64_t first, uint64_t count,
	  struct fuzz_report *report);

// Has the kernel, instead of the device, make the checksums of what leaves by an interface of this network namespace.
// Returns 0, or an error number.
int turn_off_checksum_offload(const char *interface);
