/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A whole broker for tests. See broker_fixture.h.
 */

#include "broker_fixture.h"
#include "store_put.h"

#include "credential/seal.h"
#include "key/host_key.h"
#include "process/supervisor.h"
#include "process/worker.h"
#include "protocol/client.h"
#include "tpm/blob.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#define BLOB_BYTES  64
/* Less than LIMIT_TPM_USEC, which would end the wait of a client that is forgotten. */
#define CLIENT_MSEC 25000

static BrokerShared *shared;
static char audit_path[256];
static char live_path[256];

void wait_msec(unsigned msec)
{
    poll(NULL, 0, (int)msec);
}

/* --- inside the broker --- */

static uint64_t deadly_now(const Context *context)
{
    (void)context;
    if (shared->poison) {
        shared->poison--;
        raise(shared->poison_signal);
    }
    return TEST_NOW;
}

/* Works for as long as the test says; the test may change that at any time. */
static void work(unsigned number)
{
    uint64_t begin = monotonic_usec();

    while (monotonic_usec() - begin < (uint64_t)shared->tpm_msec * 1000 ||
           (shared->tpm_answered && number > shared->tpm_answered))
        wait_msec(1);
}

/* What the fake TPM unseals BLOB to. */
static Secret *key_of(BytesView blob)
{
    Secret *key = test_secret_of(TPM_KEY_BYTES);

    for (size_t i = 0; i < blob.size; i++)
        secret_borrow(key)[i % TPM_KEY_BYTES] ^= blob.data[i];
    return key;
}

static bool fails(unsigned key)
{
    return shared->tpm_rc != 0 && (shared->tpm_open_key == 0 || key != shared->tpm_open_key) &&
           (shared->tpm_rc_key == 0 || shared->tpm_rc_key == key);
}

static int fake_unseal(const char *device, const TpmSealedView *sealed, Reason *reason,
                       Secret **ret_key)
{
    (void)device;
    assert_true(sealed->blob.size > 0);
    work(++shared->tpm_begun);
    if (shared->tpm_rc < 0)
        abort();
    if (fails(sealed->blob.data[BLOB_BYTES - 1]))
        return reason_set(reason, shared->tpm_rc, "the fake TPM says so");
    *ret_key = key_of(sealed->blob);
    return 0;
}

/* A sealed key like a TPM's, with other contents. */
static Bytes new_blob(unsigned number)
{
    TPM2B_PRIVATE private_part = {.size = 128, .buffer = {(BYTE)number, (BYTE)(number >> 8)}};
    TPM2B_PUBLIC public_part = {.publicArea = {
                                    .type = TPM2_ALG_KEYEDHASH,
                                    .nameAlg = TPM2_ALG_SHA256,
                                    .objectAttributes = TPM_SEALED_ATTRIBUTES,
                                    .authPolicy = {.size = TPM_POLICY_BYTES},
                                    .parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL,
                                    .unique.keyedHash = {.size = TPM2_SHA256_DIGEST_SIZE},
                                }};
    Bytes blob;

    assert_int_equal(tpm_blob_write(&private_part, &public_part, NULL, &blob), 0);
    return blob;
}

static int fake_seal(const char *device, Reason *reason, TpmSealed *ret, Secret **ret_key)
{
    _cleanup_(bytes_done) Bytes blob = new_blob(++shared->tpm_sealed);
    static const uint8_t policy[TPM_POLICY_BYTES];
    TpmSealedView sealed = {.pcr_bank = TPM_ALGORITHM_SHA256,
                            .primary_alg = TPM_ALGORITHM_ECC,
                            .blob = bytes_view(&blob),
                            .policy_hash = {policy, sizeof(policy)}};

    (void)device;
    work(0);
    if (shared->seal_rc != 0)
        return reason_set(reason, shared->seal_rc, "the fake TPM says so");
    *ret_key = key_of(sealed.blob);
    return tpm_sealed_dup(&sealed, ret);
}

