/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of options. See options.h.
 */

#include "options.h"

#include "base/context.h"
#include "base/long_option.h"
#include "base/names.h"
#include "base/timestamp.h"
#include "store/store.h"

#include <stddef.h>
#include <string.h>

/* PCR 11, into which the unified kernel image is measured; systemd's default too. */
#define DEFAULT_PUBLIC_KEY_PCRS (UINT64_C(1) << 11)

/* Entries of the log; some more than the lines of `systemctl status`. */
#define DEFAULT_LINES           20U

/* The argument of a setter. */
typedef struct Setting {
    const char *value; /* NULL for an option without one */
    uint64_t now;
    Reason *reason;
} Setting;

typedef struct OptionInfo {
    OptionId id; /* 0 for options that every verb takes */
    const char *name;
    int has_argument;                                     /* one of getopt_long()'s constants */
    const char *argument;                                 /* its name in the help; NULL for none */
    int (*set)(const Setting *setting, Options *options); /* NULL: it sets the field at .offset: */
    size_t offset; /* a bool, or with an argument a const char * */
    const char *help;
} OptionInfo;

/* A word and its value. */
typedef struct Word {
    const char *word;
    int value;
} Word;

static int find_word(const Setting *setting, const Word *words, const char *expected, int *ret)
{
    for (; words->word; words++)
        if (strcmp(setting->value, words->word) == 0) {
            *ret = words->value;
            return 0;
        }
    return reason_set(setting->reason, OUTCOME_USAGE, "\"%.40s\" is not %s", setting->value,
                      expected);
}

/* --- setters --- */

static int set_name(const Setting *setting, Options *options)
{
    if (setting->value[0] != '\0' && !sealed_name_valid(setting->value))
        return reason_set(setting->reason, OUTCOME_USAGE,
                          "--name=%.80s: a name consists of up to %zu printable characters "
                          "without \"/\" and \":\"",
                          setting->value, LIMIT_SEALED_NAME_BYTES);
    options->name = setting->value;
    return 0;
}

static int set_with_key(const Setting *setting, Options *options)
{
    static const Word words[] = {
        {"auto", WITH_KEY_AUTO},
        {"host", WITH_KEY_HOST},
        {"tpm2", WITH_KEY_TPM},
        {"host+tpm2", WITH_KEY_HOST_TPM},
        {"tpm2+host", WITH_KEY_HOST_TPM},
        {"tpm2-with-public-key", WITH_KEY_TPM_PUBLIC_KEY},
        {"host+tpm2-with-public-key", WITH_KEY_HOST_TPM_PUBLIC_KEY},
        {"tpm2+host-with-public-key", WITH_KEY_HOST_TPM_PUBLIC_KEY},
        {"null", WITH_KEY_NULL},
        {"tpm2-absent", WITH_KEY_NULL},
        {NULL, 0},
    };
    int value, r;

    r = find_word(setting, words,
                  "a key: auto, host, tpm2, host+tpm2, tpm2-with-public-key, "
                  "host+tpm2-with-public-key or null",
                  &value);
    if (r == 0)
        options->with_key = (WithKey)value;
    return r;
}

static int set_tpm_pcrs(const Setting *setting, Options *options)
{
    return tpm_pcrs_parse(setting->value, setting->reason, &options->tpm_pcrs);
}

static int set_public_key_pcrs(const Setting *setting, Options *options)
{
    return tpm_pcr_mask_parse(setting->value, setting->reason, &options->public_key_pcrs);
}

static int set_for_systemd(const Setting *setting, Options *options)
{
    size_t digits = strspn(setting->value, "0123456789");

    if (digits != 3 || setting->value[digits] != '\0')
        return reason_set(setting->reason, OUTCOME_USAGE,
                          "\"%.40s\" is not a version of systemd such as 257", setting->value);
    options->for_systemd = (unsigned)strtoul(setting->value, NULL, 10);
    return 0;
}

static int set_timestamp(const Setting *setting, Options *options)
{
    return timestamp_parse(setting->value, setting->now, setting->reason, &options->timestamp);
}

static int set_not_after(const Setting *setting, Options *options)
{
    return timestamp_parse(setting->value, setting->now, setting->reason, &options->not_after);
}

