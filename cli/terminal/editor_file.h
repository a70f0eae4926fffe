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

typedef struct EditorFile {
    int directory; /* of the file system */
    const char *name;
    bool edited; /* an editor had it mounted */
} EditorFile;

/* Puts CONTENT into the file NAME (borrowed). -EPERM for others than root; -EOPNOTSUPP if
 * there is swap and the kernel (before 6.4) might write it there. */
int editor_file_new(const char *name, const Secret *content, Reason *reason, EditorFile *ret);
/* Overwrites what is there, too. */
void editor_file_done(EditorFile *editor); /* for _cleanup_ */

/* Runs $VISUAL, $EDITOR, or the first that there is of editor, nano and vi, and waits for its end.
 * -ECANCELED if it fails. May be called again, and goes on with what the file is by then. */
int editor_file_edit(EditorFile *editor, Reason *reason);

/* The file as it is now. OUTCOME_TOO_LARGE; a negative errno if the file is gone. */
int editor_file_read(const EditorFile *editor, Reason *reason, Secret **ret);
