/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds fleet check: whether a fleet's repository is valid. It needs no key.
 */

#include "fleet/repository.h"
#include "fleet/verbs.h"
#include "terminal/output.h"

#include <errno.h>
#include <string.h>

/* That each secret which a host gets has a master copy. */
static int check_masters(const Repository *repository, Reason *reason)
{
    for (size_t i = 0; i < repository->file.secret_count; i++) {
        const char *secret = repository->file.secrets[i].name;
        _cleanup_(bytes_done) Bytes file = {0};
        char name[LIMIT_FLEET_SECRET_BYTES + sizeof(".age")];
        int r;

        snprintf(name, sizeof(name), "%s.age", secret);
        r = repository_read(repository, REPOSITORY_SECRETS, name, LIMIT_FILE_BYTES, reason, &file);
        if (r == -ENOENT)
            r = reason_set(reason, OUTCOME_BAD_REPOSITORY,
                           "secret \"%.100s\" has no value: there is no %s/%s", secret,
                           REPOSITORY_SECRETS, name);
        if (r != 0)
            return r;
    }
    return 0;
}

static int check_identities(const Repository *repository, Reason *reason)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < repository->host_count; i++) {
        _cleanup_(identity_done) Identity identity = {0};

        r = repository_read_identity(repository, repository->hosts[i].name, reason, &identity);
    }
    return r;
}

static int print(const Options *options, const Repository *repository)
{
    struct json_object *object;

    if (options->json == JSON_OFF) {
        output_line(stdout, "Fleet %s: %zu host%s, %zu secret%s. The repository is valid.",
                    repository->file.fleet, repository->host_count,
                    repository->host_count == 1 ? "" : "s", repository->file.secret_count,
                    repository->file.secret_count == 1 ? "" : "s");
        return 0;
    }
    object = json_object_new_object();
    json_add_text(object, "fleet", repository->file.fleet);
    json_add_number(object, "hosts", repository->host_count);
    json_add_number(object, "secrets", repository->file.secret_count);
    output_json(object, options->json);
    return 0;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(repository_close) Repository repository = REPOSITORY_CLOSED;
    Reason reason = {0};
    int r = repository_open(options->repository, false, &reason, &repository);

    (void)context;
    (void)arguments;
    if (r == 0)
        r = repository_match(&repository, &reason);
    if (r == 0)
        r = check_identities(&repository, &reason);
    if (r == 0)
        r = check_masters(&repository, &reason);
    return r == 0 ? print(options, &repository) : output_error(r, NULL, &reason);
}

const Verb fleet_check = {
    .name = "fleet check",
    .arguments = "",
    .summary = "Check a fleet's repository, without any key",
    .details = "Reads fleet.json, the identities of all hosts, and the names of all secrets, and "
               "finds out which\nhost gets which secret. It opens no secret, so that it can run "
               "wherever the repository is.",
    .options = OPTION_REPOSITORY | OPTION_JSON,
    .run = run,
};
