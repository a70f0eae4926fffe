/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: the drop-ins of nspawn-creds-generator.
 *
 * The input is a policy, or, with a form feed in it, nspawn-creds.conf and a policy. A reader of
 * its own reads the drop-ins back as the service manager does. It must find what policy and
 * configuration ask for, once each, and nothing else: no other section or key, no continued line,
 * no quote, no specifier.
 */

#include "drop_in.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Assignment {
    char section[16];
    char key[32];
    char value[2 * PATH_MAX];
} Assignment;

/* Moves AT behind the next assignment of a unit. Every "%" of its value must be doubled; "%%" is
 * replaced by "%". */
static bool next_assignment(const char **at, Assignment *ret)
{
    for (const char *line = *at, *end; *line; line = end + 1) {
        size_t length;

        end = strchr(line, '\n');
        assert(end && end > line && end[-1] != '\\' && end[-1] != ' ' && *line != ' ');
        for (const char *c = line; c < end; c++)
            assert((unsigned char)*c >= ' ' && *c != 0x7f);
        length = (size_t)(end - line);
        if (*line == '#' || *line == ';')
            continue;
        if (*line == '[') {
            assert(end[-1] == ']' && length < sizeof(ret->section));
            memcpy(ret->section, line, length);
            ret->section[length] = '\0';
            continue;
        }
        length = strcspn(line, "=");
        assert(line + length < end && length < sizeof(ret->key));
        memcpy(ret->key, line, length);
        ret->key[length] = '\0';
        *at = end + 1;
        length = 0;
        for (line += strlen(ret->key) + 1; line < end; line++) {
            assert(*line != '%' || *++line == '%');
            assert(length + 1 < sizeof(ret->value));
            ret->value[length++] = *line;
        }
        ret->value[length] = '\0';
        return true;
    }
    return false;
}

static char *text_of(Writer *writer)
{
    writer_bytes(writer, (BytesView){(const uint8_t *)"", 1});
    assert(!writer->failed && strlen((char *)writer->bytes.data) == writer->bytes.size - 1);
    return (char *)writer->bytes.data;
}

static bool is(const Assignment *assignment, const char *key, const char *value)
{
    return strcmp(assignment->key, key) == 0 && strcmp(assignment->value, value) == 0;
}

/* Whether it loads CREDENTIAL of the machine "web". */
static bool loads(const Assignment *assignment, const HostConfig *host,
                  const PolicyCredential *credential)
{
    char value[2 * PATH_MAX];

    if (credential->delivery == POLICY_BOOT) {
        snprintf(value, sizeof(value), "%s:/run/nspawn-creds/broker", credential->id);
        return is(assignment, "LoadCredential", value);
    }
    if (credential->source == POLICY_SEALED)
        snprintf(value, sizeof(value), "web@%s:%s", credential->id, credential->text);
    else
        snprintf(value, sizeof(value), "web@%s:%s/web/%s.cred", credential->id, host->store,
                 credential->id);
    /* the service manager passes it on as one word */
    assert(!strpbrk(value, " \"'\\"));
    return is(assignment, "LoadCredentialEncrypted", value);
}

