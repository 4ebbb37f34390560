// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// For code that replaces other code while it runs: values of a table that has another layout now.
//
//     struct old_session { __u32 seen; };
//     HOVER_MIGRATE(sessions, struct old_session, struct session)
//     {
//         new->seen = old->seen;
//         new->hits = 0;
//         return 0;
//     }
#pragma once

#include "hook.h"

// Declares how a value of the replaced code's table becomes one of this code's. The body gets `old` and `new`, which is
// all zeros, and returns 0, or anything else to refuse the exchange. Keys stay as they are. It runs once for each entry,
// before the new code sees packets.
#define HOVER_MIGRATE(table, old_type, new_type)                                                                      \
	static __always_inline int hover_migrate_value_##table(const old_type *old, new_type *new);                   \
	HOVER_SECTION int hover_migrate_##table(HOVER_CONTEXT *context)                                               \
	{                                                                                                             \
		/* User space runs it on 14 bytes, an old value, and room for a new one. */                           \
		char *data = (void *)(long)context->data;                                                             \
		char *end = (void *)(long)context->data_end;                                                          \
                                                                                                                      \
		if (data + 14 + sizeof(old_type) + sizeof(new_type) > end)                                            \
			return -1;                                                                                    \
		return hover_migrate_value_##table((const old_type *)(data + 14),                                     \
						   (new_type *)(data + 14 + sizeof(old_type)));                       \
	}                                                                                                             \
	static __always_inline int hover_migrate_value_##table(const old_type *old, new_type *new)
