/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/seal/reseal.c: what is kept, what is refused, and that a new file replaces the old
 * one only after it was opened.
 */

#include "seal_fixture.h"

#include "key/host_key.h"
#include "seal/reseal.h"
#include "tpm/tpm.h"

#include <errno.h>

#define SEAL       "the TPM to seal a key"
#define UNSEAL     "the TPM to unseal a key"
#define BEFORE     FORM_SEALED
#define LATER      (TEST_NOW + UINT64_C(1000000000))
#define BOTH       (KIND_HOST | KIND_TPM)
#define SCOPED     (KIND_HOST | KIND_SCOPED)
#define MASK(pcr)  (UINT64_C(1) << (pcr))
#define PUBLIC_KEY VECTORS "/tpm2-pcr-public-key.pem"

/* --- sealing that goes wrong --- */

/* What is sealed instead of the requested value; NULL and 0 change nothing. */
static struct {
    const char *value, *name;
    uint64_t not_after;
    bool damaged;
} wrong;

static int clear_wrong(void **state)
{
    memset(&wrong, 0, sizeof(wrong));
    return tear_down(state);
}

int __real_seal_keys_seal(const Context *context, const SealKeys *keys, const Secret *plaintext,
                          const CredentialMetadata *metadata, bool raw, Reason *reason, Bytes *ret);
int __wrap_seal_keys_seal(const Context *context, const SealKeys *keys, const Secret *plaintext,
                          const CredentialMetadata *metadata, bool raw, Reason *reason, Bytes *ret);

int __wrap_seal_keys_seal(const Context *context, const SealKeys *keys, const Secret *plaintext,
                          const CredentialMetadata *metadata, bool raw, Reason *reason, Bytes *ret)
{
    _cleanup_(secret_freep) Secret *value = wrong.value ? test_secret(wrong.value) : NULL;
    CredentialMetadata other = *metadata;
    int r;

    if (wrong.name)
        strcpy(other.name, wrong.name);
    if (wrong.not_after)
        other.not_after = wrong.not_after;
    r = __real_seal_keys_seal(context, keys, value ? value : plaintext, &other, raw, reason, ret);
    if (r == 0 && wrong.damaged)
        ret->data[ret->size - 1] ^= 1; /* raw: the tag */
    return r;
}

/* --- resealing --- */

static Reseal reseal_of(SealFixture *fixture, const SealSpec *spec)
{
    return (Reseal){.unsealer = fixture_unsealer(fixture),
                    .pool.seal = {&fixture->context, spec, &fixture->observer}};
}

/* Loads FILE as NAME of the store; "": as a file, which may have any name. */
static ResealItem item_of(const char *name, const Bytes *file)
{
    ResealItem item = {.label = strdup(name[0] ? name : "x.cred")};

    assert_non_null(item.label);
    if (name[0])
        assert_int_equal(credential_name_parse(name, NULL, &item.name), 0);
    assert_int_equal(bytes_dup(bytes_view(file), &item.file), 0);
    return item;
}

/* --- what is kept --- */

typedef enum Change {
    NOTHING,
    KEYS,   /* tpm2 */
    PCRS,   /* 4 */
    NAME,   /* db@y */
    TIME,   /* LATER */
    NEVER,  /* expires never */
    RAW,    /* as bytes */
    BASE64, /* as text */
    NULLS,  /* the null key */
} Change;

static SealSpec spec_with(const SealFixture *fixture, Change change)
{
    return (SealSpec){
        .keys = change == KEYS || change == NULLS ? SEAL_GIVEN_KEYS : SEAL_KEEP_KEYS,
        .key_types = change == KEYS ? KIND_TPM : 0,
        .allow_null = change == NULLS,
        .has_pcrs = change == PCRS,
        .pcrs.mask = change == PCRS ? MASK(4) : 0,
        .name = change == NAME ? "db@y" : NULL,
        .has_not_after = change == TIME || change == NEVER,
        .not_after = change == TIME ? LATER : USEC_INFINITY,
        .format = change == RAW      ? SEAL_RAW
                  : change == BASE64 ? SEAL_BASE64
                                     : SEAL_KEEP_FORMAT,
        .version = 257,
        .tpm_device = swtpm_device(fixture->swtpm),
    };
}

