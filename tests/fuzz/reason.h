/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/outcome.h"

#include <assert.h>

/* A parser that returned R gives a reason if it refuses, and only then; it can be printed. */
static inline void check_reason(int r, const Reason *reason)
{
    assert((r == 0) == (reason->text[0] == '\0'));
    for (const char *cursor = reason->text; *cursor; cursor++)
        assert((unsigned char)*cursor >= ' ' && *cursor != 0x7f);
}
