/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "live/live.h"

#include "base/child.h"
#include "base/fsutil.h"
#include "base/names.h"
#include "manager/live_mount.h"
#include "process/supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A socket is bound under this name, and renamed when it listens. */
#define NEW_SOCKET "new"

/* Lower than that of anything for the host's service manager. */
#define PRIORITY   SD_EVENT_PRIORITY_IDLE

typedef struct LiveSocket LiveSocket;

struct LiveSocket {
    LiveSet *set;
    LiveSocket *next;
    LiveMachine machine;
    int fd;
    sd_event_source *io;
    unsigned connections;
    bool found; /* during a scan: its directory exists */
};

struct LiveSet {
    LiveEnvironment environment;
    LiveSocket *first;
    size_t count;
    size_t connections; /* of all */
    bool accepting;
};

static LiveSocket *find(const LiveSet *set, const char *machine)
{
    LiveSocket *socket = set->first;

    while (socket && strcmp(socket->machine, machine) != 0)
        socket = socket->next;
    return socket;
}

/* --- accepting --- */

static bool has_room(const LiveSet *set)
{
    return set->connections < LIMIT_LIVE_CONNECTIONS;
}

/* A machine's first connection needs no room: the others cannot keep it from being served. */
static void update(LiveSocket *socket)
{
    const LiveSet *set = socket->set;
    bool room =
        socket->connections == 0 || (has_room(set) && socket->connections < LIMIT_LIVE_OF_MACHINE);
    bool on = set->accepting && room;

    sd_event_source_set_enabled(socket->io, on ? SD_EVENT_ON : SD_EVENT_OFF);
}

static void update_all(const LiveSet *set)
{
    for (LiveSocket *socket = set->first; socket; socket = socket->next)
        update(socket);
}

/* Accepts only one connection, so that every machine gets its turn. */
static int on_listening(sd_event_source *, int fd, uint32_t, void *userdata)
{
    const LiveSocket *socket = userdata;
    const LiveEnvironment *environment = &socket->set->environment;

    environment->accept(environment->userdata, fd, socket->machine);
    return 0;
}

/* The window is over in which the socket reached its limit. */
static int on_window_over(sd_event_source *, void *userdata)
{
    const LiveSocket *socket = userdata;
    const ServerConfig *config = socket->set->environment.config;

    fprintf(stderr, "<4>%s made %u live requests within %.3g s; further ones had to wait\n",
            socket->machine, config->live_requests, (double)config->live_window_usec / 1e6);
    return 0;
}

void live_set_accept(LiveSet *set, bool accepting)
{
    if (set->accepting == accepting)
        return;
    set->accepting = accepting;
    update_all(set);
}

/* Another socket of the same name may exist by now, or none. */
void live_set_changed(LiveSet *set, const char *machine, bool began)
{
    LiveSocket *socket = find(set, machine);
    bool had_room = has_room(set);

    set->connections = began ? set->connections + 1 : set->connections - 1;
    if (socket && began)
        socket->connections++;
    else if (socket && socket->connections > 0)
        socket->connections--;
    if (has_room(set) != had_room)
        update_all(set);
    else if (socket)
        update(socket);
}

size_t live_set_connections(const LiveSet *set)
{
    return set->connections;
}

size_t live_set_count(const LiveSet *set)
{
    return set->count;
}

/* --- sockets --- */

/* Takes ownership of FD. */
static int add(LiveSet *set, const char *machine, int fd)
{
    _cleanup_(closep) int owned = fd;
    const ServerConfig *config = set->environment.config;
    LiveSocket *socket = calloc(1, sizeof(*socket));
    int r;

    if (!socket)
        return -ENOMEM;
    *socket = (LiveSocket){.set = set, .next = set->first, .fd = fd};
    strcpy(socket->machine, machine);
    r = sd_event_add_io(set->environment.event, &socket->io, fd, EPOLLIN, on_listening, socket);
    if (r >= 0)
        r = sd_event_source_set_priority(socket->io, PRIORITY);
    if (r >= 0)
        r = sd_event_source_set_ratelimit(socket->io, config->live_window_usec,
                                          config->live_requests);
    if (r >= 0)
        r = sd_event_source_set_ratelimit_expire_callback(socket->io, on_window_over);
    if (r < 0) {
        sd_event_source_disable_unref(socket->io);
        free(socket);
        return r;
    }
    TAKE_FD(owned);
    set->first = socket;
    set->count++;
    update(socket);
    supervisor_keep(fd);
    return 0;
}

/* shutdown() makes the service manager close its copy, too. Clients that wait are reset, and their
 * units fail; they may have sent something. */
static void end_socket(int fd)
{
    shutdown(fd, SHUT_RDWR);
    child_close(&fd, 1);
}

