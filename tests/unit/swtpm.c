/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A software TPM for tests. See swtpm.h.
 *
 * tpm2-tss 3.2 speaks to swtpm only over TCP, with the control channel one port above the other.
 * The ports are looked for below the ephemeral range; an abstract socket named after them keeps
 * other tests of ours away, and vanishes with the process.
 */

#include "swtpm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>
#include <unistd.h>

#define PORT_FIRST 20000U
#define PORT_COUNT 12000U
#define STARTS_MAX 50
/* How long swtpm may take until it listens: 10 ms, a thousand times. */
#define WAIT_NSEC  (1000L * 1000)
#define WAITS_MAX  10000
/* Its state is written and synced after each command that changes it. */
#define MEMORY     "/dev/shm"
#define SRK_HANDLE 0x81000001U

struct Swtpm {
    char directory[64];
    char device[64];
    uint16_t port;
    int lock; /* abstract socket */
    pid_t pid;
};

/* --- the process --- */

static int run(const char *const *arguments)
{
    int status;
    pid_t pid = fork();

    if (pid < 0)
        return -errno;
    if (pid == 0) {
        execvp(arguments[0], (char *const *)arguments);
        _exit(127);
    }
    if (waitpid(pid, &status, 0) < 0)
        return -errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

static bool is_installed(void)
{
    const char *arguments[] = {"sh", "-c", "command -v swtpm >/dev/null", NULL};

    return run(arguments) == 0;
}

static int copy_state(const char *state, const char *directory)
{
    size_t length = strlen(state);
    char source[512];

    if (length > 7 && strcmp(state + length - 7, ".tar.gz") == 0) {
        const char *arguments[] = {"tar",     "-xzf",        state,
                                   "-C",      directory,     "--transform",
                                   "s|.*/||", "--wildcards", "*tpm2-00.permall",
                                   NULL};

        return run(arguments);
    }
    snprintf(source, sizeof(source), "%s/tpm2-00.permall", state);
    const char *arguments[] = {"cp", source, directory, NULL};

    return run(arguments);
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static bool is_free(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool free_now = fd >= 0 &&
                    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0 &&
                    bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

    if (fd >= 0)
        close(fd);
    return free_now;
}

static bool is_listening(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool listening = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

    if (fd >= 0)
        close(fd);
    return listening;
}

/* Reserves PORT and the next one for us. Returns the lock, or -1. */
static int lock_ports(uint16_t port)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "nspawn-creds-swtpm-%u", port);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0 && is_free(port) &&
        is_free((uint16_t)(port + 1)))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void exec_swtpm(const Swtpm *swtpm)
{
    char state[96], server[64], control[64];
    int null = open("/dev/null", O_RDWR);

    snprintf(state, sizeof(state), "dir=%s", swtpm->directory);
    snprintf(server, sizeof(server), "type=tcp,port=%u,bindaddr=127.0.0.1", swtpm->port);
    snprintf(control, sizeof(control), "type=tcp,port=%u,bindaddr=127.0.0.1", swtpm->port + 1U);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server", server, "--ctrl",
           control, "--flags", "not-need-init,startup-clear", NULL);
    _exit(127);
}

/* Starts the process and waits until it listens. Returns -EAGAIN if it ended, for example because a
 * port was taken. */
static int spawn(Swtpm *swtpm)
{
    swtpm->pid = fork();
    if (swtpm->pid < 0)
        return -errno;
    if (swtpm->pid == 0)
        exec_swtpm(swtpm);
    for (int i = 0; i < WAITS_MAX; i++) {
        if (waitpid(swtpm->pid, NULL, WNOHANG) == swtpm->pid) {
            swtpm->pid = 0;
            return -EAGAIN;
        }
        if (is_listening(swtpm->port) && is_listening((uint16_t)(swtpm->port + 1)))
            return 0;
        nanosleep(&(struct timespec){.tv_nsec = WAIT_NSEC}, NULL);
    }
    swtpm_kill(swtpm);
    return -ETIMEDOUT;
}

