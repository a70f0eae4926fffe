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
/* Sorts before the administrator's drop-ins, because it resets lists that these may extend. */
#define BROKER_DROP_IN   "00-nspawn-creds.conf"
#define UNIT_BYTES       (sizeof("systemd-nspawn@.service") + LIMIT_MACHINE_BYTES)
#define PATH_BYTES       (UNIT_BYTES + sizeof(".d/" DROP_IN_NAME))

/* The parser takes most of the time, and the service manager waits: two processes take 27 instead
 * of 50 ms for 1000 machines with 24 credentials each (docs/TESTING.md). Each process gets at least
 * this many machines. */
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
    bool host_valid;   /* if false, no machine may start */
    unsigned drop_ins; /* from policy_machines() */
    int folder;
} Generator;

/* Writes TEXT as a drop-in of UNIT; nothing if it is empty. The directory is the service manager's,
 * new and in memory, so nothing is replaced or synced. */
static bool write_drop_in(const Generator *generator, const char *unit, const char *name,
                          const Writer *text)
{
    _cleanup_(closep) int fd = -1;
    BytesView view = bytes_view(&text->bytes);
    char path[PATH_BYTES];

    if (!text->failed && view.size == 0)
        return true;
    snprintf(path, sizeof(path), "%s.d", unit);
    if (text->failed)
        errno = ENOMEM;
    else if (mkdirat(generator->folder, path, 0755) == 0 || errno == EEXIST) {
        snprintf(path, sizeof(path), "%s.d/%s", unit, name);
        fd = openat(generator->folder, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                    0644);
    }
    if (fd >= 0 && file_write_fd(fd, view) == 0)
        return true;
    report("cannot write the drop-in of %s: %s", unit, strerror(errno));
    return false;
}

/* Writes the drop-in for MACHINE, and returns whether its policy and the configuration are valid.
 * If one is not, reports why, and writes the drop-in with which the machine does not start. */
static bool put_drop_in(const Generator *generator, const char *machine, Writer *writer)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    PolicyFault fault = {0};
    Reason reason = {0};
    int r = policy_load_from(&generator->context, machine, generator->drop_ins, &fault, &policy);

    if (r == 0 && generator->host_valid) {
        drop_in_write(&generator->host, policy, writer);
        return true;
    }
    if (r == OUTCOME_NOT_FOUND)
        return true;
    policy_fault_reason(&fault, 0, &reason);
    if (r != 0)
        report("%s", r < 0 ? strerror(-r) : reason.text);
    /* no unit belongs to a name that is not valid */
    if (machine_name_valid(machine))
        drop_in_write_bad(writer);
    return false;
}

static bool generate(const Generator *generator, const char *machine)
{
    _cleanup_(writer_done) Writer text = {0};
    bool right = put_drop_in(generator, machine, &text);
    char unit[UNIT_BYTES];

    snprintf(unit, sizeof(unit), "systemd-nspawn@%s.service", machine);
    return write_drop_in(generator, unit, DROP_IN_NAME, &text) && right;
}

/* Does every STEP-th of MACHINES from FIRST on. */
static bool generate_share(const Generator *generator, char **machines, size_t first, size_t step)
{
    bool right = true;

    for (size_t i = 0; machines[i]; i++)
        if (i % step == first)
            right = generate(generator, machines[i]) && right;
    return right;
}

/* No more processes than there are processors, or work for. */
static size_t count_processes(char **machines)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = 0;

    while (machines[count])
        count++;
    count /= PROCESS_MACHINES;
    if (processors < 1 || count < 1)
        return 1;
    if (count > (size_t)processors)
        count = (size_t)processors;
    return count < PROCESSES_MAX ? count : PROCESSES_MAX;
}

static bool generate_machines(Generator *generator)
{
    _cleanup_(strings_freep) char **machines = NULL;
    pid_t processes[PROCESSES_MAX];
    PolicyFault fault = {0};
    int r = policy_machines(&generator->context, &fault, &generator->drop_ins, &machines), status;
    size_t count;
    bool right;

    if (r < 0) {
        report("cannot read the directories of policies: %s", strerror(-r));
        return false;
    }
    if (fault.file[0])
        report("the policies of %s are missing: %s", fault.file, fault.what.text);
    count = count_processes(machines);
    for (size_t i = 1; i < count; i++) {
        processes[i] = fork();
        if (processes[i] == 0)
            _exit(generate_share(generator, machines, i, count) ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    right = generate_share(generator, machines, 0, count) && !fault.file[0];
    for (size_t i = 1; i < count; i++) {
        /* this process does the share of one that did not start, or died */
        if (processes[i] < 0 || waitpid(processes[i], &status, 0) < 0 || !WIFEXITED(status))
            right = generate_share(generator, machines, i, count) && right;
        else
            right = WEXITSTATUS(status) == EXIT_SUCCESS && right;
    }
    return right;
}

static bool generate_all(Generator *generator)
{
    static const char *const apply_units[] = {"nspawn-creds-apply.path",
                                              "nspawn-creds-apply.service"};
    _cleanup_(writer_done) Writer text = {0};
    Reason reason = {0};
    bool right = host_config_load(&generator->context, &reason, &generator->host) == 0;

    generator->host_valid = right;
    if (right) {
        drop_in_write_broker(&generator->host, &text);
        right = write_drop_in(generator, "nspawn-creds-broker.service", BROKER_DROP_IN, &text);
        for (size_t i = 0; i < 2; i++) {
            _cleanup_(writer_done) Writer apply = {0};

            drop_in_write_apply(&generator->host, i == 0, &apply);
            right = write_drop_in(generator, apply_units[i], BROKER_DROP_IN, &apply) && right;
        }
    } else
        report("%s", reason.text);
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