#define EVER USEC_INFINITY

static void test_kept(void **state)
{
    SealFixture *fixture = *state;
    static const SealForm host = {KIND_HOST, 0, false, EVER, "web@x"};
    static const SealForm raw = {KIND_HOST, 0, true, LATER, "web@x"};
    static const SealForm tpm = {KIND_TPM, MASK(7), false, LATER, "web@x"};
    static const SealForm both = {BOTH, MASK(7), true, LATER, "web@x"};
    const struct {
        const char *rule;
        SealForm before;
        Change change;
        SealForm after;
    } rows[] = {
        /* no option is given */
        {"host", host, NOTHING, host},
        {"raw, and a time", raw, NOTHING, raw},
        {"tpm2, PCRs and a time", tpm, NOTHING, tpm},
        {"host+tpm2", both, NOTHING, both},
        {"no PCRs", {KIND_TPM, 0, false, EVER, "x@x"}, 0, {KIND_TPM, 0, false, EVER, "x@x"}},
        {"no name", {KIND_HOST, 0, false, EVER, ""}, 0, {KIND_HOST, 0, false, EVER, ""}},
        {"any name", {KIND_HOST, 0, false, EVER, "any"}, 0, {KIND_HOST, 0, false, EVER, "any"}},
        {"the user", {SCOPED, 0, false, EVER, "web@x"}, 0, {SCOPED, 0, false, EVER, "web@x"}},
        /* one option is given */
        {"other keys", both, KEYS, {KIND_TPM, MASK(7), true, LATER, "web@x"}},
        {"other PCRs", tpm, PCRS, {KIND_TPM, MASK(4), false, LATER, "web@x"}},
        {"another name", both, NAME, {BOTH, MASK(7), true, LATER, "db@y"}},
        {"a name", {KIND_HOST, 0, false, EVER, ""}, NAME, {KIND_HOST, 0, false, EVER, "db@y"}},
        {"a time", host, TIME, {KIND_HOST, 0, false, LATER, "web@x"}},
        {"no time", both, NEVER, {BOTH, MASK(7), true, EVER, "web@x"}},
        {"as raw", tpm, RAW, {KIND_TPM, MASK(7), true, LATER, "web@x"}},
        {"as base64", both, BASE64, {BOTH, MASK(7), false, LATER, "web@x"}},
        {"no protection", raw, NULLS, {0, 0, true, LATER, "web@x"}},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        SealSpec spec = spec_with(fixture, rows[i].change);
        _cleanup_(reseal_done) Reseal reseal = reseal_of(fixture, &spec);
        _cleanup_(bytes_done) Bytes file = {0}, decoded = {0};
        _cleanup_(reseal_item_done) ResealItem item = {0};
        CredentialSections sections;

        if (rows[i].before.key_types & KIND_SCOPED)
            spec.uid = reseal.unsealer.spec.uid = "self";
        reseal.unsealer.spec.allow_null = rows[i].change == NULLS;
        fixture_seal_form(fixture, &rows[i].before, &file);
        item = item_of(strchr(rows[i].before.name, '@') ? rows[i].before.name : "", &file);
        if (reseal_examine(&reseal, &item) != 0 || !item.opens || item.sealed.size > 0 ||
            reseal_seal(&reseal, &item) != 0)
            fail_msg("%s: %d (%s)", rows[i].rule, item.rc, item.reason.text);
        fixture_expect_form(fixture, rows[i].rule, &item.sealed, &rows[i].after, "hello");
        assert_string_equal(item.closed.text, "");
        /* the key is a fresh one */
        assert_int_equal(credential_unpack(bytes_view(&item.sealed), NULL, &decoded, &sections), 0);
        if (kind_has(sections.kind, KIND_TPM))
            assert_false(tpm_sealed_view_equal(&sections.tpm, &item.sections.tpm));
    }
}