static int start_somewhere(Swtpm *swtpm)
{
    uint32_t first = randombytes_uniform(PORT_COUNT / 2);
    int r = -EADDRINUSE;

    for (unsigned i = 0; i < STARTS_MAX; i++) {
        swtpm->port = (uint16_t)(PORT_FIRST + (first + i) % (PORT_COUNT / 2) * 2);
        swtpm->lock = lock_ports(swtpm->port);
        if (swtpm->lock < 0)
            continue;
        r = spawn(swtpm);
        if (r == 0) {
            snprintf(swtpm->device, sizeof(swtpm->device), "swtpm:host=127.0.0.1,port=%u",
                     swtpm->port);
            return 0;
        }
        close(swtpm->lock);
        swtpm->lock = -1;
        if (r != -EAGAIN)
            break;
    }
    return r;
}

int swtpm_start(const char *state, Swtpm **ret)
{
    Swtpm *swtpm;
    int r = 0;

    if (sodium_init() < 0)
        return -EIO;
    if (!is_installed()) {
        printf("skipped: swtpm is not installed\n");
        return SWTPM_MISSING;
    }
    setenv("TSS2_LOG", "all+none", 0);
    swtpm = calloc(1, sizeof(*swtpm));
    if (!swtpm)
        return -ENOMEM;
    swtpm->lock = -1;
    snprintf(swtpm->directory, sizeof(swtpm->directory), "%s/nspawn-creds-swtpm-XXXXXX",
             access(MEMORY, W_OK) == 0 ? MEMORY : "/tmp");
    if (!mkdtemp(swtpm->directory)) {
        free(swtpm);
        return -errno;
    }
    if (state)
        r = copy_state(state, swtpm->directory);
    if (r == 0)
        r = start_somewhere(swtpm);
    if (r != 0) {
        swtpm_stop(swtpm);
        return r;
    }
    *ret = swtpm;
    return 0;
}

