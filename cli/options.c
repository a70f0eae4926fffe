/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "options.h"

#include "base/array.h"
#include "base/context.h"
#include "base/long_option.h"
#include "base/names.h"
#include "base/timestamp.h"
#include "terminal/output.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

/* Entries of the log; some more than the lines of `systemctl status`. */
#define DEFAULT_LINES 20U

/* The argument of a setter. */
typedef struct Setting {
    const char *value; /* NULL for an option without one */
    uint64_t now;
    Reason *reason;
} Setting;

/* Words that an option takes, and the value of each. */
typedef struct Words {
    const char *expected; /* what they are, for an error */
    struct {
        const char *word;
        int value;
    } words[11];
} Words;

typedef struct OptionInfo {
    OptionId id; /* 0 for options that every verb takes */
    const char *name;
    const char *argument; /* as in the help: "=NAME", "[=NAME]" or "" */
    /* Sets what is in the options; or else .offset is there of an int for .words, of a bool without
     * an argument, of a const char * with one. */
    int (*set)(const Setting *setting, Options *options);
    const Words *words;
    size_t offset;
    const char *help;
} OptionInfo;

/* --- words --- */

static const Words key_words = {
    "a key: auto, host, tpm2, host+tpm2, tpm2-with-public-key, "
    "host+tpm2-with-public-key or null",
    {{"auto", KEY_TYPES_AUTO},
     {"host", KIND_HOST},
     {"tpm2", KIND_TPM},
     {"host+tpm2", KIND_HOST | KIND_TPM},
     {"tpm2+host", KIND_HOST | KIND_TPM},
     {"tpm2-with-public-key", KIND_TPM | KIND_PUBLIC_KEY},
     {"host+tpm2-with-public-key", KIND_HOST | KIND_TPM | KIND_PUBLIC_KEY},
     {"tpm2+host-with-public-key", KIND_HOST | KIND_TPM | KIND_PUBLIC_KEY},
     {"null", 0},
     {"tpm2-absent", 0}}};

static const Words newline_words = {"auto, yes or no",
                                    {{"auto", TRISTATE_AUTO},
                                     {"yes", TRISTATE_YES},
                                     {"true", TRISTATE_YES},
                                     {"1", TRISTATE_YES},
                                     {"no", TRISTATE_NO},
                                     {"false", TRISTATE_NO},
                                     {"0", TRISTATE_NO}}};

static const Words format_words = {"a format: base64 or raw",
                                   {{"base64", SEAL_BASE64}, {"raw", SEAL_RAW}}};

static const Words from_words = {"a format: dotenv, json, yaml, sops, age or systemd-creds",
                                 {{"dotenv", IMPORT_DOTENV},
                                  {"json", IMPORT_JSON},
                                  {"yaml", IMPORT_YAML},
                                  {"sops", IMPORT_SOPS},
                                  {"age", IMPORT_AGE},
                                  {"systemd-creds", IMPORT_SYSTEMD_CREDS}}};

static const Words json_words = {
    "a JSON mode: short, pretty or off",
    {{"off", JSON_OFF}, {"short", JSON_SHORT}, {"pretty", JSON_PRETTY}}};

static const Words form_words = {
    "a form: auto, legacy or pinned",
    {{"auto", OFFLINE_AUTO}, {"legacy", OFFLINE_LEGACY}, {"pinned", OFFLINE_PINNED}}};

static const Words delivery_words = {
    "a delivery: boot, live or native",
    {{"boot", POLICY_BOOT}, {"live", POLICY_LIVE}, {"native", POLICY_NATIVE}}};

static const Words change_words = {
    "a reaction to a change: restart, reload or none",
    {{"none", POLICY_NONE}, {"restart", POLICY_RESTART}, {"reload", POLICY_RELOAD}}};

/* --- setters --- */

static int refuse(const Setting *setting, const char *expected)
{
    return reason_set(setting->reason, OUTCOME_USAGE, "\"%.80s\" is not %s", setting->value,
                      expected);
}

static int set_name(const Setting *setting, Options *options)
{
    if (setting->value[0] != '\0' && !sealed_name_valid(setting->value))
        return reason_set(setting->reason, OUTCOME_USAGE,
                          "--name=%.80s: a name consists of up to %zu printable characters "
                          "without \"/\" and \":\"",
                          setting->value, LIMIT_SEALED_NAME_BYTES);
    options->seal.name = setting->value;
    return 0;
}

