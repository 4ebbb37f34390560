// SPDX-License-Identifier: Apache-2.0
//
// In C, because Swift cannot call ioctl(2).
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "HelperReference.h"

int turn_off_checksum_offload(const char *interface)
{
	struct ethtool_value value = { .cmd = ETHTOOL_STXCSUM, .data = 0 };
	struct ifreq request = { .ifr_data = (void *)&value };
	int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;

	strncpy(request.ifr_name, interface, sizeof(request.ifr_name) - 1);
	if (file < 0 || ioctl(file, SIOCETHTOOL, &request) != 0)
		error = errno;
	if (file >= 0)
		close(file);
	return error;
}
