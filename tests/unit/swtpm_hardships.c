/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hardships of a software TPM. See swtpm_hardships.h.
 */

#include "swtpm_hardships.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <tss2/tss2_sys.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* An NV index with a password, to fail with a wrong one. */
#define NV_INDEX        0x01500000U

/* NV indices that are there to occupy room, and the size of the largest, bytes. */
#define NV_FILL_FIRST   0x01510000U
#define NV_FILL_BYTES   2048U

/* swtpm's control channel: PTM_INIT, TPM_Init without TPM2_Startup. */
#define CONTROL_INIT    2U

#define _connected_     __attribute__((cleanup(swtpm_disconnect)))

static const TPM2B_AUTH no_password, password = {.size = 6, .buffer = "secret"};

static int result(TSS2_RC rc)
{
    return rc == TSS2_RC_SUCCESS ? 0 : -EIO;
}

static TSS2_RC base_of(TSS2_RC rc)
{
    return rc & (rc & TPM2_RC_FMT1 ? TPM2_RC_FMT1 | 0x3f : 0xfff);
}

/* --- lockout --- */

static int define_index(ESYS_CONTEXT *esys, ESYS_TR *ret)
{
    static const TPM2B_NV_PUBLIC public = {
        .nvPublic = {.nvIndex = NV_INDEX,
                     .nameAlg = TPM2_ALG_SHA256,
                     .attributes = TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE,
                     .dataSize = 8},
    };

    return result(Esys_NV_DefineSpace(esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                      ESYS_TR_NONE, &password, &public, ret));
}

int hardship_lockout(Swtpm *swtpm)
{
    _connected_ SwtpmConnection connection = {0};
    ESYS_CONTEXT *esys;
    ESYS_TR index;
    TSS2_RC rc;
    int r = swtpm_connect(swtpm, &connection);

    if (r != 0)
        return r;
    esys = connection.esys;
    r = define_index(esys, &index);
    if (r != 0)
        return r;
    Esys_TR_SetAuth(esys, index, &no_password);
    do {
        TPM2B_MAX_NV_BUFFER *data;

        rc = Esys_NV_Read(esys, index, index, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, 8, 0,
                          &data);
    } while (base_of(rc) == TPM2_RC_AUTH_FAIL);
    r = result(Esys_NV_UndefineSpace(esys, ESYS_TR_RH_OWNER, index, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                     ESYS_TR_NONE));
    return rc == TPM2_RC_LOCKOUT ? r : -EIO;
}

int hardship_clear_lockout(Swtpm *swtpm)
{
    _connected_ SwtpmConnection connection = {0};
    int r = swtpm_connect(swtpm, &connection);

    return r != 0 ? r
                  : result(Esys_DictionaryAttackLockReset(connection.esys, ESYS_TR_RH_LOCKOUT,
                                                          ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                                          ESYS_TR_NONE));
}

/* --- passwords, and the owner hierarchy --- */

static int change_password(Swtpm *swtpm, ESYS_TR of, const TPM2B_AUTH *from, const TPM2B_AUTH *to)
{
    _connected_ SwtpmConnection connection = {0};
    int r = swtpm_connect(swtpm, &connection);

    if (r != 0)
        return r;
    Esys_TR_SetAuth(connection.esys, of, from);
    return result(Esys_HierarchyChangeAuth(connection.esys, of, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                           ESYS_TR_NONE, to));
}

int hardship_lockout_password(Swtpm *swtpm)
{
    return change_password(swtpm, ESYS_TR_RH_LOCKOUT, &no_password, &password);
}

int hardship_no_lockout_password(Swtpm *swtpm)
{
    return change_password(swtpm, ESYS_TR_RH_LOCKOUT, &password, &no_password);
}

int hardship_owner_password(Swtpm *swtpm)
{
    return change_password(swtpm, ESYS_TR_RH_OWNER, &no_password, &password);
}

int hardship_no_owner_password(Swtpm *swtpm)
{
    return change_password(swtpm, ESYS_TR_RH_OWNER, &password, &no_password);
}

int hardship_endorsement_password(Swtpm *swtpm)
{
    return change_password(swtpm, ESYS_TR_RH_ENDORSEMENT, &no_password, &password);
}