static int set_tpm_pcrs(const Setting *setting, Options *options)
{
    options->seal.has_pcrs = true;
    return tpm_pcrs_parse(setting->value, setting->reason, &options->seal.pcrs);
}

static int set_public_key_pcrs(const Setting *setting, Options *options)
{
    options->seal.has_public_key_pcrs = true;
    return tpm_pcr_mask_parse(setting->value, setting->reason, &options->seal.public_key_pcrs);
}

/* A number of up to DIGITS digits; 0 if VALUE is anything else. */
static unsigned parse_number(const char *value, size_t digits)
{
    size_t length = strspn(value, "0123456789");

    return value[length] == '\0' && length <= digits ? (unsigned)strtoul(value, NULL, 10) : 0;
}

static int set_for_systemd(const Setting *setting, Options *options)
{
    options->seal.version = parse_number(setting->value, 3);
    return options->seal.version >= 100 ? 0 : refuse(setting, "a version of systemd such as 257");
}

static int set_timestamp(const Setting *setting, Options *options)
{
    return timestamp_parse(setting->value, setting->now, setting->reason, &options->seal.timestamp);
}

static int set_not_after(const Setting *setting, Options *options)
{
    options->seal.has_not_after = true;
    return timestamp_parse(setting->value, setting->now, setting->reason, &options->seal.not_after);
}

static int set_store(const Setting *setting, Options *options)
{
    options->store = setting->value ? setting->value : options->host->store;
    return 0;
}

static int set_host(const Setting *setting, Options *options)
{
    return ARRAY_ADD(options->hosts, options->host_count, setting->value) ? 0 : -ENOMEM;
}

static int set_lines(const Setting *setting, Options *options)
{
    options->lines = parse_number(setting->value, 6);
    return options->lines > 0 || strcmp(setting->value, "all") == 0
               ? 0
               : reason_set(setting->reason, OUTCOME_USAGE,
                            "\"%.40s\" is neither \"all\" nor a number of lines", setting->value);
}

static int set_back(const Setting *setting, Options *options)
{
    options->back = setting->value ? parse_number(setting->value, 1) : 1;
    return options->back > 0
               ? 0
               : refuse(setting, "the number of an earlier value, as show --history numbers them");
}

static int set_threshold(const Setting *setting, Options *options)
{
    options->threshold = parse_number(setting->value, 2);
    return options->threshold > 0 ? 0 : refuse(setting, "a number of signers");
}

/* A number of percent, such as "10%", from MINIMUM to 100. */
static int set_percent(const Setting *setting, const char *name, unsigned minimum, unsigned *ret)
{
    size_t length = strspn(setting->value, "0123456789");
    unsigned long percent = strtoul(setting->value, NULL, 10);

    if (length == 0 || length > 3 || strcmp(setting->value + length, "%") != 0 ||
        percent < minimum || percent > 100)
        return reason_set(setting->reason, OUTCOME_USAGE,
                          "--%s=%.40s: a part of the hosts is given as %u%% to 100%%", name,
                          setting->value, minimum);
    *ret = (unsigned)percent;
    return 0;
}

static int set_wave(const Setting *setting, Options *options)
{
    return set_percent(setting, "wave", 1, &options->wave);
}

static int set_tolerate(const Setting *setting, Options *options)
{
    return set_percent(setting, "tolerate", 0, &options->tolerate);
}

static int set_wait(const Setting *setting, Options *options)
{
    char text[64] = "";

    options->wait = true;
    options->wait_usec = USEC_INFINITY;
    if (!setting->value)
        return 0;
    snprintf(text, sizeof(text), "+%.60s", setting->value);
    return timestamp_parse(text, 0, NULL, &options->wait_usec) == 0 && options->wait_usec > 0
               ? 0
               : reason_set(setting->reason, OUTCOME_USAGE,
                            "--wait=%.40s is not a length of time such as 10min", setting->value);
}

/* All of them, unless --lines= is given. */
static int set_since(const Setting *setting, Options *options)
{
    if (!(options->given & OPTION_LINES))
        options->lines = 0;
    return timestamp_parse(setting->value, setting->now, setting->reason, &options->since);
}

