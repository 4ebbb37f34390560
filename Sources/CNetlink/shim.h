// SPDX-License-Identifier: Apache-2.0
//
// libnl as Swift sees it: its headers, rtnetlink's messages and attributes, and what Glibc's module leaves out.
#pragma once

#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/socket.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
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

// sendmsg(2) with a mark for this packet alone (SO_MARK as ancillary data, socket(7)). Swift cannot import the macros that
// lay out ancillary data.
static inline ssize_t hover_send_marked(int socket, struct iovec *parts, size_t count, unsigned int mark)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(mark))];
	} control = {};
	struct msghdr message = {
		.msg_iov = parts,
		.msg_iovlen = count,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SO_MARK;
	control.header.cmsg_len = CMSG_LEN(sizeof(mark));
	memcpy(CMSG_DATA(&control.header), &mark, sizeof(mark));
	return sendmsg(socket, &message, 0);
}
