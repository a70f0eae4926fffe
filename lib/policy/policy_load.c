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
#define ALL_DIRECTORIES   ((1U << SEARCH_PATH_COUNT) - 1)

/* A path that changed this short a time ago (µs) may change again without getting a new time: the
 * coarsest file systems count in two seconds, and the kernel's clock for files is some ms late. */
#define SETTLING_USEC     INT64_C(3000000)

/* The state of a path. Each change of what it names shows, unless it comes so soon after the last
 * one that both have the same time. (A program that writes to a file through a mapping may change
 * it later than the file's time says; none does that to a policy.) */
typedef struct Stamp {
    char *path;
    int error; /* errno if there is nothing to see, such as ENOENT; then the rest is 0 */
    dev_t device;
    uint64_t inode;
    uint64_t size;
    int64_t changed[2]; /* ctime: seconds and ns since 1970 */
} Stamp;

/* The stamps of all paths that decide what a policy is, or that there is none. */
typedef struct Stamps {
    Stamp *stamps;
    size_t count;
    bool settling; /* a path changed too short a time ago for its stamp to be relied on */
} Stamps;

/* The state while the files of a policy are read. */
typedef struct Loader {
    const Context *context;
    const char *machine;
    unsigned drop_ins; /* see policy_load_from() */
    Stamps *stamps;    /* NULL: the caller wants none */
    int64_t now;       /* µs since 1970, before the first file was read; only for stamps */
    Policy *policy;    /* NULL until there is a file */
    PolicyFault *fault;
} Loader;

static int bad_file(PolicyFault *fault, const char *path, const char *what)
{
    return policy_fault_set(fault, OUTCOME_BAD_POLICY, path, (JsonPosition){0}, "%s", what);
}

/* --- stamps --- */

/* A network's file system has to ask its server, as it does when a file is opened. */
static Stamp stamp_of(const char *path)
{
    struct statx status;

    if (statx(AT_FDCWD, path, AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &status) < 0)
        return (Stamp){.error = errno};
    return (Stamp){
        .device = makedev(status.stx_dev_major, status.stx_dev_minor),
        .inode = status.stx_ino,
        .size = status.stx_size,
        .changed = {status.stx_ctime.tv_sec, status.stx_ctime.tv_nsec},
    };
}

static bool has(const Stamps *stamps, const char *path)
{
    for (size_t i = 0; i < stamps->count; i++)
        if (strcmp(stamps->stamps[i].path, path) == 0)
            return true;
    return false;
}

/* Call this before PATH is read, so that a change in between is noticed. If its directory is
 * missing, too, one stamp of that one does for all that it could contain. */
static int add_stamp(Loader *loader, const char *path)
{
    Stamps *stamps = loader->stamps;
    const char *name;
    _cleanup_(freep) char *directory = stamps ? file_parent(path, &name) : NULL;
    Stamp stamp;

    if (!stamps)
        return 0;
    if (!directory || !ARRAY_GROW(stamps->stamps, stamps->count))
        return -ENOMEM;
    stamp = stamp_of(directory);
    if (stamp.error == ENOENT && has(stamps, directory))
        return 0;
    if (stamp.error == ENOENT) {
        stamp.path = TAKE_PTR(directory);
    } else {
        stamp = stamp_of(path);
        stamp.path = strdup(path);
    }
    if (stamp.changed[0] * 1000000 + SETTLING_USEC > loader->now)
        stamps->settling = true;
    stamps->stamps[stamps->count++] = stamp;
    return stamp.path ? 0 : -ENOMEM;
}

static void stamps_done(Stamps *stamps)
{
    for (size_t i = 0; i < stamps->count; i++)
        free(stamps->stamps[i].path);
    free(stamps->stamps);
    *stamps = (Stamps){0};
}

