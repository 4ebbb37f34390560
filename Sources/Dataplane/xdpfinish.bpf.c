// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// A module's hover_finish at xdp.
#define HOVER_XDP
#include <hover/iomodule_types.h>
#include <hover/finish.h>
