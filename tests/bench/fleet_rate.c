/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Benchmark: what a fleet's bundles cost.
 *
 *     fleet_rate [HOSTS [CREDENTIALS [SIGNERS]]]
 *
 * It makes the manifests of a fleet (10,000 hosts with 20 credentials), the tree and a statement,
 * signs this with Ed25519 keys (1), and writes all bundles. Then it judges each bundle, as its host
 * would. Sealing is not part of it; seal_rate measures that.
 */

#include "../unit/ssh_sign.h"

#include "base/context.h"
#include "fleet/bundle.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* 2026-12-01 12:00:00 UTC, µs, and an hour. */
#define NOW           UINT64_C(1796126400000000)
#define HOUR          (UINT64_C(3600) * 1000 * 1000)

/* µs a bundle. */
#define TARGET_JUDGED 1000

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The benchmark's own mistakes, and want of memory. */
static void must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "fleet_rate: %s\n", what);
        exit(1);
    }
}

/* --- a fleet --- */

static Manifest manifest_of(size_t host, size_t credentials)
{
    Manifest manifest = {.count = credentials};

    manifest.credentials = calloc(credentials + 1, sizeof(manifest.credentials[0]));
    must(manifest.credentials != NULL, "no memory");
    snprintf(manifest.host.keys[FLEET_SRK], FLEET_KEY_NAME_BYTES, "000b%064zx", host);
    for (size_t i = 0; i < credentials; i++) {
        ManifestCredential *credential = &manifest.credentials[i];

        snprintf(credential->name.machine, sizeof(credential->name.machine), "web%03zu", i / 5);
        snprintf(credential->name.id, sizeof(credential->name.id), "password-%03zu", i % 5);
        digest_format((BytesView){(const uint8_t *)&host, sizeof(host)}, credential->sha256);
        credential->size = 580;
    }
    return manifest;
}

static Bytes text_of(const Manifest *manifest)
{
    Bytes text;

    must(manifest_format(manifest, &text) == 0, "no memory");
    return text;
}

/* Signs the statement in BUNDLE with COUNT new keys, and returns their file of allowed signers. */
static AllowedSigners sign_all(Bundle *bundle, size_t count)
{
    _cleanup_(writer_done) Writer file = {0};
    AllowedSigners signers = {0};

    for (size_t i = 0; i < count; i++) {
        uint8_t public[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
        _cleanup_(bytes_done) Bytes key = {0}, base64 = {0};
        char principal[64];

        crypto_sign_keypair(public, secret);
        must(ssh_wire_key(public, &key) == 0, "no memory");
        must(base64_encode(bytes_view(&key), 0, &base64) == 0, "no memory");
        snprintf(principal, sizeof(principal), "signer%zu ssh-ed25519 ", i);
        writer_text(&file, principal);
        writer_bytes(&file, bytes_view(&base64));
        writer_text(&file, "\n");
        must(ssh_sign(bytes_view(&bundle->statement), secret, bytes_view(&key),
                      &bundle->signatures[bundle->signature_count++]) == 0,
             "no memory");
    }
    must(allowed_signers_parse(bytes_view(&file.bytes), NULL, &signers) == 0, "signers");
    return signers;
}

/* --- measuring --- */

typedef struct Bench {
    size_t hosts, credentials, signer_count;
    Bytes *manifests;
    MerkleTree tree;
    Bundle bundle; /* of each host, one after the other */
    AllowedSigners signers;
} Bench;

/* Everything but the bundles. */
static void make(Bench *bench)
{
    Statement statement = {
        .fleet = "bench", .sequence = 1, .issued = NOW - HOUR, .not_after = NOW + HOUR};
    _cleanup_(freep) MerkleHash *leaves = calloc(bench->hosts, sizeof(leaves[0]));
    char text[STATEMENT_TEXT_BYTES];

    bench->manifests = calloc(bench->hosts, sizeof(bench->manifests[0]));
    must(leaves && bench->manifests, "no memory");
    for (size_t i = 0; i < bench->hosts; i++) {
        _cleanup_(manifest_done) Manifest manifest = manifest_of(i, bench->credentials);

        bench->manifests[i] = text_of(&manifest);
        leaves[i] = merkle_leaf(bytes_view(&bench->manifests[i]));
    }
    must(merkle_tree_new(leaves, bench->hosts, &bench->tree) == 0, "no memory");
    statement.hosts = bench->hosts;
    statement.root = *merkle_tree_root(&bench->tree);
    statement_format(&statement, text);
    must(bytes_dup(text_view(text), &bench->bundle.statement) == 0, "no memory");
    bench->signers = sign_all(&bench->bundle, bench->signer_count);
}

static Bytes bundle_of(Bench *bench, size_t host)
{
    Bytes file;

    bench->bundle.index = host;
    bench->bundle.path_length = merkle_tree_path(&bench->tree, host, bench->bundle.path);
    bench->bundle.manifest = bench->manifests[host];
    must(bundle_format(&bench->bundle, &file) == 0, "no memory");
    return file;
}

/* As the host would. Returns how long it took, seconds. */
static double judge(const Bench *bench, size_t host, BytesView file)
{
    FleetTrust trust = {
        .fleet = "bench", .signers = &bench->signers, .threshold = bench->signer_count, .now = NOW};
    _cleanup_(manifest_done) Manifest manifest = {0};
    double begin = now();
    Statement statement;
    Reason reason = {0};

    snprintf(trust.host.keys[FLEET_SRK], FLEET_KEY_NAME_BYTES, "000b%064zx", host);
    must(bundle_judge(file, &trust, &reason, &statement, &manifest) == 0, reason.text);
    return now() - begin;
}

static size_t number(int argc, char **argv, int index, size_t other)
{
    return argc > index ? strtoul(argv[index], NULL, 10) : other;
}

int main(int argc, char **argv)
{
    static Bench bench;
    double begin = now(), made, judged = 0;
    size_t size = 0;
    Context context;

    bench.hosts = number(argc, argv, 1, 10000);
    bench.credentials = number(argc, argv, 2, 20);
    bench.signer_count = number(argc, argv, 3, 1);
    must(bench.hosts >= 1 && bench.hosts <= LIMIT_FLEET_HOSTS && bench.signer_count >= 1 &&
             bench.signer_count <= LIMIT_FLEET_SIGNATURES,
         "too many, or none");
    must(context_system(&context) == 0, "libsodium");
    make(&bench);
    for (size_t i = 0; i < bench.hosts; i++) {
        _cleanup_(bytes_done) Bytes file = bundle_of(&bench, i);

        size = file.size;
        judged += judge(&bench, i, bytes_view(&file));
    }
    made = now() - begin - judged;
    judged = judged * 1e6 / (double)bench.hosts;
    printf(
        "%zu hosts with %zu credentials, %zu signers: %.2f s for all manifests, the tree and all "
        "bundles; a bundle has %zu bytes\n"
        "a bundle is judged in %.0f µs, target %d: %s\n",
        bench.hosts, bench.credentials, bench.signer_count, made, size, judged, TARGET_JUDGED,
        judged <= TARGET_JUDGED ? "met" : "MISSED");
    return 0;
}