/* The list of PCRs is kept, not their old values. */
static void test_values_are_new(void **state)
{
    SealFixture *fixture = *state;
    static const SealForm form = {KIND_TPM, MASK(7), false, EVER, "web@x"};
    SealSpec spec = spec_with(fixture, NOTHING);
    _cleanup_(reseal_done) Reseal reseal = reseal_of(fixture, &spec);
    _cleanup_(bytes_done) Bytes file = {0};
    _cleanup_(reseal_item_done) ResealItem item = {0};

    fixture_seal_form(fixture, &form, &file);
    item = item_of("web@x", &file);
    assert_int_equal(reseal_examine(&reseal, &item), 0);
    assert_int_equal(swtpm_extend(fixture->swtpm, 7, "update"), 0);
    assert_int_equal(reseal_seal(&reseal, &item), 0);
    fixture_expect_form(fixture, "after the update", &item.sealed, &form, "hello");
}

static void test_another_value(void **state)
{
    SealFixture *fixture = *state;
    static const SealForm form = {BOTH, MASK(7), false, LATER, "web@x"};
    _cleanup_(secret_freep) Secret *value = test_secret("another");
    SealSpec spec = spec_with(fixture, NOTHING);
    _cleanup_(reseal_done) Reseal reseal = reseal_of(fixture, &spec);
    _cleanup_(bytes_done) Bytes file = {0};
    _cleanup_(reseal_item_done) ResealItem item = {0};

    fixture_seal_form(fixture, &form, &file);
    item = item_of("web@x", &file);
    item.value = value;
    assert_int_equal(reseal_examine(&reseal, &item), 0);
    assert_int_equal(reseal_seal(&reseal, &item), 0);
    fixture_expect_form(fixture, "another value", &item.sealed, &form, "another");
}

/* --- what is refused --- */

/* What happens before a credential is read. */
typedef enum Spoiling {
    UNSPOILT,
    GARBAGE,     /* the file */
    CUT_OFF,     /* the file */
    FLIPPED,     /* the file, raw: its tag */
    NO_HOST_KEY, /* it is removed */
    NEW_HOST_KEY,
    OTHER_TPM,
    NO_TPM,
    PCR_EXTENDED,
    TO_NULL,    /* is asked for */
    TO_NO_KIND, /* is asked for */
    TO_PAST,    /* is asked for */
    OPENED_BEFORE,
    OPENED_FOR_USER,
} Spoiling;

static Swtpm *other_swtpm;

static void replace_host_key(SealFixture *fixture)
{
    _cleanup_(secret_freep) Secret *key = NULL;

    assert_int_equal(unlink(host_key_path()), 0);
    assert_int_equal(host_key_ensure(&fixture->context, host_key_path(), NULL, &key, NULL), 0);
}

static void spoil_file(Spoiling how, Bytes *file)
{
    if (how == GARBAGE)
        memset(file->data, '%', file->size);
    if (how == CUT_OFF)
        file->size = 40;
    if (how == FLIPPED)
        file->data[file->size - 1] ^= 1;
}

static void spoil_host(Spoiling how, SealFixture *fixture)
{
    if (how == NO_HOST_KEY)
        assert_int_equal(unlink(host_key_path()), 0);
    if (how == NEW_HOST_KEY)
        replace_host_key(fixture);
    if (how == NO_TPM)
        swtpm_kill(fixture->swtpm);
    if (how == PCR_EXTENDED)
        assert_int_equal(swtpm_extend(fixture->swtpm, 7, "update"), 0);
}

static void spoil_spec(Spoiling how, SealSpec *spec, OpenSpec *open)
{
    if (how == TO_NULL || how == TO_NO_KIND) {
        spec->keys = SEAL_GIVEN_KEYS;
        spec->key_types = how == TO_NULL ? 0 : KIND_TPM | KIND_SCOPED;
    }
    spec->has_not_after = how == TO_PAST;
    spec->not_after = TEST_NOW;
    if (how == OTHER_TPM)
        open->tpm_device = swtpm_device(other_swtpm);
    if (how == OPENED_BEFORE)
        open->now = BEFORE;
    if (how == OPENED_FOR_USER)
        open->uid = "self";
}