static bool stamps_match(const Stamps *stamps)
{
    for (size_t i = 0; i < stamps->count; i++) {
        const Stamp *then = &stamps->stamps[i];
        Stamp now = stamp_of(then->path);

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

/* A link whose target is created later counts as a file that cannot be read yet. */
static int missing_file(const char *path, PolicyFault *fault)
{
    char target[PATH_MAX];
    ssize_t size = readlink(path, target, sizeof(target) - 1);

    if (size < 0)
        return OUTCOME_NOT_FOUND;
    return policy_fault_set(fault, OUTCOME_BAD_POLICY, path, (JsonPosition){0},
                            "it is a link to %.*s, which does not exist", (int)size, target);
}

int policy_file_read(const char *path, PolicyFault *fault, Bytes *ret)
{
    /* O_NONBLOCK, in case it is a FIFO. */
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat status;
    Reason reason = {0};
    int r;

    if (fd < 0 && errno == ENOENT)
        return missing_file(path, fault);
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

        snprintf(path, sizeof(path), "%s%s/%s" SUFFIX, loader->context->root, search_path[i],
                 loader->machine);
        r = add_file(loader, path);
    }
    return r == OUTCOME_NOT_FOUND ? 0 : r;
}

/* --- what is in directories --- */

/* Appends "PATH/NAME" for each NAME before SUFFIX in the directory PATH, which need not exist. */
static int list(const char *path, const char *suffix, char ***names, size_t *count)
{
    _cleanup_(closedirp) DIR *folder = opendir(path);
    const char *file;
    int r;

    if (!folder)
        return errno == ENOENT ? 0 : -errno;
    while ((r = directory_next(folder, path, NULL, &file)) == 0 && file) {
        char name[PATH_MAX];

        if (file[0] == '.' || !has_suffix(file, suffix))
            continue;
        snprintf(name, sizeof(name), "%s/%.*s", path, (int)(strlen(file) - strlen(suffix)), file);
        if (!strings_add(names, count, name))
            return -ENOMEM;
    }
    return r;
}

/* By name, and the same one in the order of the search path, which is alphabetical. */
static int compare_names(const void *left, const void *right)
{
    const char *a = *(char *const *)left, *b = *(char *const *)right;
    int order = strcmp(basename(a), basename(b));

    return order != 0 ? order : strcmp(a, b);
}

/* Sorts the COUNT paths of names, and keeps the first one of each name. */
static void sort_names(char **names, size_t count)
{
    size_t kept = 0;

    ARRAY_SORT(names, count, compare_names);
    for (size_t i = 0; i < count; i++)
        if (kept > 0 && strcmp(basename(names[kept - 1]), basename(names[i])) == 0)
            free(names[i]);
        else
            names[kept++] = names[i];
    if (count > 0)
        names[kept] = NULL;
}

static int add_drop_ins(Loader *loader)
{
    _cleanup_(strings_freep) char **names = NULL;
    char path[PATH_MAX];
    size_t count = 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < SEARCH_PATH_COUNT; i++) {
        if (!(loader->drop_ins & 1U << i))
            continue;
        snprintf(path, sizeof(path), "%s%s/%s" DROP_IN_SUFFIX, loader->context->root,
                 search_path[i], loader->machine);
        r = add_stamp(loader, path);
        if (r == 0)
            r = list(path, SUFFIX, &names, &count);
        if (r < 0 && r != -ENOMEM)
            r = bad_file(loader->fault, path, strerror(-r));
        if (r == 0 && count > LIMIT_POLICY_DROP_INS)
            r = bad_file(loader->fault, path, "there are too many drop-ins");
    }
    sort_names(names, count);
    for (char **name = names; r == 0 && name && *name; name++) {
        snprintf(path, sizeof(path), "%s" SUFFIX, *name);
        r = add_file(loader, path);
        /* removed since */
        if (r == OUTCOME_NOT_FOUND)
            r = bad_file(loader->fault, path, strerror(ENOENT));
    }
    return r;
}

