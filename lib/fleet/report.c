/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * {"report":"{\"version\":1,…}","signature":"…"}: the signature is of the bytes of a text, so that
 * nobody has to agree on one way to write JSON.
 */

#include "fleet/report.h"

#include "base/json.h"
#include "base/timestamp.h"
#include "fleet/fleet_config.h"
#include "store/key_file.h"
#include "store/store.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#define VERSION 1
/* Nesting: the object and its values. */
#define DEPTH   2
/* Before the text, so that the key signs nothing that is not a report. */
#define PREFIX  "nspawn-creds-report\n"

_Static_assert(IDENTITY_REPORT_BYTES == crypto_sign_PUBLICKEYBYTES, "Ed25519");
_Static_assert(REPORT_SEED_BYTES == crypto_sign_SEEDBYTES, "Ed25519");
_Static_assert(REPORT_SEED_BYTES == KEY_FILE_BYTES, "as key_file_make() makes it");

/* The seed and the public key after it, as libsodium signs with. */
static int key_pair(const Secret *seed, uint8_t public[crypto_sign_PUBLICKEYBYTES], Secret **ret)
{
    int r = secret_new(crypto_sign_SECRETKEYBYTES, NULL, ret);

    if (r == 0 && crypto_sign_seed_keypair(public, secret_borrow(*ret), secret_view(seed).data) < 0)
        r = -EIO;
    return r;
}

/* Characters are left out whole. */
void report_set_reason(Report *report, const char *text)
{
    size_t size = strnlen(text, sizeof(report->reason) - 1);

    while (size > 0 && ((uint8_t)text[size] & 0xc0) == 0x80)
        size--;
    memcpy(report->reason, text, size);
    report->reason[size] = '\0';
}

static int write_text(const Report *report, Bytes *ret)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    char time[TIMESTAMP_UTC_BYTES];

    timestamp_format_utc(report->time, time);
    json_add_number(object, "version", VERSION);
    json_add_text(object, "fleet", report->fleet);
    json_add_text(object, "host", report->host);
    json_add_text(object, "statement", report->statement);
    json_add_text(object, "outcome", outcome_name(report->outcome));
    json_add_text(object, "time", time);
    json_add_text(object, "credential", report->credential[0] ? report->credential : NULL);
    json_add_flag(object, "applied", report->applied);
    json_add_flag(object, "pending", report->pending);
    json_add_flag(object, "noApply", report->no_apply);
    json_add_text(object, "reason", report->reason[0] ? report->reason : NULL);
    return json_print(object, ret);
}

static int signed_bytes(BytesView text, Bytes *ret)
{
    Writer writer = {0};

    writer_text(&writer, PREFIX);
    writer_bytes(&writer, text);
    return writer_take(&writer, ret);
}

int report_sign(const Report *report, const Secret *seed, Bytes *ret)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    _cleanup_(bytes_done) Bytes text = {0}, bytes = {0};
    uint8_t signature[crypto_sign_BYTES], public[crypto_sign_PUBLICKEYBYTES];
    _cleanup_(secret_freep) Secret *key = NULL;
    int r = key_pair(seed, public, &key);

    if (r == 0)
        r = write_text(report, &text);
    if (r == 0)
        r = signed_bytes(bytes_view(&text), &bytes);
    if (r != 0)
        return r;
    crypto_sign_detached(signature, NULL, bytes.data, bytes.size, secret_view(key).data);
    json_add_view(object, "report", bytes_view(&text));
    json_add_base64(object, "signature", (BytesView){signature, sizeof(signature)});
    return json_print(object, ret);
}

/* --- verifying --- */

static bool copy(struct json_object *object, const char *member, char *ret, size_t size)
{
    const char *text = json_text(json_object_object_get(object, member));

    return text && (size_t)snprintf(ret, size, "%s", text) < size;
}

/* A member that is only ever true. */
static bool read_flag(struct json_object *object, const char *member, bool *ret, int *members)
{
    struct json_object *flag = NULL;

    *ret = json_object_object_get_ex(object, member, &flag);
    *members += *ret;
    return !*ret || json_is_true(flag);
}

