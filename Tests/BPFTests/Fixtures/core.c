// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
#include "fixture.h"

struct task_struct {
	int no_such_member;
} __attribute__((preserve_access_index));

SEC("tc")
int refused(struct __sk_buff *skb)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return task->no_such_member; // here
}
