/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds-apply: restarts the services whose credentials a fleet has changed.
 *
 * systemd starts it when the broker has accepted a set (units/nspawn-creds-apply.path). It is
 * root's, because it talks to the containers' service managers, and takes nothing but names from
 * the broker (apply.h).
 */

#include "apply.h"

#include "base/array.h"
#include "base/fsutil.h"
#include "base/long_option.h"
#include "client/store_client.h"
#include "fleet/fleet_config.h"
#include "policy/host_config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>

/* Between two looks. */
#define PAUSE_MSEC 1000

static void print_help(void)
{
    printf("%s [OPTIONS...]\n\n"
           "Restarts the services whose credentials a fleet has changed.\n\n"
           "  -h --help                Show this help\n"
           "     --version             Show the version\n\n"
           "See nspawn-creds-apply(8).\n",
           program_invocation_short_name);
}

/* RET_DONE: --help or --version was all. */
static int parse_options(int argc, char *argv[], Reason *reason, bool *ret_done)
{
    enum { OPTION_VERSION = 0x100 };
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, OPTION_VERSION},
        {0},
    };
    int c = long_option_next(argc, argv, "h", options, reason);

    *ret_done = c == 'h' || c == OPTION_VERSION;
    if (c == 'h')
        print_help();
    else if (c == OPTION_VERSION)
        printf("nspawn-creds-apply %s\n", NC_VERSION);
    else if (c >= 0)
        return OUTCOME_USAGE;
    else if (optind < argc)
        return reason_set(reason, OUTCOME_USAGE, "see %s --help", program_invocation_short_name);
    return 0;
}

static void on_note(void *, const char *text)
{
    fprintf(stderr, SD_INFO "%s\n", text);
}

/* From now on a signal that would end the program is readable: it ends between two steps. */
static int hold_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Only one at a time. */
static int lock(const Context *context, Reason *reason, int *ret)
{
    char path[PATH_MAX];
    int r;

    snprintf(path, sizeof(path), "%s" APPLY_STATE_FOLDER, context->root);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return reason_set(reason, -errno, "cannot make %s", path);
    r = directory_lock_at(AT_FDCWD, path, LIMIT_LOCK_USEC, reason, ret);
    return r == OUTCOME_TIMEOUT ? reason_set(reason, r, "another nspawn-creds-apply runs") : r;
}

/* Says itself what is wrong with a fleet. */
static int apply_all(const ApplyOptions *options, Reason *reason, uint64_t *due)
{
    _cleanup_(strings_freep) char **fleets = NULL;
    int first = 0, r = fleet_config_list(options->context, reason, &fleets);

    if (r != 0)
        return r;
    for (char **fleet = fleets; *fleet && r != OUTCOME_INTERRUPTED; fleet++) {
        Reason why = {0};

        r = apply_fleet(options, *fleet, &why, due);
        if (r == 0 || r == OUTCOME_INTERRUPTED)
            continue;
        fprintf(stderr, SD_ERR "%s: %s: %s\n", *fleet, outcome_sentence(r), why.text);
        /* of what a service does, this program is no failure */
        if (first == 0 && r != OUTCOME_NOT_APPLIED && r != OUTCOME_NOT_ROTATED &&
            r != OUTCOME_POSTPONED)
            first = r;
    }
    return first;
}

/* Waits until there is something new, or until DUE. False if it is to end: there is nothing to wait
 * for, or a signal came. */
static bool wait_for_more(const ApplyOptions *options, uint64_t due)
{
    struct pollfd stop = {.fd = options->restart.stop, .events = POLLIN};
    bool noticed;

    do {
        noticed = value_changes_noticed(options->store);
        if (!noticed && due == USEC_INFINITY)
            return false;
        /* a broker that always has something new does not keep the processor busy */
        if (poll(&stop, 1, PAUSE_MSEC) != 0)
            return false;
    } while (!noticed && options->context->now(options->context) < due);
    return true;
}

static int run(int argc, char *argv[], Reason *reason)
{
    static const Observer observer = {.note = on_note};
    _cleanup_(closep) int stop = -1, locked = -1;
    HostConfig config;
    Context context;
    ApplyOptions options = {
        .context = &context,
        .store = config.store,
        .restart = {.observer = &observer,
                    .boot_usec = (uint64_t)LIMIT_BOOT_SECONDS * 1000 * 1000,
                    .unit_usec = (uint64_t)LIMIT_JOB_SECONDS * 1000 * 1000,
                    .settle_usec = RESTART_SETTLE_USEC},
        .audit = audited_commit_journal(),
    };
    uint64_t due;
    bool done;
    int r = parse_options(argc, argv, reason, &done);

    if (r != 0 || done)
        return r;
    r = context_system(&context);
    if (r == 0)
        r = host_config_load(&context, reason, &config);
    *reason = r == 0 ? (Reason){0} : *reason; /* it says which file counts */
    if (r == 0)
        r = lock(&context, reason, &locked);
    if (r != 0)
        return r;
    stop = hold_signals();
    if (stop < 0)
        return -errno;
    options.restart.stop = stop;
    do {
        due = USEC_INFINITY;
        /* first: what is accepted from now on makes it again */
        r = value_changes_unnotify(config.store, reason);
        if (r == 0)
            r = apply_all(&options, reason, &due);
    } while (r == 0 && wait_for_more(&options, due));
    if (options.audit && options.audit->attach)
        options.audit->attach(options.audit, NULL); /* what the journal has not taken yet */
    return r;
}

int main(int argc, char *argv[])
{
    Reason reason = {0};
    int r = run(argc, argv, &reason);

    if (r == 0 && fflush(stdout) != 0)
        r = reason_set(&reason, -errno, "standard output");
    if (r != 0 && reason.text[0])
        fprintf(stderr, SD_ERR "%s: %s\n", outcome_sentence(r), reason.text);
    return outcome_exit_status(r);
}
