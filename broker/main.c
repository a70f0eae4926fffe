/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds-broker: answers the service manager's LoadCredential= connections.
 *
 * This file is the command line and the processes' beginnings: the supervisor
 * (server/supervisor.h), which takes the sockets from the service manager, and the worker
 * (server/worker.h), which does the rest. Both are made unreadable for others before anything else.
 * All that is not said by the audit log is said here.
 */

#include "base/long_option.h"
#include "live/live.h"
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

/* A day. */
#define EXIT_IDLE_SECONDS_MAX 86400UL

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
           "Answers the LoadCredential= requests of containers' units. Started by the\n"
           "service manager when a unit connects to nspawn-creds-broker.socket; not meant\n"
           "to be run by hand.\n\n"
           "  -h --help                Show this help\n"
           "     --version             Show the version\n"
           "     --host-key=PATH       This host's key\n"
           "                           (default: %s)\n"
           "     --exit-idle=SECONDS   End after so long without a request; the service\n"
           "                           manager starts it again (default: never)\n\n"
           "The store, the TPM and the units that start machines are set in\n" HOST_CONFIG_PATH
           ", see nspawn-creds.conf(5).\n",
           program_invocation_short_name, HOST_KEY_PATH);
}

static int parse_exit_idle(ServerConfig *config, const char *text)
{
    char *end;
    unsigned long seconds = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || seconds > EXIT_IDLE_SECONDS_MAX) {
        fprintf(stderr,
                "--exit-idle=: \"%s\" is not a number of seconds, at most %lu; 0 is never\n", text,
                EXIT_IDLE_SECONDS_MAX);
        return -EINVAL;
    }
    config->exit_idle_usec = (uint64_t)seconds * 1000000;
    return 0;
}

/* What the options and the variable of earlier versions set is in the configuration now. They are
 * errors: a broker that ignored them would use another store than it was told to. */
static int refuse_moved(const char *name, const char *key)
{
    fprintf(stderr, "%s has no effect any more: set %s in " HOST_CONFIG_PATH "\n", name, key);
    return -EINVAL;
}

static int parse_options(int argc, char *argv[], ServerConfig *config)
{
    enum {
        OPTION_VERSION = 0x100,
        OPTION_HOST_KEY,
        OPTION_EXIT_IDLE,
        OPTION_STORE,
        OPTION_TPM2_DEVICE,
        OPTION_UNIT_TEMPLATE,
    };
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, OPTION_VERSION},
        {"store", required_argument, NULL, OPTION_STORE},
        {"host-key", required_argument, NULL, OPTION_HOST_KEY},
        {"tpm2-device", required_argument, NULL, OPTION_TPM2_DEVICE},
        {"unit-template", required_argument, NULL, OPTION_UNIT_TEMPLATE},
        {"exit-idle", required_argument, NULL, OPTION_EXIT_IDLE},
        {0},
    };
    int c;
    int r = 0;

    while (r == 0 && (c = long_option_next(argc, argv, "h", options)) >= 0) {
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
        case OPTION_STORE:
            r = refuse_moved("--store=", "[Store] Path=");
            break;
        case OPTION_TPM2_DEVICE:
            r = refuse_moved("--tpm2-device=", "[TPM] Device=");
            break;
        case OPTION_UNIT_TEMPLATE:
            r = refuse_moved("--unit-template=", "[Machines] UnitTemplate=");
            break;
        case OPTION_EXIT_IDLE:
            r = parse_exit_idle(config, optarg);
            break;
        default:
            return -EINVAL;
        }
    }
    if (r == 0 && optind < argc) {
        fprintf(stderr, "%s takes no arguments, only options: see --help\n",
                program_invocation_short_name);
        return -EINVAL;
    }
    if (r == 0 && getenv("NSPAWN_CREDS_BROKER_OPTIONS")) {
        fprintf(stderr,
                "$NSPAWN_CREDS_BROKER_OPTIONS is no longer read: set store, TPM and unit templates "
                "in " HOST_CONFIG_PATH ", and other options with ExecStart= in a drop-in\n");
        r = -EINVAL;
    }
    return r != 0 ? -EINVAL : 0;
}

/* As the socket's unit calls it, with FileDescriptorName=. */
static ListenerKind kind_of(const char *name)
{
    return strcmp(name, "control") == 0 ? LISTENER_CONTROL : LISTENER_REQUESTS;
}