#define HOST_FORM(raw)                                                                             \
    {                                                                                              \
        KIND_HOST, 0, raw, EVER, "web@x"                                                           \
    }
#define TPM_FORM                                                                                   \
    {                                                                                              \
        KIND_TPM, MASK(7), false, EVER, "web@x"                                                    \
    }

static void test_refused(void **state)
{
    SealFixture *fixture = *state;
    static const SealForm host = HOST_FORM(false), raw = HOST_FORM(true), tpm = TPM_FORM;
    static const SealForm unnamed = {KIND_HOST, 0, false, EVER, ""},
                          null = {0, 0, false, EVER, "web@x"};
    static const SealForm user = {SCOPED, 0, false, EVER, "web@x"};
    static const SealForm old = {KIND_HOST, 0, false, BEFORE + 1, "web@x"};
    static const struct {
        const char *rule;
        const SealForm *form;
        const char *name; /* in the store */
        Spoiling spoiling;
        int rc;
        const char *words;
        bool opens;
    } rows[] = {
        {"another name of the store", &host, "web@y", UNSPOILT, OUTCOME_NAME_MISMATCH,
         "it is sealed as \"web@x\", not as \"web@y\"", false},
        {"no name in the store", &unnamed, "web@x", UNSPOILT, OUTCOME_NAME_MISMATCH,
         "it is sealed without a name, but must be sealed as \"web@x\"", false},
        {"no credential", &host, "web@x", GARBAGE, OUTCOME_MALFORMED, "base64", false},
        {"cut off", &raw, "web@x", CUT_OFF, OUTCOME_MALFORMED, "truncated", false},
        {"changed", &raw, "web@x", FLIPPED, OUTCOME_NOT_AUTHENTIC, "", false},
        {"no host key", &host, "web@x", NO_HOST_KEY, OUTCOME_HOST_KEY_MISSING, "", false},
        {"another host's", &host, "web@x", NEW_HOST_KEY, OUTCOME_NOT_AUTHENTIC, "", false},
        {"another TPM's", &tpm, "web@x", OTHER_TPM, OUTCOME_TPM_FOREIGN, "", false},
        {"no TPM", &tpm, "web@x", NO_TPM, OUTCOME_TPM_UNREACHABLE, "", false},
        {"PCRs", &tpm, "web@x", PCR_EXTENDED, OUTCOME_TPM_PCR_MISMATCH, "", false},
        {"the null key", &null, "web@x", UNSPOILT, OUTCOME_UNPROTECTED, "", false},
        {"for a user", &user, "web@x", UNSPOILT, OUTCOME_SCOPE_MISMATCH, "", false},
        {"for no user", &host, "web@x", OPENED_FOR_USER, OUTCOME_SCOPE_MISMATCH, "", false},
        {"expired", &old, "web@x", UNSPOILT, OUTCOME_EXPIRED, "", false},
        {"expired by now", &old, "web@x", OPENED_BEFORE, OUTCOME_EXPIRED, "set a later", true},
        {"it would expire now", &host, "web@x", TO_PAST, OUTCOME_EXPIRED, "set a later", true},
        {"to the null key", &host, "web@x", TO_NULL, OUTCOME_USAGE, "null key", true},
        {"to no kind", &host, "web@x", TO_NO_KIND, OUTCOME_UNSUPPORTED, "", true},
    };

    assert_int_equal(swtpm_start(NULL, &other_swtpm), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        SealSpec spec = spec_with(fixture, NOTHING);
        _cleanup_(reseal_done) Reseal reseal = reseal_of(fixture, &spec);
        _cleanup_(bytes_done) Bytes file = {0};
        _cleanup_(reseal_item_done) ResealItem item = {0};

        fixture_seal_form(fixture, rows[i].form, &file);
        item = item_of(rows[i].name, &file);
        spoil_file(rows[i].spoiling, &item.file);
        spoil_host(rows[i].spoiling, fixture);
        spoil_spec(rows[i].spoiling, &spec, &reseal.unsealer.spec);
        if (reseal_examine(&reseal, &item) != rows[i].rc || item.rc != rows[i].rc)
            fail_msg("%s: %d (%s)", rows[i].rule, item.rc, item.reason.text);
        if (!strstr(item.reason.text, rows[i].words))
            fail_msg("%s: %s", rows[i].rule, item.reason.text);
        if (item.opens != rows[i].opens || item.target || item.sealed.size > 0)
            fail_msg("%s: something came of it", rows[i].rule);
        assert_int_equal(swtpm_restart(fixture->swtpm), 0);
    }
    swtpm_stop(other_swtpm);
}