static int set_generate(const Setting *setting, Options *options)
{
    return recipe_parse(setting->value, setting->reason, &options->generate);
}

static int set_live(const Setting *, Options *options)
{
    options->delivery = POLICY_LIVE;
    return 0;
}

static int set_service(const Setting *setting, Options *options)
{
    if (setting->value[0] == '\0') {
        options->service_count = 0;
        return 0;
    }
    if (!unit_name_valid(setting->value))
        return refuse(setting, "the name of a unit, such as postgresql.service");
    for (unsigned i = 0; i < options->service_count; i++)
        if (strcmp(options->services[i], setting->value) == 0)
            return 0;
    if (options->service_count == LIMIT_POLICY_SERVICES)
        return reason_set(setting->reason, OUTCOME_USAGE,
                          "there are more than %zu --service= options", LIMIT_POLICY_SERVICES);
    options->services[options->service_count++] = setting->value;
    return 0;
}

/* --- the table --- */

#define SETTER(function)   function, NULL, 0
#define FIELD(field)       NULL, NULL, offsetof(Options, field)
#define WORD(field, words) NULL, &words, offsetof(Options, field)

/* clang-format off */
static const OptionInfo infos[] = {
    {OPTION_NAME, "name", "=NAME", SETTER(set_name),
     "Name sealed in the credential; the broker needs MACHINE@ID"},
    {OPTION_DRY_RUN, "dry-run", "", FIELD(dry_run),
     "Only show what would open, and what would be done"},
    {OPTION_ALL, "all", "", FIELD(all),
     "All machines, and say what will open after an update of the firmware"},
    {OPTION_REPLACE, "replace", "", FIELD(replace),
     "Replace values that differ from those in the file"},
    {OPTION_STORE, "store", "[=PATH]", SETTER(set_store),
     "Use the broker's store, or the one at PATH"},
    {OPTION_WITH_KEY, "with-key", "=KEY", WORD(key_types, key_words),
     "Seal with: auto, host (-H), tpm2 (-T), host+tpm2, [host+]tpm2-with-public-key, null"},
    {OPTION_FOR_SYSTEMD, "for-systemd", "=VERSION", SETTER(set_for_systemd),
     "Seal in a form that this version opens (default: the installed one)"},
    {OPTION_UID, "uid", "=USER", FIELD(seal.uid),
     "Seal for this user alone: a uid, a name or self"},
    {OPTION_TPM_DEVICE, "tpm2-device", "=DEVICE", FIELD(seal.tpm_device),
     "TPM: a device, a TCTI (swtpm:…) or auto"},
    {OPTION_TPM_PCRS, "tpm2-pcrs", "=PCRS", SETTER(set_tpm_pcrs),
     "PCRs: 7 or 0+2+7 for their current values, 7:sha256=HEX+4 for others"},
    {OPTION_PUBLIC_KEY, "tpm2-public-key", "=PATH", FIELD(seal.public_key),
     "Seal for the PCR policies that this key signs (PEM)"},
    {OPTION_PUBLIC_KEY_PCRS, "tpm2-public-key-pcrs", "=PCRS",
     SETTER(set_public_key_pcrs), "PCRs that this key signs for (default: 11)"},
    {OPTION_SIGNATURE, "tpm2-signature", "=PATH", FIELD(seal.signatures),
     "File with signatures of PCR policies (JSON)"},
    {OPTION_FRESH_KEY, "fresh-key", "", FIELD(seal.fresh_key),
     "Do not share the key of the machine's other credentials"},
    {OPTION_SHARE_KEY, "share-key", "=FILE", FIELD(seal.share_key),
     "Share the TPM-sealed key of this credential"},
    {OPTION_TIMESTAMP, "timestamp", "=TIME", SETTER(set_timestamp),
     "Time of sealing or opening (default: now)"},
    {OPTION_NOT_AFTER, "not-after", "=TIME", SETTER(set_not_after),
     "Time of expiry: 2027-01-31, +90d"},
    {OPTION_FORMAT, "format", "=FORMAT", WORD(seal.format, format_words),
     "Write base64 (default) or raw"},
    {OPTION_FROM, "from", "=FORMAT", WORD(from, from_words),
     "What FILE is: dotenv, json, yaml, sops, age, systemd-creds (default: as it looks)"},
    {OPTION_IDENTITY, "identity", "=FILE", FIELD(identity),
     "Key for age: an identity or an SSH key (default of import: the SSH keys of this host)"},
    {OPTION_PRETTY, "pretty", "", FIELD(pretty),
     "Print SetCredentialEncrypted=, for a unit"},
    {OPTION_NEWLINE, "newline", "=WHEN", WORD(newline, newline_words),
     "Whether the output or the value ends with a newline: auto, yes, no"},
    {OPTION_ALLOW_NULL, "allow-null", "", FIELD(seal.allow_null),
     "Also open files that are sealed with the null key"},
    {OPTION_JSON, "json", "=MODE", WORD(json, json_words),
     "Print JSON: short, pretty or off"},
    {OPTION_HOST, "host", "=FILE", SETTER(set_host),
     "Seal for the host with this identity; may be repeated"},
    {OPTION_PROVE, "prove", "", FIELD(prove),
     "Also export what a proof that the keys are in a genuine TPM needs"},
    {OPTION_ENDORSEMENT, "ek-ca", "=DIRECTORY", FIELD(ek_ca),
     "Certificates of TPM manufacturers, to one of which the host's has to lead"},
    {OPTION_ENDORSEMENT, "ek-certificate", "=FILE", FIELD(ek_certificate),
     "The certificate of the host's endorsement key, if its TPM has none (DER, PEM)"},
    {OPTION_ENDORSEMENT, "ek", "=SHA256", FIELD(ek),
     "The endorsement key that the host has to have"},
    {OPTION_ENDORSEMENT, "ek-list", "=FILE", FIELD(ek_list),
     "A list of endorsement keys, of which the host has to have one"},
    {OPTION_PROVED, "proved", "", FIELD(proved),
     "Refuse a host whose keys are not proved to be in a genuine TPM"},
    {OPTION_FORM, "form", "=FORM", WORD(seal.form, form_words),
     "legacy (systemd 255 and later), pinned (262 and later), auto"},
    {OPTION_LINES, "lines", "=N", SETTER(set_lines),
     "Show the last N entries, or all (default: 20)"},
    {OPTION_SINCE, "since", "=TIME", SETTER(set_since),
     "Show all entries since TIME: today, -1h, 2027-01-31"},
    {OPTION_FOLLOW, "follow", "", FIELD(follow),
     "Keep showing new entries"},
    {OPTION_METRICS, "metrics", "", FIELD(metrics),
     "Print counters as OpenMetrics"},
    {OPTION_METRICS_FILE, "metrics-file", "=FILE", FIELD(metrics_file),
     "Write counters to FILE, for the textfile collector of Prometheus' node exporter"},
    {OPTION_NO_ASK, "no-ask", "", FIELD(no_ask),
     "Do not ask for confirmation"},
    {OPTION_PROTECTION, "rollback-protection", "", FIELD(rollback_protection),
     "Have a counter in the TPM tell an older store from the last one"},
    {OPTION_PROTECTION, "no-rollback-protection", "", FIELD(no_rollback_protection),
     "Remove that counter"},
    {OPTION_PROTECTION, "accept-rollback", "", FIELD(accept_rollback),
     "Take the present store and sets as right after a rollback was noticed"},
    {OPTION_FIX, "fix", "", FIELD(fix),
     "Fix what can be fixed without a value, after asking"},
    {OPTION_AFTER_UPDATE, "after-update", "", FIELD(after_update),
     "Say what will open in the states that systemd-pcrlock predicts"},
    {OPTION_GENERATE, "generate", "=RECIPE", SETTER(set_generate),
     "Generate: password[:N], hex[:N], base64[:N], uuid, ssh-ed25519, x25519"},
    {OPTION_HISTORY, "history", "", FIELD(history),
     "Show the earlier values as well: who wrote them, and whether they open"},
    {OPTION_BACK, "back", "[=N]", SETTER(set_back),
     "Put back the last earlier value, or the Nth of show --history"},
    {OPTION_FORGET, "forget", "", FIELD(forget),
     "Keep no earlier value: neither the replaced one nor those before it"},
    {OPTION_EXPIRY, "expiry", "", FIELD(expiry),
     "Open all credentials, and sort by time of expiry"},
    {OPTION_CHECK, "check", "", FIELD(check),
     "Ask the broker whether it would deliver each now"},
    {OPTION_DELIVERY, "delivery", "=DELIVERY", WORD(delivery, delivery_words),
     "How credentials are delivered: boot, live or native"},
    {OPTION_DELIVERY, "live", "", SETTER(set_live),
     "Same as --delivery=live: services fetch them while the container runs"},
    {OPTION_SERVICE, "service", "=UNIT", SETTER(set_service),
     "Unit in the container that may fetch them live; may be repeated"},
    {OPTION_ON_CHANGE, "on-change", "=CHANGE", WORD(on_change, change_words),
     "What rotate does with these units: restart, reload or none"},
    {OPTION_NO_LEGEND, "no-legend", "", FIELD(no_legend),
     "Print no column headings"},
    {OPTION_FULL, "full", "", FIELD(full),
     "Do not shorten columns to fit the terminal"},
    {OPTION_REPOSITORY, "repository", "=DIRECTORY", FIELD(repository),
     "The fleet's repository (default: the current directory)"},
    {OPTION_AS, "as", "=MACHINE@ID", FIELD(as),
     "The credential as which hosts get a new secret"},
    {OPTION_TO, "to", "=HOSTS", FIELD(to),
     "Hosts, patterns and @groups, separated by commas"},
    {OPTION_RECIPIENTS, "recipients", "=FILE", FIELD(recipients),
     "Recipients of age, one per line: who can open the master copies"},
    {OPTION_SIGNERS, "signers", "=FILE", FIELD(signers),
     "Who may sign for the fleet, in the format of ssh-keygen's allowed signers"},
    {OPTION_THRESHOLD, "threshold", "=N", SETTER(set_threshold),
     "How many of the signers must sign (default: more than half)"},
    {OPTION_KEY, "key", "=FILE", FIELD(key),
     "SSH key to sign with; a public key if an agent or a token has the private one"},
    {OPTION_RENEW, "renew", "", FIELD(renew),
     "Sign the same files once more, for a later time"},
    {OPTION_CONFIRM, "confirm", "=DIGEST", FIELD(confirm),
     "Confirm the changes with this digest, as it was printed"},
    {OPTION_FLEET, "fleet", "=NAME", FIELD(fleet),
     "The fleet that the bundle has to be of (default: the one that it names)"},
    {OPTION_EXTRACT, "extract", "=DIRECTORY", FIELD(extract),
     "Write the statement, its signatures and the manifest there"},
    {OPTION_WAVE, "wave", "=PERCENT%", SETTER(set_wave),
     "Release the new files to so many further hosts only"},
    {OPTION_WAIT, "wait", "[=TIME]", SETTER(set_wait),
     "Wait until all hosts have accepted, answered or failed; or for a challenge"},
    {OPTION_TOLERATE, "tolerate", "=PERCENT%", SETTER(set_tolerate),
     "With --wait, how many of them may fail (default: 0%)"},
    {0, "no-pager", "", FIELD(no_pager), "Do not use a pager"},
    {0, "help", "", FIELD(help),
     "Show this help"},
    {0, "version", "", FIELD(version),
     "Show the version"},
};
/* clang-format on */

