/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Benchmark: the reports of a fleet's hosts, for tests/bench/fleet-seal.
 *
 *     fleet_reports keys REPOSITORY                gives each host's identity a report key
 *     fleet_reports reports REPOSITORY DIRECTORY   writes a signed report for each host to the
 * carrier
 *
 * The second prints how long it takes to verify as many plain signatures on one processor, seconds:
 * nothing that verifies the reports can be faster.
 */

#include "base/context.h"
#include "base/fsutil.h"
#include "base/json.h"
#include "fleet/report.h"
#include "fleet/repository.h"

#include <sodium.h>
#include <stdio.h>
#include <time.h>

static void must(int r, const Reason *reason)
{
    if (r != 0) {
        fprintf(stderr, "fleet_reports: %s\n",
                reason->text[0] ? reason->text : outcome_sentence(r));
        exit(1);
    }
}

static Secret *seed_of(const char *host)
{
    Reason reason = {0};
    Secret *seed = NULL;

    must(secret_new(REPORT_SEED_BYTES, &reason, &seed), &reason);
    crypto_hash_sha256(secret_borrow(seed), (const uint8_t *)host, strlen(host));
    return seed;
}

static void add_key(const Repository *repository, const char *host)
{
    _cleanup_(secret_freep) Secret *seed = seed_of(host);
    uint8_t public[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    _cleanup_(bytes_done) Bytes text = {0}, result = {0}, key = {0};
    char name[LIMIT_FLEET_HOST_BYTES + sizeof(".json")];
    Reason reason = {0};

    snprintf(name, sizeof(name), "%s.json", host);
    crypto_sign_seed_keypair(public, secret, secret_borrow(seed));
    must(repository_read(repository, REPOSITORY_HOSTS, name, LIMIT_CONFIG_BYTES, &reason, &text),
         &reason);
    must(json_parse(bytes_view(&text), LIMIT_JSON_DEPTH, NULL, &reason, &object), &reason);
    must(base64_encode((BytesView){public, sizeof(public)}, 0, &key), &reason);
    json_add_view(object, "report", bytes_view(&key));
    must(json_print(object, &result), &reason);
    must(repository_write(repository, REPOSITORY_HOSTS, name, bytes_view(&result), true, &reason),
         &reason);
}

static void add_report(const Repository *repository, const char *host, const char *statement,
                       const char *folder)
{
    _cleanup_(secret_freep) Secret *seed = seed_of(host);
    Report report = {.time = UINT64_C(1796126400000000), .applied = true};
    _cleanup_(bytes_done) Bytes text = {0};
    char path[4096];
    Reason reason = {0};

    strcpy(report.fleet, repository->file.fleet);
    strcpy(report.host, host);
    strcpy(report.statement, statement);
    must(report_sign(&report, seed, &text), &reason);
    snprintf(path, sizeof(path), "%s/v1/%s/reports/%s", folder, repository->file.fleet, host);
    must(file_write(path, bytes_view(&text), 0644, true, &reason), &reason);
}

/* A report's signature is of some 300 bytes. */
static double plain_seconds(size_t count)
{
    uint8_t public[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
    uint8_t signature[crypto_sign_BYTES], text[300] = {0};
    struct timespec begin, end;

    crypto_sign_keypair(public, secret);
    crypto_sign_detached(signature, NULL, text, sizeof(text), secret);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    for (size_t i = 0; i < count; i++)
        if (crypto_sign_verify_detached(signature, text, sizeof(text), public) != 0)
            exit(1);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    return (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
}

int main(int argc, char **argv)
{
    _cleanup_(repository_close) Repository repository = REPOSITORY_CLOSED;
    _cleanup_(bytes_done) Bytes statement = {0};
    char digest[DIGEST_TEXT_BYTES];
    Reason reason = {0};
    Context context;

    if (argc < 3 || context_system(&context) != 0)
        return 2;
    must(repository_open(argv[2], true, &reason, &repository), &reason);
    if (argc == 3) {
        for (size_t i = 0; i < repository.host_count; i++)
            add_key(&repository, repository.hosts[i].name);
        return 0;
    }
    must(
        repository_read(&repository, NULL, "statement", LIMIT_STATEMENT_BYTES, &reason, &statement),
        &reason);
    digest_format(bytes_view(&statement), digest);
    for (size_t i = 0; i < repository.host_count; i++)
        add_report(&repository, repository.hosts[i].name, digest, argv[3]);
    printf("%.2f\n", plain_seconds(repository.host_count));
    return 0;
}
