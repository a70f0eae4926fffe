/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds fleet sign: signs the manifests of all hosts, with one signature.
 *
 * It makes a statement and signs it, or adds a signature to the statement that others have made of
 * the same files. ssh-keygen signs, so that agents and tokens work. A statement may release the new
 * files to a wave of the hosts (release.h).
 *
 * Killed at any point, it can be repeated: what was signed before is remembered on this machine
 * before the statement is replaced, and the files that it covers are removed after the new one has
 * all its signatures.
 */

#include "base/array.h"
#include "base/timestamp.h"
#include "fleet/release.h"
#include "fleet/signed_files.h"
#include "fleet/ssh_signature.h"
#include "fleet/verbs.h"
#include "fleet/workspace.h"
#include "terminal/output.h"
#include "terminal/program.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* How long a statement is valid: longer than anybody is on holiday. */
#define VALIDITY_USEC (60 * 24 * 3600 * USEC_PER_SEC)

typedef struct Signing {
    Workspace work;
    AllowedSigners signers;
    uint64_t now;
    SignedStatement old; /* in the repository */
    KnownLeaves sealed;  /* what is sealed, of all hosts; empty to renew */
    Release release;
    Statement statement; /* the one that is signed */
    char text[STATEMENT_TEXT_BYTES];
    bool adds;                                 /* a signature to the old one */
    char principal[LIMIT_PRINCIPAL_BYTES + 1]; /* who signs */
} Signing;

static void signing_done(Signing *signing)
{
    release_done(&signing->release);
    known_leaves_done(&signing->sealed);
    signed_statement_done(&signing->old);
    allowed_signers_done(&signing->signers);
    workspace_done(&signing->work);
}

static int load(Signing *signing, Reason *reason)
{
    Workspace *work = &signing->work;
    int r = workspace_load(true, reason, work);

    signing->now = work->context->now(work->context);
    if (r == 0)
        r = fleet_admin_signers(&work->admin, work->repository.file.fleet, reason,
                                &signing->signers);
    if (r == 0)
        r = signed_statement_read(&work->repository, &signing->signers, signing->now, reason,
                                  &signing->old);
    if (r == 0)
        r = workspace_adopt(work, &signing->old, reason);
    if (r == 0 && !work->options->key && !work->admin.key)
        r = reason_set(reason, OUTCOME_USAGE,
                       "the key to sign with is not known: use --key=FILE, an SSH key, or a public "
                       "one whose private half an agent or a token has");
    return r;
}

static bool is_enough(const Signing *signing, size_t count)
{
    return count >= signing->work.admin.threshold;
}

/* --- what is signed --- */

/* The sequence after all that were signed. A statement that nobody has signed does not count: it
 * could use up all sequences. */
static uint64_t next_sequence(const Signing *signing)
{
    uint64_t last = signing->work.verified.sequence;

    if (signing->old.count > 0 && signing->old.statement.sequence > last)
        last = signing->old.statement.sequence;
    return last + 1;
}

/* Whether the old statement may still be signed. */
static bool old_is_open(const Signing *signing)
{
    const Statement *old = &signing->old.statement;

    return signing->old.count > 0 && old->not_after > signing->now && old->issued <= signing->now &&
           old->sequence >= signing->work.verified.sequence;
}

/* Whether it says what a new one would. */
static bool old_is_the_same(const Signing *signing)
{
    const Statement *old = &signing->old.statement, *new = &signing->statement;

    return old_is_open(signing) && merkle_equal(&old->root, &new->root) &&
           merkle_equal(&old->inputs, &new->inputs) && old->hosts == new->hosts;
}

static int set_times(Signing *signing, Reason *reason)
{
    const SealSpec *spec = &signing->work.options->seal;
    Statement *statement = &signing->statement;

    statement->issued = signing->now / USEC_PER_SEC * USEC_PER_SEC;
    statement->not_after = spec->has_not_after ? spec->not_after / USEC_PER_SEC * USEC_PER_SEC
                                               : statement->issued + VALIDITY_USEC;
    if (statement->not_after <= statement->issued)
        return reason_set(reason, OUTCOME_USAGE, "--not-after= is in the past");
    if (spec->has_not_after && spec->not_after == USEC_INFINITY)
        return reason_set(reason, OUTCOME_USAGE, "a statement has to expire");
    return 0;
}

