// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The libc's headers include this for targets other than the host's own, and Debian ships it only with multilib. It
// lists functions that the libc lacks: none matters to eBPF.
