/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A choice takes these steps:
 *
 *     find_pending()                 the hosts that have new files
 *     find_groups()                  which of them move together: hosts that share a changed
 * secret, and hosts that share another one with these, and so on choose_named(), choose_wave()
 * marks the hosts that were asked for as wanted, and chooses them with all that move with them
 *     say_widened()                  has the others of those confirmed
 *     make_release()                 the chosen ones get their new files, the others keep theirs
 */

#include "fleet/release.h"

#include "base/array.h"
#include "fleet/signed_files.h"

#include <errno.h>
#include <sodium.h>

/* A host, by its index in the repository. */
typedef struct Candidate {
    const MerkleHash *before; /* the leaf that was released last; NULL: none, the host is new */
    bool pending;             /* there is a newer one */
    bool wanted;              /* asked for */
    bool chosen;
    size_t group; /* the index of another host of its group, or its own: see group_of() */
    const FleetSecret *together; /* the first changed secret that it shares; NULL: it moves alone */
} Candidate;

typedef struct Choice {
    const Workspace *work;
    const KnownLeaf *sealed; /* as many as .hosts */
    Candidate *hosts;
    size_t count;
} Choice;

static void choice_done(Choice *choice)
{
    free(choice->hosts);
}

void release_done(Release *release)
{
    known_leaves_done(&release->leaves);
    strings_free(release->wave);
    *release = (Release){0};
}

/* --- what is new --- */

static int find_pending(const Workspace *work, const KnownLeaves *sealed, Choice *ret)
{
    Choice choice = {.work = work, .sealed = sealed->all, .count = work->repository.host_count};

    choice.hosts = calloc(choice.count + 1, sizeof(choice.hosts[0]));
    if (!choice.hosts)
        return -ENOMEM;
    for (size_t i = 0; i < choice.count; i++) {
        Candidate *host = &choice.hosts[i];

        host->before = known_leaf_find(&work->verified.released, sealed->all[i].host);
        host->pending = !host->before || !merkle_equal(host->before, &sealed->all[i].leaf);
        host->group = i;
    }
    *ret = choice;
    return 0;
}

/* --- who moves together --- */

/* The host that stands for the group of host INDEX. On the way there, hosts are moved closer to it.
 */
static size_t group_of(Candidate *hosts, size_t index)
{
    while (hosts[index].group != index) {
        hosts[index].group = hosts[hosts[index].group].group;
        index = hosts[index].group;
    }
    return index;
}

typedef enum Novelty { SAME_VALUE, NO_VALUE_BEFORE, OTHER_VALUE } Novelty;

/* Compares the value of SECRET with what INPUTS, of the files that were signed, say. */
static Novelty compare_value(const Workspace *work, const Bytes *inputs, const FleetSecret *secret)
{
    const char *digest = inventory_find(&work->inventory, "secret", secret->name);
    char start[1 + CREDENTIAL_NAME_TEXT_BYTES + 1] = "\n"; /* the first line is the host's */
    const uint8_t *line, *end;

    credential_name_format(&secret->credential, start + 1);
    strcat(start, " ");
    line = inputs->size > 0 ? memmem(inputs->data, inputs->size, start, strlen(start)) : NULL;
    end = line ? memchr(line + 1, '\n', inputs->size - (size_t)(line + 1 - inputs->data)) : NULL;
    if (!end)
        return NO_VALUE_BEFORE;
    return digest && memmem(line, (size_t)(end - line), digest, strlen(digest)) ? SAME_VALUE
                                                                                : OTHER_VALUE;
}

/* Reads what the files that a host has were sealed from. RET stays empty if these are not here:
 * then the host cannot be left behind with them, either. */
