/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * broker-client: asks the broker as the service manager does, over and over, from several threads,
 * and says what it got.
 *
 *     broker-client [--socket=PATH] [--clients=N] [--seconds=S] [--answers=N] [--pause=MS]
 *                   [--counters=FILE] (UNIT ID FILE)...
 *
 * Each request binds to the abstract address \0HEX/unit/UNIT/ID of a triple picked at random,
 * connects, shuts its sending side and reads to the end, or until it has more than a unit may have
 * of credentials, which is a refusal. FILE holds the value that ID is to have. When the time is
 * over, the value was received N times, or on SIGTERM, every request under way is waited for; then
 * the counts are printed, one a line, and how long those took that got the value, in ms. Each
 * client sends at least one request, however busy the machine is.
 *
 * FILE of --counters is mapped: 64-bit integers, native byte order, requests in flight, requests
 * that ended, and those of them that got the value, for a script to look at while all this runs.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* What a unit may have of credentials (systemd's CREDENTIALS_TOTAL_SIZE_MAX), bytes. */
#define UNIT_LIMIT  ((size_t)1024 * 1024)
/* How long a request may take, ms: longer than the broker's own deadline. */
#define PATIENCE_MS 90000
#define TRIPLES_MAX 16
#define CLIENTS_MAX 256
/* Requests whose time is kept. */
#define TIMES_MAX   1000000

typedef enum Result {
    EXACT,       /* the value */
    REFUSED,     /* more than a unit may have */
    RESET,       /* the connection was reset: a failure for the service manager as well */
    UNREACHABLE, /* could not connect */
    EMPTY,       /* nothing: the service manager would take it for an empty credential */
    TRUNCATED,   /* the beginning of the value */
    FOREIGN,     /* another value of ours, or anything else */
    LATE,        /* no end within PATIENCE_MS */
    RESULT_COUNT,
} Result;

static const char *const result_names[RESULT_COUNT] = {
    "exact", "refused", "reset", "unreachable", "empty", "truncated", "foreign", "late",
};

typedef struct Triple {
    const char *unit, *id;
    uint8_t *value;
    size_t size;
} Triple;

typedef struct Counters {
    _Atomic uint64_t in_flight, ended, exact;
} Counters;

static Triple triples[TRIPLES_MAX];
static size_t triple_count;
static const char *socket_path = "/run/nspawn-creds/broker";
static _Atomic uint64_t results[RESULT_COUNT];
static atomic_bool stopping;
static unsigned pause_ms;       /* of each client, between two requests */
static double times[TIMES_MAX]; /* s */
static _Atomic size_t time_count;
static Counters own_counters, *counters = &own_counters;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
    __builtin_va_list arguments;

    __builtin_va_start(arguments, format);
    fputs("broker-client: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

static uint64_t random64(void)
{
    uint64_t value;

    if (getrandom(&value, sizeof(value), 0) != sizeof(value))
        die("no randomness");
    return value;
}

/* A connection as the service manager makes one; -1 if that fails. */
static int ask(const Triple *triple)
{
    struct sockaddr_un from = {.sun_family = AF_UNIX}, to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), length;

    if (fd < 0)
        die("socket: %s", strerror(errno));
    length = snprintf(from.sun_path + 1, sizeof(from.sun_path) - 1, "%llx/unit/%s/%s",
                      (unsigned long long)random64(), triple->unit, triple->id);
    snprintf(to.sun_path, sizeof(to.sun_path), "%s", socket_path);
    if (length >= (int)sizeof(from.sun_path) - 1 ||
        bind(fd, (struct sockaddr *)&from,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) < 0)
        die("cannot bind for %s of %s: %s", triple->id, triple->unit, strerror(errno));
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
        close(fd);
        return -1;
    }
    shutdown(fd, SHUT_WR);
    return fd;
}

/* Reads to the end; BUFFER has room for one byte more than UNIT_LIMIT. */
static Result receive(int fd, uint8_t *buffer, size_t *ret_size)
{
    size_t size = 0;

    for (;;) {
        struct pollfd pollfd = {.fd = fd, .events = POLLIN};
        ssize_t n;

        if (poll(&pollfd, 1, PATIENCE_MS) == 0)
            return LATE;
        n = read(fd, buffer + size, UNIT_LIMIT + 1 - size);
        if (n < 0)
            return RESET;
        size += (size_t)n;
        if (size > UNIT_LIMIT)
            return REFUSED;
        if (n == 0)
            break;
    }
    *ret_size = size;
    return size == 0 ? EMPTY : EXACT;
}

static Result compare(const Triple *triple, const uint8_t *buffer, size_t size)
{
    if (size == triple->size && memcmp(buffer, triple->value, size) == 0)
        return EXACT;
    if (size < triple->size && memcmp(buffer, triple->value, size) == 0)
        return TRUNCATED;
    return FOREIGN;
}