/* --- a new file counts when it opens --- */

/* Called after the TPM has sealed a key and before it unseals it. */
static void (*when_sealed)(SealFixture *fixture);

static void end_of_sealing(void *userdata)
{
    SealFixture *fixture = userdata;
    const char *last = strrchr(fixture->waits, ';');

    fixture_end(userdata);
    while (last && last > fixture->waits && last[-1] != ';')
        last--;
    if (when_sealed && last && strncmp(last, SEAL, strlen(SEAL)) == 0)
        when_sealed(fixture);
}

static void extend(SealFixture *fixture)
{
    assert_int_equal(swtpm_extend(fixture->swtpm, 7, "update"), 0);
}

static void kill_tpm(SealFixture *fixture)
{
    swtpm_kill(fixture->swtpm);
}

static void identify(const Swtpm *swtpm, Identity *ret)
{
    _cleanup_(tpm_export_done) TpmExport export = {0};
    _cleanup_(tpm_freep) Tpm *tpm = NULL;

    assert_int_equal(tpm_new(swtpm_device(swtpm), NULL, &tpm), 0);
    assert_int_equal(tpm_export(tpm, NULL, &export), 0);
    assert_int_equal(identity_add_key(ret, bytes_view(&export.legacy), NULL), 0);
}

typedef enum Where { HERE, GIVEN_VALUES, ANOTHER_HOST } Where;

/* What goes wrong. */
typedef enum Fault {
    NO_FAULT,
    OTHER_HOST_KEY, /* between reading and sealing */
    OTHER_VALUES,   /* of PCRs, once the key is sealed */
    TPM_GONE,       /* then, too */
    OTHER_SECRET,   /* is sealed */
    OTHER_NAME,     /* is sealed */
    OTHER_TIME,     /* is sealed */
    DAMAGED,        /* the new file */
} Fault;

static void begin_fault(SealFixture *fixture, Fault fault)
{
    if (fault == OTHER_HOST_KEY)
        replace_host_key(fixture);
    when_sealed = fault == OTHER_VALUES ? extend : fault == TPM_GONE ? kill_tpm : NULL;
    wrong.value = fault == OTHER_SECRET ? "hell" : NULL;
    wrong.name = fault == OTHER_NAME ? "web@y" : NULL;
    wrong.not_after = fault == OTHER_TIME ? LATER : 0;
    wrong.damaged = fault == DAMAGED;
}