/* The same as the old one, later. */
static int renew(Signing *signing, Reason *reason)
{
    if (!is_enough(signing, signing->old.count))
        return reason_set(
            reason, OUTCOME_UNSIGNED,
            "there is no statement that enough have signed and that could be renewed");
    signing->statement = signing->old.statement;
    return 0;
}

/* Decides which hosts get new files. A further signer signs the first one's choice. */
static int choose(Signing *signing, FleetChanges *changes, Reason *reason)
{
    const Workspace *work = &signing->work;
    const Options *options = work->options;
    MerkleHash inputs = inventory_digest(&work->inventory);
    int r = 0;

    if (old_is_open(signing) && !is_enough(signing, signing->old.count) && !options->to &&
        options->wave == 0 && merkle_equal(&inputs, &signing->old.statement.inputs))
        r = release_as_in(work, &signing->sealed, &signing->old.statement, changes, reason,
                          &signing->release);
    if (r == 0 && !signing->release.leaves.all)
        r = release_choose(work, &signing->sealed, changes, reason, &signing->release);
    if (r == 0 && signing->release.leaves.count == 0)
        r = reason_set(reason, OUTCOME_USAGE, "this would be a statement without hosts");
    return r;
}

/* Says who gets new files, before anything is confirmed. */
static void say_wave(const Release *release)
{
    _cleanup_(writer_done) Writer names = {0};

    if (release->waiting == 0)
        return;
    for (size_t i = 0; i < release->wave_count; i++)
        writer_format(&names, " %s", release->wave[i]);
    if (!names.failed)
        output_note("This wave releases new files to %zu host%s:%.*s. %zu more wait%s.",
                    release->wave_count, plural(release->wave_count), (int)names.bytes.size,
                    (const char *)names.bytes.data, release->waiting,
                    release->waiting == 1 ? "s" : "");
}

/* With the command that was given, since another one would release other files. */
static int confirm_changes(const Workspace *work, FleetChanges *changes, Reason *reason)
{
    const Options *options = work->options;
    char command[200] = "fleet sign";
    int length = 0;

    if (options->wave > 0)
        length = snprintf(command, sizeof(command), "fleet sign --wave=%u%%", options->wave);
    else if (options->to)
        length = snprintf(command, sizeof(command), "fleet sign --to='%s'", options->to);
    if (length >= (int)sizeof(command))
        strcpy(command, "fleet sign --to=...");
    return fleet_changes_confirm(changes, &work->inventory, command, options, reason);
}

/* Of what is sealed, after every change was confirmed. */
static int sign_sealed(Signing *signing, Reason *reason)
{
    Workspace *work = &signing->work;
    _cleanup_(fleet_changes_done) FleetChanges changes = {0};
    int r;

    if (work->repository.host_count == 0)
        return reason_set(
            reason, OUTCOME_USAGE,
            "the fleet has no hosts. Add one: nspawn-creds fleet add host web1 web1.json");
    r = workspace_leaves(work, true, reason, &signing->sealed);
    if (r == 0)
        r = fleet_changes_find(&work->verified, &work->inventory, &changes);
    if (r == 0)
        r = workspace_add_unknown(work, &signing->sealed, &changes);
    if (r == 0)
        r = choose(signing, &changes, reason);
    if (r != 0)
        return r;
    if (work->options->json == JSON_OFF)
        say_wave(&signing->release);
    r = confirm_changes(work, &changes, reason);
    if (r != 0)
        return r;
    strcpy(signing->statement.fleet, work->repository.file.fleet);
    signing->statement.hosts = signing->release.leaves.count;
    signing->statement.inputs = inventory_digest(&work->inventory);
    return leaves_root(&signing->release.leaves, &signing->statement.root);
}

