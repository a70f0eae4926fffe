/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sandbox-probe FILE DIRECTORY...: tries what a broker that was taken over would try, and prints a
 * line for each attempt: "allowed NAME" or "denied NAME". Then it prints "socket PATH" for each
 * socket below /run that it could connect to.
 *
 * FILE is a program that it copies and tries to execute: from memory, and from each DIRECTORY. An
 * attempt is a process of its own, so that one cannot spoil the next.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *program;   /* FILE */
static const char *directory; /* of this attempt */

/* --- attempts: each returns whether it worked, and may not return --- */

static bool copy_program(int to)
{
    int from = open(program, O_RDONLY | O_CLOEXEC);
    struct stat status;

    return from >= 0 && fstat(from, &status) == 0 &&
           sendfile(to, from, NULL, (size_t)status.st_size) == status.st_size &&
           fchmod(to, 0700) == 0;
}

static bool execute_memory(void)
{
    int fd = memfd_create("probe", 0);
    char path[64];

    if (fd < 0 || !copy_program(fd))
        return false;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    execl(path, "probe", NULL);
    return false;
}

static bool execute_descriptor(void)
{
    char *const arguments[] = {(char *)"probe", NULL};
    int fd = memfd_create("probe", MFD_CLOEXEC);

    if (fd < 0 || !copy_program(fd))
        return false;
    syscall(SYS_execveat, fd, "", arguments, arguments + 1, AT_EMPTY_PATH);
    return false;
}

static int create(char path[4096])
{
    snprintf(path, 4096, "%s/sandbox-probe-copy", directory);
    return open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
}

static bool write_file(void)
{
    char path[4096];

    return create(path) >= 0;
}

static bool execute_copy(void)
{
    char path[4096];
    int fd = create(path);

    if (fd < 0 || !copy_program(fd))
        return false;
    close(fd);
    execl(path, "probe", NULL);
    return false;
}

static bool execute_program(void)
{
    execl(program, "probe", NULL);
    return false;
}

/* Code that was written by the process itself. */
static bool map_writable_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) != MAP_FAILED;
}

static bool make_io_uring(void)
{
    struct io_uring_params parameters = {0};

    return syscall(SYS_io_uring_setup, 1, &parameters) >= 0;
}

static bool add_a_key(void)
{
    return syscall(SYS_add_key, "user", "probe", "x", (size_t)1, KEY_SPEC_PROCESS_KEYRING) >= 0;
}

static bool use_a_keyring(void)
{
    return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1) >= 0;
}

static bool open_message_queue(void)
{
    mqd_t queue = mq_open("/sandbox-probe", O_CREAT | O_RDWR, 0600, NULL);

    mq_unlink("/sandbox-probe");
    return queue >= 0;
}

static bool write_shared_memory(void)
{
    int fd = open("/dev/shm/sandbox-probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    unlink("/dev/shm/sandbox-probe");
    return fd >= 0;
}

static bool load_bpf(void)
{
    union bpf_attr attributes = {
        .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};

    return syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes)) >= 0;
}

static bool count_events(void)
{
    struct perf_event_attr attributes = {.type = PERF_TYPE_SOFTWARE,
                                         .size = sizeof(attributes),
                                         .exclude_kernel = 1,
                                         .exclude_hv = 1};

    return syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0UL) >= 0;
}

static bool read_a_process(void)
{
    char here, there = 'x';
    struct iovec local = {&here, 1}, remote = {&there, 1};

    return syscall(SYS_process_vm_readv, getpid(), &local, 1UL, &remote, 1UL, 0UL) == 1;
}

static bool trace_a_process(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool handle_faults(void)
{
    return syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */) >= 0;
}

static bool make_a_user_namespace(void)
{
    return unshare(CLONE_NEWUSER) == 0;
}

static bool make_a_mount(void)
{
    return mount("none", "/tmp", "tmpfs", 0, NULL) == 0;
}

static bool open_internet_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool open_netlink_socket(void)
{
    return socket(AF_NETLINK, SOCK_RAW, 0) >= 0;
}

static bool open_vsock(void)
{
    return socket(AF_VSOCK, SOCK_STREAM, 0) >= 0;
}

static bool open_kernel_crypto(void)
{
    return socket(AF_ALG, SOCK_SEQPACKET, 0) >= 0;
}

static bool change_personality(void)
{
    return syscall(SYS_personality, 0x0040000UL /* ADDR_NO_RANDOMIZE */) >= 0;
}

static bool lower_the_priority(void)
{
    return setpriority(PRIO_PROCESS, 0, 5) == 0;
}

typedef struct Attempt {
    const char *name;
    bool (*try)(void);
    bool in_directory; /* once for each DIRECTORY */
} Attempt;

static const Attempt attempts[] = {
    {"execute-memory", execute_memory, false},
    {"execute-descriptor", execute_descriptor, false},
    {"execute-program", execute_program, false},
    {"write", write_file, true},
    {"execute-copy", execute_copy, true},
    {"writable-code", map_writable_code, false},
    {"io-uring", make_io_uring, false},
    {"add-key", add_a_key, false},
    {"keyctl", use_a_keyring, false},
    {"message-queue", open_message_queue, false},
    {"shared-memory", write_shared_memory, false},
    {"bpf", load_bpf, false},
    {"perf", count_events, false},
    {"read-process", read_a_process, false},
    {"ptrace", trace_a_process, false},
    {"userfaultfd", handle_faults, false},
    {"user-namespace", make_a_user_namespace, false},
    {"mount", make_a_mount, false},
    {"internet", open_internet_socket, false},
    {"netlink", open_netlink_socket, false},
    {"vsock", open_vsock, false},
    {"kernel-crypto", open_kernel_crypto, false},
    {"personality", change_personality, false},
    {"priority", lower_the_priority, false},
};

static void attempt(const Attempt *attempt, const char *where)
{
    pid_t child;
    int status = 1;

    fflush(stdout);
    directory = where;
    child = fork();
    if (child == 0)
        _exit(attempt->try() ? 0 : 1);
    if (child < 0 || waitpid(child, &status, 0) < 0)
        exit(EXIT_FAILURE);
    printf("%s %s%s%s\n", WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "allowed" : "denied",
           attempt->name, where ? " in " : "", where ? where : "");
}

/* --- sockets --- */

static int visit(const char *path, const struct stat *status, int type, struct FTW *where)
{
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)where;
    if (type != FTW_F || !S_ISSOCK(status->st_mode) || strlen(path) >= sizeof(address.sun_path))
        return 0;
    strcpy(address.sun_path, path);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        int fd = socket(AF_UNIX, types[i] | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int r = connect(fd, (const struct sockaddr *)&address, sizeof(address));

        if (r == 0 || errno == EAGAIN) {
            printf("socket %s\n", path);
            close(fd);
            return 0;
        }
        close(fd);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: sandbox-probe FILE DIRECTORY...\n");
        return 2;
    }
    program = argv[1];
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        if (!attempts[i].in_directory)
            attempt(&attempts[i], NULL);
        for (int j = 2; attempts[i].in_directory && j < argc; j++)
            attempt(&attempts[i], argv[j]);
    }
    nftw("/run", visit, 16, FTW_PHYS);
    return 0;
}