/* The broker closes descriptors that it does not know, so this is opened every time. */
static void append_record(AuditSink *sink, const AuditRecord *record)
{
    AuditEntry entry;
    char verdict[AUDIT_FIELD_BYTES], outcome[AUDIT_FIELD_BYTES], reason[AUDIT_FIELD_BYTES];
    char line[512];
    int fd = open(audit_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    int length;
    ssize_t n;

    (void)sink;
    if (record->verdict == AUDIT_STORED && shared->audit_poison > 0 && --shared->audit_poison == 0)
        raise(SIGKILL);
    audit_entry_format(record, &entry);
    audit_entry_get(&entry, "NSPAWN_CREDS_VERDICT", verdict);
    audit_entry_get(&entry, "NSPAWN_CREDS_OUTCOME", outcome);
    audit_entry_get(&entry, "NSPAWN_CREDS_REASON", reason);
    length = snprintf(line, sizeof(line), "%.32s %.64s %.320s %s@%.32s of %d\n", verdict, outcome,
                      reason, record->machine, record->id, (int)record->peer_pid);
    n = write(fd, line, (size_t)length);
    (void)n;
    close(fd);
    if (record->verdict == AUDIT_STORED && shared->audit_poison < 0 && ++shared->audit_poison == 0)
        raise(SIGKILL);
}

static sd_event *audit_event; /* the worker's; NULL outside its loop */
static sd_event_source *audit_tick;

/* While the sink is full, checks often whether it still is. */
static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
    const AuditSink *sink = userdata;

    (void)usec;
    if (shared->audit_full) {
        sd_event_source_set_time_relative(source, 1000);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    }
    audit_tick = sd_event_source_disable_unref(audit_tick);
    sink->room(sink->userdata);
    return 0;
}

static bool is_full(const AuditSink *sink)
{
    if (shared->audit_full && audit_event && !audit_tick)
        assert_true(sd_event_add_time_relative(audit_event, &audit_tick, CLOCK_MONOTONIC, 1000, 0,
                                               on_tick, (void *)(uintptr_t)sink) >= 0);
    return shared->audit_full;
}

static void attach(AuditSink *sink, sd_event *event)
{
    (void)sink;
    audit_tick = sd_event_source_disable_unref(audit_tick);
    audit_event = event;
}

/* The sockets as the service manager passes them: requests, control, and the courier's. */
static Listeners listeners = {
    .fds = {STDERR_FILENO + 1, STDERR_FILENO + 2, STDERR_FILENO + 3},
    .kinds = {LISTENER_REQUESTS, LISTENER_CONTROL, LISTENER_COURIER},
    .count = 3,
    .live_folder = live_path,
};

static int run_worker(void *userdata, Drain drain)
{
    int r;

    (void)userdata;
    shared->worker = getpid();
    shared->workers++;
    r = worker_run(&shared->config, &listeners, drain);
    return r < 0 ? EXIT_FAILURE : r;
}

/* Duplicates of what is stored and still open, from TO on. Returns the first descriptor after
 * them. */
static unsigned pass_stored(const BrokerFixture *broker, int to)
{
    int copies[COUNT(broker->stored)];

    for (size_t i = 0; i < broker->stored_count; i++)
        copies[i] = fcntl(broker->stored[i], F_DUPFD, 1024);
    for (size_t i = 0; i < broker->stored_count; i++)
        dup2(copies[i], to++);
    return (unsigned)to;
}

/* Whether the socket FD was shut down, so that it needs not be kept. */
static bool is_over(int fd)
{
    struct pollfd status = {.fd = fd};

    return poll(&status, 1, 0) == 1 && (status.revents & (POLLHUP | POLLERR));
}

/* As the service manager does: it keeps what it passes, until that is over. */
static void forget_stored(BrokerFixture *broker, bool all)
{
    size_t count = 0;

    for (size_t i = 0; i < broker->stored_count; i++) {
        if (all || is_over(broker->stored[i]))
            close(broker->stored[i]);
        else
            broker->stored[count++] = broker->stored[i];
    }
    broker->stored_count = count;
}

