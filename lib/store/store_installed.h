/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Opening the host's own store, as a program that may run as root.
 *
 * Root changes modes and creates files below the store's directory, so it has to be the one that
 * was installed: reached through no symbolic link, owned by root or the broker's user, in the
 * broker's group, and not writable for others. A directory that merely has the right path is not
 * enough. The broker itself uses store_new(): it can do no more there than its user.
 */

#include "store/store.h"

#define BROKER_USER "nspawn-creds" /* and its group */

/* Opens the store at the absolute PATH. Who is not root may use whatever directory is there.
 * OUTCOME_STORE_UNSAFE; a negative errno if it cannot be opened. */
int store_open_installed(const char *path, Reason *reason, Store **ret);
