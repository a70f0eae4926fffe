/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/repository.h"

#include "base/array.h"
#include "base/fsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/syscall.h>

void repository_close(Repository *repository)
{
    for (size_t i = 0; i < repository->host_count; i++)
        free(repository->hosts[i].secrets);
    free(repository->hosts);
    fleet_file_done(&repository->file);
    close_keep_errno(repository->fd);
    *repository = REPOSITORY_CLOSED;
}

/* --- files --- */

/* A link to a directory is none (O_NOFOLLOW). */
static bool is_link(int error)
{
    return error == -ELOOP || error == -ENOTDIR;
}

int repository_directory(const Repository *repository, const char *directory)
{
    struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };
    long fd = syscall(SYS_openat2, repository->fd, directory ? directory : ".", &how, sizeof(how));

    return fd < 0 ? -errno : (int)fd;
}

/* Where the file NAME is, for messages. */
static const char *where(const char *directory, const char *name, char path[512])
{
    snprintf(path, 512, "%s%s%s", directory ? directory : "", directory ? "/" : "", name);
    return path;
}

int repository_read(const Repository *repository, const char *directory, const char *name,
                    size_t limit, Reason *reason, Bytes *ret)
{
    _cleanup_(closep) int folder = repository_directory(repository, directory);

    return repository_read_at(folder, directory, name, limit, reason, ret);
}

int repository_read_at(int folder, const char *directory, const char *name, size_t limit,
                       Reason *reason, Bytes *ret)
{
    _cleanup_(closep) int fd = -1;
    struct stat status;
    char path[512];
    int r;

    where(directory, name, path);
    if (folder >= 0)
        fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (is_link(folder) || (folder >= 0 && fd < 0 && errno == ELOOP))
        return reason_set(reason, OUTCOME_BAD_REPOSITORY, "%s is a link, or below one", path);
    if (fd < 0)
        return reason_set(reason, folder < 0 ? folder : -errno, "cannot open %s", path);
    if (fstat(fd, &status) < 0)
        return reason_set(reason, -errno, "cannot read %s", path);
    if (!S_ISREG(status.st_mode))
        return reason_set(reason, OUTCOME_BAD_REPOSITORY, "%s is not a regular file", path);
    r = file_read_fd(fd, path, limit, reason, ret);
    return r == OUTCOME_TOO_LARGE ? OUTCOME_BAD_REPOSITORY : r;
}

int repository_read_host(const Repository *repository, const char *host, Reason *reason, Bytes *ret)
{
    char name[LIMIT_FLEET_HOST_BYTES + sizeof(".json")];

    snprintf(name, sizeof(name), "%s.json", host);
    return repository_read(repository, REPOSITORY_HOSTS, name, LIMIT_IDENTITY_BYTES, reason, ret);
}

int repository_read_identity(const Repository *repository, const char *host, Reason *reason,
                             Identity *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = repository_read_host(repository, host, reason, &file);

    if (r != 0)
        return r;
    return reason_prefix(reason, identity_parse(bytes_view(&file), reason, ret),
                         REPOSITORY_HOSTS "/%s.json: ", host);
}

int repository_write(const Repository *repository, const char *directory, const char *name,
                     BytesView content, bool replace, Reason *reason)
{
    _cleanup_(closep) int folder = -1;
    char temporary[FILE_TEMPORARY_BYTES], path[512];
    int r;

    where(directory, name, path);
    if (directory && mkdirat(repository->fd, directory, 0777) < 0 && errno != EEXIST)
        return reason_set(reason, -errno, "cannot make the directory %s", directory);
    folder = repository_directory(repository, directory);
    if (folder < 0)
        return reason_set(reason, folder, "cannot write %s", path);
    file_clear_leftovers(folder);
    file_temporary_name(temporary);
    r = file_create_at(folder, temporary, content, (FileOwnership){0644, (gid_t)-1}, NULL);
    if (r != 0)
        return reason_set(reason, r, "cannot write %s", path);
    if (renameat2(folder, temporary, folder, name, replace ? 0 : RENAME_NOREPLACE) < 0 ||
        fsync(folder) < 0) {
        r = reason_set(reason, -errno, "cannot write %s", path);
        unlinkat(folder, temporary, 0);
    }
    return r;
}

int repository_remove(const Repository *repository, const char *directory, const char *name,
                      Reason *reason)
{
    _cleanup_(closep) int folder = repository_directory(repository, directory);
    char path[512];

    if (folder >= 0 && unlinkat(folder, name, 0) == 0 && fsync(folder) == 0)
        return 0;
    return reason_set(reason, folder < 0 ? folder : -errno, "cannot remove %s",
                      where(directory, name, path));
}