static void check_machine(const HostConfig *host, const Policy *policy)
{
    _cleanup_(writer_done) Writer writer = {0};
    Assignment assignment = {0};
    size_t count[_POLICY_DELIVERY_MAX] = {0}, next = 0, units = 0, environments = 0;
    const char *at;

    for (size_t i = 0; i < policy->count; i++)
        count[policy->credentials[i].delivery]++;
    drop_in_write(host, policy, &writer);
    at = text_of(&writer);
    while (next_assignment(&at, &assignment))
        if (strcmp(assignment.section, "[Unit]") == 0) {
            bool socket;

            if (is(&assignment, "Documentation", "man:nspawn-creds-why(1)"))
                continue;
            socket = strcmp(assignment.value, "nspawn-creds-broker.socket") == 0;

            assert(strcmp(assignment.key, "Wants") == 0 || strcmp(assignment.key, "After") == 0);
            assert(socket || (count[POLICY_LIVE] > 0 &&
                              strcmp(assignment.value, "nspawn-creds-broker.service") == 0));
            units++;
        } else if (strcmp(assignment.key, "Environment") == 0) {
            bool expected = strncmp(assignment.value, "NSPAWN_CREDS_EXPECTED=", 22) == 0;

            assert(
                (expected && !strpbrk(assignment.value, " \"'\\%")) ||
                (count[POLICY_NATIVE] > 0 &&
                 strcmp(assignment.value, "NSPAWN_CREDS_MACHINE=web") == 0) ||
                (count[POLICY_LIVE] > 0 && strcmp(assignment.value, "NSPAWN_CREDS_LIVE=web") == 0));
            environments++;
        } else {
            assert(strcmp(assignment.section, "[Service]") == 0);
            while (next < policy->count && policy->credentials[next].delivery == POLICY_LIVE)
                next++;
            assert(next < policy->count && loads(&assignment, host, &policy->credentials[next++]));
        }
    while (next < policy->count && policy->credentials[next].delivery == POLICY_LIVE)
        next++;
    assert(next == policy->count);
    assert(units == (count[POLICY_LIVE] > 0 ? 4 : count[POLICY_BOOT] > 0 ? 2 : 0));
    assert(environments == (size_t)(count[POLICY_NATIVE] > 0) + (count[POLICY_LIVE] > 0) +
                               (count[POLICY_NATIVE] + count[POLICY_BOOT] > 0));
}

/* The store, or the directory of fleets or of the rollback state beside it. */
static bool is_stored(const HostConfig *host, const char *path)
{
    size_t parent = (size_t)(strrchr(host->store, '/') - host->store);

    return strcmp(path, host->store) == 0 ||
           (strncmp(path, host->store, parent) == 0 &&
            (strcmp(path + parent, "/fleet") == 0 || strcmp(path + parent, "/rollback") == 0));
}

/* Every value is one word, which names what is stored, the TPM or the live sockets. */
static void check_broker(const HostConfig *host)
{
    _cleanup_(writer_done) Writer writer = {0};
    Assignment assignment = {0};
    const char *at;

    drop_in_write_broker(host, &writer);
    at = text_of(&writer);
    while (next_assignment(&at, &assignment)) {
        const char *value = assignment.value + (*assignment.value == '-');
        char *end = strrchr(assignment.value, ' ');

        assert(strcmp(assignment.section, "[Service]") == 0);
        if (strcmp(assignment.key, "DeviceAllow") == 0 && *value) {
            assert(end && strcmp(end, " rw") == 0);
            *end = '\0';
        }
        assert(!strpbrk(value, " \t\"'\\:") && (!*value || *value == '/'));
        if (strcmp(assignment.key, "ReadWritePaths") == 0)
            assert(!*value || is_stored(host, value) ||
                   strcmp(value, "/run/nspawn-creds/machines") == 0);
        else if (strcmp(assignment.key, "NoExecPaths") == 0)
            assert(is_stored(host, value));
        else if (strcmp(assignment.key, "DeviceAllow") == 0)
            assert(!*value || strcmp(value, host->tpm_device) == 0);
        else
            assert(strcmp(assignment.key, "BindPaths") == 0 && strstr(host->tpm_device, value) &&
                   (strncmp(value, "/dev/", 5) == 0 || strncmp(value, "/run/", 5) == 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    const uint8_t *feed = size ? memchr(data, '\f', size) : NULL;
    BytesView text = {data, size};
    PolicyFault fault = {0};
    HostConfig host;

    host_config_default(&host);
    if (feed) {
        BytesView config = {data, (size_t)(feed - data)};

        if (host_config_parse("a.conf", config, NULL, &host) != 0)
            return 0;
        check_broker(&host);
        text = (BytesView){feed + 1, size - config.size - 1};
    }
    assert(policy_new("web", "a", NULL, &policy) == 0);
    if (policy_file_parse(text, "a", policy, &fault) == 0 &&
        policy_check(policy, NULL, NULL, &fault) == 0)
        check_machine(&host, policy);
    return 0;
}