static int switch_owner(Swtpm *swtpm, TPMI_YES_NO on)
{
    _connected_ SwtpmConnection connection = {0};
    int r = swtpm_connect(swtpm, &connection);

    return r != 0 ? r
                  : result(Esys_HierarchyControl(connection.esys, ESYS_TR_RH_PLATFORM,
                                                 ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                                 ESYS_TR_RH_OWNER, on));
}

int hardship_owner_off(Swtpm *swtpm)
{
    return switch_owner(swtpm, TPM2_NO);
}

int hardship_owner_on(Swtpm *swtpm)
{
    return switch_owner(swtpm, TPM2_YES);
}

int hardship_clear(Swtpm *swtpm)
{
    _connected_ SwtpmConnection connection = {0};
    int r = swtpm_connect(swtpm, &connection);

    return r != 0 ? r
                  : result(Esys_Clear(connection.esys, ESYS_TR_RH_LOCKOUT, ESYS_TR_PASSWORD,
                                      ESYS_TR_NONE, ESYS_TR_NONE));
}

/* --- NV indices --- */

int hardship_fill_indices(Swtpm *swtpm)
{
    TPM2B_NV_PUBLIC area = {
        .nvPublic = {.nvIndex = NV_FILL_FIRST,
                     .nameAlg = TPM2_ALG_SHA256,
                     .attributes = TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE,
                     .dataSize = NV_FILL_BYTES},
    };
    TPMA_NV counter = area.nvPublic.attributes | TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT;
    _connected_ SwtpmConnection connection = {0};
    int r = swtpm_connect(swtpm, &connection);

    /* smaller and smaller ones, then counters, for which there is room of their own */
    while (r == 0 && area.nvPublic.dataSize > 0) {
        ESYS_TR index;
        TSS2_RC rc = Esys_NV_DefineSpace(connection.esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
                                         ESYS_TR_NONE, ESYS_TR_NONE, &no_password, &area, &index);

        if (rc == TSS2_RC_SUCCESS)
            area.nvPublic.nvIndex++;
        else if (rc != TPM2_RC_NV_SPACE)
            r = result(rc);
        else if (area.nvPublic.attributes == counter)
            break;
        else
            area.nvPublic.dataSize /= 2;
        if (area.nvPublic.dataSize < 8) {
            area.nvPublic.dataSize = 8;
            area.nvPublic.attributes = counter;
        }
    }
    return r;
}

int hardship_remove_indices(Swtpm *swtpm)
{
    _connected_ SwtpmConnection connection = {0};
    int r = swtpm_connect(swtpm, &connection);

    for (TPM2_HANDLE handle = NV_FILL_FIRST; r == 0; handle++) {
        ESYS_TR index;

        if (Esys_TR_FromTPMPublic(connection.esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                  &index) != TSS2_RC_SUCCESS)
            break;
        r = result(Esys_NV_UndefineSpace(connection.esys, ESYS_TR_RH_OWNER, index, ESYS_TR_PASSWORD,
                                         ESYS_TR_NONE, ESYS_TR_NONE));
    }
    return r;
}

/* --- the storage root key --- */

int hardship_no_srk(Swtpm *swtpm)
{
    return swtpm_remove_srk(swtpm);
}

static int replace_srk(Swtpm *swtpm, const char *with_password)
{
    uint8_t *srk = NULL;
    size_t size;
    int r;

    swtpm_remove_srk(swtpm); /* if there is one */
    r = swtpm_make_srk_with_password(swtpm, with_password, &srk, &size);
    free(srk);
    return r;
}

int hardship_srk_password(Swtpm *swtpm)
{
    return replace_srk(swtpm, "secret");
}

int hardship_srk(Swtpm *swtpm)
{
    return replace_srk(swtpm, "");
}

/* --- room --- */

int hardship_fill_objects(Swtpm *swtpm)
{
    _connected_ SwtpmConnection connection = {0};
    ESYS_TR sequence;
    TSS2_RC rc;
    int r = swtpm_connect(swtpm, &connection);

    if (r != 0)
        return r;
    do
        rc = Esys_HashSequenceStart(connection.esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                    &no_password, TPM2_ALG_SHA256, &sequence);
    while (rc == TSS2_RC_SUCCESS);
    return rc == TPM2_RC_OBJECT_MEMORY ? 0 : -EIO;
}