/* Says why this is another statement than the one that others have signed. */
static void say_clock(const Signing *signing)
{
    const Statement *old = &signing->old.statement;
    char length[TIMESTAMP_LENGTH_BYTES];

    if (signing->old.count == 0 || old->issued <= signing->now)
        return;
    timestamp_format_length(old->issued - signing->now, length);
    output_note("Statement %" PRIu64
                " will be issued in %s by this machine's clock, so that you sign "
                "another one. Look at this clock, and at that of whoever signed.",
                old->sequence, length);
}

static int make_statement(Signing *signing, Reason *reason)
{
    int r = signing->work.options->renew ? renew(signing, reason) : sign_sealed(signing, reason);

    if (r != 0)
        return r;
    signing->adds = !signing->work.options->renew && old_is_the_same(signing);
    if (signing->adds)
        signing->statement = signing->old.statement;
    else {
        say_clock(signing);
        signing->statement.sequence = next_sequence(signing);
        r = set_times(signing, reason);
    }
    if (r == 0)
        statement_format(&signing->statement, signing->text);
    return r;
}

/* --- signing --- */

static const char *signing_key(const Signing *signing)
{
    return signing->work.options->key ? signing->work.options->key : signing->work.admin.key;
}

/* Checks that SIGNATURE counts, and finds out whose it is. */
static int check_signature(Signing *signing, BytesView signature, Reason *reason)
{
    _cleanup_(ssh_signature_done) SshSignature parsed = {0};
    const AllowedSigner *signer;
    char path[PATH_MAX];
    Reason why = {0};
    int r = ssh_signature_parse(signature, &why, &parsed);

    if (r == 0)
        r = ssh_signature_verify(&parsed, text_view(signing->text), &why);
    if (r > 0)
        return reason_set(reason, OUTCOME_USAGE, "%s does not sign for fleets: %s. Use another key",
                          signing_key(signing), why.text);
    if (r == 0)
        r = fleet_admin_signers_path(&signing->work.admin, signing->statement.fleet, reason, path);
    if (r != 0)
        return r;
    signer = allowed_signers_find(&signing->signers, parsed.key);
    if (!signer || !allowed_signer_may_sign(signer, signing->now))
        return reason_set(
            reason, OUTCOME_USAGE,
            "%s is not among the allowed signers in %s, or may not sign at this time. "
            "Use the key of one of them, with --key=FILE",
            signing_key(signing), path);
    strcpy(signing->principal, signer->principal);
    return 0;
}

static int sign(Signing *signing, Reason *reason, Bytes *ret)
{
    const char *key = signing_key(signing);
    const char *const command[] = {"ssh-keygen", "-q", "-Y", "sign", "-n", SSH_SIGNATURE_NAMESPACE,
                                   "-f",         key,  NULL};
    _cleanup_(secret_freep) Secret *text = NULL;
    int r = secret_new_from(text_view(signing->text), reason, &text);

    if (r == 0)
        r = program_encrypt(command, text, LIMIT_SSH_SIGNATURE_BYTES, reason, ret);
    if (r == -ECANCELED)
        reason_set(reason, 0, "ssh-keygen could not sign with %.200s; its own message says why",
                   key);
    return r == 0 ? check_signature(signing, bytes_view(ret), reason) : r;
}

/* The hosts that were in the statement before, and are no longer: their bundles are still on the
 * carrier. */
static int write_gone(const Signing *signing, Reason *reason)
{
    const Repository *repository = &signing->work.repository;
    const KnownLeaves *released = &signing->work.verified.released;
    _cleanup_(strings_freep) char **before = NULL, **gone = NULL;
    size_t before_count = 0, count = 0;
    int r = host_names_read(repository, STATEMENT_GONE, NULL, &before, &before_count);

    if (r < 0)
        return r;
    for (size_t i = 0; i < released->count; i++)
        if (!strings_add(&before, &before_count, released->all[i].host))
            return -ENOMEM;
    for (size_t i = 0; i < before_count; i++)
        if (!known_leaf_find(&signing->release.leaves, before[i]) &&
            !strings_have(gone, before[i]) && !strings_add(&gone, &count, before[i]))
            return -ENOMEM;
    return host_names_write(repository, STATEMENT_GONE, gone, count, reason);
}

