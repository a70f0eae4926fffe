/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/allowed_signers.h"

#include "base/array.h"
#include "base/base64.h"
#include "base/context.h"
#include "base/timestamp.h"
#include "fleet/ssh_signature.h"

#include <errno.h>
#include <stdio.h>

/* A name with one of these is a pattern, a list or quoted. */
#define SPECIAL "*?!,\"\\"

void allowed_signers_done(AllowedSigners *signers)
{
    for (size_t i = 0; i < signers->count; i++)
        bytes_done(&signers->signers[i].key);
    free(signers->signers);
    *signers = (AllowedSigners){0};
}

const AllowedSigner *allowed_signers_find(const AllowedSigners *signers, BytesView key)
{
    for (size_t i = 0; i < signers->count; i++)
        if (bytes_view_equal(bytes_view(&signers->signers[i].key), key))
            return &signers->signers[i];
    return NULL;
}

bool allowed_signer_may_sign(const AllowedSigner *signer, uint64_t now)
{
    return signer->for_fleets && signer->valid_from <= now && now < signer->valid_until;
}

/* The next word of *REST, which is changed; NULL at the end. */
static char *take_word(char **rest)
{
    char *word;

    do
        word = strsep(rest, " \t");
    while (word && *word == '\0');
    return word;
}

static int invalid(Reason *reason, const char *what)
{
    return reason_set(reason, OUTCOME_BAD_SIGNERS, "%s", what);
}

/* --- options --- */

/* Parses YYYYMMDD[HHMM[SS]]Z. Without the Z it would be in local time. */
static bool parse_time(const char *text, uint64_t *ret)
{
    size_t digits = strspn(text, "0123456789");
    char padded[] = "YYYYMMDD000000", utc[TIMESTAMP_UTC_BYTES];

    if ((digits != 8 && digits != 12 && digits != 14) || strcmp(text + digits, "Z") != 0)
        return false;
    memcpy(padded, text, digits);
    snprintf(utc, sizeof(utc), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", padded, padded + 4, padded + 6,
             padded + 8, padded + 10, padded + 12);
    return timestamp_parse_utc(utc, ret) && *ret > 0;
}

/* The times are 0 as long as they are not given. */
static int set_option(const char *name, char *value, Reason *reason, AllowedSigner *signer,
                      char **namespaces)
{
    bool after = strcmp(name, "valid-after") == 0;

    if (strcmp(name, "namespaces") == 0 && !*namespaces) {
        *namespaces = value;
        return strpbrk(value, "*?!") ? invalid(reason, "namespaces contains a pattern") : 0;
    }
    if ((after && signer->valid_from == 0) ||
        (strcmp(name, "valid-before") == 0 && signer->valid_until == 0))
        return parse_time(value, after ? &signer->valid_from : &signer->valid_until)
                   ? 0
                   : invalid(reason, "a time is not of the form YYYYMMDD[HHMM[SS]]Z");
    return invalid(reason,
                   "only namespaces, valid-after and valid-before are supported, once each");
}

/* Parses NAME="VALUE",NAME="VALUE",… TEXT is changed. */
static int read_options(char *text, Reason *reason, AllowedSigner *signer)
{
    char *namespaces = NULL;
    int r = 0;

    while (r == 0 && text) {
        char *name = text, *value = strchr(text, '='),
             *end = value && value[1] == '"' ? strchr(value + 2, '"') : NULL;

        if (!end || (end[1] != '\0' && end[1] != ','))
            return invalid(reason, "the options are not NAME=\"VALUE\", separated by commas");
        text = end[1] == ',' ? end + 2 : NULL;
        *value = *end = '\0';
        r = set_option(name, value + 2, reason, signer, &namespaces);
    }
    if (r == 0 && signer->valid_until > 0 && signer->valid_until <= signer->valid_from)
        r = invalid(reason, "valid-before is not later than valid-after");
    if (r == 0 && namespaces) {
        const char *namespace;

        signer->for_fleets = false;
        while ((namespace = strsep(&namespaces, ",")))
            signer->for_fleets |= strcmp(namespace, SSH_SIGNATURE_NAMESPACE) == 0;
    }
    return r;
}

