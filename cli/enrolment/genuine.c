/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "enrolment/genuine.h"

#include "base/array.h"
#include "base/base64.h"
#include "base/fsutil.h"
#include "terminal/input.h"
#include "tpm/endorsement.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A list of endorsement keys, bytes: one of 100,000 hosts. */
#define LIST_BYTES             ((size_t)16 * 1024 * 1024)
/* A certificate of TPM_CERTIFICATE_BYTES_MAX, in PEM with words before it. */
#define CERTIFICATE_FILE_BYTES (4 * TPM_CERTIFICATE_BYTES_MAX)
/* So much of an endorsement key's digest tells it from the others of a TPM. */
#define SHORT_BYTES            ((size_t)8)

void genuine_done(Genuine *genuine)
{
    free(genuine->entries);
    tpm_authorities_free(genuine->authorities);
    bytes_done(&genuine->certificate);
    *genuine = (Genuine){0};
}

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

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* Takes blanks off both ends, and the carriage return of a file from Windows. */
static BytesView trim(BytesView text)
{
    while (text.size > 0 && is_blank(text.data[text.size - 1]))
        text.size--;
    while (text.size > 0 && is_blank(text.data[0]))
        text = (BytesView){text.data + 1, text.size - 1};
    return text;
}

/* The name after the digest, as sha256sum(1) writes it: a "*" before it says nothing. */
static int parse_name(BytesView text, Reason *reason, char ret[LIMIT_MACHINE_BYTES + 1])
{
    if (text.size > 0 && text.data[0] == '*')
        text = (BytesView){text.data + 1, text.size - 1};
    if (text.size > LIMIT_MACHINE_BYTES)
        return reason_set(reason, OUTCOME_USAGE, "the name has more than %zu characters",
                          LIMIT_MACHINE_BYTES);
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f)
            return reason_set(reason, OUTCOME_USAGE,
                              "the name has a blank, or a character that no host's name has");
    snprintf(ret, LIMIT_MACHINE_BYTES + 1, "%.*s", (int)text.size, (const char *)text.data);
    return 0;
}

static int parse_entry(BytesView line, Reason *reason, GenuineEntry *ret)
{
    const size_t digits = 2 * IDENTITY_DIGEST_BYTES;

    if (line.size < digits ||
        !hex_decode((BytesView){line.data, digits}, ret->digest, IDENTITY_DIGEST_BYTES) ||
        (line.size > digits && !is_blank(line.data[digits])))
        return reason_set(reason, OUTCOME_USAGE,
                          "a line is the SHA-256 of an endorsement key, 64 hex digits, and then a "
                          "blank and a host's name");
    return parse_name(trim((BytesView){line.data + digits, line.size - digits}), reason, ret->name);
}

static int compare_entries(const void *a, const void *b)
{
    const GenuineEntry *left = *(const GenuineEntry *const *)a,
                       *right = *(const GenuineEntry *const *)b;
    int order = memcmp(left->digest, right->digest, sizeof(left->digest));

    return order != 0 ? order : (left->line > right->line) - (left->line < right->line);
}

/* Two lines about one key may say two names, of which only one is right. */
static int refuse_twice(const Genuine *genuine, Reason *reason)
{
    _cleanup_(freep) const GenuineEntry **sorted = calloc(genuine->count + 1, sizeof(sorted[0]));

    if (!sorted)
        return -ENOMEM;
    for (size_t i = 0; i < genuine->count; i++)
        sorted[i] = &genuine->entries[i];
    qsort(sorted, genuine->count, sizeof(sorted[0]), compare_entries);
    for (size_t i = 1; i < genuine->count; i++)
        if (memcmp(sorted[i]->digest, sorted[i - 1]->digest, IDENTITY_DIGEST_BYTES) == 0)
            return reason_set(reason, OUTCOME_USAGE,
                              "%.200s:%zu: the endorsement key is in line %zu already. Remove one "
                              "of the two lines",
                              genuine->list, sorted[i]->line, sorted[i - 1]->line);
    return 0;
}

