/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds-generator: turns policies into drop-ins for the units of containers.
 *
 * The service manager runs it at boot and at every daemon-reload, and waits for it
 * (systemd.generator(7)). So it links only what it needs, calls no other process, and writes only
 * drop-ins, into the directory that it is given. It never breaks a boot. If a policy is not valid,
 * it reports that and writes a drop-in with which this machine does not start; other machines are
 * not affected.
 *
 * At boot there is no journal yet, so messages go to the kernel's log.
 */

#include "drop_in.h"

#include "base/fsutil.h"
#include "policy/policy_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DROP_IN_NAME     "50-nspawn-creds.conf"

/* UNIT.d/50-nspawn-creds.conf */
#define UNIT_BYTES       (sizeof("systemd-nspawn@.service") + LIMIT_MACHINE_BYTES)
#define PATH_BYTES       (UNIT_BYTES + sizeof(".d/" DROP_IN_NAME))

/* Sorts before the administrator's drop-ins, because it resets lists that these may extend. */
#define BROKER_DROP_IN   "00-nspawn-creds.conf"

/* The parser takes most of the time, and the service manager waits. Each process gets at least this
 * many machines. */
#define PROCESS_MACHINES ((size_t)64)
#define PROCESSES_MAX    ((size_t)4)

/* A little less than a line of the kernel's log. */
#define MESSAGE_BYTES    ((size_t)900)

/* False with --root=, because the messages do not concern this system. */
static bool to_kernel = true;

/* Writes to the kernel's log with priority "err", else to standard error. */
__attribute__((format(printf, 1, 2))) static void report(const char *format, ...)
{
    _cleanup_(closep) int fd = to_kernel ? open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY) : -1;
    char words[MESSAGE_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(words, sizeof(words), format, arguments);
    va_end(arguments);
    if (fd < 0 || dprintf(fd, "<3>nspawn-creds-generator: %s\n", words) < 0)
        fprintf(stderr, "nspawn-creds-generator: %s\n", words);
}

typedef struct Generator {
    Context context;
    HostConfig host;
    bool host_valid; /* if false, no machine may start */
    int folder;
} Generator;

/* FOLDER is the service manager's, new and in memory, so nothing is replaced or synced. */
static int write_drop_in(int folder, const char *unit, const char *name, BytesView text)
{
    _cleanup_(closep) int fd = -1;
    char path[PATH_BYTES];
    int length = snprintf(path, sizeof(path), "%s.d", unit);

    if (mkdirat(folder, path, 0755) < 0 && errno != EEXIST)
        return -errno;
    snprintf(path + length, sizeof(path) - (size_t)length, "/%s", name);
    fd = openat(folder, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -errno;
    return write(fd, text.data, text.size) == (ssize_t)text.size ? 0 : -EIO;
}

/* Writes the drop-in for MACHINE. If its policy or the configuration is not valid, writes the one
 * with which it does not start, reports why, and returns OUTCOME_BAD_POLICY or OUTCOME_BAD_CONFIG.
 */
static int make_drop_in(const Generator *generator, const PolicyMachine *machine, Writer *writer)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    PolicyFault fault = {0};
    Reason reason = {0};
    int r = policy_load_found(&generator->context, machine, &fault, &policy);

    if (r == 0 && !generator->host_valid) {
        drop_in_write_bad(writer);
        return OUTCOME_BAD_CONFIG;
    }
    if (r == 0)
        drop_in_write(&generator->host, policy, writer);
    if (r == 0 || r == OUTCOME_NOT_FOUND)
        return 0;
    policy_fault_reason(&fault, 0, &reason);
    report("%s", r < 0 ? strerror(-r) : reason.text);
    /* no unit belongs to a name that is not valid */
    if (machine_name_valid(machine->name))
        drop_in_write_bad(writer);
    return OUTCOME_BAD_POLICY;
}

/* Returns whether MACHINE's policy was valid and its drop-in written. */
static bool generate(const Generator *generator, const PolicyMachine *machine)
{
    _cleanup_(writer_done) Writer writer = {0};
    bool right = make_drop_in(generator, machine, &writer) == 0;
    int r = writer.failed ? -ENOMEM : 0;
    char unit[UNIT_BYTES];

    snprintf(unit, sizeof(unit), "systemd-nspawn@%s.service", machine->name);
    if (r == 0 && writer.bytes.size > 0)
        r = write_drop_in(generator->folder, unit, DROP_IN_NAME, bytes_view(&writer.bytes));
    if (r < 0)
        report("cannot write the drop-in of %s: %s", machine->name, strerror(-r));
    return right && r == 0;
}