void repository_remove_tree(int parent, const char *name, int depth)
{
    _cleanup_(closep) int fd =
        openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_(closedirp) DIR *directory = NULL;
    const char *entry = NULL;

    if (fd < 0 || directory_list(fd, name, NULL, &directory) != 0)
        return;
    while (directory_next(directory, name, NULL, &entry) == 0 && entry) {
        if (depth > 1)
            repository_remove_tree(fd, entry, depth - 1);
        unlinkat(fd, entry, 0);
    }
    unlinkat(parent, name, AT_REMOVEDIR);
}

/* --- opening --- */

static int compare_hosts(const void *a, const void *b)
{
    return strcmp(((const RepositoryHost *)a)->name, ((const RepositoryHost *)b)->name);
}

RepositoryHost *repository_host(const Repository *repository, const char *name)
{
    RepositoryHost wanted = {0};

    if (!fleet_host_name_valid(name))
        return NULL;
    strcpy(wanted.name, name);
    return ARRAY_FIND(&wanted, repository->hosts, repository->host_count, compare_hosts);
}

/* Adds the host of the file NAME. Files of git and of editors begin with a dot or end with "~". */
static int add_host(Repository *repository, const char *name, Reason *reason)
{
    RepositoryHost host = {0};
    size_t length = strlen(name);

    if (name[0] == '.' || name[length - 1] == '~')
        return 0;
    if (!has_suffix(name, ".json") || length - strlen(".json") >= sizeof(host.name))
        return reason_set(reason, OUTCOME_BAD_REPOSITORY,
                          "%s/%.80s is not the identity of a host, NAME.json", REPOSITORY_HOSTS,
                          name);
    memcpy(host.name, name, length - strlen(".json"));
    if (!fleet_host_name_valid(host.name))
        return reason_set(reason, OUTCOME_BAD_REPOSITORY,
                          "%s/%.80s: the name of a host consists of a-z, 0-9 and \"-\", with a "
                          "letter or digit at both ends",
                          REPOSITORY_HOSTS, name);
    if (repository->host_count == LIMIT_FLEET_HOSTS)
        return reason_set(reason, OUTCOME_BAD_REPOSITORY, "there are more than %llu hosts",
                          (unsigned long long)LIMIT_FLEET_HOSTS);
    return ARRAY_ADD(repository->hosts, repository->host_count, host) ? 0 : -ENOMEM;
}

static int list_hosts(Repository *repository, Reason *reason)
{
    _cleanup_(closep) int folder = repository_directory(repository, REPOSITORY_HOSTS);
    _cleanup_(closedirp) DIR *directory = NULL;
    const char *name;
    int r;

    if (folder == -ENOENT) /* git keeps no empty directory */
        return 0;
    if (is_link(folder))
        return reason_set(reason, OUTCOME_BAD_REPOSITORY, "%s is a link", REPOSITORY_HOSTS);
    if (folder < 0)
        return reason_set(reason, folder, "cannot open the directory %s", REPOSITORY_HOSTS);
    r = directory_list(folder, REPOSITORY_HOSTS, reason, &directory);
    while (r == 0 && (r = directory_next(directory, REPOSITORY_HOSTS, reason, &name)) == 0 && name)
        r = add_host(repository, name, reason);
    ARRAY_SORT(repository->hosts, repository->host_count, compare_hosts);
    return r;
}

int repository_open(const char *path, bool write, Reason *reason, Repository *ret)
{
    _cleanup_(repository_close) Repository repository = REPOSITORY_CLOSED;
    _cleanup_(bytes_done) Bytes file = {0};
    Reason why = {0};
    int r;

    repository.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (repository.fd < 0)
        return reason_set(reason, -errno, "cannot open the directory %s", path);
    if (write && flock(repository.fd, LOCK_EX | LOCK_NB) < 0)
        return reason_set(reason, errno == EWOULDBLOCK ? OUTCOME_CHANGED : -errno,
                          "it is still changing this repository");
    r = repository_read(&repository, NULL, REPOSITORY_FILE, LIMIT_FLEET_FILE_BYTES, reason, &file);
    if (r == -ENOENT)
        return reason_set(reason, OUTCOME_USAGE,
                          "%s is not the repository of a fleet: it has no %s. Use "
                          "--repository=DIRECTORY, or make one: nspawn-creds fleet init",
                          strcmp(path, ".") == 0 ? "this directory" : path, REPOSITORY_FILE);
    if (r == 0) {
        r = fleet_file_parse(bytes_view(&file), &why, &repository.file);
        if (r != 0)
            return reason_set(reason, r, REPOSITORY_FILE ":%s%s",
                              why.text[0] >= '0' && why.text[0] <= '9' ? "" : " ", why.text);
    }
    if (r == 0)
        r = list_hosts(&repository, reason);
    if (r != 0)
        return r;
    *ret = repository;
    repository = REPOSITORY_CLOSED;
    return 0;
}

/* --- matching --- */

