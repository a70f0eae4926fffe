/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds fleet seal: seals the secrets of a fleet for its hosts, from the masters.
 *
 * Child processes seal (parallel.h). They inherit the plans, and get the values through a socket
 * each. A host's directory is complete
 * before it takes its place, and all hosts take theirs at the end. Killed before, the command has
 * changed nothing; killed meanwhile, it has sealed some of the hosts, and goes on when it is
 * repeated.
 */

#include "base/array.h"
#include "base/fsutil.h"
#include "base/timestamp.h"
#include "fleet/parallel.h"
#include "fleet/signed_files.h"
#include "fleet/verbs.h"
#include "fleet/workspace.h"
#include "terminal/output.h"
#include "unit_size.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* So many hosts are worth a process that compares their files. */
#define SURVEYED_EACH ((size_t)100)

typedef struct Sealing {
    Workspace work;
    SealedPlan *plans;
    size_t plan_count;
    Secret **values;    /* by the index of the secret; NULL if it is not needed */
    size_t files;       /* sealed */
    size_t removed;     /* hosts */
    KnownLeaves listed; /* of the statement in the repository, whoever has signed it */
    KnownLeaves stamps; /* of hosts for which nothing is to be done */
} Sealing;

static void sealing_done(Sealing *sealing)
{
    for (size_t i = 0; i < sealing->plan_count; i++)
        sealed_plan_done(&sealing->plans[i]);
    free(sealing->plans);
    for (size_t i = 0; sealing->values && i < sealing->work.repository.file.secret_count; i++)
        secret_free(sealing->values[i]);
    free(sealing->values);
    known_leaves_done(&sealing->listed);
    known_leaves_done(&sealing->stamps);
    workspace_done(&sealing->work);
}

/* --- before anything is sealed --- */

static int confirm_changes(Sealing *sealing, Reason *reason)
{
    _cleanup_(fleet_changes_done) FleetChanges changes = {0};
    int r = fleet_changes_find(&sealing->work.verified, &sealing->work.inventory, &changes);

    return r == 0 ? fleet_changes_confirm(&changes, &sealing->work.inventory, "fleet seal",
                                          sealing->work.options, reason)
                  : r;
}

static int plan_host(Sealing *sealing, const RepositoryHost *host, const SealedState *state,
                     Reason *reason)
{
    SealedPlan plan = {0};
    int r = sealed_plan_make(&sealing->work.survey, host, state, reason, &plan);

    if (r != 0)
        return r;
    if (ARRAY_ADD(sealing->plans, sealing->plan_count, plan))
        return 0;
    sealed_plan_done(&plan);
    return -ENOMEM;
}

static int survey(void *userdata, size_t index, void *ret, Reason *reason)
{
    const Workspace *work = &((const Sealing *)userdata)->work;

    return sealed_survey(&work->survey, &work->repository.hosts[index], reason, ret);
}

/* Plans for those hosts whose state is not as it has to be, and notes how the others look. */
static int plan_hosts(Sealing *sealing, const SealedState *states, Reason *reason)
{
    const Repository *repository = &sealing->work.repository;
    int r = 0;

    for (size_t i = 0; r == 0 && i < repository->host_count; i++)
        if (!states[i].same)
            r = plan_host(sealing, &repository->hosts[i], &states[i], reason);
        else if (states[i].stamp.settled)
            r = known_leaves_put(&sealing->stamps, repository->hosts[i].name,
                                 &states[i].stamp.digest);
    return r;
}

/* Finds out what has to be sealed for which host. */
static int plan_all(Sealing *sealing, Reason *reason)
{
    Repository *repository = &sealing->work.repository;
    size_t count = repository->host_count;
    _cleanup_(closep) int sealed = repository_directory(repository, SEALED_DIRECTORY);
    _cleanup_(freep) SealedState *states = calloc(count + 1, sizeof(states[0]));
    Parallel parallel = {
        .count = count,
        .least = SURVEYED_EACH,
        .result_size = sizeof(states[0]),
        .fd = &repository->fd,
        .userdata = sealing,
        .each = survey,
    };
    int r;

    if (sealed == -ELOOP || sealed == -ENOTDIR)
        return reason_set(reason, OUTCOME_BAD_REPOSITORY,
                          SEALED_DIRECTORY " is a link, or no directory. Remove it");
    r = states ? parallel_run(&parallel, states, reason) : -ENOMEM;
    return r == 0 ? plan_hosts(sealing, states, reason) : r;
}