/* One that the broker had the service manager keep: the worker finds it (server/handover.h). */
static bool is_kept(const char *name)
{
    return strncmp(name, SUPERVISOR_KEPT, strlen(SUPERVISOR_KEPT)) == 0;
}

static void free_names(char ***names)
{
    for (char **name = *names; name && *name; name++)
        free(*name);
    free(*names);
}

static int take_listener(int fd, const char *name, Listeners *listeners)
{
    if (listeners->count == LISTENERS_MAX) {
        fprintf(stderr, "More than %d sockets were passed\n", LISTENERS_MAX);
        return -EINVAL;
    }
    if (sd_is_socket_unix(fd, SOCK_STREAM, true, NULL, 0) <= 0) {
        fprintf(stderr, "Descriptor %d is not a listening local stream socket\n", fd);
        return -EINVAL;
    }
    /* the service manager passes them as they are, and we must not wait in accept() */
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
        return -errno;
    listeners->fds[listeners->count] = fd;
    listeners->kinds[listeners->count++] = kind_of(name);
    return 0;
}

static int take_listeners(Listeners *listeners)
{
    _cleanup_(free_names) char **names = NULL;
    int count = sd_listen_fds_with_names(true, &names);
    int r = count < 0 ? count : 0;

    for (int i = 0; r == 0 && i < count; i++)
        if (!is_kept(names[i]))
            r = take_listener(SD_LISTEN_FDS_START + i, names[i], listeners);
    if (r == 0 && listeners->count == 0) {
        fprintf(stderr, "No socket was passed. The broker is started by the service manager: "
                        "systemctl start nspawn-creds-broker.socket\n");
        r = -EINVAL;
    }
    return r;
}

/* Of memory; glibc's own value to begin with. */
#define LARGE_BYTES (128 * 1024)

/* Descriptors have to stay below HANDOVER_FD_MAX. Where this may not be set, they do as well, see
 * there. */
static void bound_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur <= HANDOVER_FD_MAX)
        return;
    limit.rlim_cur = HANDOVER_FD_MAX;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int run_worker(void *userdata, bool drain)
{
    Broker *broker = userdata;
    int r = context_system(&broker->context);

    if (r == 0)
        r = worker_run(&broker->config, &broker->listeners, drain);
    if (r != 0)
        fprintf(stderr, "The broker's worker cannot go on: %s\n", strerror(-r));
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Fills BROKER from the configuration and the command line; PARSE_DONE as well. */
static int configure(int argc, char *argv[], Broker *broker)
{
    Context context = {.root = ""};
    Reason reason = {0};
    int host_rc = host_config_load(&context, &reason, &broker->host);
    int r;

    if (host_rc != 0)
        host_config_default(&broker->host);
    server_config_default(&broker->context, &broker->host, &broker->config);
    r = parse_options(argc, argv, &broker->config);
    if (r == 0 && host_rc != 0) {
        fprintf(stderr, "%s\n", reason.text);
        r = -EINVAL;
    }
    return r;
}

int main(int argc, char *argv[])
{
    Broker broker = {.listeners.live_folder = LIVE_FOLDER};
    Reason reason = {0};
    int r = configure(argc, argv, &broker);

    if (r == PARSE_DONE)
        return EXIT_SUCCESS;
    if (r != 0) {
        /* or the service manager would start it again for them at once */
        if (sd_listen_fds(false) > 0 && take_listeners(&broker.listeners) == 0)
            supervisor_refuse(&broker.listeners);
        return EX_CONFIG;
    }
    if (secret_harden_process(&reason) != 0) {
        fprintf(stderr, "%s\n", reason.text);
        return EXIT_FAILURE;
    }
    /* What is large is given back when it is freed: after a flood of long messages, glibc would
     * keep ever larger ones. */
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    bound_descriptors();
    r = take_listeners(&broker.listeners);
    if (r == 0)
        r = supervisor_run(&broker.listeners, run_worker, &broker);
    if (r == SUPERVISOR_AGAIN)
        return EX_TEMPFAIL; /* with which the unit is started again */
    if (r == -ECHILD)
        fprintf(stderr, "One worker after the other failed at once\n");
    else if (r != 0 && r != -EINVAL)
        fprintf(stderr, "Cannot start: %s\n", strerror(-r));
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
