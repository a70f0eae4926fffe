/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "get.h"

#include "base/base64.h"
#include "base/names.h"

#include <errno.h>
#include <stdio.h>

/* The largest report, with room for later versions. */
#define REPORT_BYTES ((size_t)3072)
/* If so many in a row cannot be got, it is not they that are strange: the carrier is not there. */
#define FAILURES_MAX 4U

static int get_one(Carrier *carrier, const char *name, unsigned *failures, Reason *reason)
{
    _cleanup_(bytes_done) Bytes content = {0}, text = {0};
    int r;

    if (strncmp(name, "v1/", strlen("v1/")) != 0 || !name_made_of(name, "-/"))
        return reason_set(reason, OUTCOME_USAGE, "\"%.100s\" is not the name of a carrier's file",
                          name);
    r = carrier->ops->get(carrier, name, REPORT_BYTES, NULL, reason, &content);
    if (r == OUTCOME_CARRIER_FAILED && ++*failures < FAILURES_MAX) {
        printf("%s\t!\n", name);
        return 0;
    }
    if (r == 0 || r == OUTCOME_NOT_FOUND)
        *failures = 0;
    if (r == OUTCOME_NOT_FOUND)
        r = 0;
    if (r == 0)
        r = base64_encode(bytes_view(&content), 0, &text);
    if (r == 0)
        printf("%s\t%.*s\n", name, (int)text.size, (const char *)text.data);
    return r;
}

int get(Carrier *carrier, Reason *reason)
{
    unsigned failures = 0, count = 0;
    _cleanup_(freep) char *line = NULL;
    size_t room = 0;
    ssize_t length;
    int r = 0;

    while (r == 0 && (length = getline(&line, &room, stdin)) > 0) {
        if (line[length - 1] == '\n')
            line[length - 1] = '\0';
        r = get_one(carrier, line, &failures, reason);
        count++;
    }
    if (r == 0 && failures > 0 && failures == count)
        return OUTCOME_CARRIER_FAILED; /* all of them */
    if (r == 0 && ferror(stdin))
        r = reason_set(reason, -EIO, "standard input");
    return r;
}
