/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The administrators' repository of a fleet; docs/FLEET.md has its layout.
 *
 * It usually comes from git, and others may have written to it. So no link in it is followed, every
 * size is bounded, and its content is no reason to trust anything.
 */

#include "credential/identity.h"
#include "fleet/fleet_file.h"

/* Of its directories and files. */
#define REPOSITORY_FILE       "fleet.json"
#define REPOSITORY_RECIPIENTS "recipients"
#define REPOSITORY_HOSTS      "hosts"   /* HOST.json, identities */
#define REPOSITORY_SECRETS    "secrets" /* SECRET.age, the master copies */

typedef struct RepositoryHost {
    char name[LIMIT_FLEET_HOST_BYTES + 1];
    const FleetSecret **secrets; /* that it gets, sorted by credential; see repository_match() */
    size_t secret_count;
} RepositoryHost;

typedef struct Repository {
    int fd; /* its directory */
    FleetFile file;
    RepositoryHost *hosts; /* sorted by name; those with an identity */
    size_t host_count;
} Repository;

#define REPOSITORY_CLOSED ((Repository){.fd = -1})

void repository_close(Repository *repository); /* for _cleanup_ */

/* Opens the repository in the directory PATH, reads fleet.json and lists the hosts. Who will WRITE
 * keeps other writers out until repository_close(): OUTCOME_CHANGED if there is one.
 * OUTCOME_USAGE if this is no repository; OUTCOME_BAD_REPOSITORY. */
int repository_open(const char *path, bool write, Reason *reason, Repository *ret);

/* Finds out which host gets which secret. OUTCOME_BAD_REPOSITORY if a host is named that is not
 * there, or a host would get two secrets as the same credential. */
int repository_match(Repository *repository, Reason *reason);

/* Splits a list of hosts, patterns and groups at its commas. -ENOMEM. */
int host_list_split(const char *list, char ***ret);

/* The number of hosts that get SECRET, after repository_match(). */
size_t repository_count_hosts(const Repository *repository, const char *secret);

/* Opens DIRECTORY, such as "hosts" or "sealed/web1", or the repository itself for NULL, following
 * no link. A negative errno. */
int repository_directory(const Repository *repository, const char *directory);

/* NULL if there is none. */
RepositoryHost *repository_host(const Repository *repository, const char *name);

/* Reads the regular file NAME in DIRECTORY, or in the repository itself for NULL, of at most LIMIT
 * bytes. -ENOENT; OUTCOME_BAD_REPOSITORY for a link, for another type of file, and if it is larger.
 */
int repository_read(const Repository *repository, const char *directory, const char *name,
                    size_t limit, Reason *reason, Bytes *ret);

/* The same in a directory that is open, or of which FOLDER says why it is not: what
 * repository_directory() returned. DIRECTORY is for messages. */
int repository_read_at(int folder, const char *directory, const char *name, size_t limit,
                       Reason *reason, Bytes *ret);

/* Reads the file of HOST's identity. */
int repository_read_host(const Repository *repository, const char *host, Reason *reason,
                         Bytes *ret);

/* The same, and parses it. OUTCOME_BAD_IDENTITY. */
int repository_read_identity(const Repository *repository, const char *host, Reason *reason,
                             Identity *ret);

/* Writes the file NAME in DIRECTORY (as above; made if missing), whole or not at all. If REPLACE is
 * false, an existing file is kept and -EEXIST returned. */
int repository_write(const Repository *repository, const char *directory, const char *name,
                     BytesView content, bool replace, Reason *reason);

/* Removes it. -ENOENT. */
int repository_remove(const Repository *repository, const char *directory, const char *name,
                      Reason *reason);

/* Removes the directory NAME in the directory PARENT, DEPTH levels deep, as far as possible. */
void repository_remove_tree(int parent, const char *name, int depth);

/* --- changing fleet.json: .file is changed, checked, and then written --- */

/* Whether .file, which was changed, is valid with the hosts that are there; also does
 * repository_match(). OUTCOME_BAD_REPOSITORY. */
int repository_check_file(Repository *repository, Reason *reason);

/* Writes .file. */
int repository_write_file(const Repository *repository, Reason *reason);
