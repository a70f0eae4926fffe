/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds fleet enrol: enrols hosts over the carrier. See fleet/candidates.h.
 */

#include "base/array.h"
#include "base/json.h"
#include "enrolment/enrolment_key.h"
#include "fleet/add_host.h"
#include "fleet/admin.h"
#include "fleet/candidates.h"
#include "fleet/fleet_config.h"
#include "fleet/repository.h"
#include "fleet/verbs.h"
#include "terminal/fields.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "terminal/progress.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Names of so many bytes are enough for a message, which has room for one more that is long. */
#define NAMES_BYTES   ((size_t)24)
/* So many hosts' messages are got with one call, see clear_left(). */
#define LEFT_TOGETHER ((size_t)50)

typedef struct Enrolment {
    Repository repository;
    FleetAdmin admin;
    Genuine genuine;
    Secret *key;
    char **hosts; /* that are looked after */
    size_t host_count;
    bool named;   /* as arguments, and not because they are in the list */
    char **added; /* of the list: they are in the fleet, and were proved not long ago */
    size_t added_count;
    Candidates candidates;
} Enrolment;

static void enrolment_done(Enrolment *enrolment)
{
    candidates_done(&enrolment->candidates);
    strings_free(enrolment->added);
    strings_free(enrolment->hosts);
    secret_free(enrolment->key);
    genuine_done(&enrolment->genuine);
    fleet_admin_done(&enrolment->admin);
    repository_close(&enrolment->repository);
}

/* --- which hosts --- */

/* Writes the name in the fleet of the machine that calls itself NAME: that without the domain. */
static bool host_of(const char *name, char ret[LIMIT_FLEET_HOST_BYTES + 1])
{
    size_t length = strcspn(name, ".");

    if (length == 0 || length > LIMIT_FLEET_HOST_BYTES)
        return false;
    snprintf(ret, LIMIT_FLEET_HOST_BYTES + 1, "%.*s", (int)length, name);
    return fleet_host_name_valid(ret);
}

/* Where the domain of NAME begins, "" for none, if the rest is HOST; NULL if it is not. */
static const char *domain_of(const char *name, const char *host)
{
    size_t length = strlen(host);

    return strncmp(name, host, length) == 0 && (!name[length] || name[length] == '.')
               ? name + length
               : NULL;
}

static bool is_listed(const Genuine *genuine, const char *host)
{
    for (size_t i = 0; i < genuine->count; i++)
        if (domain_of(genuine->entries[i].name, host))
            return true;
    return false;
}

/* OUTCOME_USAGE if the list has two machines that would be HOST: the second would seem to be the
 * first one with another TPM. */
static int check_only(const Genuine *genuine, const char *host, Reason *reason)
{
    const char *first = NULL;

    for (size_t i = 0; i < genuine->count; i++) {
        const char *name = genuine->entries[i].name, *domain = domain_of(name, host);

        if (!domain || !*domain || (first && strcmp(first, name) == 0))
            continue;
        if (first)
            return reason_set(
                reason, OUTCOME_USAGE,
                "%.80s names %.70s and %.70s, but hosts of a fleet have names without a "
                "domain. Take one of them out, or give it another host name",
                genuine->list, first, name);
        first = name;
    }
    return 0;
}

static int add_name(Enrolment *enrolment, const char *host, Reason *reason)
{
    if (enrolment->host_count == LIMIT_ENROLMENT_HOSTS)
        return reason_set(reason, OUTCOME_USAGE,
                          "there are more than %zu hosts to enrol: name some of them",
                          LIMIT_ENROLMENT_HOSTS);
    return strings_have(enrolment->hosts, host) ||
                   strings_add(&enrolment->hosts, &enrolment->host_count, host)
               ? 0
               : -ENOMEM;
}

static int take_arguments(Enrolment *enrolment, const Options *options, char **arguments,
                          Reason *reason)
{
    const Genuine *genuine = &enrolment->genuine;
    char name[LIMIT_FLEET_HOST_BYTES + 1];
    int r = 0;

    for (char **host = arguments; r == 0 && *host; host++) {
        if (!fleet_host_name_valid(*host))
            r = host_of(*host, name)
                    ? reason_set(reason, OUTCOME_USAGE,
                                 "hosts of a fleet have names without a domain: %s is %s", *host,
                                 name)
                    : reason_set(reason, OUTCOME_USAGE, "\"%.80s\" is not the name of a host",
                                 *host);
        else if (options->ek_list && !is_listed(genuine, *host))
            r = reason_set(reason, OUTCOME_USAGE, "%.160s does not name %s", genuine->list, *host);
        else
            r = check_only(genuine, *host, reason);
        if (r == 0)
            r = add_name(enrolment, *host, reason);
    }
    if (r == 0 && (options->ek || options->ek_certificate) && enrolment->host_count > 1)
        r = reason_set(reason, OUTCOME_USAGE, "--ek= and --ek-certificate= are for one host");
    return r;
}

