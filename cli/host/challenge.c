/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds host challenge: asks a host to prove that the keys of its identity are in a genuine
 * TPM. Needs no TPM.
 */

#include "base/base64.h"
#include "base/fsutil.h"
#include "enrolment_key.h"
#include "host/verbs.h"
#include "specs.h"
#include "terminal/output.h"
#include "tpm/certificate.h"
#include "tpm/endorsement.h"

#include <errno.h>
#include <string.h>

/* How long there is time for an answer without --not-after=, µs. */
#define DEFAULT_USEC (UINT64_C(7) * 24 * 3600 * 1000 * 1000)
/* A list of endorsement keys, bytes: one of 100,000 hosts. */
#define LIST_BYTES   ((size_t)16 * 1024 * 1024)

/* --- lists of endorsement keys: SHA256 [NAME], and lines that begin with "#" --- */

/* Takes a line off TEXT. False at its end. */
static bool next_line(BytesView *text, BytesView *ret)
{
    const uint8_t *end = text->size > 0 ? memchr(text->data, '\n', text->size) : NULL;
    size_t size = end ? (size_t)(end - text->data) : text->size;

    if (text->size == 0)
        return false;
    *ret = (BytesView){text->data, size};
    size += end != NULL;
    *text = (BytesView){text->data + size, text->size - size};
    return true;
}

static bool parse_line(BytesView line, uint8_t ret[IDENTITY_DIGEST_BYTES])
{
    const size_t digits = 2 * IDENTITY_DIGEST_BYTES;

    return line.size >= digits && hex_decode((BytesView){line.data, digits}, ret, digits / 2) &&
           (line.size == digits || line.data[digits] == ' ' || line.data[digits] == '\t');
}

/* The name after the digest, as sha256sum(1) writes it. */
static void take_name(BytesView line, char name[LIMIT_MACHINE_BYTES + 1])
{
    size_t start = 2 * IDENTITY_DIGEST_BYTES;

    while (start < line.size && strchr(" \t*", line.data[start]))
        start++;
    while (line.size > start && strchr(" \t\r", line.data[line.size - 1]))
        line.size--;
    snprintf(name, LIMIT_MACHINE_BYTES + 1, "%.*s", (int)(line.size - start),
             (const char *)line.data + start);
}

/* Looks for DIGEST in the file PATH. Every line has to be valid. */
static int find_in_list(const char *path, const uint8_t digest[IDENTITY_DIGEST_BYTES],
                        Reason *reason, bool *ret, char name[LIMIT_MACHINE_BYTES + 1])
{
    _cleanup_(bytes_done) Bytes file = {0};
    uint8_t listed[IDENTITY_DIGEST_BYTES];
    int r = file_read(path, LIST_BYTES, reason, &file);
    BytesView text = bytes_view(&file), line;

    for (size_t number = 1; r == 0 && next_line(&text, &line); number++) {
        if (line.size == 0 || line.data[0] == '#')
            continue;
        if (!parse_line(line, listed))
            return reason_set(reason, OUTCOME_USAGE,
                              "%s:%zu: a line is the SHA-256 of an endorsement key, and a name",
                              path, number);
        if (memcmp(listed, digest, sizeof(listed)) == 0) {
            *ret = true;
            take_name(line, name);
        }
    }
    return r;
}

/* --- which endorsement key is a genuine TPM's --- */

/* CERTIFICATE is that of --ek-certificate=, or empty. */
static int check_certificate(const Context *context, const Options *options,
                             const IdentityEndorsement *endorsement, BytesView certificate,
                             Reason *reason)
{
    TpmStorageKey key;
    int r;

    if (certificate.size == 0)
        certificate = bytes_view(&endorsement->certificate);
    if (certificate.size == 0)
        return reason_set(reason, OUTCOME_NOT_GENUINE,
                          "the identity has no certificate for the endorsement key");
    r = tpm_endorsement_key_parse(bytes_view(&endorsement->area), reason, &key);
    if (r == 0)
        r = tpm_certificate_check(certificate, &key, options->ek_ca, context->now(context), reason);
    return r == OUTCOME_BAD_IDENTITY || r == OUTCOME_EXPIRED ? OUTCOME_NOT_GENUINE : r;
}

static int check_inventory(const Options *options, const Identity *identity,
                           const IdentityEndorsement *endorsement, Reason *reason)
{
    uint8_t digest[IDENTITY_DIGEST_BYTES], wanted[IDENTITY_DIGEST_BYTES];
    char name[LIMIT_MACHINE_BYTES + 1] = "", text[DIGEST_TEXT_BYTES];
    bool found = false;
    int r = 0;

    enrolment_endorsement_digest(endorsement, digest);
    if (options->ek_list)
        r = find_in_list(options->ek_list, digest, reason, &found, name);
    else if (!hex_decode(text_view(options->ek), wanted, sizeof(wanted)))
        r = reason_set(reason, OUTCOME_USAGE, "--ek=%.80s is not a SHA-256, 64 hex digits",
                       options->ek);
    else
        found = memcmp(wanted, digest, sizeof(wanted)) == 0;
    if (r == 0 && !found) {
        digest_format(bytes_view(&endorsement->area), text);
        return reason_set(reason, OUTCOME_NOT_GENUINE, "the host has the endorsement key %s", text);
    }
    /* what a host calls itself counts for nothing, unless the list says the same */
    if (r == 0 && name[0] && strcmp(name, identity->host_name) != 0)
        r = reason_set(reason, OUTCOME_NOT_PROVED,
                       "%.100s calls the host with this TPM %s, and the identity %s",
                       options->ek_list, name,
                       identity->host_name[0] ? identity->host_name : "nothing");
    return r;
}

