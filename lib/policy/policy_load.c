/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding and loading policies. See policy_load.h.
 */

#include "policy/policy_load.h"

#include "base/array.h"
#include "base/fsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
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

/* The state while the files of a policy are read. */
typedef struct Loader {
    const Context *context;
    const char *machine;
    Policy **policy; /* NULL until there is a file */
    PolicyFault *fault;
} Loader;

static int bad_file(PolicyFault *fault, const char *path, const char *what)
{
    return policy_fault_set(fault, OUTCOME_BAD_POLICY, path, (JsonPosition){0}, "%s", what);
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

/* Adds the file PATH, unless it is empty. OUTCOME_NOT_FOUND if it does not exist. Creates .policy
 * when it is first needed. */
static int add_file(Loader *loader, const char *path)
{
    _cleanup_(bytes_done) Bytes text = {0};
    int r = policy_file_read(path, loader->fault, &text);

    if (r != 0 || text.size == 0)
        return r;
    if (!*loader->policy)
        r = policy_new(loader->machine, path, loader->fault, loader->policy);
    return r == 0 ? policy_add_file(*loader->policy, path, &text) : r;
}

__attribute__((format(printf, 1, 2))) static char *format_path(const char *format, ...)
{
    va_list arguments;
    char *path;

    va_start(arguments, format);
    if (vasprintf(&path, format, arguments) < 0)
        path = NULL;
    va_end(arguments);
    return path;
}

static int add_main_file(Loader *loader)
{
    int r = OUTCOME_NOT_FOUND;

    for (size_t i = 0; i < SEARCH_PATH_COUNT && r == OUTCOME_NOT_FOUND; i++) {
        _cleanup_(freep) char *path =
            format_path("%s%s/%s" SUFFIX, loader->context->root, search_path[i], loader->machine);

        r = path ? add_file(loader, path) : -ENOMEM;
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
    _cleanup_(closedirp) DIR *folder = opendir(path);
    const char *file;
    int r;

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
    int r = 0;

    for (size_t i = 0; r == 0 && i < SEARCH_PATH_COUNT; i++) {
        _cleanup_(freep) char *path = format_path("%s%s/%s" DROP_IN_SUFFIX, loader->context->root,
                                                  search_path[i], loader->machine);

        r = path ? list_drop_ins(loader, path, i, &names) : -ENOMEM;
    }
    sort_names(&names);
    for (size_t i = 0; r == 0 && i < names.count; i++) {
        const Name *name = &names.names[i];
        _cleanup_(freep) char *path =
            format_path("%s%s/%s" DROP_IN_SUFFIX "/%s", loader->context->root,
                        search_path[name->directory], loader->machine, name->text);

        r = path ? add_file(loader, path) : -ENOMEM;
        /* removed since, or a dangling link */
        if (r == OUTCOME_NOT_FOUND)
            r = bad_file(loader->fault, path, strerror(ENOENT));
    }
    return r;
}

/* --- the whole --- */

int policy_read(const Context *context, const char *machine, PolicyFault *fault, Policy **ret)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    Loader loader = {.context = context, .machine = machine, .policy = &policy, .fault = fault};
    int r = add_main_file(&loader);

    if (r == 0)
        r = add_drop_ins(&loader);
    if (r == 0 && !policy)
        r = OUTCOME_NOT_FOUND;
    if (r == 0)
        *ret = TAKE_PTR(policy);
    return r;
}

int policy_load(const Context *context, const char *machine, PolicyFault *fault, Policy **ret)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    int r = policy_read(context, machine, fault, &policy);

    if (r == 0)
        r = policy_parse(policy, fault);
    if (r == 0)
        *ret = TAKE_PTR(policy);
    return r;
}

/* --- all machines --- */

/* RET_ERROR: a negative errno if the directory PATH may contain more. */
static int list_machines(const char *path, Names *names, int *ret_error)
{
    _cleanup_(closedirp) DIR *folder = opendir(path);
    const char *file;

    *ret_error = folder || errno == ENOENT ? 0 : -errno;
    while (folder && (*ret_error = directory_next(folder, path, NULL, &file)) == 0 && file) {
        const char *suffix = has_suffix(file, SUFFIX) ? SUFFIX : DROP_IN_SUFFIX;

        if (file[0] != '.' && has_suffix(file, suffix) &&
            add_name(names, file, strlen(file) - strlen(suffix), 0) != 0)
            return -ENOMEM;
    }
    return 0;
}

int policy_machines(const Context *context, PolicyFault *fault, char ***ret)
{
    _cleanup_(names_done) Names names = {0};
    char **machines;

    for (size_t i = 0; i < SEARCH_PATH_COUNT; i++) {
        _cleanup_(freep) char *path = format_path("%s%s", context->root, search_path[i]);
        int error = 0;

        if (!path || list_machines(path, &names, &error) != 0)
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
    *ret = machines;
    return 0;
}