static void test_opened_again(void **state)
{
    SealFixture *fixture = *state;
    static const SealForm host = HOST_FORM(true), tpm = {KIND_TPM, MASK(7), true, EVER, "web@x"};
    static const SealForm scoped = {BOTH | KIND_SCOPED, 0, false, EVER, "web@x"};
    static const struct {
        const char *rule;
        const SealForm *form;
        Where where;
        Fault fault;
        int rc;
    } rows[] = {
        {"nothing happens", &tpm, HERE, NO_FAULT, 0},
        {"another host key", &host, HERE, OTHER_HOST_KEY, OUTCOME_NOT_AUTHENTIC},
        {"other values of PCRs", &tpm, HERE, OTHER_VALUES, OUTCOME_TPM_PCR_MISMATCH},
        {"no TPM any more", &tpm, HERE, TPM_GONE, OUTCOME_TPM_UNREACHABLE},
        {"another secret", &host, HERE, OTHER_SECRET, -EIO},
        {"another name", &host, HERE, OTHER_NAME, -EIO},
        {"another time", &host, HERE, OTHER_TIME, -EIO},
        {"damaged", &host, HERE, DAMAGED, OUTCOME_NOT_AUTHENTIC},
        /* a credential that does not open here now is opened with the key that it was sealed
         * with */
        {"given values", &tpm, GIVEN_VALUES, NO_FAULT, 0},
        {"given values, for a user", &scoped, GIVEN_VALUES, NO_FAULT, 0},
        {"given values, another secret", &tpm, GIVEN_VALUES, OTHER_SECRET, -EIO},
        {"given values, damaged", &tpm, GIVEN_VALUES, DAMAGED, OUTCOME_NOT_AUTHENTIC},
        {"given values, no TPM", &tpm, GIVEN_VALUES, TPM_GONE, OUTCOME_TPM_UNREACHABLE},
        {"elsewhere", &tpm, ANOTHER_HOST, NO_FAULT, 0},
        {"elsewhere, another secret", &tpm, ANOTHER_HOST, OTHER_SECRET, -EIO},
        {"elsewhere, damaged", &tpm, ANOTHER_HOST, DAMAGED, OUTCOME_NOT_AUTHENTIC},
    };
    _cleanup_(identity_done) Identity identity = {0};

    identify(fixture->swtpm, &identity);
    fixture->observer.wait_end = end_of_sealing;
    for (size_t i = 0; i < COUNT(rows); i++) {
        SealSpec spec = spec_with(fixture, NOTHING);
        _cleanup_(reseal_done) Reseal reseal = reseal_of(fixture, &spec);
        _cleanup_(bytes_done) Bytes file = {0};
        _cleanup_(reseal_item_done) ResealItem item = {0};

        if (rows[i].form->key_types & KIND_SCOPED)
            spec.uid = reseal.unsealer.spec.uid = "self";
        fixture_seal_form(fixture, rows[i].form, &file);
        item = item_of("web@x", &file);
        if (rows[i].where == ANOTHER_HOST)
            spec.host = &identity;
        spec.has_pcrs = rows[i].where != HERE;
        if (rows[i].where == GIVEN_VALUES)
            spec.pcrs = (TpmPcrs){MASK(7), MASK(7), TPM_ALGORITHM_SHA256, .values[7] = {1}};
        assert_int_equal(reseal_examine(&reseal, &item), 0);
        begin_fault(fixture, rows[i].fault);
        if (reseal_seal(&reseal, &item) != rows[i].rc || item.rc != rows[i].rc)
            fail_msg("%s: %d (%s)", rows[i].rule, item.rc, item.reason.text);
        begin_fault(fixture, NO_FAULT);
        assert_int_equal(swtpm_restart(fixture->swtpm), 0);
    }
}

/* --- predecessors --- */

/* Puts FILE, which does not open now, into the store as web@x, with the predecessor OLD. */
static void put_pair(const SealFixture *fixture, const Bytes *file, const Bytes *old)
{
    _cleanup_(store_history_done) StoreHistory history = {0};
    _cleanup_(bytes_done) Bytes copy = {0}, text = {0};
    StoreChange change = {.sealed = bytes_view(file)};

    assert_int_equal(bytes_dup(bytes_view(old), &copy), 0);
    store_history_add_predecessor(&history, (sd_id128_t){.bytes = {1}}, &copy);
    assert_int_equal(store_history_format(&history, &text), 0);
    change.history = bytes_view(&text);
    assert_int_equal(credential_name_parse("web@x", NULL, &change.name), 0);
    assert_int_equal(
        store_commit(fixture->store,
                     &(StoreCommit){.changes = &change, .count = 1, .origin.verb = "reseal"}, NULL),
        0);
}