void broker_start(BrokerFixture *broker)
{
    unsigned workers = shared->workers;

    broker->config.host_key = (HostKeyStamp){0};
    (void)host_key_check_source(&broker->context, NULL, &broker->config.host_key);
    shared->config = broker->config;
    forget_stored(broker, false);
    broker->supervisor = fork();
    assert_true(broker->supervisor >= 0);
    if (broker->supervisor == 0) {
        int fds[] = {fcntl(broker->listener, F_DUPFD, 16), fcntl(broker->control, F_DUPFD, 16),
                     fcntl(broker->courier, F_DUPFD, 16)};
        unsigned first_unused;

        /* ends with a test that failed */
        prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
        for (size_t i = 0; i < COUNT(fds); i++)
            dup2(fds[i], listeners.fds[i]);
        first_unused = pass_stored(broker, listeners.fds[COUNT(fds) - 1] + 1);
        syscall(SYS_close_range, first_unused, ~0U, 0U);
        listeners.manager_msec = broker->manager_msec;
        _exit(supervisor_run(&listeners, run_worker, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    while (shared->workers == workers) {
        if (broker->manager >= 0 && !broker->manager_busy)
            broker_serve_store(broker);
        wait_msec(1);
    }
}

/* --- from outside --- */

/* The service manager keeps an open file once. */
static bool is_stored(const BrokerFixture *broker, int fd)
{
    struct stat one, other;

    assert_int_equal(fstat(fd, &one), 0);
    for (size_t i = 0; i < broker->stored_count; i++)
        if (fstat(broker->stored[i], &other) == 0 && one.st_dev == other.st_dev &&
            one.st_ino == other.st_ino)
            return true;
    return false;
}

static void store(BrokerFixture *broker, const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (broker->store_full) {
            assert_true(broker->rejected_count < COUNT(broker->rejected));
            broker->rejected[broker->rejected_count++] = fds[i];
        } else if (is_over(fds[i]) || is_stored(broker, fds[i])) {
            close(fds[i]);
        } else {
            assert_true(broker->stored_count < COUNT(broker->stored));
            broker->stored[broker->stored_count++] = fds[i];
        }
    }
}

void broker_serve_store(BrokerFixture *broker)
{
    char text[256];
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(int) * 253)];
    } control;
    struct iovec data = {text, sizeof(text) - 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    ssize_t n;

    while (broker->rejected_count > 0)
        close(broker->rejected[--broker->rejected_count]);
    for (;;) {
        const struct cmsghdr *header;
        int fds[253];
        size_t count = 0;

        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
        n = recvmsg(broker->manager, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0)
            break;
        text[n] = '\0';
        header = CMSG_FIRSTHDR(&message);
        if (header) {
            count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            memcpy(fds, CMSG_DATA(header), count * sizeof(int));
        }
        if (strncmp(text, "FDSTORE=1\n", 10) == 0) {
            store(broker, fds, count);
        } else if (!broker->store_slow) {
            while (count > 0)
                close(fds[--count]);
        }
    }
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0 && strlen(path) < sizeof(address.sun_path));
    strcpy(address.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 4096), 0);
    return fd;
}