static int remove_signatures(const Signing *signing, Reason *reason)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < signing->signers.count; i++) {
        char name[SIGNATURE_NAME_BYTES];

        if (signature_name(signing->signers.signers[i].principal, NULL, name) == 0)
            r = repository_remove(&signing->work.repository, NULL, name, reason);
        if (r == -ENOENT)
            r = 0;
    }
    return r;
}

/* A new statement takes the place of the old one, and nobody has signed it yet. */
static int write_statement(const Signing *signing, Reason *reason)
{
    const Repository *repository = &signing->work.repository;
    const Release *release = &signing->release;
    _cleanup_(writer_done) Writer hosts = {0};
    int r = remove_signatures(signing, reason);

    if (r == 0 && signing->sealed.all) {
        known_leaves_write(&hosts, "", &release->leaves);
        r = write_gone(signing, reason);
        if (r == 0)
            r = host_names_write(repository, STATEMENT_WAVE, release->wave, release->wave_count,
                                 reason);
        if (r == 0)
            r = hosts.failed ? -ENOMEM
                             : repository_write(repository, NULL, STATEMENT_HOSTS,
                                                bytes_view(&hosts.bytes), true, reason);
    }
    if (r == 0)
        r = history_add(repository, &signing->statement, signing->text, reason);
    if (r == 0)
        r = repository_write(repository, NULL, STATEMENT_FILE, text_view(signing->text), true,
                             reason);
    return r;
}

/* Remembers what was signed, so that nothing else is ever signed with this sequence here. */
static int remember(Signing *signing, Reason *reason)
{
    Workspace *work = &signing->work;

    work->verified.sequence = signing->statement.sequence;
    if (signing->sealed.all)
        fleet_verified_confirm(&work->verified, &signing->sealed, &work->inventory);
    return fleet_verified_save(work->repository.file.fleet, &work->verified, reason);
}

/* Enough have signed: these are the files that hosts have from now on. */
static int complete(Signing *signing, Reason *reason)
{
    const Repository *repository = &signing->work.repository;
    FleetVerified *verified = &signing->work.verified;
    int r;

    if (!signing->release.leaves.all) /* the same as before */
        return 0;
    known_leaves_move(&verified->released, &signing->release.leaves);
    r = fleet_verified_save(repository->file.fleet, verified, reason);
    return r == 0 ? signed_files_clean(repository, &verified->released, reason) : r;
}

static int write_all(Signing *signing, BytesView signature, size_t count, Reason *reason)
{
    const Repository *repository = &signing->work.repository;
    char name[SIGNATURE_NAME_BYTES];
    int r = signature_name(signing->principal, reason, name);

    /* before the statement is gone that shows what was released */
    if (r == 0 && signing->work.adopted)
        r = fleet_verified_save(repository->file.fleet, &signing->work.verified, reason);
    if (r == 0 && !signing->adds)
        r = write_statement(signing, reason);
    /* before the signature is anywhere: a killed command cannot have signed in secret */
    if (r == 0)
        r = remember(signing, reason);
    if (r == 0)
        r = repository_write(repository, NULL, name, signature, true, reason);
    if (r != 0 || !is_enough(signing, count))
        return r;
    return complete(signing, reason);
}

/* --- the verb --- */