/* Notes HOST, which is in the fleet, if a call that was killed may have left its files. */
static int note_added(Enrolment *enrolment, const Context *context, const char *host)
{
    _cleanup_(identity_done) Identity identity = {0};
    int r = repository_read_identity(&enrolment->repository, host, NULL, &identity);

    if (r != 0 || identity.proof.by == IDENTITY_UNPROVED ||
        identity.proof.time + CANDIDATES_USEC < context->now(context))
        return r == -ENOMEM ? r : 0;
    return strings_add(&enrolment->added, &enrolment->added_count, host) ? 0 : -ENOMEM;
}

/* Takes all of the list FILE that are not in the fleet yet. */
static int take_list(Enrolment *enrolment, const Context *context, Reason *reason)
{
    const char *file = enrolment->genuine.list;
    const char *first = NULL; /* of the names that no host can have */
    size_t names = 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < enrolment->genuine.count; i++) {
        const char *name = enrolment->genuine.entries[i].name;
        char host[LIMIT_FLEET_HOST_BYTES + 1];

        if (!host_of(name, host)) {
            first = first ? first : name;
            continue;
        }
        names++;
        r = check_only(&enrolment->genuine, host, reason);
        if (r == 0)
            r = repository_host(&enrolment->repository, host) ? note_added(enrolment, context, host)
                                                              : add_name(enrolment, host, reason);
    }
    if (r == 0 && names == 0)
        return reason_set(reason, OUTCOME_USAGE, "%.200s names no host", file);
    if (r == 0 && first)
        output_note(first[0] ? "Not every line of %s names a host: \"%s\" is not the name of one."
                             : "Not every line of %s names a host.",
                    file, first);
    if (r == 0 && enrolment->host_count == 0)
        output_note("All hosts that %s names are in the fleet %s already.", file,
                    enrolment->repository.file.fleet);
    return r;
}

static int choose(Enrolment *enrolment, const Context *context, const Options *options,
                  char **arguments, Reason *reason)
{
    enrolment->named = *arguments;
    if (enrolment->named)
        return take_arguments(enrolment, options, arguments, reason);
    return options->ek_list ? take_list(enrolment, context, reason)
                            : reason_set(reason, OUTCOME_USAGE,
                                         "name the hosts, or use a list that does: --ek-list=FILE");
}

static int prepare(Enrolment *enrolment, const Context *context, const Options *options,
                   char **arguments, Reason *reason)
{
    int r = genuine_load(options, reason, &enrolment->genuine);

    if (r == 0 && options->seal.pcrs.given != 0)
        r = reason_set(reason, OUTCOME_USAGE,
                       "the values of PCRs are those of the identity: give numbers only");
    if (r == 0 && options->seal.has_not_after && options->seal.not_after <= context->now(context))
        r = reason_set(reason, OUTCOME_USAGE, "--not-after= is in the past");
    if (r == 0)
        r = repository_open(options->repository, false, reason, &enrolment->repository);
    if (r == 0)
        r = fleet_admin_load(context, enrolment->repository.file.fleet, reason, &enrolment->admin);
    if (r == 0)
        r = choose(enrolment, context, options, arguments, reason);
    if (r == 0)
        r = enrolment_key_ensure(context, reason, &enrolment->key);
    if (r != 0)
        return r;
    enrolment->candidates = (Candidates){
        .context = context,
        .options = options,
        .key = enrolment->key,
        .genuine = &enrolment->genuine,
        .carrier = {enrolment->admin.carrier, enrolment->repository.file.fleet, NULL},
        .all = calloc(enrolment->host_count + 1, sizeof(Candidate)),
        .count = enrolment->host_count,
        .named = enrolment->named,
    };
    for (size_t i = 0; enrolment->candidates.all && i < enrolment->host_count; i++)
        enrolment->candidates.all[i].host = enrolment->hosts[i];
    return enrolment->candidates.all ? 0 : -ENOMEM;
}