static int read_inputs_before(const Choice *choice, size_t index, Reason *reason, Bytes *ret)
{
    const Repository *repository = &choice->work->repository;
    const char *host = choice->sealed[index].host, *parent;
    int r;

    if (!choice->hosts[index].before)
        return 0;
    r = signed_files_find(repository, host, choice->hosts[index].before, NULL, &parent, NULL);
    if (r == 0)
        r = sealed_read(repository, parent, host, SEALED_INPUTS, LIMIT_MANIFEST_BYTES, reason, ret);
    return r > 0 || r == -ENOENT ? 0 : r;
}

/* A secret, and what it is for the hosts that get it. */
typedef struct Shared {
    bool changed;  /* somebody has another value */
    size_t *hosts; /* that have another one or none */
    size_t count;
} Shared;

static int note_values(const Choice *choice, size_t index, Shared *shared, Reason *reason)
{
    const Repository *repository = &choice->work->repository;
    const RepositoryHost *host = &repository->hosts[index];
    _cleanup_(bytes_done) Bytes inputs = {0};
    int r = read_inputs_before(choice, index, reason, &inputs);

    for (size_t i = 0; r == 0 && i < host->secret_count; i++) {
        Shared *secret = &shared[host->secrets[i] - repository->file.secrets];
        Novelty novelty = compare_value(choice->work, &inputs, host->secrets[i]);

        if (novelty == SAME_VALUE)
            continue;
        secret->changed |= novelty == OTHER_VALUE;
        if (!ARRAY_ADD(secret->hosts, secret->count, index))
            r = -ENOMEM;
    }
    return r;
}

static void join(Choice *choice, const FleetSecret *secret, const Shared *shared)
{
    if (!shared->changed || shared->count < 2)
        return;
    for (size_t i = 0; i < shared->count; i++) {
        Candidate *host = &choice->hosts[shared->hosts[i]];

        if (!host->together)
            host->together = secret;
        choice->hosts[group_of(choice->hosts, shared->hosts[i])].group =
            group_of(choice->hosts, shared->hosts[0]);
    }
}

/* Puts hosts into groups that move together. */
static int find_groups(Choice *choice, Reason *reason)
{
    const FleetFile *file = &choice->work->repository.file;
    Shared *shared = calloc(file->secret_count + 1, sizeof(shared[0]));
    int r = shared ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < choice->count; i++)
        if (choice->hosts[i].pending)
            r = note_values(choice, i, shared, reason);
    for (size_t i = 0; shared && i < file->secret_count; i++) {
        if (r == 0)
            join(choice, &file->secrets[i], &shared[i]);
        free(shared[i].hosts);
    }
    free(shared);
    return r;
}

/* --- who is chosen --- */

/* Chooses the host INDEX, and all that move with it. Returns how many were not chosen before. */
static size_t choose(Choice *choice, size_t index)
{
    size_t group = group_of(choice->hosts, index), first = 0, end = choice->count, chosen = 0;

    if (choice->hosts[index].chosen)
        return 0;
    if (!choice->hosts[index].together) { /* as most do: no need to look at the others */
        first = index;
        end = index + 1;
    }
    for (size_t i = first; i < end; i++) {
        Candidate *host = &choice->hosts[i];

        if (host->pending && !host->chosen && group_of(choice->hosts, i) == group) {
            host->chosen = true;
            chosen++;
        }
    }
    return chosen;
}

typedef struct Ranked {
    uint8_t rank[crypto_hash_sha256_BYTES];
    Candidate *host;
} Ranked;

static int compare_ranks(const void *a, const void *b)
{
    return memcmp(((const Ranked *)a)->rank, ((const Ranked *)b)->rank, crypto_hash_sha256_BYTES);
}

/* The rank of a host in the order of waves. It has nothing to do with names, so that a wave is a
 * mixture, and never changes, so that the same hosts are always the first. */
static void rank(const char *fleet, const char *host, uint8_t ret[crypto_hash_sha256_BYTES])
{
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const uint8_t *)fleet, strlen(fleet) + 1);
    crypto_hash_sha256_update(&state, (const uint8_t *)host, strlen(host));
    crypto_hash_sha256_final(&state, ret);
}