static bool read_text(struct json_object *object, Report *ret)
{
    const char *time = json_text(json_object_object_get(object, "time"));
    const char *outcome = json_text(json_object_object_get(object, "outcome"));
    CredentialName name;
    int members = 6;

    if (!json_is_version(object, VERSION) || !outcome || !time ||
        !timestamp_parse_utc(time, &ret->time) ||
        !copy(object, "fleet", ret->fleet, sizeof(ret->fleet)) || !fleet_name_valid(ret->fleet) ||
        !copy(object, "host", ret->host, sizeof(ret->host)) || !fleet_host_name_valid(ret->host) ||
        !json_hex_text(json_object_object_get(object, "statement"), ret->statement,
                       sizeof(ret->statement)))
        return false;
    ret->outcome = outcome_find(outcome);
    if (json_object_object_get_ex(object, "credential", NULL)) {
        members++;
        if (!copy(object, "credential", ret->credential, sizeof(ret->credential)) ||
            credential_name_parse(ret->credential, NULL, &name) != 0)
            return false;
    }
    if (!read_flag(object, "applied", &ret->applied, &members) ||
        !read_flag(object, "pending", &ret->pending, &members) ||
        !read_flag(object, "noApply", &ret->no_apply, &members))
        return false;
    if (json_object_object_get_ex(object, "reason", NULL)) {
        members++;
        if (!copy(object, "reason", ret->reason, sizeof(ret->reason)))
            return false;
    }
    return json_object_object_length(object) == members;
}

static bool is_signed(BytesView text, const char *armor, BytesView key, int *ret_rc)
{
    _cleanup_(bytes_done) Bytes bytes = {0}, signature = {0};

    *ret_rc = signed_bytes(text, &bytes);
    if (*ret_rc == 0)
        *ret_rc = base64_decode(text_view(armor), &signature);
    return *ret_rc == 0 && signature.size == crypto_sign_BYTES &&
           key.size == crypto_sign_PUBLICKEYBYTES &&
           crypto_sign_verify_detached(signature.data, bytes.data, bytes.size, key.data) == 0;
}

int report_verify(BytesView text, BytesView key, Reason *reason, Report *ret)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL, *inner = NULL;
    const char *report, *signature;
    Report parsed = {0};
    int r = -EMSGSIZE;

    if (text.size <= LIMIT_REPORT_BYTES)
        r = json_parse(text, DEPTH, NULL, NULL, &object);
    if (r == -ENOMEM)
        return r;
    report = r == 0 ? json_text(json_object_object_get(object, "report")) : NULL;
    signature = r == 0 ? json_text(json_object_object_get(object, "signature")) : NULL;
    if (!report || !signature || json_object_object_length(object) != 2)
        return reason_set(reason, OUTCOME_NOT_SIGNED, "it is not a report");
    if (!is_signed(text_view(report), signature, key, &r))
        return r < 0 ? r
                     : reason_set(reason, OUTCOME_NOT_SIGNED,
                                  "this host's report key did not sign the report");
    r = json_parse(text_view(report), DEPTH, NULL, NULL, &inner);
    if (r == 0 && read_text(inner, &parsed)) {
        *ret = parsed;
        return 0;
    }
    return r < 0 ? r : reason_set(reason, OUTCOME_NOT_SIGNED, "the report is of another version");
}

int report_verify_own(BytesView text, const Secret *seed, Reason *reason, Report *ret)
{
    uint8_t public[crypto_sign_PUBLICKEYBYTES];
    _cleanup_(secret_freep) Secret *key = NULL;
    int r = key_pair(seed, public, &key);

    return r == 0 ? report_verify(text, (BytesView){public, sizeof(public)}, reason, ret) : r;
}

/* --- the key --- */

int report_key_read(const char *store, Reason *reason, Secret **ret)
{
    char path[PATH_MAX];
    int r;

    store_path_beside(store, REPORT_KEY_NAME, path);
    r = key_file_read(path, REPORT_SEED_BYTES, reason, ret);
    return r != -ENOENT ? r
                        : reason_set(reason, OUTCOME_NOT_FOUND,
                                     "this host has no key for reports: nspawn-creds host export "
                                     "makes it");
}

static int make_key(const Context *context, const char *store, Reason *reason)
{
    char path[PATH_MAX];
    struct stat status;

    if (stat(store, &status) < 0)
        return reason_set(reason, -errno, "cannot examine %s", store);
    store_path_beside(store, REPORT_KEY_NAME, path);
    return key_file_make(context, path, status.st_gid, reason);
}

int report_key_ensure(const Context *context, const char *store, Reason *reason, Bytes *ret_public)
{
    uint8_t public[crypto_sign_PUBLICKEYBYTES];
    _cleanup_(secret_freep) Secret *seed = NULL, *key = NULL;
    int r = report_key_read(store, reason, &seed);

    if (r == OUTCOME_NOT_FOUND) {
        r = make_key(context, store, reason);
        if (r == 0)
            r = report_key_read(store, reason, &seed);
    }
    if (r == 0)
        r = key_pair(seed, public, &key);
    return r == 0 ? bytes_dup((BytesView){public, sizeof(public)}, ret_public) : r;
}
