/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Opens the host's store in a program that may run as root.
 *
 * Root changes modes and creates files below the store's directory, so it must be the installed
 * one: not reached through a symbolic link, owned by root or the broker's user, in the broker's
 * group, and not writable by others. The right path alone is not enough. The broker itself uses
 * store_new(), because it has only the rights of its own user.
 */

#include "store/store.h"

#define BROKER_USER "nspawn-creds" /* and its group */

/* Opens the directory PATH, which no symbolic link may lead to. Returns what
 * store_open_installed() returns; owner and mode can be anything. */
int store_directory_open(const char *path, Reason *reason, int *ret_fd);

/* Opens the store at the absolute PATH. Unless the caller is root, any directory will do. Returns
 * 0, OUTCOME_STORE_UNSAFE, or a negative errno. */
int store_open_installed(const char *path, Reason *reason, Store **ret);
