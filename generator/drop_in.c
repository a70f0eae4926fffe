/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "drop_in.h"

#include <string.h>

#define SOCKET  "/run/nspawn-creds/broker"
#define LIVE    "/run/nspawn-creds/machines"

#define HEAD    "# Made by nspawn-creds-generator(8) from the machine's policy.\n"
#define REQUEST "LoadCredential=%s:" SOCKET "\n"

/* Doubles each "%", which would begin a specifier (systemd.unit(5)). */
static void put_path(Writer *writer, const char *path)
{
    for (size_t length; *path; path += length) {
        length = *path == '%' ? 1 : strcspn(path, "%");
        writer_format(writer, "%s%.*s", *path == '%' ? "%" : "", (int)length, path);
    }
}

/* The unit has to wait for the broker's socket, but must not be stopped with it. Live sockets need
 * the service as well, because the broker itself creates them. "systemctl status" shows the page.
 */
static void put_unit(Writer *writer, bool socket, bool live)
{
    writer_format(writer, "[Unit]\nDocumentation=man:nspawn-creds-why(1)\n");
    if (socket)
        writer_format(writer, "Wants=nspawn-creds-broker.socket\n"
                              "After=nspawn-creds-broker.socket\n");
    if (live)
        writer_format(writer, "Wants=nspawn-creds-broker.service\n"
                              "After=nspawn-creds-broker.service\n");
}

/* The service manager compares the credential's id with the name that is sealed in the file, so the
 * unit uses MACHINE@ID; the nspawn wrapper renames it to ID in the container. */
static void put_native(Writer *writer, const HostConfig *host, const Policy *policy,
                       const PolicyCredential *credential)
{
    writer_format(writer, "LoadCredentialEncrypted=%s@%s:", policy->machine, credential->id);
    if (credential->source == POLICY_SEALED) {
        put_path(writer, credential->text);
    } else {
        put_path(writer, host->store);
        writer_format(writer, "/%s/%s.cred", policy->machine, credential->id);
    }
    writer_format(writer, "\n");
}

static size_t count(const Policy *policy, PolicyDelivery delivery)
{
    size_t n = 0;

    for (size_t i = 0; i < policy->count; i++)
        n += policy->credentials[i].delivery == delivery;
    return n;
}

/* What the wrapper must find when it starts the container. An id has no colon. */
static void put_expected(Writer *writer, const Policy *policy)
{
    const char *separator = "Environment=NSPAWN_CREDS_EXPECTED=";

    for (size_t i = 0; i < policy->count; i++)
        if (policy->credentials[i].delivery != POLICY_LIVE) {
            writer_format(writer, "%s%s", separator, policy->credentials[i].id);
            separator = ":";
        }
    writer_format(writer, "\n");
}

void drop_in_write(const HostConfig *host, const Policy *policy, Writer *writer)
{
    size_t native = count(policy, POLICY_NATIVE), boot = count(policy, POLICY_BOOT),
           live = count(policy, POLICY_LIVE);

    if (native + boot + live == 0)
        return;
    writer_format(writer, HEAD);
    put_unit(writer, boot + live > 0, live > 0);
    writer_format(writer, "[Service]\n");
    if (native > 0)
        writer_format(writer, "Environment=NSPAWN_CREDS_MACHINE=%s\n", policy->machine);
    if (live > 0)
        writer_format(writer, "Environment=NSPAWN_CREDS_LIVE=%s\n", policy->machine);
    if (native + boot > 0)
        put_expected(writer, policy);
    for (size_t i = 0; i < policy->count; i++) {
        const PolicyCredential *credential = &policy->credentials[i];

        if (credential->delivery == POLICY_BOOT)
            writer_format(writer, REQUEST, credential->id);
        else if (credential->delivery == POLICY_NATIVE)
            put_native(writer, host, policy, credential);
    }
}