int policy_machines(const Context *context, PolicyFault *fault, unsigned *ret_drop_ins, char ***ret)
{
    _cleanup_(strings_freep) char **names = calloc(1, sizeof(names[0]));
    unsigned drop_ins = 0;
    size_t count = 0;

    if (!names)
        return -ENOMEM;
    for (size_t i = 0; i < SEARCH_PATH_COUNT; i++) {
        char path[PATH_MAX];
        size_t before;
        int r;

        snprintf(path, sizeof(path), "%s%s", context->root, search_path[i]);
        r = list(path, SUFFIX, &names, &count);
        before = count;
        if (r == 0)
            r = list(path, DROP_IN_SUFFIX, &names, &count);
        if (r != 0 || count > before)
            drop_ins |= 1U << i; /* what cannot be listed may still be opened by name */
        if (r == -ENOMEM)
            return r;
        if (r != 0)
            bad_file(fault, path, strerror(-r));
    }
    sort_names(names, count);
    for (char **name = names; *name; name++)
        memmove(*name, basename(*name), strlen(basename(*name)) + 1);
    if (ret_drop_ins)
        *ret_drop_ins = drop_ins;
    *ret = TAKE_PTR(names);
    return 0;
}

/* --- the whole --- */

static void loader_done(Loader *loader)
{
    policy_unref(loader->policy);
}

/* Fills in STAMPS, unless they are NULL, also if there is no policy. */
static int load(const Context *context, const char *machine, unsigned drop_ins, Stamps *stamps,
                PolicyFault *fault, Policy **ret)
{
    _cleanup_(loader_done) Loader loader = {
        .context = context,
        .machine = machine,
        .drop_ins = drop_ins,
        .stamps = stamps,
        .now = stamps ? (int64_t)context->now(context) : 0,
        .fault = fault,
    };
    int r = add_main_file(&loader);

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
    return load(context, machine, ALL_DIRECTORIES, NULL, fault, ret);
}

int policy_load_from(const Context *context, const char *machine, unsigned drop_ins,
                     PolicyFault *fault, Policy **ret)
{
    return load(context, machine, drop_ins, NULL, fault, ret);
}

/* --- the cache --- */

typedef struct Entry {
    char machine[LIMIT_MACHINE_BYTES + 1]; /* "": the entry is free */
    Policy *policy;                        /* NULL: the machine has none */
    Stamps stamps;
    uint64_t used; /* the cache's counter at its last use */
} Entry;

struct PolicyCache {
    const Context *context;
    uint64_t clock;
    Entry entries[LIMIT_POLICIES];
};

int policy_cache_new(const Context *context, PolicyCache **ret)
{
    PolicyCache *cache = calloc(1, sizeof(*cache));

    if (!cache)
        return -ENOMEM;
    cache->context = context;
    *ret = cache;
    return 0;
}

static void clear(Entry *entry)
{
    policy_unref(entry->policy);
    stamps_done(&entry->stamps);
    *entry = (Entry){0};
}

PolicyCache *policy_cache_free(PolicyCache *cache)
{
    if (cache) {
        for (size_t i = 0; i < LIMIT_POLICIES; i++)
            clear(&cache->entries[i]);
        free(cache);
    }
    return NULL;
}

/* The entry of MACHINE, else the least recently used one. */
static Entry *find(PolicyCache *cache, const char *machine)
{
    Entry *oldest = &cache->entries[0];

    for (size_t i = 0; i < LIMIT_POLICIES; i++) {
        Entry *entry = &cache->entries[i];

        if (strcmp(entry->machine, machine) == 0)
            return entry;
        if (entry->used < oldest->used)
            oldest = entry;
    }
    return oldest;
}

int policy_cache_get(PolicyCache *cache, const char *machine, PolicyFault *fault, Policy **ret)
{
    _cleanup_(stamps_done) Stamps stamps = {0};
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    Entry *entry = find(cache, machine);
    int r;

    if (strcmp(entry->machine, machine) != 0 || !stamps_match(&entry->stamps)) {
        r = load(cache->context, machine, ALL_DIRECTORIES, &stamps, fault, &policy);
        if (r != 0 && r != OUTCOME_NOT_FOUND)
            return r;
        if (stamps.settling || !machine_name_valid(machine)) {
            if (r == 0)
                *ret = TAKE_PTR(policy);
            return r;
        }
        clear(entry);
        *entry = (Entry){.policy = TAKE_PTR(policy), .stamps = TAKE(stamps)};
        strcpy(entry->machine, machine); /* its length was checked */
    }
    entry->used = ++cache->clock;
    if (!entry->policy)
        return OUTCOME_NOT_FOUND;
    *ret = policy_ref(entry->policy);
    return 0;
}