/* Says for which hosts files are made again that somebody or something has damaged. */
static void note_damage(const Sealing *sealing)
{
    const char *first = NULL;
    size_t count = 0;

    for (size_t i = 0; i < sealing->plan_count; i++)
        if (sealing->plans[i].damage) {
            first = first ? first : sealing->plans[i].damage;
            count++;
        }
    if (count == 1)
        output_note("%s. All files of this host are sealed again.", first);
    else if (count > 1)
        output_note("%s. Files of %zu more host%s are damaged. All of these are sealed again.",
                    first, count - 1, plural(count - 1));
}

/* Finds out which files are signed: hosts keep them until the new ones are released. A statement
 * that is malformed or cannot be verified is no reason to stop: the next one takes its place. */
static int find_signed(Sealing *sealing, Reason *reason)
{
    Workspace *work = &sealing->work;
    _cleanup_(allowed_signers_done) AllowedSigners signers = {0};
    _cleanup_(signed_statement_done) SignedStatement statement = {0};
    int r = fleet_admin_signers(&work->admin, work->repository.file.fleet, NULL, &signers);

    if (r >= 0)
        r = signed_statement_read(&work->repository, &signers, work->context->now(work->context),
                                  reason, &statement);
    if (r == 0 && statement.text.size > 0)
        r = leaves_read(&work->repository, &statement.statement, reason, &sealing->listed);
    if (r == 0)
        r = workspace_adopt(work, &statement, reason);
    return r < 0 ? r : 0;
}

/* Keeps the files of HOST if they are signed. A claim of the repository alone does
 * not replace files that this machine knows to be signed. */
static int keep_signed(const Sealing *sealing, const char *host, Reason *reason)
{
    const MerkleHash *known = known_leaf_find(&sealing->work.verified.released, host),
                     *listed = known_leaf_find(&sealing->listed, host);
    int r = 0;

    if (known)
        r = signed_files_keep(&sealing->work.repository, host, known, true, reason);
    if (r == 0 && listed)
        r = signed_files_keep(&sealing->work.repository, host, listed, false, reason);
    return r;
}

/* How many hosts the secret number NUMBER is sealed for now. */
static size_t count_hosts(const Sealing *sealing, size_t number)
{
    size_t count = 0;

    for (size_t i = 0; i < sealing->plan_count; i++) {
        const SealedPlan *plan = &sealing->plans[i];

        for (size_t j = 0; j < plan->host->secret_count; j++)
            count += plan->seal[j] &&
                     plan->host->secrets[j] == &sealing->work.repository.file.secrets[number];
    }
    return count;
}

/* An update of the firmware changes PCRs of all hosts at once. */
static void note_pcrs(const Sealing *sealing)
{
    const FleetFile *file = &sealing->work.repository.file;

    for (size_t i = 0; i < file->secret_count; i++) {
        const FleetSecret *secret = &file->secrets[i];
        size_t count = secret->pcrs && !secret->pending ? count_hosts(sealing, i) : 0;

        if (count > 1)
            output_note("Secret %s is sealed for the present PCR values of %zu hosts. After an "
                        "update of their firmware none of them can open it, unless \"pcrPolicy\" "
                        "is used.",
                        secret->name, count);
    }
}

/* --- the values --- */

/* Opens the master of the secret number NUMBER. Hosts refuse values that a unit could not tell from
 * a failed delivery. */
static int open_value(Sealing *sealing, size_t number, Reason *reason)
{
    const FleetSecret *secret = &sealing->work.repository.file.secrets[number];
    int r = master_read(&sealing->work.repository, &sealing->work.program, secret->name, reason,
                        &sealing->values[number], NULL);

    if (r != 0)
        return r;
    r = unit_size_check_value(secret->credential.id, sealing->values[number], reason);
    return reason_prefix(reason, r, "secret %.100s: ", secret->name);
}

/* Opens the masters that are needed, each once. */
static int open_masters(Sealing *sealing, Reason *reason)
{
    const FleetFile *file = &sealing->work.repository.file;
    _cleanup_(freep) bool *needed = calloc(file->secret_count + 1, sizeof(needed[0]));
    int r = 0;

    sealing->values = calloc(file->secret_count + 1, sizeof(sealing->values[0]));
    if (!needed || !sealing->values)
        return -ENOMEM;
    for (size_t i = 0; i < sealing->plan_count; i++)
        for (size_t j = 0; j < sealing->plans[i].host->secret_count; j++)
            if (sealing->plans[i].seal[j])
                needed[sealing->plans[i].host->secrets[j] - file->secrets] = true;
    for (size_t i = 0; r == 0 && i < file->secret_count; i++)
        if (needed[i])
            r = open_value(sealing, i, reason);
    return r;
}

/* --- children --- */

/* The result of sealing for a host. */
typedef struct Result {
    size_t files;
    MerkleHash leaf;
} Result;