static int set_newline(const Setting *setting, Options *options)
{
    static const Word words[] = {
        {"auto", TRISTATE_AUTO}, {"yes", TRISTATE_YES},
        {"true", TRISTATE_YES},  {"1", TRISTATE_YES},
        {"no", TRISTATE_NO},     {"false", TRISTATE_NO},
        {"0", TRISTATE_NO},      {NULL, 0},
    };
    int value, r;

    r = find_word(setting, words, "auto, yes or no", &value);
    if (r == 0)
        options->newline = (Tristate)value;
    return r;
}

static int set_format(const Setting *setting, Options *options)
{
    static const Word words[] = {{"base64", 0}, {"raw", 1}, {NULL, 0}};
    int value, r;

    r = find_word(setting, words, "a format: base64 or raw", &value);
    if (r == 0)
        options->raw = value;
    return r;
}

static int set_store(const Setting *setting, Options *options)
{
    options->store = setting->value ? setting->value : options->host->store;
    return 0;
}

static int set_json(const Setting *setting, Options *options)
{
    static const Word words[] = {
        {"off", JSON_OFF}, {"short", JSON_SHORT}, {"pretty", JSON_PRETTY}, {NULL, 0}};
    int value, r;

    r = find_word(setting, words, "a JSON mode: short, pretty or off", &value);
    if (r == 0)
        options->json = (JsonMode)value;
    return r;
}

static int set_host(const Setting *setting, Options *options)
{
    if (options->host_count == OPTION_HOSTS_MAX)
        return reason_set(setting->reason, OUTCOME_USAGE, "there are more than %u --host= options",
                          OPTION_HOSTS_MAX);
    options->hosts[options->host_count++] = setting->value;
    return 0;
}

static int set_form(const Setting *setting, Options *options)
{
    static const Word words[] = {
        {"auto", OFFLINE_AUTO}, {"legacy", OFFLINE_LEGACY}, {"pinned", OFFLINE_PINNED}, {NULL, 0}};
    int value, r;

    r = find_word(setting, words, "a form: auto, legacy or pinned", &value);
    if (r == 0)
        options->form = (OfflineForm)value;
    return r;
}

static int set_lines(const Setting *setting, Options *options)
{
    size_t digits = strspn(setting->value, "0123456789");

    if (strcmp(setting->value, "all") == 0) {
        options->lines = 0;
        return 0;
    }
    if (digits == 0 || digits > 6 || setting->value[digits] != '\0' ||
        strtoul(setting->value, NULL, 10) == 0)
        return reason_set(setting->reason, OUTCOME_USAGE,
                          "\"%.40s\" is neither \"all\" nor a number of lines", setting->value);
    options->lines = (unsigned)strtoul(setting->value, NULL, 10);
    return 0;
}

static int set_generate(const Setting *setting, Options *options)
{
    return recipe_parse(setting->value, setting->reason, &options->generate);
}

static int set_delivery(const Setting *setting, Options *options)
{
    static const Word words[] = {
        {"boot", POLICY_BOOT}, {"live", POLICY_LIVE}, {"native", POLICY_NATIVE}, {NULL, 0}};
    int value, r;

    r = find_word(setting, words, "a delivery: boot, live or native", &value);
    if (r == 0)
        options->delivery = (PolicyDelivery)value;
    return r;
}

static int set_live(const Setting *setting, Options *options)
{
    (void)setting;
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
        return reason_set(setting->reason, OUTCOME_USAGE,
                          "\"%.80s\" is not the name of a unit, such as postgresql.service",
                          setting->value);
    for (unsigned i = 0; i < options->service_count; i++)
        if (strcmp(options->services[i], setting->value) == 0)
            return 0;
    if (options->service_count == LIMIT_POLICY_SERVICES)
        return reason_set(setting->reason, OUTCOME_USAGE,
                          "there are more than %zu --service= options", LIMIT_POLICY_SERVICES);
    options->services[options->service_count++] = setting->value;
    return 0;
}

