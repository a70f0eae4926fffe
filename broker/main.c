/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds-broker: answers the service manager's LoadCredential= connections.
 *
 * This file parses the command line, takes the sockets from the service manager, and starts the
 * supervisor (process/supervisor.h), which starts the worker (process/worker.h). Before that it
 * protects the process's memory from being read by others. Messages outside the audit log are
 * printed here.
 */

#include "base/array.h"
#include "base/long_option.h"
#include "manager/live_mount.h"
#include "process/config.h"
#include "process/supervisor.h"
#include "process/worker.h"
#include "request/host_resources.h"
#include "secret/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>

#define EXIT_IDLE_SECONDS_MAX 86400UL /* a day */

typedef struct Broker {
    Context context;
    HostConfig host;
    ServerConfig config;
    Listeners listeners;
} Broker;

enum {
    PARSE_DONE = 1, /* --help or --version */
};

static void print_help(void)
{
    printf("%s [OPTIONS...]\n\n"
           "Answers the LoadCredential= requests of containers' units. The service manager\n"
           "starts it when a unit connects to nspawn-creds-broker.socket; do not run it by\n"
           "hand.\n\n"
           "  -h --help                Show this help\n"
           "     --version             Show the version\n"
           "     --host-key=PATH       This host's key\n"
           "                           (default: %s)\n"
           "     --boot-id=ID          The boot id, which the broker cannot read by itself\n"
           "     --exit-idle=SECONDS   Exit after this time without a request; the service\n"
           "                           manager starts it again (default: never)\n\n"
           "The store, the TPM and the units of containers are set in\n" HOST_CONFIG_PATH
           ", see nspawn-creds.conf(5).\n",
           program_invocation_short_name, HOST_KEY_PATH);
}

static int parse_boot_id(ServerConfig *config, const char *text)
{
    if (sd_id128_from_string(text, &config->boot) >= 0)
        return 0;
    fprintf(stderr, "--boot-id=: \"%s\" is not a boot id\n", text);
    return -EINVAL;
}

static int parse_exit_idle(ServerConfig *config, const char *text)
{
    char *end;
    unsigned long seconds = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || seconds > EXIT_IDLE_SECONDS_MAX) {
        fprintf(stderr, "--exit-idle=: \"%s\" is not a number of seconds from 0 (never) to %lu\n",
                text, EXIT_IDLE_SECONDS_MAX);
        return -EINVAL;
    }
    config->exit_idle_usec = (uint64_t)seconds * 1000000;
    return 0;
}

static int parse_options(int argc, char *argv[], ServerConfig *config)
{
    enum {
        OPTION_VERSION = 0x100,
        OPTION_HOST_KEY,
        OPTION_BOOT_ID,
        OPTION_EXIT_IDLE,
    };
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, OPTION_VERSION},
        {"host-key", required_argument, NULL, OPTION_HOST_KEY},
        {"boot-id", required_argument, NULL, OPTION_BOOT_ID},
        {"exit-idle", required_argument, NULL, OPTION_EXIT_IDLE},
        {0},
    };
    Reason reason = {0};
    int c;
    int r = 0;

    while (r == 0 && (c = long_option_next(argc, argv, "h", options, &reason)) >= 0) {
        switch (c) {
        case 'h':
            print_help();
            return PARSE_DONE;
        case OPTION_VERSION:
            printf("nspawn-creds-broker %s\n", NC_VERSION);
            return PARSE_DONE;
        case OPTION_HOST_KEY:
            config->host_key_path = optarg;
            break;
        case OPTION_BOOT_ID:
            r = parse_boot_id(config, optarg);
            break;
        case OPTION_EXIT_IDLE:
            r = parse_exit_idle(config, optarg);
            break;
        default:
            fprintf(stderr, "%s: %s\n", program_invocation_short_name, reason.text);
            return -EINVAL;
        }
    }
    if (r == 0 && optind < argc) {
        fprintf(stderr, "%s takes options only, no arguments. See --help\n",
                program_invocation_short_name);
        return -EINVAL;
    }
    /* if the broker ignored what it says, it would use another store than the administrator chose
     */
    if (r == 0 && getenv("NSPAWN_CREDS_BROKER_OPTIONS")) {
        fprintf(stderr,
                "$NSPAWN_CREDS_BROKER_OPTIONS is no longer read: set store, TPM and unit templates "
                "in " HOST_CONFIG_PATH ", and other options with ExecStart= in a drop-in\n");
        r = -EINVAL;
    }
    return r != 0 ? -EINVAL : 0;
}