/* --- waiting --- */

static size_t count_open(const Enrolment *enrolment)
{
    return candidates_count(&enrolment->candidates, CANDIDATE_CHALLENGED) +
           candidates_count(&enrolment->candidates, CANDIDATE_SILENT);
}

static int look(Enrolment *enrolment, const Options *options, Reason *reason)
{
    uint64_t begin = monotonic_usec(), usec = options->wait ? options->wait_usec : 0;
    int r = candidates_look(&enrolment->candidates, reason);

    while (r == 0 && count_open(enrolment) > 0 && monotonic_usec() - begin < usec) {
        progress_rate("hosts have answered", enrolment->host_count - count_open(enrolment),
                      enrolment->host_count, begin);
        (void)nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
        r = candidates_look(&enrolment->candidates, reason);
    }
    progress_end();
    return r;
}

/* --- adding --- */

/* Where it says that the TPM of CANDIDATE is a genuine one. */
static const char *source_of(const Genuine *genuine, const Candidate *candidate)
{
    if (candidate->identity.proof.by == IDENTITY_BY_CERTIFICATE)
        return genuine->options->ek_ca;
    return genuine->list ? genuine->list : "--ek=";
}

/* Says what OLD is there already, which the host that is called NAME takes the place of. */
static void print_known(const char *name, const KnownHost *old)
{
    if (old->same_tpm)
        output_line(stderr, "    %s is there already, with the same TPM: its identity is replaced",
                    name);
    else if (old->known)
        output_line(stderr,
                    "    %s is there already, with ANOTHER TPM%s%s%s: its identity is replaced",
                    name, old->proved ? " (the key " : ", that was not proved", old->key,
                    old->proved ? ")" : "");
}

static int print_proved(const Enrolment *enrolment, const Candidate *candidate, Reason *reason)
{
    const Identity *identity = &candidate->identity;
    char key[2 * IDENTITY_DIGEST_BYTES + 1], pcrs[TPM_PCR_TEXT_BYTES] = "";
    KnownHost old = {0};
    int r = host_look_up(&enrolment->repository, candidate->host, identity, reason, &old);

    if (r != 0)
        return r;
    sodium_bin2hex(key, sizeof(key), identity->proof.endorsement, IDENTITY_DIGEST_BYTES);
    if (identity->proof.pcrs != 0)
        tpm_pcr_mask_format(identity->proof.pcrs, pcrs);
    output_line(stderr,
                "  %s, which calls itself %s: the genuine TPM with the key %.16s, by %s%s%s%s",
                candidate->host, identity->host_name[0] ? identity->host_name : "nothing", key,
                identity->proof.by == IDENTITY_BY_CERTIFICATE ? "a certificate in " : "",
                source_of(&enrolment->genuine, candidate), pcrs[0] ? ", and PCRs " : "", pcrs);
    print_known(candidate->host, &old);
    return 0;
}

/* Shows each host and how it was proved, and asks. */
static int ask(const Enrolment *enrolment, size_t count, Reason *reason)
{
    const Candidates *candidates = &enrolment->candidates;
    int r = 0;

    output_line(stderr, "Proved to have their keys in a genuine TPM:");
    for (size_t i = 0; r == 0 && i < candidates->count; i++)
        if (candidates->all[i].state == CANDIDATE_PROVED)
            r = print_proved(enrolment, &candidates->all[i], reason);
    if (r != 0)
        return r;
    return confirm(candidates->options, reason, "Add %s to the fleet %s?",
                   count == 1 ? "this host" : "these hosts", enrolment->repository.file.fleet);
}

/* Removes what the host and this administrator have put on the carrier for CANDIDATE, and says what
 * stays. */
static void clear(const Candidates *candidates, const Candidate *candidate)
{
    bool left = true;

    (void)enrolment_carrier_clear(&candidates->carrier, candidate->host, NULL, &left);
    if (left)
        output_note("%s: v1/%s/enrol/%s/ is still on the carrier, and cannot be removed from here. "
                    "It is of no use any more.",
                    candidate->host, candidates->carrier.fleet, candidate->host);
}