static void report(const Signing *signing, size_t count)
{
    size_t released = signing->release.wave_count;
    const Options *options = signing->work.options;
    size_t threshold = signing->work.admin.threshold;
    char until[TIMESTAMP_TEXT_BYTES];
    struct json_object *object;

    if (options->json != JSON_OFF) {
        object = json_object_new_object();
        json_add_number(object, "sequence", signing->statement.sequence);
        json_add_number(object, "hosts", signing->statement.hosts);
        json_add_number(object, "notAfter", signing->statement.not_after);
        json_add_text(object, "signer", signing->principal);
        json_add_number(object, "signatures", count);
        json_add_number(object, "threshold", threshold);
        json_add_number(object, "released", released);
        json_add_number(object, "waiting", signing->release.waiting);
        output_json(object, options->json);
        return;
    }
    timestamp_format(signing->statement.not_after, until);
    output_line(stdout,
                "%s signed statement %" PRIu64 " of fleet %s: %" PRIu64 " host%s, valid until %s.",
                signing->principal, signing->statement.sequence, signing->statement.fleet,
                signing->statement.hosts, plural(signing->statement.hosts), until);
    if (count < threshold)
        output_line(stdout, "%zu of %zu signatures. Next, another signer: nspawn-creds fleet sign",
                    count, threshold);
    else if (signing->release.waiting > 0)
        output_line(stdout,
                    "Next: publish it, and wait for the %zu host%s of this wave: nspawn-creds "
                    "fleet push --wait",
                    released, plural(released));
    else
        output_line(stdout, "Next: publish it, nspawn-creds fleet push");
}

static int nothing_to_sign(Signing *signing, Reason *reason)
{
    char until[TIMESTAMP_TEXT_BYTES];
    /* a killed command may have left them */
    int r = signing->release.leaves.all
                ? signed_files_clean(&signing->work.repository, &signing->release.leaves, reason)
                : 0;

    if (r != 0)
        return output_error(r, NULL, reason);
    timestamp_format(signing->statement.not_after, until);
    output_note("Nothing to sign: statement %" PRIu64 " covers all of this and is valid until %s. "
                "--renew makes a later one.",
                signing->statement.sequence, until);
    return 0;
}

static int run(const Context *context, const Options *options, char **)
{
    _cleanup_(signing_done) Signing signing = {.work = WORKSPACE_CLOSED(context, options)};
    _cleanup_(bytes_done) Bytes signature = {0};
    Reason reason = {0};
    size_t count;
    int r = load(&signing, &reason);

    if (r == 0 && options->renew && options->given & (OPTION_TO | OPTION_WAVE))
        r = reason_set(&reason, OUTCOME_USAGE,
                       "--renew releases nothing: leave out --to= or --wave=");
    if (r == 0 && options->to && options->wave > 0)
        r = reason_set(&reason, OUTCOME_USAGE,
                       "--to= and --wave= both choose hosts: use one of them");
    if (r == 0)
        r = make_statement(&signing, &reason);
    if (r == 0 && signing.adds && is_enough(&signing, signing.old.count))
        return nothing_to_sign(&signing, &reason);
    if (r == 0)
        r = sign(&signing, &reason, &signature);
    count = signing.adds ? signing.old.count : 0;
    if (r == 0 && !(signing.adds && strings_have(signing.old.principals, signing.principal)))
        count++;
    if (r == 0)
        r = write_all(&signing, bytes_view(&signature), count, &reason);
    if (r != 0)
        return output_error(r, NULL, &reason);
    report(&signing, count);
    return 0;
}

const Verb fleet_sign = {
    .name = "fleet sign",
    .arguments = "",
    .summary = "Sign what was sealed for all hosts, with one signature",
    .details =
        "Makes a statement about the sealed files of all hosts, and has ssh-keygen sign it; or "
        "adds a signature\nto the statement that another signer has made of the same files. "
        "Before, it shows every change that\nwas not confirmed on this machine, and sealed "
        "files that were not made here. It is for whoever is\namong the fleet's allowed "
        "signers. With --to= or --wave= the new files are released to these hosts only; the "
        "others\nkeep what was signed for them last.",
    .options = OPTION_REPOSITORY | OPTION_CONFIRM | OPTION_KEY | OPTION_RENEW | OPTION_NOT_AFTER |
               OPTION_TO | OPTION_WAVE | OPTION_JSON,
    .run = run,
};