static int set_on_change(const Setting *setting, Options *options)
{
    static const Word words[] = {
        {"none", POLICY_NONE}, {"restart", POLICY_RESTART}, {"reload", POLICY_RELOAD}, {NULL, 0}};
    int value, r;

    r = find_word(setting, words, "a reaction to a change: restart, reload or none", &value);
    if (r == 0)
        options->on_change = (PolicyChange)value;
    return r;
}

/* --- the table --- */

#define SETTER(function) function, 0
#define FLAG(field)      NULL, offsetof(Options, field)
#define TEXT(field)      NULL, offsetof(Options, field)

/* clang-format off */
static const OptionInfo infos[] = {
    {OPTION_NAME, "name", required_argument, "NAME", SETTER(set_name),
     "Name sealed in the credential; the broker needs MACHINE@ID"},
    {OPTION_DRY_RUN, "dry-run", no_argument, NULL, FLAG(dry_run),
     "Only show what would open, and how it would be sealed"},
    {OPTION_STORE, "store", optional_argument, "PATH", SETTER(set_store),
     "Use the broker's store, or the one at PATH"},
    {OPTION_WITH_KEY, "with-key", required_argument, "KEY", SETTER(set_with_key),
     "Seal with: auto, host, tpm2, host+tpm2, [host+]tpm2-with-public-key, null"},
    {OPTION_FOR_SYSTEMD, "for-systemd", required_argument, "VERSION", SETTER(set_for_systemd),
     "Seal in a form that this version opens (default: the installed one)"},
    {OPTION_UID, "uid", required_argument, "USER", TEXT(uid),
     "Seal for this user alone: a uid, a name or self"},
    {OPTION_TPM_DEVICE, "tpm2-device", required_argument, "DEVICE", TEXT(tpm_device),
     "TPM: a device, a TCTI (swtpm:…) or auto"},
    {OPTION_TPM_PCRS, "tpm2-pcrs", required_argument, "PCRS", SETTER(set_tpm_pcrs),
     "PCRs: 7 or 0+2+7 for their current values, 7:sha256=HEX+4 for others"},
    {OPTION_PUBLIC_KEY, "tpm2-public-key", required_argument, "PATH", TEXT(public_key),
     "Seal for the PCR policies that this key signs (PEM)"},
    {OPTION_PUBLIC_KEY_PCRS, "tpm2-public-key-pcrs", required_argument, "PCRS",
     SETTER(set_public_key_pcrs), "PCRs that this key signs for (default: 11)"},
    {OPTION_SIGNATURE, "tpm2-signature", required_argument, "PATH", TEXT(signatures),
     "File with signatures of PCR policies (JSON)"},
    {OPTION_FRESH_KEY, "fresh-key", no_argument, NULL, FLAG(fresh_key),
     "Do not share the key of the machine's other credentials"},
    {OPTION_SHARE_KEY, "share-key", required_argument, "FILE", TEXT(share_key),
     "Share the TPM-sealed key of this credential"},
    {OPTION_TIMESTAMP, "timestamp", required_argument, "TIME", SETTER(set_timestamp),
     "Time of sealing or opening (default: now)"},
    {OPTION_NOT_AFTER, "not-after", required_argument, "TIME", SETTER(set_not_after),
     "Time of expiry: 2027-01-31, +90d"},
    {OPTION_FORMAT, "format", required_argument, "FORMAT", SETTER(set_format),
     "Write base64 (default) or raw"},
    {OPTION_NEWLINE, "newline", required_argument, "WHEN", SETTER(set_newline),
     "Whether the output or the value ends with a newline: auto, yes, no"},
    {OPTION_ALLOW_NULL, "allow-null", no_argument, NULL, FLAG(allow_null),
     "Also open files that are sealed with the null key"},
    {OPTION_JSON, "json", required_argument, "MODE", SETTER(set_json),
     "Print JSON: short, pretty or off"},
    {OPTION_HOST, "host", required_argument, "FILE", SETTER(set_host),
     "Seal for the host with this identity; may be repeated"},
    {OPTION_FORM, "form", required_argument, "FORM", SETTER(set_form),
     "legacy (systemd 255 and later), pinned (262 and later), auto"},
    {OPTION_LINES, "lines", required_argument, "N", SETTER(set_lines),
     "Show the last N entries, or all (default: 20)"},
    {OPTION_FOLLOW, "follow", no_argument, NULL, FLAG(follow),
     "Keep showing new entries"},
    {OPTION_METRICS, "metrics", no_argument, NULL, FLAG(metrics),
     "Print counters as OpenMetrics"},
    {OPTION_NO_ASK, "no-ask", no_argument, NULL, FLAG(no_ask),
     "Do not ask for confirmation"},
    {OPTION_GENERATE, "generate", required_argument, "RECIPE", SETTER(set_generate),
     "Generate: password[:N], hex[:N], base64[:N], uuid, ssh-ed25519, x25519"},
    {OPTION_EXPIRY, "expiry", no_argument, NULL, FLAG(expiry),
     "Open all credentials, and sort by time of expiry"},
    {OPTION_DELIVERY, "delivery", required_argument, "DELIVERY", SETTER(set_delivery),
     "How credentials are delivered: boot, live or native"},
    {OPTION_DELIVERY, "live", no_argument, NULL, SETTER(set_live),
     "Same as --delivery=live: services fetch them while the container runs"},
    {OPTION_SERVICE, "service", required_argument, "UNIT", SETTER(set_service),
     "Unit in the container that may fetch them live; may be repeated"},
    {OPTION_ON_CHANGE, "on-change", required_argument, "CHANGE", SETTER(set_on_change),
     "What rotate does with these units: restart, reload or none"},
    {0, "help", no_argument, NULL, FLAG(help),
     "Show this help"},
    {0, "version", no_argument, NULL, FLAG(version),
     "Show the version"},
};
/* clang-format on */