/* Chooses PERCENT of all hosts, of those that have new files; one at least. */
static int choose_wave(Choice *choice, unsigned percent)
{
    size_t wanted = (choice->count * percent + 99) / 100, count = 0, chosen = 0;
    _cleanup_(freep) Ranked *order = calloc(choice->count + 1, sizeof(order[0]));

    if (!order)
        return -ENOMEM;
    for (size_t i = 0; i < choice->count; i++)
        if (choice->hosts[i].pending) {
            rank(choice->work->repository.file.fleet, choice->sealed[i].host, order[count].rank);
            order[count++].host = &choice->hosts[i];
        }
    ARRAY_SORT(order, count, compare_ranks);
    for (size_t i = 0; i < count && chosen < wanted; i++)
        chosen += choose(choice, (size_t)(order[i].host - choice->hosts));
    /* a group in place of others is no more than was asked for */
    for (size_t i = 0; i < count; i++)
        order[i].host->wanted = chosen <= wanted ? order[i].host->chosen : i < wanted;
    return 0;
}

/* Marks the hosts that PATTERN or name matches as wanted. Returns whether there is one. */
static bool want(Choice *choice, const char *pattern)
{
    bool found = false;

    for (size_t i = 0; i < choice->count; i++)
        if (fleet_pattern_matches(pattern, choice->sealed[i].host))
            choice->hosts[i].wanted = found = true;
    return found;
}

/* Marks the hosts in LIST as wanted: names, patterns and @groups. */
static int want_all(Choice *choice, char *const *list, Reason *reason)
{
    for (; *list; list++) {
        const FleetGroup *group =
            **list == '@' ? fleet_file_group(&choice->work->repository.file, *list + 1) : NULL;

        for (char *const *member = group ? group->hosts : NULL; member && *member; member++)
            (void)want(choice, *member);
        if (!group && !want(choice, *list))
            return reason_set(reason, OUTCOME_USAGE, "--to=: the fleet has no %s \"%.80s\"",
                              **list == '@' ? "group" : "host", *list);
    }
    return 0;
}

static int choose_named(Choice *choice, const char *to, Reason *reason)
{
    _cleanup_(strings_freep) char **list = NULL;
    size_t chosen = 0;
    int r = host_list_split(to, &list);

    if (r == 0)
        r = want_all(choice, list, reason);
    for (size_t i = 0; r == 0 && i < choice->count; i++)
        if (choice->hosts[i].wanted)
            chosen += choose(choice, i);
    if (r == 0 && chosen == 0)
        r = reason_set(reason, OUTCOME_USAGE,
                       "--to=%.80s: there are no new files for %s. See nspawn-creds fleet status",
                       to,
                       list[1] || fleet_pattern_is(to) || *to == '@' ? "these hosts" : "this host");
    return r;
}

/* Has those confirmed who were not asked for. */
static int say_widened(const Choice *choice, FleetChanges *changes)
{
    const FleetFile *file = &choice->work->repository.file;
    size_t before = changes->count;
    int r = 0;

    for (size_t secret = 0; r == 0 && secret < file->secret_count; secret++) {
        _cleanup_(writer_done) Writer names = {0};

        for (size_t i = 0; i < choice->count; i++)
            if (choice->hosts[i].chosen && !choice->hosts[i].wanted &&
                choice->hosts[i].together == &file->secrets[secret])
                writer_format(&names, " %s", choice->sealed[i].host);
        r = fleet_changes_add(changes, &names,
                              "released, too, because they share %s, whose master copy is new",
                              file->secrets[secret].name);
    }
    changes->wider = changes->count - before;
    return r;
}

/* --- the result --- */