/* Passes the values on to a child, whose guarded memory is empty. */
static int send_values(void *userdata, int socket, Reason *reason)
{
    const Sealing *sealing = userdata;
    int r = 0;

    for (size_t i = 0; r == 0 && i < sealing->work.repository.file.secret_count; i++)
        if (sealing->values[i])
            r = file_write_fd(socket, secret_view(sealing->values[i]));
    return r == 0 || r == -EPIPE ? r : reason_set(reason, r, "cannot pass a secret on");
}

/* In a child: gets the values. */
static int receive_values(void *userdata, Reason *reason)
{
    Sealing *sealing = userdata;
    int r = 0;

    for (size_t i = 0; r == 0 && i < sealing->work.repository.file.secret_count; i++) {
        size_t size;

        if (!sealing->values[i])
            continue;
        size = secret_size(sealing->values[i]);
        sealing->values[i] = NULL; /* the parent's */
        r = secret_new(size, reason, &sealing->values[i]);
        if (r == 0 && recv(PARALLEL_SOCKET, secret_borrow(sealing->values[i]), size, MSG_WAITALL) !=
                          (ssize_t)size)
            r = reason_set(reason, -EPIPE, "cannot get a secret");
    }
    return r;
}

static int seal_host(void *userdata, size_t index, void *ret, Reason *reason)
{
    Sealing *sealing = userdata;
    Result *result = ret;
    int r = sealed_make(sealing->work.context, &sealing->work.repository, &sealing->plans[index],
                        sealing->values, reason, &result->files);

    result->leaf = sealing->plans[index].leaf;
    return r;
}

/* In a child: erases the values. */
static void free_values(void *userdata)
{
    const Sealing *sealing = userdata;

    for (size_t i = 0; i < sealing->work.repository.file.secret_count; i++)
        secret_free(sealing->values[i]);
}

static int seal_all(Sealing *sealing, Reason *reason)
{
    _cleanup_(freep) Result *results = calloc(sealing->plan_count + 1, sizeof(results[0]));
    Parallel parallel = {
        .count = sealing->plan_count,
        .least = 1,
        .result_size = sizeof(results[0]),
        .progress = "hosts sealed",
        .fd = &sealing->work.repository.fd,
        .userdata = sealing,
        .feed = send_values,
        .begin = receive_values,
        .each = seal_host,
        .end = free_values,
    };
    int r = results ? parallel_run(&parallel, results, reason) : -ENOMEM;

    for (size_t i = 0; r == 0 && i < sealing->plan_count; i++) {
        sealing->plans[i].leaf = results[i].leaf;
        sealing->files += results[i].files;
    }
    return r;
}

/* --- putting it in place --- */

/* Makes an empty SEALED_NEW. */
static int make_new(const Repository *repository, Reason *reason)
{
    repository_remove_tree(repository->fd, SEALED_NEW, 2);
    unlinkat(repository->fd, SEALED_NEW, 0); /* a link, which is not followed */
    if (mkdirat(repository->fd, SEALED_NEW, 0755) < 0)
        return reason_set(reason, -errno, "cannot make the directory " SEALED_NEW);
    if (mkdirat(repository->fd, SEALED_DIRECTORY, 0777) < 0 && errno != EEXIST)
        return reason_set(reason, -errno, "cannot make the directory " SEALED_DIRECTORY);
    return 0;
}

/* Removes from DIRECTORY the hosts that are no longer there. Returns how many. */
static size_t remove_hosts(const Repository *repository, const char *name)
{
    _cleanup_(closep) int fd = repository_directory(repository, name);
    _cleanup_(closedirp) DIR *directory = NULL;
    const char *host = NULL;
    size_t count = 0;

    if (fd < 0 || directory_list(fd, name, NULL, &directory) != 0)
        return 0;
    while (directory_next(directory, name, NULL, &host) == 0 && host)
        if (host[0] != '.' && !repository_host(repository, host)) {
            repository_remove_tree(fd, host, 1);
            count++;
        }
    return count;
}

