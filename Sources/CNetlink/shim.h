// SPDX-License-Identifier: Apache-2.0
//
// libnl as Swift sees it: its headers, rtnetlink's messages and attributes, and what Glibc's module leaves out.
#pragma once

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/socket.h>
#include <sys/eventfd.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

// Moves the calling thread to the network namespace of an open file. Glibc declares setns with _GNU_SOURCE only.
static inline int hover_enter_network(int file)
{
	return syscall(SYS_setns, file, 0x40000000 /* CLONE_NEWNET, linux/sched.h */) ? -errno : 0;
}

// One of ethtool's commands that read or set a number (struct ethtool_value, linux/ethtool.h), by SIOCETHTOOL, which is
// variadic. Returns 0 or a negative errno.
static inline int hover_ethtool(const char *name, __u32 command, __u32 *value)
{
	struct {
		__u32 command, value;
	} request = { command, *value };
	struct ifreq interface = { 0 };
	int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), result;

	if (file < 0)
		return -errno;
	strncpy(interface.ifr_name, name, sizeof(interface.ifr_name) - 1);
	interface.ifr_data = (void *)&request;
	result = ioctl(file, 0x8946 /* SIOCETHTOOL, linux/sockios.h */, &interface) ? -errno : 0;
	close(file);
	*value = request.value;
	return result;
}