/* The files that HOST keeps have to be there. */
static int check_kept(const Repository *repository, const char *host, const MerkleHash *leaf,
                      Reason *reason)
{
    Reason why = {0};
    const char *parent;
    int r = signed_files_find(repository, host, leaf, &why, &parent, NULL);

    if (r == 0)
        r = sealed_examine(repository, parent, host, &why);
    return r > 0 ? reason_set(reason, OUTCOME_UNSIGNED,
                              "%s cannot keep the files that it has: %.150s. Release the new ones, "
                              "too, or restore these with git",
                              host, why.text)
                 : r;
}

static int make_release(const Choice *choice, Reason *reason, Release *ret)
{
    const Repository *repository = &choice->work->repository;
    _cleanup_(release_done) Release release = {0};
    int r = 0;

    for (size_t i = 0; r == 0 && i < choice->count; i++) {
        const Candidate *host = &choice->hosts[i];
        const char *name = choice->sealed[i].host;

        if (!host->pending || host->chosen) {
            r = known_leaves_put(&release.leaves, name, &choice->sealed[i].leaf);
            if (host->pending && !strings_add(&release.wave, &release.wave_count, name))
                r = -ENOMEM;
            continue;
        }
        release.waiting++;
        if (!host->before)
            continue;
        r = check_kept(repository, name, host->before, reason);
        if (r == 0)
            r = known_leaves_put(&release.leaves, name, host->before);
    }
    if (r == 0)
        *ret = TAKE(release);
    return r;
}

int release_choose(const Workspace *work, const KnownLeaves *sealed, FleetChanges *changes,
                   Reason *reason, Release *ret)
{
    _cleanup_(choice_done) Choice choice = {0};
    const Options *options = work->options;
    bool all = !options->to && options->wave == 0;
    int r = find_pending(work, sealed, &choice);

    if (r == 0 && !all)
        r = find_groups(&choice, reason);
    if (r == 0 && options->to)
        r = choose_named(&choice, options->to, reason);
    else if (r == 0 && options->wave > 0)
        r = choose_wave(&choice, options->wave);
    for (size_t i = 0; r == 0 && all && i < choice.count; i++)
        choice.hosts[i].chosen = true;
    if (r == 0 && !all)
        r = say_widened(&choice, changes);
    return r == 0 ? make_release(&choice, reason, ret) : r;
}

/* Whether the host and the files of LEAF are there. */
static bool is_there(const Workspace *work, const KnownLeaves *sealed, const KnownLeaf *leaf)
{
    const MerkleHash *now = known_leaf_find(sealed, leaf->host);
    const char *parent;

    if (!now)
        return false;
    return merkle_equal(now, &leaf->leaf) ||
           (signed_files_find(&work->repository, leaf->host, &leaf->leaf, NULL, &parent, NULL) ==
                0 &&
            sealed_examine(&work->repository, parent, leaf->host, NULL) == 0);
}

int release_as_in(const Workspace *work, const KnownLeaves *sealed, const Statement *statement,
                  FleetChanges *changes, Reason *reason, Release *ret)
{
    _cleanup_(release_done) Release release = {0};
    int r = leaves_read(&work->repository, statement, reason, &release.leaves);

    if (r != 0)
        return r > 0 ? 0 : r;
    for (size_t i = 0; i < release.leaves.count; i++) {
        const KnownLeaf *leaf = &release.leaves.all[i];

        if (!is_there(work, sealed, leaf))
            return 0;
        if (!known_leaf_is(&work->verified.released, leaf->host, &leaf->leaf) &&
            !strings_add(&release.wave, &release.wave_count, leaf->host))
            return -ENOMEM;
    }
    for (size_t i = 0; i < sealed->count; i++)
        release.waiting +=
            !known_leaf_is(&release.leaves, sealed->all[i].host, &sealed->all[i].leaf);
    r = fleet_changes_add_unknown(changes, &release.leaves, &work->verified.released, sealed,
                                  "earlier files in " SIGNED_DIRECTORY
                                  " that this machine has not seen signed");
    if (r == 0)
        *ret = TAKE(release);
    return r;
}