BrokerFixture *broker_new(void)
{
    static AuditSink sink = {.write = append_record, .attach = attach, .full = is_full};
    BrokerFixture *broker = calloc(1, sizeof(*broker));
    HostConfig host;
    Secret *key;

    assert_non_null(broker);
    broker->folder = test_folder();
    test_folder_make_root(&broker->folder);
    broker->context = test_context(broker->folder.path);
    broker->context.now = deadly_now;
    assert_int_equal(mkdir(test_path(&broker->folder, "store"), 0750), 0);
    snprintf(audit_path, sizeof(audit_path), "%s", test_path(&broker->folder, "audit"));
    snprintf(live_path, sizeof(live_path), "%s", test_path(&broker->folder, "live"));
    assert_int_equal(mkdir(live_path, 0755), 0);

    host_config_default(&host);
    server_config_default(&broker->context, &host, &broker->config);
    broker->config.tpm_device = NULL;
    broker->config.store_path = strdup(test_path(&broker->folder, "store"));
    broker->config.host_key_path =
        strdup(test_path(&broker->folder, "var/lib/systemd/credential.secret"));
    assert_int_equal(
        host_key_ensure(&broker->context, broker->config.host_key_path, NULL, &key, NULL), 0);
    secret_free(key);
    broker->config.trusted_uid = geteuid();
    broker->config.unseal = fake_unseal;
    broker->config.seal = fake_seal;
    broker->config.audit = &sink;
    broker->shared = mmap(NULL, sizeof(*broker->shared), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(broker->shared != MAP_FAILED);
    shared = broker->shared;
    shared->poison_signal = SIGKILL;
    broker->manager = -1;
    broker->manager_msec = CLIENT_MSEC;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("FDSTORE");
    broker->listener = listen_at(test_path(&broker->folder, "socket"));
    broker->control = listen_at(test_path(&broker->folder, "control"));
    broker->courier = listen_at(test_path(&broker->folder, "courier"));
    /* so that we can wait for orphaned workers */
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    return broker;
}

void broker_free(BrokerFixture *broker)
{
    if (broker->supervisor)
        broker_stop(broker);
    close(broker->listener);
    close(broker->control);
    close(broker->courier);
    if (broker->manager >= 0)
        close(broker->manager);
    munmap(broker->shared, sizeof(*broker->shared));
    test_folder_remove(&broker->folder);
    free((void *)(uintptr_t)broker->config.store_path);
    free((void *)(uintptr_t)broker->config.host_key_path);
    free(broker);
}

void broker_manage(BrokerFixture *broker)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strcpy(address.sun_path, test_path(&broker->folder, "notify"));
    broker->manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(broker->manager, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", address.sun_path, 1), 0);
}

void broker_restart(BrokerFixture *broker)
{
    kill(broker->supervisor, SIGINT);
    (void)broker_wait(broker);
    broker_start(broker);
}

int broker_wait(BrokerFixture *broker)
{
    int status;
    pid_t pid;
    unsigned turns = 0;

    while ((pid = waitpid(broker->supervisor, &status, broker->manager >= 0 ? WNOHANG : 0)) == 0) {
        broker_serve_store(broker);
        wait_msec(1);
        assert_true(++turns < CLIENT_MSEC);
    }
    assert_int_equal(pid, broker->supervisor);
    broker->supervisor = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int broker_stop(BrokerFixture *broker)
{
    int rc;

    kill(broker->supervisor, SIGTERM);
    rc = broker_wait(broker);
    forget_stored(broker, true);
    return rc;
}

/* The worker leaves to the next broker what its client does not read in time, which a client on a
 * slow machine may do. */
void broker_kill_supervisor(BrokerFixture *broker)
{
    int status;

    kill(broker->supervisor, SIGKILL);
    assert_int_equal(broker_wait(broker), -SIGKILL);
    assert_int_equal(waitpid(shared->worker, &status, 0), shared->worker);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == WORKER_DONE || WEXITSTATUS(status) == WORKER_LEFT);
}

/* Waits until the process PID is in STATE, as in proc(5). */
static void wait_for_process(pid_t pid, char expected)
{
    char path[64], state = '\0';

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    for (unsigned i = 0; state != expected; i++) {
        FILE *file = fopen(path, "re");

        assert_non_null(file);
        assert_int_equal(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
        fclose(file);
        assert_true(i < CLIENT_MSEC);
        wait_msec(state != expected);
    }
}

/* Stopped first, so that none notices that another one is gone. */
void broker_kill_all(BrokerFixture *broker)
{
    pid_t all[8] = {broker->supervisor};
    char path[64];
    size_t count = 1;
    FILE *file;

    kill(broker->supervisor, SIGSTOP);
    wait_for_process(broker->supervisor, 'T');
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", broker->supervisor,
             broker->supervisor);
    file = fopen(path, "re");
    assert_non_null(file);
    while (count < COUNT(all) && fscanf(file, "%d", &all[count]) == 1)
        kill(all[count++], SIGSTOP);
    fclose(file);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++)
        kill(all[i], SIGKILL);
    assert_int_equal(broker_wait(broker), -SIGKILL);
    for (size_t i = 1; i < count; i++)
        assert_int_equal(waitpid(all[i], NULL, 0), all[i]);
}

pid_t broker_kill_worker(BrokerFixture *broker, pid_t last)
{
    pid_t worker;

    while ((worker = broker->shared->worker) == last)
        wait_msec(1);
    kill(worker, SIGKILL);
    return worker;
}

void broker_stop_worker(const BrokerFixture *broker)
{
    kill(broker->shared->worker, SIGSTOP);
    wait_for_process(broker->shared->worker, 'T');
}

/* A worker that waits for events sleeps. It does nothing else that does. */
void broker_wait_idle(const BrokerFixture *broker)
{
    wait_for_process(broker->shared->worker, 'S');
}

