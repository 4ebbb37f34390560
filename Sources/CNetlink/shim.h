// SPDX-License-Identifier: Apache-2.0
//
// libnl as Swift sees it: its headers, rtnetlink's messages and attributes, and what Glibc's module leaves out.
#pragma once

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/socket.h>
#include <sys/eventfd.h>