/* Every line has to be valid. */
static int read_list(const char *path, Reason *reason, Genuine *genuine)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = input_read_file(path, LIST_BYTES, reason, &file);
    BytesView text = bytes_view(&file), line;

    genuine->list = input_name(path);
    if (r != 0)
        return r == OUTCOME_TOO_LARGE
                   ? reason_set(reason, OUTCOME_USAGE, "--ek-list=%.200s has more than %zu MiB",
                                path, LIST_BYTES >> 20)
                   : r;
    genuine->entries = calloc(file.size / (2 * IDENTITY_DIGEST_BYTES) + 1, sizeof(GenuineEntry));
    if (!genuine->entries)
        return -ENOMEM;
    for (size_t number = 1; next_line(&text, &line); number++) {
        GenuineEntry *entry = &genuine->entries[genuine->count];
        Reason why = {0};

        line = trim(line);
        if (line.size == 0 || line.data[0] == '#')
            continue;
        r = parse_entry(line, &why, entry);
        if (r != 0)
            return reason_set(reason, r, "%.200s:%zu: %s", genuine->list, number, why.text);
        entry->line = number;
        genuine->count++;
    }
    return genuine->count > 0
               ? refuse_twice(genuine, reason)
               : reason_set(reason, OUTCOME_USAGE, "%.200s does not contain any endorsement key",
                            genuine->list);
}

/* --- the options --- */

static int read_one(const Options *options, Reason *reason, Genuine *genuine)
{
    genuine->entries = calloc(1, sizeof(genuine->entries[0]));
    if (!genuine->entries)
        return -ENOMEM;
    genuine->count = 1;
    return hex_decode(text_view(options->ek), genuine->entries[0].digest, IDENTITY_DIGEST_BYTES)
               ? 0
               : reason_set(reason, OUTCOME_USAGE, "--ek=%.80s is not a SHA-256, 64 hex digits",
                            options->ek);
}

static int read_certificate(const char *path, Reason *reason, Bytes *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    Reason why = {0};
    int r = file_read(path, CERTIFICATE_FILE_BYTES, reason, &file);

    if (r != 0)
        return r;
    r = tpm_certificate_read(bytes_view(&file), &why, ret);
    return r == OUTCOME_BAD_IDENTITY
               ? reason_set(reason, OUTCOME_NOT_GENUINE, "%.200s: %s", path, why.text)
               : r;
}

int genuine_load(const Options *options, Reason *reason, Genuine *ret)
{
    _cleanup_(genuine_done) Genuine genuine = {.options = options};
    int r = 0;

    if (!options->ek_ca && !options->ek && !options->ek_list)
        return reason_set(reason, OUTCOME_USAGE,
                          "say how you know genuine TPMs, with one of --ek-ca=DIRECTORY, "
                          "--ek=SHA256 and --ek-list=FILE");
    if (!!options->ek_ca + !!options->ek + !!options->ek_list > 1)
        return reason_set(reason, OUTCOME_USAGE,
                          "--ek-ca=, --ek= and --ek-list= are three ways to know genuine TPMs: "
                          "use one of them");
    if (options->ek_certificate && !options->ek_ca)
        return reason_set(reason, OUTCOME_USAGE,
                          "--ek-certificate=FILE needs --ek-ca=DIRECTORY, by which it is checked");
    if (options->ek_list)
        r = read_list(options->ek_list, reason, &genuine);
    else if (options->ek)
        r = read_one(options, reason, &genuine);
    else
        r = tpm_authorities_load(options->ek_ca, reason, &genuine.authorities);
    if (r == 0 && options->ek_certificate)
        r = read_certificate(options->ek_certificate, reason, &genuine.certificate);
    if (r != 0) /* the remedy for what is too large is about secrets */
        return r == OUTCOME_TOO_LARGE ? OUTCOME_NOT_GENUINE : r;
    *ret = TAKE(genuine);
    return 0;
}

/* --- which endorsement key is a genuine TPM's --- */