#define INFO_COUNT         (sizeof(infos) / sizeof(infos[0]))
/* getopt_long() returns this for the first of them; above every character. */
#define FIRST_CODE         0x100

/* One letter, and what it stands for, with a value that is not given with it. */
static const struct {
    char letter;
    const char *name;
    const char *value;
} letters[] = {
    {'h', "help", NULL},       {'p', "pretty", NULL}, {'H', "with-key", "host"},
    {'T', "with-key", "tpm2"}, {'n', "lines", NULL},  {'S', "since", NULL},
    {'f', "follow", NULL},     {'l', "full", NULL},
};

#define LETTERS      "hpHTn:S:fl"
#define LETTER_COUNT (sizeof(letters) / sizeof(letters[0]))

/* What getopt_long() returned as C, with its value in VALUE; NULL if it was an error. */
static const OptionInfo *find_option(int c, const char **value)
{
    if (c >= FIRST_CODE)
        return &infos[c - FIRST_CODE];
    for (size_t i = 0; i < LETTER_COUNT; i++)
        for (size_t j = 0; letters[i].letter == c && j < INFO_COUNT; j++)
            if (strcmp(letters[i].name, infos[j].name) == 0) {
                if (letters[i].value)
                    *value = letters[i].value;
                return &infos[j];
            }
    return NULL;
}