static TSS2_RC fill_sessions(Swtpm *swtpm, bool save)
{
    static const TPMT_SYM_DEF no_cipher = {.algorithm = TPM2_ALG_NULL};
    _connected_ SwtpmConnection connection = {0};
    TSS2_RC rc = TSS2_TCTI_RC_NO_CONNECTION;

    if (swtpm_connect(swtpm, &connection) != 0)
        return rc;
    do {
        TPMS_CONTEXT *context = NULL;
        ESYS_TR session;

        rc = Esys_StartAuthSession(connection.esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                   ESYS_TR_NONE, ESYS_TR_NONE, NULL, TPM2_SE_HMAC, &no_cipher,
                                   TPM2_ALG_SHA256, &session);
        if (rc == TSS2_RC_SUCCESS && save)
            rc = Esys_ContextSave(connection.esys, session, &context);
        Esys_Free(context);
    } while (rc == TSS2_RC_SUCCESS);
    return rc;
}

int hardship_fill_sessions(Swtpm *swtpm)
{
    return fill_sessions(swtpm, false) == TPM2_RC_SESSION_MEMORY ? 0 : -EIO;
}

int hardship_fill_saved_sessions(Swtpm *swtpm)
{
    return fill_sessions(swtpm, true) == TPM2_RC_SESSION_HANDLES ? 0 : -EIO;
}

static int flush_range(SwtpmConnection *connection, TPM2_HANDLE first)
{
    TPMS_CAPABILITY_DATA *data;
    TSS2_SYS_CONTEXT *sys;
    TPMI_YES_NO more;
    int r = result(Esys_GetCapability(connection->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                      TPM2_CAP_HANDLES, first, TPM2_MAX_CAP_HANDLES, &more, &data));

    if (r != 0)
        return r;
    r = result(Esys_GetSysContext(connection->esys, &sys));
    for (UINT32 i = 0; r == 0 && i < data->data.handles.count; i++)
        r = result(Tss2_Sys_FlushContext(sys, data->data.handles.handle[i]));
    Esys_Free(data);
    return r;
}

int hardship_flush_all(Swtpm *swtpm)
{
    static const TPM2_HANDLE ranges[] = {TPM2_TRANSIENT_FIRST, TPM2_LOADED_SESSION_FIRST,
                                         TPM2_ACTIVE_SESSION_FIRST};
    _connected_ SwtpmConnection connection = {0};
    int r = swtpm_connect(swtpm, &connection);

    for (size_t i = 0; r == 0 && i < COUNT_OF(ranges); i++)
        r = flush_range(&connection, ranges[i]);
    return r;
}

/* --- power --- */

int hardship_reset(Swtpm *swtpm)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(swtpm_control_port(swtpm)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    uint32_t command[] = {htonl(CONTROL_INIT), 0}, answer;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = fd < 0 ? -errno : 0;

    if (r == 0 && (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
                   write(fd, command, sizeof(command)) != sizeof(command) ||
                   read(fd, &answer, sizeof(answer)) != sizeof(answer) || answer != 0))
        r = -EIO;
    if (fd >= 0)
        close(fd);
    return r;
}

int hardship_start_up(Swtpm *swtpm)
{
    _connected_ SwtpmConnection connection = {0};
    int r = swtpm_connect(swtpm, &connection);

    return r != 0 ? r : result(Esys_Startup(connection.esys, TPM2_SU_CLEAR));
}

int hardship_gone(Swtpm *swtpm)
{
    swtpm_kill(swtpm);
    return 0;
}

int hardship_back(Swtpm *swtpm)
{
    return swtpm_restart(swtpm);
}

/* --- algorithms --- */

int hardship_sha1_alone(Swtpm *swtpm)
{
    return swtpm_use_banks(swtpm, true, false);
}

int hardship_banks(Swtpm *swtpm)
{
    return swtpm_use_banks(swtpm, true, true);
}