/* A file that does not open because of its PCRs is resealed from its predecessor, which does not
 * become one of the earlier values. */
static void test_predecessor(void **state)
{
    SealFixture *fixture = *state;
    static const SealForm now = {KIND_TPM, MASK(7), false, EVER, "web@x"};
    static const struct {
        const char *rule, *name;
        bool stored;
        int rc;
    } rows[] = {
        {"in the store", "web@x", true, 0},
        {"elsewhere", "web@x", false, OUTCOME_TPM_PCR_MISMATCH},
        {"a predecessor of another name", "web@y", true, OUTCOME_NAME_MISMATCH},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        SealForm form = {KIND_TPM, MASK(7), false, EVER, rows[i].name};
        SealSpec spec = spec_with(fixture, NOTHING);
        _cleanup_(reseal_done) Reseal reseal = reseal_of(fixture, &spec);
        _cleanup_(bytes_done) Bytes old = {0}, new = {0};
        _cleanup_(reseal_item_done) ResealItem item = {0};
        _cleanup_(store_history_done) StoreHistory history = {0};

        assert_int_equal(swtpm_extend(fixture->swtpm, 7, "update"), 0);
        fixture_seal_form(fixture, &now, &new);
        assert_int_equal(swtpm_restart(fixture->swtpm), 0);
        fixture_seal_form(fixture, &form, &old);
        put_pair(fixture, &new, &old);
        item = item_of("web@x", &new);
        item.store = rows[i].stored ? fixture->store : NULL;
        if (reseal_examine(&reseal, &item) != rows[i].rc)
            fail_msg("%s: %d (%s)", rows[i].rule, item.rc, item.reason.text);
        if (rows[i].rc != 0)
            continue;
        assert_int_equal(reseal_seal(&reseal, &item), 0);
        fixture_expect_form(fixture, rows[i].rule, &item.sealed, &now, "hello");
        assert_int_equal(store_read_history(fixture->store, &item.name, NULL, &history), 0);
        assert_int_equal(history.count, 2);
        assert_int_equal(reseal_history(&reseal, &item, false, &history), 0);
        assert_int_equal(history.count, 0);
    }
}

/* --- what does not open now --- */

static void expect_closed(SealFixture *fixture, const SealSpec *spec, const char *words,
                          ResealItem *item)
{
    static const SealForm form = {KIND_TPM, 0, false, LATER, "web@x"};
    _cleanup_(reseal_done) Reseal reseal = reseal_of(fixture, spec);
    _cleanup_(bytes_done) Bytes file = {0};

    fixture_seal_form(fixture, &form, &file);
    *item = item_of("web@x", &file);
    if (reseal_examine(&reseal, item) != 0 || reseal_seal(&reseal, item) != 0)
        fail_msg("%s: %d (%s)", words, item->rc, item->reason.text);
    if (words[0] ? !strstr(item->closed.text, words) : item->closed.text[0])
        fail_msg("%s: %s", words, item->closed.text);
}

static void test_closed_now(void **state)
{
    SealFixture *fixture = *state;
    _cleanup_(reseal_item_done) ResealItem given = {0}, is_signed = {0}, elsewhere = {0},
                                           open = {0};
    _cleanup_(identity_done) Identity identity = {0};
    SealSpec spec = spec_with(fixture, NOTHING);
    Swtpm *here = fixture->swtpm;

    expect_closed(fixture, &spec, "", &open);
    /* the value that the firmware will measure */
    spec.has_pcrs = true;
    spec.pcrs = (TpmPcrs){.mask = MASK(7), .given = MASK(7), .bank = TPM_ALGORITHM_SHA256};
    swtpm_extend_value((uint8_t[32]){0}, "update", spec.pcrs.values[7]);
    expect_closed(fixture, &spec, "PCR", &given);
    assert_int_equal(swtpm_extend(here, 7, "update"), 0);
    fixture_expect_form(fixture, "PCRs are as given", &given.sealed,
                        &(SealForm){KIND_TPM, MASK(7), false, LATER, "web@x"}, "hello");
    /* then it is not closed */
    reseal_item_done(&given);
    expect_closed(fixture, &spec, "", &given);

    spec = spec_with(fixture, NOTHING);
    spec.public_key = PUBLIC_KEY;
    expect_closed(fixture, &spec, "signature", &is_signed);

    /* nothing is reported for another host */
    assert_int_equal(swtpm_start(NULL, &other_swtpm), 0);
    identify(other_swtpm, &identity);
    spec = spec_with(fixture, NOTHING);
    spec.host = &identity;
    expect_closed(fixture, &spec, "", &elsewhere);
    fixture->swtpm = other_swtpm;
    fixture_expect_form(fixture, "on the other host", &elsewhere.sealed,
                        &(SealForm){KIND_TPM, 0, false, LATER, "web@x"}, "hello");
    fixture->swtpm = here;
    swtpm_stop(other_swtpm);
}

