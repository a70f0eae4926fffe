/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/policy_load.h"

#include "base/array.h"
#include "base/fsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define SUFFIX         ".json"
#define DROP_IN_SUFFIX ".json.d"

static const char *const search_path[] = {
    "/etc/nspawn-creds",
    "/run/nspawn-creds/policy",
    "/usr/lib/nspawn-creds",
};

#define SEARCH_PATH_COUNT (sizeof(search_path) / sizeof(search_path[0]))

/* The bits of PolicyPlaces for directory I of the search path. */
#define FILES_IN(i)       (1U << (2 * (i)))
#define DROP_INS_IN(i)    (2U << (2 * (i)))

/* A path that changed this short a time ago (µs) may change again without getting a new time: the
 * coarsest file systems count in two seconds, and the kernel's clock for files is some ms late. */
#define SETTLING_USEC     INT64_C(3000000)

/* The state while the files of a policy are read. */
typedef struct Loader {
    const Context *context;
    const char *machine;
    PolicyPlaces places;
    PolicyStamps *stamps; /* NULL: the caller wants none */
    int64_t now;          /* µs since 1970, before the first file was read; only for stamps */
    Policy *policy;       /* NULL until there is a file */
    PolicyFault *fault;
} Loader;

static int bad_file(PolicyFault *fault, const char *path, const char *what)
{
    return policy_fault_set(fault, OUTCOME_BAD_POLICY, path, (JsonPosition){0}, "%s", what);
}

/* --- stamps --- */

/* A network's file system has to ask its server, as it does when a file is opened. */
static PolicyStamp stamp_of(const char *path)
{
    struct statx status;

    if (statx(AT_FDCWD, path, AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &status) < 0)
        return (PolicyStamp){.error = errno};
    return (PolicyStamp){
        .device = makedev(status.stx_dev_major, status.stx_dev_minor),
        .inode = status.stx_ino,
        .size = status.stx_size,
        .changed = {status.stx_ctime.tv_sec, status.stx_ctime.tv_nsec},
    };
}

/* Call this before PATH is read, so that a change in between is noticed. */
static int add_stamp(Loader *loader, const char *path)
{
    PolicyStamps *stamps = loader->stamps;
    PolicyStamp *stamp;

    if (!stamps)
        return 0;
    if (!ARRAY_GROW(stamps->stamps, stamps->count))
        return -ENOMEM;
    stamp = &stamps->stamps[stamps->count++];
    *stamp = stamp_of(path);
    stamp->path = strdup(path);
    if (stamp->changed[0] * 1000000 + SETTLING_USEC > loader->now)
        stamps->settling = true;
    return stamp->path ? 0 : -ENOMEM;
}

/* One stamp of a missing directory is enough for all that could be in it. */
static int stamp_directories(Loader *loader)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < SEARCH_PATH_COUNT; i++) {
        char path[PATH_MAX];

        snprintf(path, sizeof(path), "%s%s", loader->context->root, search_path[i]);
        if (stamp_of(path).error == ENOENT) {
            loader->places &= ~(FILES_IN(i) | DROP_INS_IN(i));
            r = add_stamp(loader, path);
        }
    }
    return r;
}

void policy_stamps_done(PolicyStamps *stamps)
{
    for (size_t i = 0; i < stamps->count; i++)
        free(stamps->stamps[i].path);
    free(stamps->stamps);
    *stamps = (PolicyStamps){0};
}

bool policy_stamps_match(const PolicyStamps *stamps)
{
    for (size_t i = 0; i < stamps->count; i++) {
        const PolicyStamp *then = &stamps->stamps[i];
        PolicyStamp now = stamp_of(then->path);

        if (now.error != then->error || now.device != then->device || now.inode != then->inode ||
            now.size != then->size || now.changed[0] != then->changed[0] ||
            now.changed[1] != then->changed[1])
            return false;
    }
    return true;
}

/* --- one file --- */

static bool is_null_device(const struct stat *status)
{
    return S_ISCHR(status->st_mode) && status->st_rdev == makedev(1, 3);
}