void swtpm_kill(Swtpm *swtpm)
{
    if (swtpm->pid > 0) {
        kill(swtpm->pid, SIGKILL);
        waitpid(swtpm->pid, NULL, 0);
    }
    swtpm->pid = 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void swtpm_stop(Swtpm *swtpm)
{
    if (!swtpm)
        return;
    swtpm_kill(swtpm);
    if (swtpm->lock >= 0)
        close(swtpm->lock);
    nftw(swtpm->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(swtpm);
}

const char *swtpm_device(const Swtpm *swtpm)
{
    return swtpm->device;
}

uint16_t swtpm_control_port(const Swtpm *swtpm)
{
    return (uint16_t)(swtpm->port + 1);
}

/* --- commands --- */

int swtpm_connect(const Swtpm *swtpm, SwtpmConnection *ret)
{
    if (Tss2_TctiLdr_Initialize(swtpm->device, &ret->tcti) != TSS2_RC_SUCCESS ||
        Esys_Initialize(&ret->esys, ret->tcti, NULL) != TSS2_RC_SUCCESS)
        return -ECONNREFUSED;
    return 0;
}

void swtpm_disconnect(SwtpmConnection *connection)
{
    if (connection->esys)
        Esys_Finalize(&connection->esys);
    if (connection->tcti)
        Tss2_TctiLdr_Finalize(&connection->tcti);
}

#define _connected_ __attribute__((cleanup(swtpm_disconnect)))

static int result(TSS2_RC rc)
{
    return rc == TSS2_RC_SUCCESS ? 0 : -EIO;
}

int swtpm_restart(Swtpm *swtpm)
{
    if (swtpm->pid > 0) {
        _connected_ SwtpmConnection connection = {0};

        /* A disorderly end counts as a failed authorisation. */
        if (swtpm_connect(swtpm, &connection) == 0)
            Esys_Shutdown(connection.esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_SU_CLEAR);
    }
    swtpm_kill(swtpm);
    return spawn(swtpm);
}

int swtpm_extend(Swtpm *swtpm, unsigned pcr, const char *text)
{
    _connected_ SwtpmConnection connection = {0};
    TPML_DIGEST_VALUES digests = {
        .count = 2,
        .digests = {{.hashAlg = TPM2_ALG_SHA1}, {.hashAlg = TPM2_ALG_SHA256}},
    };
    TPM2B_MAX_BUFFER data = {.size = (UINT16)strlen(text)};
    TPM2B_DIGEST *sha1;
    int r = swtpm_connect(swtpm, &connection);

    if (r != 0)
        return r;
    memcpy(data.buffer, text, data.size);
    /* libsodium has no SHA-1, but the TPM has. */
    r = result(Esys_Hash(connection.esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &data,
                         TPM2_ALG_SHA1, ESYS_TR_RH_NULL, &sha1, NULL));
    if (r != 0)
        return r;
    memcpy(digests.digests[0].digest.sha1, sha1->buffer, TPM2_SHA1_DIGEST_SIZE);
    Esys_Free(sha1);
    crypto_hash_sha256(digests.digests[1].digest.sha256, data.buffer, data.size);
    return result(Esys_PCR_Extend(connection.esys, ESYS_TR_PCR0 + pcr, ESYS_TR_PASSWORD,
                                  ESYS_TR_NONE, ESYS_TR_NONE, &digests));
}

void swtpm_extend_value(const uint8_t old[32], const char *text, uint8_t ret[32])
{
    uint8_t joined[64];

    memcpy(joined, old, 32);
    crypto_hash_sha256(joined + 32, (const uint8_t *)text, strlen(text));
    crypto_hash_sha256(ret, joined, sizeof(joined));
}

static TPMS_PCR_SELECTION bank(TPM2_ALG_ID hash, bool all)
{
    BYTE mask = all ? 255 : 0;

    return (TPMS_PCR_SELECTION){.hash = hash, .sizeofSelect = 3, .pcrSelect = {mask, mask, mask}};
}

int swtpm_use_banks(Swtpm *swtpm, bool sha1, bool sha256)
{
    TPML_PCR_SELECTION banks = {
        .count = 4,
        .pcrSelections = {bank(TPM2_ALG_SHA1, sha1), bank(TPM2_ALG_SHA256, sha256),
                          bank(TPM2_ALG_SHA384, false), bank(TPM2_ALG_SHA512, false)},
    };
    _connected_ SwtpmConnection connection = {0};
    TPMI_YES_NO success;
    UINT32 max, needed, available;
    int r = swtpm_connect(swtpm, &connection);

    if (r == 0)
        r = result(Esys_PCR_Allocate(connection.esys, ESYS_TR_RH_PLATFORM, ESYS_TR_PASSWORD,
                                     ESYS_TR_NONE, ESYS_TR_NONE, &banks, &success, &max, &needed,
                                     &available));
    return r == 0 ? swtpm_restart(swtpm) : r;
}

/* TCG EK Credential Profile, templates L-1 (SRK, RSA-2048) and L-2 (ECC P-256) */
static TPMT_PUBLIC srk_template(uint16_t algorithm)
{
    TPMT_SYM_DEF_OBJECT cipher = {
        .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB};
    TPMT_PUBLIC template = {
        .type = algorithm, .nameAlg = TPM2_ALG_SHA256, .objectAttributes = 0x00030472};

    if (algorithm == TPM2_ALG_RSA)
        template.parameters.rsaDetail =
            (TPMS_RSA_PARMS){.symmetric = cipher, .scheme.scheme = TPM2_ALG_NULL, .keyBits = 2048};
    else
        template.parameters.eccDetail = (TPMS_ECC_PARMS){.symmetric = cipher,
                                                         .scheme.scheme = TPM2_ALG_NULL,
                                                         .curveID = TPM2_ECC_NIST_P256,
                                                         .kdf.scheme = TPM2_ALG_NULL};
    return template;
}

static int make_srk(Swtpm *swtpm, uint16_t algorithm, const char *password, uint8_t **ret,
                    size_t *ret_size)
{
    static const TPM2B_DATA no_data = {0};
    static const TPML_PCR_SELECTION no_pcrs = {0};
    const TPM2B_PUBLIC template = {.publicArea = srk_template(algorithm)};
    TPM2B_SENSITIVE_CREATE sensitive = {
        .sensitive.userAuth.size = (UINT16)strlen(password),
    };
    _connected_ SwtpmConnection connection = {0};
    ESYS_TR transient, persistent;
    int r = swtpm_connect(swtpm, &connection);

    if (r != 0)
        return r;
    memcpy(sensitive.sensitive.userAuth.buffer, password, strlen(password));
    r = result(Esys_CreatePrimary(connection.esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                  ESYS_TR_NONE, &sensitive, &template, &no_data, &no_pcrs,
                                  &transient, NULL, NULL, NULL, NULL));
    if (r != 0)
        return r;
    r = result(Esys_EvictControl(connection.esys, ESYS_TR_RH_OWNER, transient, ESYS_TR_PASSWORD,
                                 ESYS_TR_NONE, ESYS_TR_NONE, SRK_HANDLE, &persistent));
    Esys_FlushContext(connection.esys, transient);
    return r != 0 ? r : result(Esys_TR_Serialize(connection.esys, persistent, ret, ret_size));
}

int swtpm_make_srk(Swtpm *swtpm, uint8_t **ret, size_t *ret_size)
{
    return make_srk(swtpm, TPM2_ALG_ECC, "", ret, ret_size);
}

int swtpm_make_srk_of(Swtpm *swtpm, uint16_t algorithm, uint8_t **ret, size_t *ret_size)
{
    return make_srk(swtpm, algorithm, "", ret, ret_size);
}

int swtpm_make_srk_with_password(Swtpm *swtpm, const char *password, uint8_t **ret,
                                 size_t *ret_size)
{
    return make_srk(swtpm, TPM2_ALG_ECC, password, ret, ret_size);
}

int swtpm_remove_srk(Swtpm *swtpm)
{
    _connected_ SwtpmConnection connection = {0};
    ESYS_TR persistent, gone;
    int r = swtpm_connect(swtpm, &connection);

    if (r == 0)
        r = result(Esys_TR_FromTPMPublic(connection.esys, SRK_HANDLE, ESYS_TR_NONE, ESYS_TR_NONE,
                                         ESYS_TR_NONE, &persistent));
    if (r != 0)
        return r;
    return result(Esys_EvictControl(connection.esys, ESYS_TR_RH_OWNER, persistent, ESYS_TR_PASSWORD,
                                    ESYS_TR_NONE, ESYS_TR_NONE, SRK_HANDLE, &gone));
}

int swtpm_count_handles(Swtpm *swtpm)
{
    static const TPM2_HANDLE ranges[] = {TPM2_TRANSIENT_FIRST, TPM2_LOADED_SESSION_FIRST,
                                         TPM2_ACTIVE_SESSION_FIRST};
    _connected_ SwtpmConnection connection = {0};
    TPMS_CAPABILITY_DATA *data;
    TPMI_YES_NO more;
    int count = 0, r = swtpm_connect(swtpm, &connection);

    for (size_t i = 0; r == 0 && i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        r = result(Esys_GetCapability(connection.esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                      TPM2_CAP_HANDLES, ranges[i], TPM2_MAX_CAP_HANDLES, &more,
                                      &data));
        if (r != 0)
            break;
        count += (int)data->data.handles.count;
        Esys_Free(data);
    }
    return r != 0 ? r : count;
}

int swtpm_count_failures(Swtpm *swtpm)
{
    _connected_ SwtpmConnection connection = {0};
    TPMS_CAPABILITY_DATA *data;
    TPMI_YES_NO more;
    int count, r = swtpm_connect(swtpm, &connection);

    if (r == 0)
        r = result(Esys_GetCapability(connection.esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                      TPM2_CAP_TPM_PROPERTIES, TPM2_PT_LOCKOUT_COUNTER, 1, &more,
                                      &data));
    if (r != 0)
        return r;
    count = (int)data->data.tpmProperties.tpmProperty[0].value;
    Esys_Free(data);
    return count;
}
