/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A function in a child process that stops at each of its system calls, so that a test can kill it
 * there, or do something in between, at every place where that makes a difference.
 */

#include <stdbool.h>
#include <sys/types.h>

/* A child that is to end with the status ACT(ARGUMENT), 0 to 255, and that stands before its
 * beginning. Asserts on failure. */
pid_t steps_start(int (*act)(const void *argument), const void *argument);

/* Lets it go on by STEPS begins and ends of system calls; false if it came to its end, with
 * RET_STATUS. */
bool steps_go(pid_t pid, unsigned steps, int *ret_status);

/* Lets it go on to the beginning of the CHANGES-th of the calls that may change something outside
 * of it; false as above. A kill at a step between two of them leaves what a kill at the second one
 * leaves. */
bool steps_go_to_change(pid_t pid, unsigned changes, int *ret_status);

/* To its end: what it ended with. */
int steps_finish(pid_t pid);

/* Kills it where it stands. */
void steps_kill(pid_t pid);