static int check_certificate(const Genuine *genuine, const Context *context,
                             const IdentityEndorsement *endorsement, Reason *reason)
{
    BytesView certificate = genuine->certificate.size > 0 ? bytes_view(&genuine->certificate)
                                                          : bytes_view(&endorsement->certificate);
    TpmStorageKey key;
    int r;

    if (certificate.size == 0)
        return reason_set(reason, OUTCOME_NOT_GENUINE,
                          "the identity has no certificate for the endorsement key");
    r = tpm_endorsement_key_parse(bytes_view(&endorsement->area), reason, &key);
    if (r == 0)
        r = tpm_certificate_check(certificate, &key, genuine->authorities, context->now(context),
                                  reason);
    return r == OUTCOME_BAD_IDENTITY || r == OUTCOME_EXPIRED ? OUTCOME_NOT_GENUINE : r;
}

static int check_inventory(const Genuine *genuine, const Identity *identity,
                           const IdentityEndorsement *endorsement, Reason *reason)
{
    const GenuineEntry *found = NULL;
    uint8_t digest[IDENTITY_DIGEST_BYTES];

    enrolment_endorsement_digest(endorsement, digest);
    for (size_t i = 0; i < genuine->count; i++)
        if (memcmp(genuine->entries[i].digest, digest, sizeof(digest)) == 0)
            found = &genuine->entries[i];
    if (!found)
        return OUTCOME_NOT_GENUINE;
    /* what a host calls itself counts for nothing, unless the list says the same */
    if (found->name[0] && strcmp(found->name, identity->host_name) != 0)
        return reason_set(reason, OUTCOME_NOT_PROVED,
                          "%.100s calls the host with this TPM %s, and the identity %s",
                          genuine->list, found->name,
                          identity->host_name[0] ? identity->host_name : "nothing");
    return 0;
}

/* Names all keys of a host, none of which the administrator knows. */
static int not_known(const Genuine *genuine, const Identity *identity, Reason *reason)
{
    char text[IDENTITY_ENDORSEMENTS * (2 * SHORT_BYTES + sizeof("..., ")) + 1];
    size_t size = 0, count = identity->endorsement_count;

    for (size_t i = 0; i < count; i++) {
        char digest[DIGEST_TEXT_BYTES];

        digest_format(bytes_view(&identity->endorsements[i].area), digest);
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%.*s...", i > 0 ? ", " : "",
                                 (int)(2 * SHORT_BYTES), digest);
    }
    return reason_set(
        reason, OUTCOME_NOT_GENUINE, "%s %s%.60s: %s",
        count == 1 ? "the host's endorsement key is not" : "none of the host's endorsement keys is",
        genuine->list ? "in " : "that of ", genuine->list ? genuine->list : "--ek=", text);
}

int genuine_find(const Genuine *genuine, const Context *context, const Identity *identity,
                 Reason *reason, EnrolmentRequest *request)
{
    bool by_certificate = genuine->options->ek_ca;
    Reason most = {0}; /* of the reasons, what says most */
    int r = OUTCOME_NOT_GENUINE;

    if (identity->endorsement_count == 0)
        return reason_set(reason, r,
                          "the identity has no endorsement key. On the host: nspawn-creds host "
                          "export --prove");
    for (size_t i = 0; i < identity->endorsement_count; i++) {
        const IdentityEndorsement *endorsement = &identity->endorsements[i];
        Reason why = {0};
        int rc = by_certificate ? check_certificate(genuine, context, endorsement, &why)
                                : check_inventory(genuine, identity, endorsement, &why);

        if (rc == 0) {
            request->endorsement = i;
            request->by = by_certificate ? IDENTITY_BY_CERTIFICATE : IDENTITY_BY_INVENTORY;
            return 0;
        }
        /* one with a certificate says more than one without */
        if (i == 0 || endorsement->certificate.size > 0 || rc != OUTCOME_NOT_GENUINE) {
            r = rc;
            most = why;
        }
        if (rc != OUTCOME_NOT_GENUINE && rc != OUTCOME_CLOCK)
            break;
    }
    return r == OUTCOME_NOT_GENUINE && !by_certificate ? not_known(genuine, identity, reason)
                                                       : reason_set(reason, r, "%s", most.text);
}