/* NAME is FileDescriptorName= of the socket's unit. */
static int take_listener(int fd, const char *name, Listeners *listeners)
{
    if (listeners->count == LISTENERS_MAX) {
        fprintf(stderr, "The service manager passed more than %d sockets\n", LISTENERS_MAX);
        return -EINVAL;
    }
    if (sd_is_socket_unix(fd, SOCK_STREAM, true, NULL, 0) <= 0) {
        fprintf(stderr, "Descriptor %d is not a listening local stream socket\n", fd);
        return -EINVAL;
    }
    /* the service manager passes blocking sockets, and accept() must not block */
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
        return -errno;
    listeners->fds[listeners->count] = fd;
    listeners->kinds[listeners->count++] = strcmp(name, "control") == 0   ? LISTENER_CONTROL
                                           : strcmp(name, "courier") == 0 ? LISTENER_COURIER
                                                                          : LISTENER_REQUESTS;
    return 0;
}

static int take_listeners(Listeners *listeners)
{
    _cleanup_(strings_freep) char **names = NULL;
    int count = sd_listen_fds_with_names(true, &names);
    int r = count < 0 ? count : 0;

    /* the worker finds those from the descriptor store by itself (process/handover.h) */
    for (int i = 0; r == 0 && i < count; i++)
        if (strncmp(names[i], HANDOVER_KEPT, strlen(HANDOVER_KEPT)) != 0)
            r = take_listener(SD_LISTEN_FDS_START + i, names[i], listeners);
    if (r == 0 && listeners->count == 0) {
        fprintf(stderr, "No socket was passed. Let the service manager start the broker: "
                        "systemctl start nspawn-creds-broker.socket\n");
        r = -EINVAL;
    }
    return r;
}

/* glibc's own threshold at first. */
#define LARGE_BYTES (128 * 1024)

/* Descriptors have to stay below HANDOVER_FD_MAX. They do so even if this fails, see there. */
static void bound_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur <= HANDOVER_FD_MAX)
        return;
    limit.rlim_cur = HANDOVER_FD_MAX;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int run_worker(void *userdata, Drain drain)
{
    Broker *broker = userdata;
    int r = context_system(&broker->context);

    if (r == 0)
        r = worker_run(&broker->config, &broker->listeners, drain);
    if (r < 0)
        fprintf(stderr, "The broker's worker cannot go on: %s\n", strerror(-r));
    return r < 0 ? EXIT_FAILURE : r;
}

/* Fills BROKER from the configuration and the command line. Returns 0, PARSE_DONE or -EINVAL. */
static int configure(int argc, char *argv[], Broker *broker)
{
    Context context = {.root = ""};
    Reason reason = {0};
    int host_rc = host_config_load(&context, &reason, &broker->host);
    int r;

    if (host_rc != 0)
        host_config_default(&broker->host);
    server_config_default(&broker->context, &broker->host, &broker->config);
    /* one that may not be used is no key until it is changed */
    (void)host_key_check_source(&context, NULL, &broker->config.host_key);
    r = parse_options(argc, argv, &broker->config);
    if (r == 0 && host_rc != 0) {
        fprintf(stderr, "%s\n", reason.text);
        r = -EINVAL;
    }
    return r;
}

int main(int argc, char *argv[])
{
    Broker broker = {
        .listeners.live_folder = LIVE_MOUNT_FOLDER,
        .listeners.manager_msec = LIMIT_MANAGER_MSEC,
    };
    Reason reason = {0};
    int r = configure(argc, argv, &broker);

    if (r == PARSE_DONE)
        return EXIT_SUCCESS;
    if (r != 0) {
        /* otherwise the service manager would start the broker again at once */
        if (sd_listen_fds(false) > 0 && take_listeners(&broker.listeners) == 0)
            r = supervisor_refuse(&broker.listeners);
        return r == SUPERVISOR_AGAIN ? EX_TEMPFAIL : EX_CONFIG;
    }
    if (secret_harden_process(&reason) != 0) {
        fprintf(stderr, "%s\n", reason.text);
        return EXIT_FAILURE;
    }
    /* Return large blocks to the system when they are freed. After a flood of long messages, glibc
     * would raise its own threshold and keep them. */
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    bound_descriptors();
    r = take_listeners(&broker.listeners);
    if (r == 0)
        r = supervisor_run(&broker.listeners, run_worker, &broker);
    if (r == SUPERVISOR_AGAIN)
        return EX_TEMPFAIL; /* RestartForceExitStatus= in the unit */
    if (r == -ECHILD)
        fprintf(stderr, "The workers keep failing right after their start\n");
    else if (r != 0 && r != -EINVAL)
        fprintf(stderr, "The broker cannot start: %s\n", strerror(-r));
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