static int add_proved(Enrolment *enrolment, Reason *reason)
{
    Candidates *candidates = &enrolment->candidates;
    size_t count = candidates_count(candidates, CANDIDATE_PROVED);
    Options options = *candidates->options; /* borrowed */
    int r = count > 0 ? ask(enrolment, count, reason) : 0;

    options.proved = true;
    for (size_t i = 0; r == 0 && i < candidates->count; i++) {
        Candidate *candidate = &candidates->all[i];
        bool proved;

        if (candidate->state != CANDIDATE_PROVED)
            continue;
        candidate->rc =
            host_add(candidates->context, &options, candidate->host, &candidate->identity,
                     &candidate->reason, &candidate->replaced, &proved);
        candidate->state = candidate->rc == 0 ? CANDIDATE_ADDED : CANDIDATE_FAILED;
        if (candidate->rc == 0)
            clear(candidates, candidate);
    }
    return r;
}

/* Whether FILES has the request with which HOST, which is in the fleet, was added. */
static bool is_used(const Enrolment *enrolment, const char *host, const EnrolmentFiles *files)
{
    const Bytes *request = &files->files[ENROLMENT_REQUEST];
    _cleanup_(identity_done) Identity asked = {0}, known = {0};
    uint8_t digests[2][IDENTITY_DIGEST_BYTES];

    return request->size > 0 && identity_parse(bytes_view(request), NULL, &asked) == 0 &&
           repository_read_identity(&enrolment->repository, host, NULL, &known) == 0 &&
           identity_digest(&asked, digests[0]) == 0 && identity_digest(&known, digests[1]) == 0 &&
           memcmp(digests[0], digests[1], sizeof(digests[0])) == 0;
}

/* Removes what a call that was killed after it had added a host has left on the carrier. A later
 * request of that host stays. */
static void clear_left(const Enrolment *enrolment)
{
    const EnrolmentCarrier *carrier = &enrolment->candidates.carrier;

    for (size_t first = 0; first < enrolment->added_count; first += LEFT_TOGETHER) {
        EnrolmentFiles files[LEFT_TOGETHER] = {0};
        const char *const *hosts = (const char *const *)enrolment->added + first;
        size_t count = enrolment->added_count - first;
        bool left;

        count = count < LEFT_TOGETHER ? count : LEFT_TOGETHER;
        if (enrolment_carrier_get(carrier, hosts, count, NULL, files) != 0)
            count = 0;
        for (size_t i = 0; i < count; i++)
            if (is_used(enrolment, hosts[i], &files[i]))
                (void)enrolment_carrier_clear(carrier, hosts[i], NULL, &left);
        for (size_t i = 0; i < LEFT_TOGETHER; i++)
            enrolment_files_done(&files[i]);
    }
}

/* --- the result --- */

static const Field fields[] = {
    {"HOST", "/host", NULL},
    {"STATE", "/state", NULL},
    {"OUTCOME", "/outcome", NULL},
    {0},
};

/* One line about all of them. */
static void summarize(const Enrolment *enrolment)
{
    static const struct {
        CandidateState state;
        const char *words;
    } rest[] = {
        {CANDIDATE_FAILED, "failed"},
        {CANDIDATE_CHALLENGED, "to answer"},
        {CANDIDATE_SILENT, "to ask"},
    };
    const Candidates *candidates = &enrolment->candidates;
    _cleanup_(writer_done) Writer text = {0};
    char number[64];

    snprintf(number, sizeof(number), "%zu of %zu hosts added to the fleet ",
             candidates_count(candidates, CANDIDATE_ADDED), candidates->count);
    writer_text(&text, number);
    writer_text(&text, enrolment->repository.file.fleet);
    for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
        size_t count = candidates_count(candidates, rest[i].state);

        snprintf(number, sizeof(number), ", %zu %s", count, rest[i].words);
        writer_text(&text, count > 0 ? number : "");
    }
    if (!text.failed)
        output_line(stdout, "%.*s.", (int)text.bytes.size, (const char *)text.bytes.data);
}