/* --- lines --- */

/* Decodes a key. OUTCOME_MALFORMED unless it is one of TYPE; both may be NULL. */
static int read_key(const char *type, const char *base64, Bytes *ret)
{
    _cleanup_(bytes_done) Bytes key = {0};
    Reader reader;
    int r = type && base64 ? base64_decode(text_view(base64), &key) : OUTCOME_MALFORMED;

    if (r != 0)
        return r;
    reader = reader_new(bytes_view(&key));
    if (!bytes_view_equal(reader_string(&reader), text_view(type)))
        return OUTCOME_MALFORMED;
    *ret = TAKE(key);
    return 0;
}

static bool principal_valid(const char *name)
{
    for (const char *cursor = name; *cursor; cursor++)
        if (*cursor <= ' ' || *cursor > '~' || strchr(SPECIAL, *cursor))
            return false;
    return strlen(name) <= LIMIT_PRINCIPAL_BYTES;
}

/* Parses PRINCIPAL [OPTIONS] TYPE KEY [COMMENT]; PRINCIPAL is taken from LINE already. */
static int read_line(const char *principal, char *line, Reason *reason, AllowedSigner *signer)
{
    char *first = take_word(&line), *second = take_word(&line), *options = NULL;
    int r;

    if (!principal_valid(principal))
        return invalid(reason, "the principal is too long, a pattern or a list");
    strcpy(signer->principal, principal);
    signer->for_fleets = true;
    r = read_key(first, second, &signer->key);
    if (r == OUTCOME_MALFORMED) {
        options = first;
        r = read_key(second, take_word(&line), &signer->key);
    }
    if (r == OUTCOME_MALFORMED)
        return invalid(reason, "there is no public key after the principal and the options");
    if (r == 0)
        r = ssh_signature_check_key(bytes_view(&signer->key), reason);
    if (r == 0 && options)
        r = read_options(options, reason, signer);
    /* ssh-keygen accepts the second of valid-before itself */
    signer->valid_until = signer->valid_until ? signer->valid_until + USEC_PER_SEC : USEC_INFINITY;
    return r;
}

/* Adds the signer of a line that begins with PRINCIPAL. */
static int add_line(AllowedSigners *signers, const char *principal, char *line, Reason *reason)
{
    AllowedSigner signer = {0};
    int r = read_line(principal, line, reason, &signer);

    if (r == 0 && allowed_signers_find(signers, bytes_view(&signer.key)))
        r = invalid(reason, "the key is on an earlier line, too");
    if (r == 0 && !ARRAY_ADD(signers->signers, signers->count, signer))
        r = -ENOMEM;
    if (r != 0)
        bytes_done(&signer.key);
    return r;
}

int allowed_signers_parse(BytesView file, Reason *reason, AllowedSigners *ret)
{
    _cleanup_(allowed_signers_done) AllowedSigners signers = {0};
    _cleanup_(freep) char *text = NULL;
    char *line, *rest;
    size_t number = 0;

    if (file.size > LIMIT_SIGNERS_BYTES)
        return reason_set(reason, OUTCOME_BAD_SIGNERS, "it is larger than %zu bytes",
                          LIMIT_SIGNERS_BYTES);
    if (file.size > 0 && memchr(file.data, '\0', file.size))
        return invalid(reason, "it contains a NUL");
    text = rest = strndup(file.data ? (const char *)file.data : "", file.size);
    if (!text)
        return -ENOMEM;
    while ((line = strsep(&rest, "\n"))) {
        const char *principal = take_word(&line);
        int r = 0;

        number++;
        if (principal && *principal != '#')
            r = add_line(&signers, principal, line, reason);
        if (r != 0)
            return reason_prefix(reason, r > 0 ? OUTCOME_BAD_SIGNERS : r, "line %zu: ", number);
    }
    if (signers.count == 0)
        return invalid(reason, "it contains no key");
    *ret = TAKE(signers);
    return 0;
}
