/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Messages to the service manager (sd_notify(3)).
 *
 * sd_notify() blocks while the manager's queue is full. These functions do not, unless they are
 * told how long they may wait. For the supervisor: the service manager listens to nobody else.
 */

#include <stddef.h>

/* Descriptors in one message (the kernel's SCM_MAX_FD). */
#define NOTIFY_FDS_MAX 253

/* Sends TEXT with COUNT descriptors. Waits up to MSEC for room in the manager's queue. Returns 0;
 * -EAGAIN if there is none; -ENOTCONN without a service manager; another negative errno. */
int notify_send(const char *text, const int *fds, size_t count, int msec);

/* Waits up to MSEC until the manager has handled all earlier messages. Returns 0; -ETIMEDOUT; and
 * as above. */
int notify_wait(int msec);

/* The same. The manager's descriptor store does
 * not report that it was full, so one more descriptor is sent, named NAME, and removed again.
 * Returns 0 if the store had room for that one; -ENOSPC if not; -ETIMEDOUT; and as above. */
int notify_settle(const char *name, int msec);