/* Finds the first endorsement key that is good. If none is, the reason is that of the last one. */
static int choose(const Context *context, const Options *options, const Identity *identity,
                  Reason *reason, EnrolmentRequest *request)
{
    _cleanup_(bytes_done) Bytes certificate = {0};
    int r = options->ek_certificate ? file_read(options->ek_certificate, TPM_CERTIFICATE_BYTES_MAX,
                                                reason, &certificate)
                                    : 0;

    if (r != 0) /* the remedy for what is too large is about secrets */
        return r == OUTCOME_TOO_LARGE ? OUTCOME_NOT_GENUINE : r;
    r = reason_set(reason, OUTCOME_NOT_GENUINE,
                   "the identity has no endorsement key. Export it with nspawn-creds host "
                   "export --prove");
    for (size_t i = 0; i < identity->endorsement_count; i++) {
        const IdentityEndorsement *endorsement = &identity->endorsements[i];
        Reason why = {0};
        int rc = options->ek_ca ? check_certificate(context, options, endorsement,
                                                    bytes_view(&certificate), &why)
                                : check_inventory(options, identity, endorsement, &why);

        if (rc == 0) {
            request->endorsement = i;
            request->by = options->ek_ca ? IDENTITY_BY_CERTIFICATE : IDENTITY_BY_INVENTORY;
            return 0;
        }
        /* one with a certificate says more than one without */
        if (i == 0 || endorsement->certificate.size > 0 || rc != OUTCOME_NOT_GENUINE) {
            r = rc;
            *reason = why;
        }
        if (rc != OUTCOME_NOT_GENUINE && rc != OUTCOME_CLOCK)
            break;
    }
    return r;
}

/* --- the command --- */

static int check_options(const Options *options, Reason *reason)
{
    if (!!options->ek_ca + !!options->ek + !!options->ek_list != 1)
        return reason_set(reason, OUTCOME_USAGE,
                          "say how you know genuine TPMs, with one of --ek-ca=DIRECTORY, "
                          "--ek=SHA256 and --ek-list=FILE");
    if (options->ek_certificate && !options->ek_ca)
        return reason_set(reason, OUTCOME_USAGE,
                          "--ek-certificate=FILE needs --ek-ca=DIRECTORY, by which it is checked");
    if (options->seal.pcrs.given != 0)
        return reason_set(reason, OUTCOME_USAGE,
                          "the values of PCRs are those of the identity: give numbers only");
    return 0;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(identity_done) Identity identity = {0};
    _cleanup_(secret_freep) Secret *key = NULL;
    _cleanup_(enrolment_challenge_done) EnrolmentChallenge challenge = {0};
    EnrolmentRequest request = {
        .identity = &identity,
        .expires = options->seal.has_not_after ? options->seal.not_after
                                               : context->now(context) + DEFAULT_USEC,
        .pcrs = options->seal.pcrs.mask,
    };
    Reason reason = {0};
    int r = check_options(options, &reason);

    if (r == 0)
        r = spec_read_identity(arguments[0], &reason, &identity);
    if (r == 0)
        r = choose(context, options, &identity, &reason, &request);
    if (r == 0)
        r = enrolment_key_ensure(context, &reason, &key);
    if (r == 0)
        r = enrolment_challenge_new(context, key, &request, &reason, &challenge);
    if (r != 0)
        return output_error(r, arguments[0], &reason);
    output_json(enrolment_challenge_to_json(&challenge),
                options->json == JSON_OFF ? JSON_PRETTY : options->json);
    return 0;
}

const Verb host_challenge = {
    .name = "host challenge",
    .arguments = "IDENTITY",
    .summary = "Ask a host to prove that its keys are in a genuine TPM",
    .details =
        "IDENTITY is what \"host export --prove\" has printed on the host. One of its endorsement "
        "keys\nhas to be a genuine TPM's: by a certificate that leads to one in the directory "
        "--ek-ca=, or\nbecause you know it. The challenge, on standard output, is no secret. Give "
        "it to "
        "\"host\nanswer\" on the host. Also asks for a proof of the PCRs of --tpm2-pcrs=. Needs no "
        "TPM, "
        "and\nkeeps nothing but a key of yours in ~/.config/nspawn-creds/enrolment-key.",
    .options = OPTION_ENDORSEMENT | OPTION_NOT_AFTER | OPTION_TPM_PCRS | OPTION_JSON,
    .run = run,
};