int host_list_split(const char *list, char ***ret)
{
    _cleanup_(freep) char *copy = strdup(list);
    _cleanup_(strings_freep) char **strings = NULL;
    char *rest = copy, *one;
    size_t count = 0;

    if (!copy)
        return -ENOMEM;
    while ((one = strsep(&rest, ",")))
        if (!strings_add(&strings, &count, one))
            return -ENOMEM;
    *ret = TAKE_PTR(strings);
    return 0;
}

typedef struct Matching {
    Repository *repository;
    const FleetSecret *secret;
    const FleetSecret **last; /* for each host, the secret that it got last */
} Matching;

static int give(Matching *matching, RepositoryHost *host)
{
    const FleetSecret **last = &matching->last[host - matching->repository->hosts];

    if (*last == matching->secret)
        return 0;
    *last = matching->secret;
    return ARRAY_ADD(host->secrets, host->secret_count, matching->secret) ? 0 : -ENOMEM;
}

/* HOSTS may also name groups, whose hosts do not. */
static int give_all(Matching *matching, char **hosts, Reason *reason)
{
    Repository *repository = matching->repository;
    int r = 0;

    for (; r == 0 && *hosts; hosts++) {
        RepositoryHost *host;

        if (**hosts == '@')
            r = give_all(matching, fleet_file_group(&repository->file, *hosts + 1)->hosts, reason);
        else if (fleet_pattern_is(*hosts)) {
            for (size_t i = 0; r == 0 && i < repository->host_count; i++)
                if (fleet_pattern_matches(*hosts, repository->hosts[i].name))
                    r = give(matching, &repository->hosts[i]);
        } else {
            host = repository_host(repository, *hosts);
            r = host ? give(matching, host)
                     : reason_set(reason, OUTCOME_BAD_REPOSITORY,
                                  "%s: secret \"%.100s\" names the host \"%s\", but there is no "
                                  "%s/%s.json. Add the host first: nspawn-creds fleet add host %s",
                                  REPOSITORY_FILE, matching->secret->name, *hosts, REPOSITORY_HOSTS,
                                  *hosts, *hosts);
        }
    }
    return r;
}

static int compare_credentials(const void *a, const void *b)
{
    char first[CREDENTIAL_NAME_TEXT_BYTES], second[CREDENTIAL_NAME_TEXT_BYTES];

    credential_name_format(&(*(const FleetSecret *const *)a)->credential, first);
    credential_name_format(&(*(const FleetSecret *const *)b)->credential, second);
    return strcmp(first, second);
}

static int check_host(const RepositoryHost *host, Reason *reason)
{
    for (size_t i = 1; i < host->secret_count; i++) {
        const FleetSecret *before = host->secrets[i - 1], *secret = host->secrets[i];

        if (credential_name_equal(&before->credential, &secret->credential))
            return reason_set(reason, OUTCOME_BAD_REPOSITORY,
                              "%s: host %s would get two secrets as %.60s@%.60s: \"%.40s\" and "
                              "\"%.40s\"",
                              REPOSITORY_FILE, host->name, secret->credential.machine,
                              secret->credential.id, before->name, secret->name);
    }
    return 0;
}

int repository_match(Repository *repository, Reason *reason)
{
    _cleanup_(freep) const FleetSecret **last = calloc(repository->host_count + 1, sizeof(last[0]));
    Matching matching = {.repository = repository, .last = last};
    int r = last ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < repository->file.secret_count; i++) {
        matching.secret = &repository->file.secrets[i];
        r = give_all(&matching, repository->file.secrets[i].hosts, reason);
    }
    for (size_t i = 0; r == 0 && i < repository->host_count; i++) {
        RepositoryHost *host = &repository->hosts[i];

        ARRAY_SORT(host->secrets, host->secret_count, compare_credentials);
        r = check_host(host, reason);
    }
    return r;
}

size_t repository_count_hosts(const Repository *repository, const char *secret)
{
    size_t count = 0;

    for (size_t i = 0; i < repository->host_count; i++)
        for (size_t j = 0; j < repository->hosts[i].secret_count; j++)
            count += strcmp(repository->hosts[i].secrets[j]->name, secret) == 0;
    return count;
}

/* --- changing fleet.json --- */

/* The parser decides what is valid, so that it accepts what is written. */
int repository_check_file(Repository *repository, Reason *reason)
{
    _cleanup_(fleet_file_done) FleetFile parsed = {0};
    _cleanup_(bytes_done) Bytes text = {0};
    int r = fleet_file_format(&repository->file, &text);

    if (r == 0)
        r = reason_prefix(reason, fleet_file_parse(bytes_view(&text), reason, &parsed),
                          "with this change, %s would not be valid: ", REPOSITORY_FILE);
    return r == 0 ? repository_match(repository, reason) : r;
}

int repository_write_file(const Repository *repository, Reason *reason)
{
    _cleanup_(bytes_done) Bytes text = {0};
    int r = fleet_file_format(&repository->file, &text);

    return r == 0 ? repository_write(repository, NULL, REPOSITORY_FILE, bytes_view(&text), true,
                                     reason)
                  : r;
}