/* --- many --- */

enum { ITEMS = 5 };

/* A machine's items share a key and keep their sealed names; and the TPM does as little as
 * possible. */
static void test_many(void **state)
{
    SealFixture *fixture = *state;
    static const char *const names[ITEMS] = {"web@a", "web@b", "db@a", "web@c", ""};
    static const bool in_store[ITEMS] = {true, true, true, false, false};
    static const unsigned sealings[] = {
        3, ITEMS}; /* one for web, db and the file each, or one per item */

    for (unsigned fresh = 0; fresh < 2; fresh++) {
        SealSpec spec = spec_with(fixture, NOTHING);
        _cleanup_(reseal_done) Reseal reseal = reseal_of(fixture, &spec);
        Bytes files[ITEMS] = {0}, raws[ITEMS] = {0};
        ResealItem items[ITEMS];
        TpmSealedView keys[ITEMS];

        spec.fresh_key = fresh;
        for (size_t i = 0; i < ITEMS; i++) {
            fixture_seal_form(fixture, &(SealForm){KIND_TPM, 0, false, EVER, names[i]}, &files[i]);
            items[i] = item_of(in_store[i] ? names[i] : "", &files[i]);
        }
        fixture->waits[0] = '\0';
        for (size_t i = 0; i < ITEMS; i++)
            assert_int_equal(reseal_examine(&reseal, &items[i]), 0);
        assert_int_equal(fixture_waits(fixture, UNSEAL), ITEMS);
        assert_int_equal(fixture_waits(fixture, SEAL), 0);
        assert_non_null(strstr(fixture->waits, UNSEAL " for db@a;"));
        fixture->waits[0] = '\0';
        for (size_t i = 0; i < ITEMS; i++) {
            CredentialSections sections;

            assert_int_equal(reseal_seal(&reseal, &items[i]), 0);
            assert_int_equal(
                credential_unpack(bytes_view(&items[i].sealed), NULL, &raws[i], &sections), 0);
            keys[i] = sections.tpm;
        }
        assert_int_equal(fixture_waits(fixture, SEAL), sealings[fresh]);
        assert_int_equal(fixture_waits(fixture, UNSEAL), sealings[fresh]);
        for (size_t i = 0; i < ITEMS; i++)
            for (size_t k = 0; k < i; k++) {
                bool shares = !fresh && strncmp(names[i], "web@", 4) == 0 &&
                              strncmp(names[k], "web@", 4) == 0;

                if (tpm_sealed_view_equal(&keys[i], &keys[k]) != shares)
                    fail_msg("%s and %s", names[i], names[k]);
            }
        for (size_t i = 0; i < ITEMS; i++) {
            bytes_done(&files[i]);
            bytes_done(&raws[i]);
            reseal_item_done(&items[i]);
        }
    }
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, set_up_at_test_now, clear_wrong)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(test_kept),          with_fixture(test_values_are_new),
        with_fixture(test_another_value), with_fixture(test_refused),
        with_fixture(test_opened_again),  with_fixture(test_closed_now),
        with_fixture(test_predecessor),   with_fixture(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