/* Creates MACHINE's socket in its directory below FOLDER. */
static int make(const char *folder, const char *machine, int *ret)
{
    _cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un new = {.sun_family = AF_UNIX};
    char path[sizeof(new.sun_path)];
    int length = snprintf(path, sizeof(path), "%s/%s" LIVE_MOUNT_SOCKET, folder, machine);

    if (fd < 0)
        return -errno;
    if (length >= (int)sizeof(path))
        return -ENAMETOOLONG;
    /* not longer than PATH */
    snprintf(new.sun_path, sizeof(new.sun_path), "%s/%s/" NEW_SOCKET, folder, machine);
    unlink(new.sun_path);
    /* the file gets the socket's mode */
    if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&new, sizeof(new)) < 0 ||
        listen(fd, LIMIT_LIVE_BACKLOG) < 0 || rename(new.sun_path, path) < 0)
        return -errno;
    *ret = TAKE_FD(fd);
    return 0;
}

/* --- scanning --- */

/* MACHINE has a directory in FOLDER: creates its socket if it has none. */
static int scan_one(LiveSet *set, int folder, const char *machine)
{
    LiveSocket *socket = find(set, machine);
    char path[NAME_MAX + sizeof(LIVE_MOUNT_SOCKET)];
    struct stat status;
    int r, fd;

    snprintf(path, sizeof(path), "%s" LIVE_MOUNT_SOCKET, machine);
    if (socket) {
        /* a socket whose file is gone cannot be reached, and is replaced */
        socket->found = fstatat(folder, path, &status, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
        if (socket->found)
            return 0;
    }
    if (set->count >= LIMIT_LIVE_SOCKETS)
        return -E2BIG;
    r = make(set->environment.listeners->live_folder, machine, &fd);
    if (r == 0)
        r = add(set, machine, fd);
    if (r == 0)
        set->first->found = true;
    return r;
}

static int scan_all(LiveSet *set, DIR *folder, Reason *reason)
{
    const char *machine;
    int result = 0, r;

    while ((r = directory_next(folder, set->environment.listeners->live_folder, reason,
                               &machine)) == 0 &&
           machine) {
        struct stat status;

        if (!machine_name_valid(machine) ||
            fstatat(dirfd(folder), machine, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISDIR(status.st_mode))
            continue;
        r = scan_one(set, dirfd(folder), machine);
        if (r == 0 || result != 0)
            continue;
        result = r;
        reason_set(reason, 0, "cannot create the live socket of %s: %s", machine,
                   r == -E2BIG ? "there are too many machines" : strerror(-r));
    }
    if (r == 0)
        return result;
    /* any of them may be among those that could not be read */
    for (LiveSocket *socket = set->first; socket; socket = socket->next)
        socket->found = true;
    return r;
}

int live_set_scan(LiveSet *set, Reason *reason)
{
    const char *path = set->environment.listeners->live_folder;
    _cleanup_(closedirp) DIR *folder = path ? opendir(path) : NULL;
    LiveSocket **link = &set->first;
    int r = 0;

    if (!folder && path && errno != ENOENT)
        return -errno;
    for (LiveSocket *socket = set->first; socket; socket = socket->next)
        socket->found = false;
    if (folder)
        r = scan_all(set, folder, reason);
    while (*link) {
        LiveSocket *socket = *link;

        if (socket->found) {
            link = &socket->next;
            continue;
        }
        *link = socket->next;
        set->count--;
        sd_event_source_disable_unref(socket->io);
        end_socket(socket->fd);
        free(socket);
    }
    return r;
}

/* Ignores errors: the method Reload reports them, and the next change tries again. */
static int on_changed(sd_event_source *, const struct inotify_event *, void *userdata)
{
    (void)live_set_scan(userdata, NULL);
    return 0;
}

/* --- the set --- */

/* A worker died while it replaced a socket. We cannot tell which of the two has the file, so this
 * one is closed and the file removed; a scan then replaces the other. */
static void close_second(const char *folder, const char *machine, int fd)
{
    char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

    end_socket(fd);
    snprintf(path, sizeof(path), "%s/%s" LIVE_MOUNT_SOCKET, folder, machine);
    unlink(path);
}

static int adopt(LiveSet *set)
{
    const Listeners *listeners = set->environment.listeners;
    int r = 0;

    for (int fd = handover_next_live(listeners, STDERR_FILENO + 1); r == 0 && fd >= 0;
         fd = handover_next_live(listeners, fd + 1)) {
        LiveMachine machine;

        if (!handover_live_machine(fd, listeners, machine))
            continue;
        if (find(set, machine))
            close_second(listeners->live_folder, machine, fd);
        else
            r = add(set, machine, fd);
    }
    return r;
}

int live_set_new(const LiveEnvironment *environment, LiveSet **ret)
{
    LiveSet *set = calloc(1, sizeof(*set));
    sd_event_source *changes;
    int r;

    *ret = set;
    if (!set)
        return -ENOMEM;
    set->environment = *environment;
    if (!environment->listeners->live_folder)
        return 0;
    /* IN_ATTRIB, because the broker may use a directory only after its owner has been changed */
    r = sd_event_add_inotify(environment->event, &changes, environment->listeners->live_folder,
                             IN_CREATE | IN_ATTRIB | IN_MOVE | IN_DELETE | IN_ONLYDIR, on_changed,
                             set);
    if (r >= 0)
        r = sd_event_source_set_priority(changes, PRIORITY);
    if (r >= 0 || r == -ENOENT)
        r = adopt(set);
    if (r == 0)
        (void)live_set_scan(set, NULL);
    return r;
}