static void put_setting(Writer *writer, const char *key, const char *path, const char *after)
{
    writer_format(writer, "%s", key);
    put_path(writer, path);
    writer_format(writer, "%s\n", after);
}

/* The unit sees little of /run. If a software TPM listens there, the unit gets the directory of its
 * socket, because the socket may be replaced; but never all of /run. */
static void put_socket(Writer *writer, const char *device)
{
    const char *run = strstr(device, "path=/run/");
    char directory[LIMIT_CONFIG_VALUE_BYTES];
    char *slash;

    if (!run)
        return;
    run += strlen("path=");
    snprintf(directory, sizeof(directory), "%.*s", (int)strcspn(run, ","), run);
    slash = strrchr(directory, '/');
    *slash = '\0';
    if (strcmp(directory, "/run") != 0 && !strchr(directory, ':'))
        put_setting(writer, "BindPaths=-", directory, "");
}

/* The FOLDER, such as "/fleet", beside the store, where there are what is accepted of fleets
 * (fleet/fleet_set.h) and the rollback state (store/rollback.h). */
static void put_beside(Writer *writer, const char *name, const char *store, const char *folder)
{
    char path[LIMIT_CONFIG_VALUE_BYTES];

    snprintf(path, sizeof(path), "%.*s", (int)(strrchr(store, '/') - store), store);
    put_setting(writer, name, path, folder);
}

/* Replaces the unit's lists of allowed paths and devices, so that unused ones are not allowed. Adds
 * to its bind mounts, because the unit needs the others. */
void drop_in_write_broker(const HostConfig *host, Writer *writer)
{
    bool store = strcmp(host->store, STORE_DEFAULT_PATH) != 0;
    bool tpm = strcmp(host->tpm_device, TPM_DEFAULT_DEVICE) != 0;

    if (!store && !tpm)
        return;
    writer_format(writer,
                  "# Made by nspawn-creds-generator(8) from nspawn-creds.conf(5).\n[Service]\n");
    if (store) {
        writer_format(writer, "ReadWritePaths=\n");
        put_setting(writer, "ReadWritePaths=-", host->store, "");
        put_beside(writer, "ReadWritePaths=-", host->store, "/fleet");
        put_beside(writer, "ReadWritePaths=-", host->store, "/rollback");
        writer_format(writer, "ReadWritePaths=-" LIVE "\n");
        put_setting(writer, "NoExecPaths=-", host->store, "");
        put_beside(writer, "NoExecPaths=-", host->store, "/fleet");
        put_beside(writer, "NoExecPaths=-", host->store, "/rollback");
    }
    if (tpm)
        writer_format(writer, "DeviceAllow=\n");
    if (tpm && host->tpm_device[0] == '/') {
        put_setting(writer, "DeviceAllow=", host->tpm_device, " rw");
        put_setting(writer, "BindPaths=-", host->tpm_device, "");
    } else if (tpm) {
        put_socket(writer, host->tpm_device);
    }
}

void drop_in_write_apply(const HostConfig *host, bool path, Writer *writer)
{
    if (strcmp(host->store, STORE_DEFAULT_PATH) == 0)
        return;
    writer_format(writer, "# Made by nspawn-creds-generator(8) from nspawn-creds.conf(5).\n");
    if (path) {
        writer_format(writer, "[Path]\nPathExists=\n");
        put_beside(writer, "PathExists=", host->store, "/fleet/.changed");
    } else {
        writer_format(writer, "[Service]\nReadWritePaths=\n");
        put_beside(writer, "ReadWritePaths=-", host->store, "/fleet");
    }
}

void drop_in_write_bad(Writer *writer)
{
    writer_format(
        writer, HEAD
        "# The policy or the configuration is not valid, so the broker refuses this credential.\n"
        "# To see why: nspawn-creds check\n");
    put_unit(writer, true, false);
    writer_format(writer, "[Service]\n" REQUEST, DROP_IN_BAD_POLICY_ID);
}