int policy_file_read(const char *path, PolicyFault *fault, Bytes *ret)
{
    /* O_NONBLOCK, in case it is a FIFO. */
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat status;
    Reason reason = {0};
    int r;

    if (fd < 0 && errno == ENOENT)
        return OUTCOME_NOT_FOUND;
    if (fd < 0 || fstat(fd, &status) < 0)
        return bad_file(fault, path, strerror(errno));
    if (is_null_device(&status)) {
        *ret = (Bytes){0};
        return 0;
    }
    if (!S_ISREG(status.st_mode))
        return bad_file(fault, path, "it is not a regular file");
    if (status.st_mode & S_IWOTH)
        return bad_file(fault, path, "everyone may write to it");
    r = file_read_fd(fd, path, LIMIT_POLICY_BYTES, &reason, ret);
    if (r == 0 || r == -ENOMEM)
        return r;
    return bad_file(fault, path, r < 0 ? strerror(-r) : "it is too large");
}

/* Adds the credentials in the file PATH. OUTCOME_NOT_FOUND if it does not exist. Creates .policy
 * when it is first needed. */
static int add_file(Loader *loader, const char *path)
{
    _cleanup_(bytes_done) Bytes text = {0};
    int r = add_stamp(loader, path);

    if (r == 0)
        r = policy_file_read(path, loader->fault, &text);
    if (r != 0 || text.size == 0)
        return r;
    if (!loader->policy)
        r = policy_new(loader->machine, path, loader->fault, &loader->policy);
    return r == 0 ? policy_file_parse(bytes_view(&text), path, loader->policy, loader->fault) : r;
}

static int add_main_file(Loader *loader)
{
    int r = OUTCOME_NOT_FOUND;

    for (size_t i = 0; i < SEARCH_PATH_COUNT && r == OUTCOME_NOT_FOUND; i++) {
        char path[PATH_MAX];

        if (!(loader->places & FILES_IN(i)))
            continue;
        snprintf(path, sizeof(path), "%s%s/%s" SUFFIX, loader->context->root, search_path[i],
                 loader->machine);
        r = add_file(loader, path);
    }
    return r == OUTCOME_NOT_FOUND ? 0 : r;
}

/* --- lists of names --- */

typedef struct Name {
    char *text;
    size_t directory; /* where it was found */
} Name;

typedef struct Names {
    Name *names;
    size_t count;
} Names;

static void names_done(Names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i].text);
    free(names->names);
    *names = (Names){0};
}

static int add_name(Names *names, const char *text, size_t length, size_t directory)
{
    char *copy;

    if (!ARRAY_GROW(names->names, names->count))
        return -ENOMEM;
    copy = strndup(text, length);
    if (!copy)
        return -ENOMEM;
    names->names[names->count++] = (Name){copy, directory};
    return 0;
}

static int compare_names(const void *left, const void *right)
{
    const Name *a = left, *b = right;
    int order = strcmp(a->text, b->text);

    return order != 0 ? order : (int)a->directory - (int)b->directory;
}

/* Sorts the names, and keeps the first directory of each. */
static void sort_names(Names *names)
{
    size_t kept = 0;

    if (names->count > 0)
        qsort(names->names, names->count, sizeof(names->names[0]), compare_names);
    for (size_t i = 0; i < names->count; i++) {
        if (kept > 0 && strcmp(names->names[kept - 1].text, names->names[i].text) == 0)
            free(names->names[i].text);
        else
            names->names[kept++] = names->names[i];
    }
    names->count = kept;
}

/* --- drop-ins --- */

static int list_drop_ins(Loader *loader, const char *path, size_t directory, Names *names)
{
    _cleanup_(closedirp) DIR *folder = NULL;
    const char *file;
    int r = add_stamp(loader, path);

    if (r != 0)
        return r;
    folder = opendir(path);
    if (!folder)
        return errno == ENOENT ? 0 : bad_file(loader->fault, path, strerror(errno));
    while ((r = directory_next(folder, path, NULL, &file)) == 0 && file) {
        if (file[0] == '.' || !has_suffix(file, SUFFIX))
            continue;
        if (names->count == LIMIT_POLICY_DROP_INS)
            return bad_file(loader->fault, path, "there are too many drop-ins");
        if (add_name(names, file, strlen(file), directory) != 0)
            return -ENOMEM;
    }
    return r == 0 ? 0 : bad_file(loader->fault, path, strerror(-r));
}

