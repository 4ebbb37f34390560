// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// What all fixtures share. In those that the verifier refuses, "// here" marks the line that it must name.
#pragma once

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char fixture_license[] SEC("license") = "GPL";