static Result request(const Triple *triple, uint8_t *buffer)
{
    int fd = ask(triple);
    size_t size = 0;
    Result result;

    if (fd < 0)
        return UNREACHABLE;
    atomic_fetch_add(&counters->in_flight, 1);
    result = receive(fd, buffer, &size);
    if (result == EXACT)
        result = compare(triple, buffer, size);
    close(fd);
    atomic_fetch_sub(&counters->in_flight, 1);
    if (result == EXACT)
        atomic_fetch_add(&counters->exact, 1);
    atomic_fetch_add(&counters->ended, 1);
    return result;
}

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void keep_time(double seconds)
{
    size_t i = atomic_fetch_add(&time_count, 1);

    if (i < TIMES_MAX)
        times[i] = seconds;
}

static void *client(void *unused)
{
    uint8_t *buffer = malloc(UNIT_LIMIT + 1);

    if (!buffer)
        die("out of memory");
    do {
        double start = seconds_now();
        Result result = request(&triples[random64() % triple_count], buffer);

        atomic_fetch_add(&results[result], 1);
        if (result == EXACT)
            keep_time(seconds_now() - start);
        if (result == UNREACHABLE || pause_ms > 0)
            usleep((pause_ms > 0 ? pause_ms : 1) * 1000);
    } while (!atomic_load(&stopping));
    free(buffer);
    return unused;
}

static void stop(int signal)
{
    (void)signal;
    atomic_store(&stopping, true);
}

static void add_triple(char **arguments)
{
    Triple *triple = &triples[triple_count++];
    struct stat status;
    int fd = open(arguments[2], O_RDONLY | O_CLOEXEC);

    if (triple_count > TRIPLES_MAX)
        die("too many triples");
    if (fd < 0 || fstat(fd, &status) < 0 || status.st_size == 0)
        die("cannot read the value %s", arguments[2]);
    *triple = (Triple){arguments[0], arguments[1], malloc((size_t)status.st_size),
                       (size_t)status.st_size};
    if (!triple->value || read(fd, triple->value, triple->size) != status.st_size)
        die("cannot read the value %s", arguments[2]);
    close(fd);
}

static void map_counters(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || ftruncate(fd, sizeof(Counters)) < 0)
        die("cannot make %s: %s", path, strerror(errno));
    counters = mmap(NULL, sizeof(Counters), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (counters == MAP_FAILED)
        die("cannot map %s: %s", path, strerror(errno));
    close(fd);
}

static bool option(const char *argument, const char *name, const char **ret_value)
{
    size_t length = strlen(name);

    if (strncmp(argument, name, length) != 0)
        return false;
    *ret_value = argument + length;
    return true;
}

static int compare_times(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

static void print_times(void)
{
    size_t count = time_count < TIMES_MAX ? time_count : TIMES_MAX;

    if (count == 0)
        return;
    qsort(times, count, sizeof(times[0]), compare_times);
    printf("p50-ms %.3f\np99-ms %.3f\np99.9-ms %.3f\nmax-ms %.3f\n", times[count / 2] * 1e3,
           times[count * 99 / 100] * 1e3, times[count * 999 / 1000] * 1e3, times[count - 1] * 1e3);
}

static void run(long clients, double seconds, uint64_t answers)
{
    pthread_t threads[CLIENTS_MAX];
    double start = seconds_now(), took;
    uint64_t total = 0;

    for (long i = 0; i < clients; i++)
        if (pthread_create(&threads[i], NULL, client, NULL) != 0)
            die("cannot start a thread");
    while (!atomic_load(&stopping) && seconds_now() - start < seconds &&
           atomic_load(&counters->exact) < answers)
        usleep(10000);
    atomic_store(&stopping, true);
    for (long i = 0; i < clients; i++)
        pthread_join(threads[i], NULL);
    took = seconds_now() - start;
    for (Result result = 0; result < RESULT_COUNT; result++) {
        printf("%s %llu\n", result_names[result], (unsigned long long)results[result]);
        total += results[result];
    }
    printf("per-second %.0f\n", (double)total / took);
    print_times();
}

int main(int argc, char **argv)
{
    long clients = 8;
    double seconds = 1;
    uint64_t answers = UINT64_MAX;
    const char *value;
    int i = 1;

    for (; i < argc && argv[i][0] == '-'; i++) {
        if (option(argv[i], "--socket=", &socket_path))
            continue;
        if (option(argv[i], "--clients=", &value))
            clients = atol(value);
        else if (option(argv[i], "--seconds=", &value))
            seconds = atof(value);
        else if (option(argv[i], "--answers=", &value))
            answers = strtoull(value, NULL, 10);
        else if (option(argv[i], "--pause=", &value))
            pause_ms = (unsigned)atoi(value);
        else if (option(argv[i], "--counters=", &value))
            map_counters(value);
        else
            die("unknown option %s", argv[i]);
    }
    if (clients < 1 || clients > CLIENTS_MAX || i >= argc || (argc - i) % 3 != 0)
        die("usage: broker-client [OPTION...] (UNIT ID FILE)...");
    for (; i < argc; i += 3)
        add_triple(argv + i);
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    run(clients, seconds, answers);
    return EXIT_SUCCESS;
}