/* Everything is on the disk before the first host takes its place. */
static int put_in_place(Sealing *sealing, Reason *reason)
{
    const Repository *repository = &sealing->work.repository;
    _cleanup_(closep) int old = repository_directory(repository, SEALED_DIRECTORY),
                          new = repository_directory(repository, SEALED_NEW);
    int r = 0;

    if (old < 0 || new < 0)
        return reason_set(reason, old < 0 ? old : new, "cannot open " SEALED_DIRECTORY);
    if (syncfs(new) < 0)
        return reason_set(reason, -errno, "cannot write the sealed files");
    for (size_t i = 0; i < sealing->plan_count; i++) {
        const char *host = sealing->plans[i].host->name;

        r = keep_signed(sealing, host, reason);
        if (r != 0)
            return r;
        if (renameat2(new, host, old, host, RENAME_EXCHANGE) < 0 &&
            (errno != ENOENT || renameat(new, host, old, host) < 0))
            return reason_set(reason, -errno, "cannot put " SEALED_DIRECTORY "/%s in place", host);
    }
    sealing->removed = remove_hosts(repository, SEALED_DIRECTORY);
    remove_hosts(repository, SIGNED_DIRECTORY);
    if (r == 0 && syncfs(old) < 0)
        r = reason_set(reason, -errno, "cannot write the sealed files");
    repository_remove_tree(repository->fd, SEALED_NEW, 2);
    return r;
}

/* From now on these files are known, and no others of their hosts, and the inventory is confirmed.
 */
static int remember(Sealing *sealing, Reason *reason)
{
    FleetVerified *verified = &sealing->work.verified;
    _cleanup_(known_leaves_done) KnownLeaves known = TAKE(verified->known);
    int r = 0;

    for (size_t i = 0; r == 0 && i < sealing->plan_count; i++)
        r = known_leaves_put(&known, sealing->plans[i].host->name, &sealing->plans[i].leaf);
    if (r != 0)
        return r;
    fleet_verified_confirm(verified, &known, &sealing->work.inventory);
    known_leaves_move(&verified->stamps, &sealing->stamps);
    return fleet_verified_save(sealing->work.repository.file.fleet, verified, reason);
}

/* --- the verb --- */

static void report(const Sealing *sealing, uint64_t begin)
{
    size_t hosts = sealing->work.repository.host_count;
    char time[TIMESTAMP_LENGTH_BYTES];
    struct json_object *object;

    if (sealing->work.options->json != JSON_OFF) {
        object = json_object_new_object();
        json_add_number(object, "hosts", hosts);
        json_add_number(object, "sealed", sealing->plan_count);
        json_add_number(object, "files", sealing->files);
        json_add_number(object, "removed", sealing->removed);
        output_json(object, sealing->work.options->json);
        return;
    }
    if (workspace_is_empty(&sealing->work) && sealing->removed == 0)
        return;
    if (sealing->plan_count == 0 && sealing->removed == 0) {
        output_line(stdout, "All %zu hosts are sealed already.", hosts);
        return;
    }
    timestamp_format_length(monotonic_usec() - begin, time);
    output_line(stdout, "Sealed %zu file%s for %zu of %zu host%s, in %s.", sealing->files,
                plural(sealing->files), sealing->plan_count, hosts, plural(hosts), time);
    if (sealing->removed > 0)
        output_line(stdout, "Removed the files of %zu host%s that are no longer there.",
                    sealing->removed, plural(sealing->removed));
    if (hosts > 0)
        output_line(stdout, "Next: nspawn-creds fleet sign");
}

static int run(const Context *context, const Options *options, char **)
{
    _cleanup_(sealing_done) Sealing sealing = {.work = WORKSPACE_CLOSED(context, options)};
    uint64_t begin = monotonic_usec();
    Reason reason = {0};
    int r = workspace_load(true, &reason, &sealing.work);

    if (r == 0)
        r = workspace_note_recipients(&sealing.work, &reason);
    if (r == 0)
        r = confirm_changes(&sealing, &reason);
    if (r == 0)
        r = plan_all(&sealing, &reason);
    if (r == 0)
        r = find_signed(&sealing, &reason);
    if (r == 0) {
        note_damage(&sealing);
        note_pcrs(&sealing);
    }
    if (r == 0)
        r = open_masters(&sealing, &reason);
    if (r == 0)
        r = make_new(&sealing.work.repository, &reason);
    if (r == 0)
        r = seal_all(&sealing, &reason);
    if (r == 0)
        r = put_in_place(&sealing, &reason);
    if (r == 0)
        r = remember(&sealing, &reason);
    if (r != 0)
        return output_error(r, NULL, &reason);
    report(&sealing, begin);
    return 0;
}

const Verb fleet_seal = {
    .name = "fleet seal",
    .arguments = "",
    .summary = "Seal the secrets of a fleet for its hosts, from the master copies",
    .details = "Writes sealed/HOST/ for each host: its sealed files and a manifest of them. Only "
               "what has changed is\nsealed: values, hosts' identities, and who gets what. Before, "
               "it shows every change in the repository\nsince you have last confirmed "
               "them, or enough signers have signed, and asks whether all are intended.",
    .options = OPTION_REPOSITORY | OPTION_CONFIRM | OPTION_IDENTITY | OPTION_JSON,
    .run = run,
};
