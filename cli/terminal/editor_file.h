/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A file for an editor that is on no disk at any moment.
 *
 * It lies in a file system in memory, which is not written to swap and which nobody but the editor
 * sees: in a mount namespace of its own it is /tmp, and everything else is read-only. So backup and
 * swap files, and whatever else an editor leaves behind, land there too or nowhere. With the
 * editor's end it is gone.
 *
 * The editor itself is trusted, as it runs as root: this is about accidents. Its memory can be
 * swapped like any program's; the user is warned if there is swap.
 */

#include "base/outcome.h"
#include "secret/secret.h"

/* Lets the user edit BEFORE in a file called NAME, and waits for the editor: $VISUAL, $EDITOR, or
 * the first installed one of editor, nano and vi. RET is the file's content afterwards, up to
 * EDITOR_FILE_BYTES. -ECANCELED if the editor fails; -EPERM for others than root; -EOPNOTSUPP if
 * there is swap and the kernel (before 6.4) might write it there. */
#define EDITOR_FILE_BYTES ((size_t)16 << 20)
int editor_file_edit(const char *name, const Secret *before, Reason *reason, Secret **ret);