/* Whether the worker waits for connections at the socket FD, with epoll(7). */
static bool listens_at(const BrokerFixture *broker, int fd)
{
    char folder_path[64], path[320], line[128];
    bool found = false;
    int target;
    DIR *folder;
    const struct dirent *entry;

    snprintf(folder_path, sizeof(folder_path), "/proc/%d/fdinfo", (int)broker->shared->worker);
    folder = opendir(folder_path);
    while (folder && (entry = readdir(folder))) {
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", folder_path, entry->d_name);
        file = fopen(path, "re");
        while (file && fgets(line, sizeof(line), file))
            found = found || (sscanf(line, "tfd: %d", &target) == 1 && target == fd);
        if (file)
            fclose(file);
    }
    if (folder)
        closedir(folder);
    return found;
}

void broker_wait_draining(const BrokerFixture *broker)
{
    for (unsigned i = 0; listens_at(broker, listeners.fds[0]); i++) {
        assert_true(i < CLIENT_MSEC);
        wait_msec(1);
    }
}

unsigned broker_waiting(const BrokerFixture *broker)
{
    _cleanup_(client_freep) Client *client = NULL;
    struct json_object *status = NULL;
    unsigned waiting;

    assert_int_equal(client_new(test_path(&broker->folder, "control"), NULL, &client), 0);
    assert_int_equal(client_call(client, "Status", NULL, NULL, NULL, &status), 0);
    waiting = (unsigned)json_object_get_int64(json_object_object_get(status, "waiting"));
    json_object_put(status);
    return waiting;
}

size_t broker_descriptors(const BrokerFixture *broker)
{
    char path[64];
    DIR *folder;
    size_t count = 0;

    snprintf(path, sizeof(path), "/proc/%d/fd", broker->supervisor);
    folder = opendir(path);
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count - 2;
}

/* --- the store --- */

static size_t seed_of(const char *machine, const char *id)
{
    size_t seed = 1;

    for (const char *c = machine; *c; c++)
        seed = seed * 31 + (size_t)*c;
    for (const char *c = id; *c; c++)
        seed = seed * 37 + (size_t)*c;
    return seed;
}

static uint8_t byte_of(size_t seed, size_t offset)
{
    return (uint8_t)(seed + offset * 7 + (offset >> 8));
}

void broker_seal(BrokerFixture *broker, const SealedFile *file)
{
    broker_seal_with(broker, file, 0);
}

void broker_seal_with(BrokerFixture *broker, const SealedFile *file, unsigned key)
{
    const uint8_t blob[BLOB_BYTES] = {1, 2, 3, [BLOB_BYTES - 1] = (uint8_t)key};
    static const uint8_t policy[TPM_POLICY_BYTES];
    _cleanup_(secret_freep) Secret *host_key = NULL;
    _cleanup_(secret_freep) Secret *tpm_key = key_of((BytesView){blob, sizeof(blob)});
    _cleanup_(secret_freep) Secret *plaintext = test_secret_of(file->size);
    _cleanup_(store_freep) Store *store = NULL;
    _cleanup_(bytes_done) Bytes sealed = {0};
    CredentialName name;
    char text[CREDENTIAL_NAME_TEXT_BYTES];
    size_t seed = seed_of(file->machine, file->id);
    SealRequest request = {
        .kind = kind_find_by_key_types(file->key_types),
        .plaintext = plaintext,
        .tpm_key = file->key_types & KIND_TPM ? tpm_key : NULL,
        .tpm = {.pcr_mask = key ? UINT64_C(1) << (key % 24) : 0,
                .pcr_bank = TPM_ALGORITHM_SHA256,
                .primary_alg = TPM_ALGORITHM_ECC,
                .blob = {blob, sizeof(blob)},
                .policy_hash = {policy, sizeof(policy)}},
        .metadata = {.timestamp = 0,
                     .not_after = file->not_after ? file->not_after : USEC_INFINITY},
    };

    assert_int_equal(credential_name_new(file->machine, file->id, NULL, &name), 0);
    credential_name_format(&name, text);
    strcpy(request.metadata.name, file->name ? file->name : text);
    for (size_t i = 0; i < file->size; i++)
        secret_borrow(plaintext)[i] = byte_of(seed, i);
    assert_int_equal(host_key_load(&broker->context, broker->config.host_key_path, NULL, &host_key),
                     0);
    request.host_key = file->key_types & KIND_HOST ? host_key : NULL;
    assert_int_equal(credential_seal(&broker->context, &request, NULL, &sealed), 0);
    assert_int_equal(store_new(broker->config.store_path, NULL, &store), 0);
    assert_int_equal(store_put(store, &name, bytes_view(&sealed)), 0);
}