#define INFO_COUNT       (sizeof(infos) / sizeof(infos[0]))
/* getopt_long() returns this for the first of them; above every character. */
#define FIRST_CODE       0x100

static int set_option(const OptionInfo *info, const Setting *setting, Options *options)
{
    char *field = (char *)options + info->offset;

    if (info->set)
        return info->set(setting, options);
    if (info->has_argument == no_argument)
        memcpy(field, &(bool){true}, sizeof(bool));
    else
        memcpy(field, &setting->value, sizeof(setting->value));
    return 0;
}

int options_parse(int argc, char **argv, uint64_t now, const HostConfig *host, Reason *reason,
                  Options *ret, int *ret_index)
{
    Options options = {.host = host,
                       .tpm_device = host->tpm_device,
                       .not_after = USEC_INFINITY,
                       .newline = TRISTATE_AUTO,
                       .public_key_pcrs = DEFAULT_PUBLIC_KEY_PCRS,
                       .lines = DEFAULT_LINES};
    struct option table[INFO_COUNT + 1] = {0};
    int c, r;

    for (size_t i = 0; i < INFO_COUNT; i++)
        table[i] = (struct option){infos[i].name, infos[i].has_argument, NULL, FIRST_CODE + (int)i};
    while ((c = long_option_next(argc, argv, "h", table)) != -1) {
        const OptionInfo *info;

        if (c == 'h') {
            options.help = true;
            continue;
        }
        if (c < FIRST_CODE) /* getopt_long() has printed the error */
            return reason_set(reason, OUTCOME_USAGE, "see nspawn-creds --help");
        info = &infos[c - FIRST_CODE];
        r = set_option(info, &(Setting){optarg, now, reason}, &options);
        if (r != 0)
            return r;
        options.given |= info->id;
    }
    *ret = options;
    *ret_index = optind;
    return 0;
}

void options_print_help(FILE *file, unsigned set)
{
    for (size_t i = 0; i < INFO_COUNT; i++) {
        const OptionInfo *info = &infos[i];
        const char *before = info->argument ? "=" : "", *after = "";
        char text[48];

        if (info->id != 0 && !(set & info->id))
            continue;
        if (info->has_argument == optional_argument) {
            before = "[=";
            after = "]";
        }
        snprintf(text, sizeof(text), "--%s%s%s%s", info->name, before,
                 info->argument ? info->argument : "", after);
        fprintf(file, "  %-29s %s\n", text, info->help);
    }
}

const char *option_name(OptionId id)
{
    for (size_t i = 0; i < INFO_COUNT; i++)
        if (infos[i].id == id)
            return infos[i].name;
    return "?";
}
