/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds-generator: policies become drop-ins of containers' units.
 *
 * The service manager runs it at boot and at every daemon-reload, and waits for it
 * (systemd.generator(7)): so it links no more than it needs, asks nobody, and writes nothing but
 * drop-ins into the folder that it is given. It never breaks a boot. A policy that is not valid is
 * reported, its machine gets a drop-in with which it does not start, and the others are as ever.
 *
 * There is no journal yet at boot; what it says goes to the kernel's log.
 */

#include "drop_in.h"

#include "base/fsutil.h"
#include "policy/policy_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#define DROP_IN_NAME  "50-nspawn-creds.conf"

/* systemd-nspawn@MACHINE.service.d */
#define FOLDER_BYTES  (sizeof("systemd-nspawn@.service.d") + LIMIT_MACHINE_BYTES)

/* A line of the kernel's log has a little less. */
#define MESSAGE_BYTES ((size_t)900)

/* Of a system that is not this one the kernel's log has nothing to tell. */
static bool to_kernel = true;

/* At the priority "err"; where there is no kernel's log to write to, on standard error. */
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

/* The folder is the service manager's, in memory, and new: there is nothing to replace, and nothing
 * to be made durable. */
static int write_drop_in(int folder, const char *machine, BytesView text)
{
    char name[FOLDER_BYTES];
    _cleanup_(closep) int drop_ins = -1;
    _cleanup_(closep) int fd = -1;

    snprintf(name, sizeof(name), "systemd-nspawn@%s.service.d", machine);
    if (mkdirat(folder, name, 0755) < 0 && errno != EEXIST)
        return -errno;
    drop_ins = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (drop_ins < 0)
        return -errno;
    fd =
        openat(drop_ins, DROP_IN_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -errno;
    return write(fd, text.data, text.size) == (ssize_t)text.size ? 0 : -EIO;
}

/* The drop-in for MACHINE into WRITER. OUTCOME_BAD_POLICY if it is the one with which it does not
 * start; that is reported. */
static int make_drop_in(const Context *context, const char *machine, Writer *writer)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    PolicyFault fault = {0};
    Reason reason = {0};
    int r = policy_load(context, machine, &fault, NULL, &policy);

    if (r == 0)
        drop_in_write(policy, writer);
    if (r == 0 || r == OUTCOME_NOT_FOUND)
        return 0;
    policy_fault_reason(&fault, 0, &reason);
    report("%s", r < 0 ? strerror(-r) : reason.text);
    /* what is no machine's name is no machine's policy, and starts none */
    if (machine_name_valid(machine))
        drop_in_write_bad(writer);
    return OUTCOME_BAD_POLICY;
}

/* Whether MACHINE has what it should have. */
static bool generate(const Context *context, int folder, const char *machine)
{
    _cleanup_(writer_done) Writer writer = {0};
    bool right = make_drop_in(context, machine, &writer) == 0;
    int r = writer.failed ? -ENOMEM : 0;

    if (r == 0 && writer.bytes.size > 0)
        r = write_drop_in(folder, machine, bytes_view(&writer.bytes));
    if (r < 0)
        report("cannot write the drop-in of %s: %s", machine, strerror(-r));
    return right && r == 0;
}

static bool generate_all(const Context *context, int folder)
{
    _cleanup_(policy_machines_freep) char **machines = NULL;
    int r = policy_machines(context, &machines);
    bool right = true;

    if (r < 0) {
        report("cannot look for policies: %s", strerror(-r));
        return false;
    }
    for (char **machine = machines; *machine; machine++)
        right = generate(context, folder, *machine) && right;
    return right;
}

int main(int argc, char **argv)
{
    static const char root_option[] = "--root=";
    Context context = {.root = ""};
    _cleanup_(closep) int folder = -1;

    if (argc > 1 && strncmp(argv[1], root_option, strlen(root_option)) == 0) {
        context.root = argv[1] + strlen(root_option);
        to_kernel = false;
        argv++;
        argc--;
    }
    /* the service manager gives three folders; one is for what everything else overrides */
    if (argc != 2 && argc != 4) {
        fprintf(stderr, "usage: nspawn-creds-generator [--root=ROOT] FOLDER [EARLY LATE]\n");
        return 2;
    }
    umask(0022);
    folder = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        report("cannot open %s: %s", argv[1], strerror(errno));
        return EXIT_FAILURE;
    }
    return generate_all(&context, folder) ? EXIT_SUCCESS : EXIT_FAILURE;
}