const char *broker_file(const BrokerFixture *broker, const char *machine, const char *id)
{
    char name[256];

    snprintf(name, sizeof(name), "store/%s/%s.cred", machine, id);
    return test_path(&broker->folder, name);
}

unsigned broker_records(const BrokerFixture *broker, const char *words)
{
    FILE *file = fopen(test_path(&broker->folder, "audit"), "re");
    unsigned count = 0;
    char line[512];

    while (file && fgets(line, sizeof(line), file))
        count += strncmp(line, words, strlen(words)) == 0;
    if (file)
        fclose(file);
    return count;
}

/* --- clients --- */

void broker_wait_live(const char *machine)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s/socket", live_path, machine);
    for (unsigned i = 0; access(path, F_OK) < 0; i++) {
        assert_true(i < 20000);
        wait_msec(1);
    }
}

void broker_add_live(const BrokerFixture *broker, const char *machine)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", live_path, machine);
    assert_int_equal(mkdir(path, 0700), 0);
    if (broker->supervisor)
        broker_wait_live(machine);
}

static int open_at(const char *path, const char *unit, const char *id)
{
    static unsigned number;
    struct sockaddr_un ours = {.sun_family = AF_UNIX};
    struct sockaddr_un theirs = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int length;

    assert_true(fd >= 0);
    if (unit) {
        length = snprintf(ours.sun_path + 1, sizeof(ours.sun_path) - 1, "%x%04x/unit/%s/%s",
                          getpid(), number++ & 0xffff, unit, id);
        length += 1 + (int)sizeof(sa_family_t);
        assert_true(length <= (int)sizeof(ours));
        assert_int_equal(bind(fd, (struct sockaddr *)&ours, (socklen_t)length), 0);
    }
    strcpy(theirs.sun_path, path);
    assert_int_equal(connect(fd, (struct sockaddr *)&theirs, sizeof(theirs)), 0);
    return fd;
}

static int connect_at(const char *path, const char *unit, const char *id)
{
    int fd = open_at(path, unit, id);

    shutdown(fd, SHUT_WR);
    return fd;
}

int client_connect_open(const BrokerFixture *broker, const char *unit, const char *id)
{
    return open_at(test_path(&broker->folder, "socket"), unit, id);
}

int client_connect(const BrokerFixture *broker, const char *unit, const char *id)
{
    return connect_at(test_path(&broker->folder, "socket"), unit, id);
}

int client_connect_live(const BrokerFixture *broker, const char *machine, const char *unit,
                        const char *id)
{
    char path[128];

    (void)broker;
    assert_true(snprintf(path, sizeof(path), "%s/%s/socket", live_path, machine) < 108);
    return connect_at(path, unit, id);
}

int client_connect_control(const BrokerFixture *broker)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval time = {.tv_sec = CLIENT_MSEC / 1000};

    strcpy(address.sun_path, test_path(&broker->folder, "control"));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)), 0);
    return fd;
}

Answer client_read(int fd, const char *machine, const char *id, size_t size)
{
    size_t seed = seed_of(machine, id), total = 0;
    bool same = true;

    for (;;) {
        uint8_t bytes[4096];
        struct pollfd waiting = {.fd = fd, .events = POLLIN};
        ssize_t n;

        if (poll(&waiting, 1, CLIENT_MSEC) != 1)
            return ANSWER_NONE;
        n = read(fd, bytes, sizeof(bytes));
        if (n <= 0) {
            close(fd);
            if (n < 0)
                return ANSWER_WRONG;
            break;
        }
        for (size_t i = 0; i < (size_t)n && same; i++)
            same = total + i < size && bytes[i] == byte_of(seed, total + i);
        total += (size_t)n;
    }
    if (total > LIMIT_PLAINTEXT_BYTES)
        return ANSWER_REFUSED;
    if (total == size && same)
        return ANSWER_RIGHT;
    return total == 0 ? ANSWER_EMPTY : ANSWER_WRONG;
}

Answer client_ask(const BrokerFixture *broker, const char *machine, const char *id, size_t size)
{
    char unit[128];

    snprintf(unit, sizeof(unit), "systemd-nspawn@%s.service", machine);
    return client_read(client_connect(broker, unit, id), machine, id, size);
}
