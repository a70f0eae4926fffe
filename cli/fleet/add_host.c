/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/add_host.h"

#include "base/json.h"
#include "enrolment/enrolment_key.h"
#include "terminal/input.h"
#include "terminal/output.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* Whether two identities have one of their TPM's keys in common. */
static bool same_tpm(const Identity *a, const Identity *b)
{
    for (size_t i = 0; i < IDENTITY_KEYS; i++)
        if (a->keys[i].size > 0 &&
            bytes_view_equal(bytes_view(&a->keys[i]), bytes_view(&b->keys[i])))
            return true;
    return false;
}

/* Two hosts with the same TPM key could open each other's files. */
static int check_unique(const Repository *repository, const char *name, const Identity *identity,
                        Reason *reason)
{
    for (size_t i = 0; i < repository->host_count; i++) {
        _cleanup_(identity_done) Identity other = {0};
        const char *host = repository->hosts[i].name;
        int r = strcmp(host, name) == 0
                    ? 0
                    : repository_read_identity(repository, host, reason, &other);

        if (r != 0)
            return r;
        if (same_tpm(identity, &other))
            return reason_set(reason, OUTCOME_USAGE,
                              "host %s has the same TPM. If it was renamed, remove the old name "
                              "first: nspawn-creds fleet revoke host %s",
                              host, host);
    }
    return 0;
}

int host_look_up(const Repository *repository, const char *name, const Identity *identity,
                 Reason *reason, KnownHost *ret)
{
    _cleanup_(identity_done) Identity old = {0};
    int r;

    *ret = (KnownHost){.known = repository_host(repository, name)};
    if (!ret->known)
        return 0;
    r = repository_read_identity(repository, name, reason, &old);
    if (r < 0)
        return r;
    ret->same_tpm = r == 0 && same_tpm(&old, identity);
    ret->proved = r == 0 && old.proof.by != IDENTITY_UNPROVED;
    if (ret->proved)
        sodium_bin2hex(ret->key, sizeof(ret->key), old.proof.endorsement, sizeof(ret->key) / 2);
    return 0;
}

/* Asks before another TPM takes the place of a known one. */
static int confirm_host(const Repository *repository, const Options *options, const char *name,
                        const Identity *identity, Reason *reason)
{
    KnownHost old;
    int r = host_look_up(repository, name, identity, reason, &old);

    if (r != 0 || !old.known)
        return r;
    if (old.proved && identity->proof.by == IDENTITY_UNPROVED)
        output_note("%s was proved to have a genuine TPM; the identity in its place is not.", name);
    return old.same_tpm
               ? confirm(options, reason, "%s is there already, with the same TPM. Replace it?",
                         name)
               : confirm(options, reason,
                         "%s is there already, with ANOTHER TPM. Replace it, if you know that the "
                         "host has a new one?",
                         name);
}

static int write_host(const Repository *repository, const char *name, const Identity *identity,
                      Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *object = identity_to_json(identity);
    _cleanup_(bytes_done) Bytes text = {0};
    char file[LIMIT_FLEET_HOST_BYTES + sizeof(".json")];
    int r = json_print_pretty(object, &text);

    snprintf(file, sizeof(file), "%s.json", name);
    return r == 0 ? repository_write(repository, REPOSITORY_HOSTS, file, bytes_view(&text), true,
                                     reason)
                  : r;
}

bool host_calls_itself(const Identity *identity, const char *name)
{
    size_t length = strlen(name);

    return strncmp(identity->host_name, name, length) == 0 &&
           (!identity->host_name[length] || identity->host_name[length] == '.');
}

/* With a list of endorsement keys, a proof is about the machine that the list names. */
static int check_name(const char *name, const Identity *identity, Reason *reason)
{
    if (identity->proof.by != IDENTITY_BY_INVENTORY || host_calls_itself(identity, name))
        return 0;
    return reason_set(reason, OUTCOME_NOT_PROVED, "the proof is for a host that is called %s",
                      identity->host_name[0] ? identity->host_name : "nothing");
}

/* Whether this administrator has enrolled the host as NAME; if the fleet or --proved requires it,
 * it is an error that not. */
static int check_proof(const Context *context, const Options *options, const Repository *repository,
                       const char *name, const Identity *identity, Reason *reason, bool *ret)
{
    Reason why = {0};
    int r = enrolment_check(context, identity, &why);

    if (r == 0)
        r = check_name(name, identity, &why);
    *ret = r == 0;
    if (r < 0 || (r > 0 && (options->proved || repository->file.require_proof)))
        return reason_set(reason, r, "%s", why.text);
    if (r != 0 && identity->proof.by != IDENTITY_UNPROVED)
        output_note("The proof does not count: %s.", why.text);
    return 0;
}

int host_add(const Context *context, const Options *options, const char *name,
             const Identity *identity, Reason *reason, bool *ret_replaced, bool *ret_proved)
{
    _cleanup_(repository_close) Repository repository = REPOSITORY_CLOSED;
    bool proved = false;
    int r = repository_open(options->repository, true, reason, &repository);

    if (r == 0)
        r = check_unique(&repository, name, identity, reason);
    if (r == 0)
        r = check_proof(context, options, &repository, name, identity, reason, &proved);
    if (r == 0)
        r = confirm_host(&repository, options, name, identity, reason);
    if (r == 0)
        r = write_host(&repository, name, identity, reason);
    if (r != 0)
        return r;
    *ret_replaced = repository_host(&repository, name);
    *ret_proved = proved;
    return 0;
}