static int set_option(const OptionInfo *info, const Setting *setting, Options *options)
{
    char *field = (char *)options + info->offset;
    bool is_path = strcmp(info->argument, "=FILE") == 0 || strcmp(info->argument, "[=PATH]") == 0;

    if (is_path && setting->value && !*setting->value)
        return reason_set(setting->reason, OUTCOME_USAGE, "--%s= needs a path", info->name);
    if (info->set)
        return info->set(setting, options);
    if (info->words) {
        assert(setting->value);
        for (size_t i = 0; info->words->words[i].word; i++)
            if (strcmp(setting->value, info->words->words[i].word) == 0) {
                memcpy(field, &info->words->words[i].value, sizeof(int));
                return 0;
            }
        return refuse(setting, info->words->expected);
    }
    if (info->argument[0])
        memcpy(field, &setting->value, sizeof(setting->value));
    else
        memcpy(field, &(bool){true}, sizeof(bool));
    return 0;
}

void options_done(Options *options)
{
    free(options->hosts);
    *options = (Options){0};
}

int options_parse(int argc, char **argv, uint64_t now, const HostConfig *host, Reason *reason,
                  Options *ret, int *ret_index)
{
    Options options = {.host = host,
                       .seal = {.tpm_device = host->tpm_device, .not_after = USEC_INFINITY},
                       .newline = TRISTATE_AUTO,
                       .key_types = KEY_TYPES_AUTO,
                       .lines = DEFAULT_LINES,
                       .repository = "."};
    struct option table[INFO_COUNT + 1] = {0};
    Reason why = {0};
    int c, r = 0;

    /* getopt_long() will move other arguments, but not these */
    for (int i = 1; !options.command && i < argc; i++)
        options.command = strcmp(argv[i], "--") == 0 ? argv + i + 1 : NULL;
    for (size_t i = 0; i < INFO_COUNT; i++) {
        char first = infos[i].argument[0];
        int has_argument = first == '='   ? required_argument
                           : first == '[' ? optional_argument
                                          : no_argument;

        table[i] = (struct option){infos[i].name, has_argument, NULL, FIRST_CODE + (int)i};
    }
    /* after a mistake it goes on, for --json= */
    while ((c = long_option_next(argc, argv, LETTERS, table, &why)) != -1) {
        const char *value = optarg;
        const OptionInfo *info = find_option(c, &value);
        int rc = info ? set_option(info, &(Setting){value, now, &why}, &options) : OUTCOME_USAGE;

        if (info && info->id != 0) {
            options.given |= info->id;
            options.names[__builtin_ctzll(info->id)] = info->name;
        }
        if (rc != 0 && r == 0) {
            r = rc;
            *reason = why;
        }
    }
    *ret = options;
    *ret_index = optind;
    return r;
}

void options_print_help(uint64_t set)
{
    for (size_t i = 0; i < INFO_COUNT; i++) {
        const OptionInfo *info = &infos[i];
        char text[48];

        if (info->id != 0 && !(set & info->id))
            continue;
        snprintf(text, sizeof(text), "--%s%s", info->name, info->argument);
        for (size_t j = 0; j < LETTER_COUNT; j++)
            if (strcmp(letters[j].name, info->name) == 0 && !letters[j].value)
                snprintf(text, sizeof(text), "--%s%s, -%c", info->name, info->argument,
                         letters[j].letter);
        printf("  %-28s ", text);
        output_wrapped(31, info->help);
    }
}

const char *option_given(const Options *options, uint64_t set)
{
    set &= options->given;
    return set ? options->names[__builtin_ctzll(set)] : "?";
}

uint64_t option_bit(const char *name, size_t length)
{
    for (size_t i = 0; i < INFO_COUNT; i++)
        if (strlen(infos[i].name) == length && memcmp(infos[i].name, name, length) == 0)
            return infos[i].id;
    return 0;
}