static void print(const Enrolment *enrolment)
{
    const Candidates *candidates = &enrolment->candidates;
    const Options *options = candidates->options;
    struct json_object *rows = json_object_new_array();

    for (size_t i = 0; i < candidates->count; i++) {
        const Candidate *candidate = &candidates->all[i];

        /* machines of the list that have not asked */
        if (candidate->state == CANDIDATE_SILENT && !enrolment->named && options->json == JSON_OFF)
            continue;
        if (candidate->state == CANDIDATE_CHALLENGED && candidate->noted != 0 &&
            options->json == JSON_OFF)
            output_note("%s: %s", candidate->host, candidate->reason.text);
        json_append(rows, candidate_to_json(candidate));
    }
    if (options->json != JSON_OFF) {
        output_json(rows, options->json);
        return;
    }
    if (json_length(rows) > 0)
        fields_print_table(&(FieldTable){.fields = fields, .legend = true, .fit = true}, rows);
    json_object_put(rows);
    if (candidates->count > 0)
        summarize(enrolment);
}

/* Names the first hosts in STATE, and how many more there are. */
static void name_hosts(const Candidates *candidates, CandidateState state, Writer *text)
{
    size_t count = candidates_count(candidates, state), named = 0, start = text->bytes.size;

    for (size_t i = 0; i < candidates->count && text->bytes.size - start < NAMES_BYTES; i++) {
        if (candidates->all[i].state != state)
            continue;
        writer_text(text, named++ > 0 ? ", " : "");
        writer_text(text, candidates->all[i].host);
    }
    if (count > named) {
        char more[48];

        snprintf(more, sizeof(more), " and %zu more", count - named);
        writer_text(text, more);
    }
    writer_text(text, count == 1 ? " has not " : " have not ");
}

/* Says which hosts the enrolment waits for. */
static int report_open(const Enrolment *enrolment, size_t challenged, size_t silent)
{
    _cleanup_(writer_done) Writer text = {0};
    Reason reason = {0};

    if (challenged > 0) {
        name_hosts(&enrolment->candidates, CANDIDATE_CHALLENGED, &text);
        writer_text(&text, "answered yet");
    }
    if (silent > 0) {
        writer_text(&text, challenged > 0 ? ", " : "");
        name_hosts(&enrolment->candidates, CANDIDATE_SILENT, &text);
        writer_text(&text, "asked");
    }
    if (text.failed)
        return output_error(-ENOMEM, NULL, &reason);
    reason_set(&reason, 0, "%.*s. On each, as root: nspawn-creds host enrol %s",
               (int)text.bytes.size, (const char *)text.bytes.data,
               enrolment->repository.file.fleet);
    return output_error(OUTCOME_ENROLLING, NULL, &reason);
}

/* The first failure says what went wrong, and else the hosts that have not answered. */
static int finish(const Enrolment *enrolment)
{
    const Candidates *candidates = &enrolment->candidates;
    size_t failed = candidates_count(candidates, CANDIDATE_FAILED),
           challenged = candidates_count(candidates, CANDIDATE_CHALLENGED),
           silent = candidates_count(candidates, CANDIDATE_SILENT);

    for (size_t i = 0; i < candidates->count; i++)
        if (candidates->all[i].state == CANDIDATE_FAILED)
            return output_error_more(candidates->all[i].rc, candidates->all[i].host, failed - 1,
                                     &candidates->all[i].reason);
    return challenged + silent > 0 ? report_open(enrolment, challenged, silent) : 0;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(enrolment_done) Enrolment enrolment = {.repository = REPOSITORY_CLOSED};
    Reason reason = {0};
    int r = prepare(&enrolment, context, options, arguments, &reason);

    if (r == 0)
        clear_left(&enrolment);
    if (r == 0)
        r = look(&enrolment, options, &reason);
    if (r == 0)
        r = add_proved(&enrolment, &reason);
    if (r != 0)
        return output_error(r, NULL, &reason);
    print(&enrolment);
    return finish(&enrolment);
}

const Verb fleet_enrol = {
    .name = "fleet enrol",
    .arguments = "[HOST...]",
    .summary = "Enrol hosts over the fleet's carrier",
    .details =
        "Challenges the hosts that have asked with \"host enrol\", and adds those that have proved "
        "that their\nkeys are in a genuine TPM, as \"fleet add host --proved\" does. Without HOST, "
        "all "
        "that the list of\n--ek-list= names and that are not in the fleet yet. Call it again, or "
        "use "
        "--wait, until all have\nanswered. Asks before it adds any, unless --no-ask is given.",
    .options = OPTION_REPOSITORY | OPTION_ENDORSEMENT | OPTION_NOT_AFTER | OPTION_TPM_PCRS |
               OPTION_WAIT | OPTION_NO_ASK | OPTION_JSON,
    .run = run,
};