static bool generate_broker(const Generator *generator)
{
    _cleanup_(writer_done) Writer writer = {0};
    int r;

    drop_in_write_broker(&generator->host, &writer);
    r = writer.failed ? -ENOMEM : 0;
    if (r == 0 && writer.bytes.size > 0)
        r = write_drop_in(generator->folder, "nspawn-creds-broker.service", BROKER_DROP_IN,
                          bytes_view(&writer.bytes));
    if (r < 0)
        report("cannot write the drop-in of the broker: %s", strerror(-r));
    return r == 0;
}

/* The machines of one process: every STEP-th from FIRST on. */
typedef struct Share {
    const PolicyMachine *machines;
    size_t count, first, step;
} Share;

static bool generate_share(const Generator *generator, Share share)
{
    bool right = true;

    for (size_t i = share.first; i < share.count; i += share.step)
        right = generate(generator, &share.machines[i]) && right;
    return right;
}

/* Starts a process for SHARE. Returns -1 if that fails. */
static pid_t start_share(const Generator *generator, Share share)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(generate_share(generator, share) ? EXIT_SUCCESS : EXIT_FAILURE);
    return pid;
}

/* Waits for the process PID; does its share here if it died or did not start. */
static bool finish_share(const Generator *generator, Share share, pid_t pid)
{
    int status;

    if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status))
        return WEXITSTATUS(status) == EXIT_SUCCESS;
    return generate_share(generator, share);
}

/* No more processes than there are processors, or work for. */
static size_t count_processes(size_t machines)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = machines / PROCESS_MACHINES;

    if (processors < 1 || count < 1)
        return 1;
    if (count > (size_t)processors)
        count = (size_t)processors;
    return count < PROCESSES_MAX ? count : PROCESSES_MAX;
}

static bool generate_machines(const Generator *generator)
{
    _cleanup_(policy_machines_freep) PolicyMachine *machines = NULL;
    pid_t processes[PROCESSES_MAX];
    PolicyFault fault = {0};
    int r = policy_machines(&generator->context, &fault, &machines);
    Share share = {0};
    bool right;

    if (r < 0) {
        report("cannot read the directories of policies: %s", strerror(-r));
        return false;
    }
    if (fault.file[0])
        report("the policies of %s are missing: %s", fault.file, fault.what.text);
    share.machines = machines;
    while (machines[share.count].name)
        share.count++;
    share.step = count_processes(share.count);
    for (share.first = 1; share.first < share.step; share.first++)
        processes[share.first] = start_share(generator, share);
    share.first = 0;
    right = generate_share(generator, share) && !fault.file[0];
    for (share.first = 1; share.first < share.step; share.first++)
        right = finish_share(generator, share, processes[share.first]) && right;
    return right;
}

static bool generate_all(Generator *generator)
{
    Reason reason = {0};
    int r = host_config_load(&generator->context, &reason, &generator->host);
    bool right;

    generator->host_valid = r == 0;
    if (r != 0)
        report("%s", reason.text);
    right = r == 0 && generate_broker(generator);
    return generate_machines(generator) && right;
}

int main(int argc, char **argv)
{
    static const char root_option[] = "--root=";
    Generator generator = {.context = {.root = ""}};
    _cleanup_(closep) int folder = -1;

    if (argc > 1 && strncmp(argv[1], root_option, strlen(root_option)) == 0) {
        generator.context.root = argv[1] + strlen(root_option);
        generator.context.trusted_uid = geteuid();
        to_kernel = false;
        argv++;
        argc--;
    }
    /* the service manager passes three directories; only the normal one is used */
    if (argc != 2 && argc != 4) {
        fprintf(stderr, "usage: nspawn-creds-generator [--root=ROOT] DIRECTORY [EARLY LATE]\n");
        return 2;
    }
    umask(0022);
    folder = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        report("cannot open %s: %s", argv[1], strerror(errno));
        return EXIT_FAILURE;
    }
    generator.folder = folder;
    return generate_all(&generator) ? EXIT_SUCCESS : EXIT_FAILURE;
}