static int add_drop_ins(Loader *loader)
{
    _cleanup_(names_done) Names names = {0};
    char path[PATH_MAX];
    int r = 0;

    for (size_t i = 0; r == 0 && i < SEARCH_PATH_COUNT; i++) {
        if (!(loader->places & DROP_INS_IN(i)))
            continue;
        snprintf(path, sizeof(path), "%s%s/%s" DROP_IN_SUFFIX, loader->context->root,
                 search_path[i], loader->machine);
        r = list_drop_ins(loader, path, i, &names);
    }
    sort_names(&names);
    for (size_t i = 0; r == 0 && i < names.count; i++) {
        snprintf(path, sizeof(path), "%s%s/%s" DROP_IN_SUFFIX "/%s", loader->context->root,
                 search_path[names.names[i].directory], loader->machine, names.names[i].text);
        r = add_file(loader, path);
        /* removed since, or a dangling link */
        if (r == OUTCOME_NOT_FOUND)
            r = bad_file(loader->fault, path, strerror(ENOENT));
    }
    return r;
}

/* --- the whole --- */

static void loader_done(Loader *loader)
{
    policy_unref(loader->policy);
}

int policy_load_from(const Context *context, const char *machine, PolicyPlaces places,
                     PolicyStamps *stamps, PolicyFault *fault, Policy **ret)
{
    _cleanup_(loader_done) Loader loader = {
        .context = context,
        .machine = machine,
        .places = places,
        .stamps = stamps,
        .now = stamps ? (int64_t)context->now(context) : 0,
        .fault = fault,
    };
    int r = stamps ? stamp_directories(&loader) : 0;

    if (r == 0)
        r = add_main_file(&loader);
    if (r == 0)
        r = add_drop_ins(&loader);
    if (r == 0 && !loader.policy)
        return OUTCOME_NOT_FOUND;
    if (r == 0)
        r = policy_check(loader.policy, NULL, NULL, fault);
    if (r == 0)
        *ret = TAKE_PTR(loader.policy);
    return r;
}

int policy_load(const Context *context, const char *machine, PolicyFault *fault, Policy **ret)
{
    return policy_load_from(context, machine, POLICY_EVERYWHERE, NULL, fault, ret);
}

/* --- all machines --- */

/* Adds what directory I of the search path, PATH, contains. RET_ERROR: a negative errno if it may
 * contain more. */
static int list_machines(const char *path, size_t i, Names *names, PolicyPlaces *places,
                         int *ret_error)
{
    _cleanup_(closedirp) DIR *folder = opendir(path);
    const char *file;

    *ret_error = folder || errno == ENOENT ? 0 : -errno;
    while (folder && (*ret_error = directory_next(folder, path, NULL, &file)) == 0 && file) {
        const char *suffix = has_suffix(file, SUFFIX) ? SUFFIX : DROP_IN_SUFFIX;

        if (file[0] == '.' || !has_suffix(file, suffix))
            continue;
        if (add_name(names, file, strlen(file) - strlen(suffix), 0) != 0)
            return -ENOMEM;
        *places |= strcmp(suffix, SUFFIX) == 0 ? FILES_IN(i) : DROP_INS_IN(i);
    }
    if (*ret_error != 0)
        *places |= FILES_IN(i) | DROP_INS_IN(i);
    return 0;
}

int policy_machines(const Context *context, PolicyFault *fault, PolicyPlaces *ret_places,
                    char ***ret)
{
    _cleanup_(names_done) Names names = {0};
    PolicyPlaces places = 0;
    char **machines;

    for (size_t i = 0; i < SEARCH_PATH_COUNT; i++) {
        char path[PATH_MAX];
        int error = 0;

        snprintf(path, sizeof(path), "%s%s", context->root, search_path[i]);
        if (list_machines(path, i, &names, &places, &error) != 0)
            return -ENOMEM;
        if (error != 0)
            bad_file(fault, path, strerror(-error));
    }
    sort_names(&names);
    machines = calloc(names.count + 1, sizeof(machines[0]));
    if (!machines)
        return -ENOMEM;
    for (size_t i = 0; i < names.count; i++)
        machines[i] = TAKE_PTR(names.names[i].text);
    if (ret_places)
        *ret_places = places;
    *ret = machines;
    return 0;
}
