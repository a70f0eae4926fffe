/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds-courier: the network's end of a fleet.
 *
 * It has the network and nothing else: no TPM, no store, no keys of containers. The broker trusts
 * it as little as the carrier.
 */

#include "courier.h"
#include "enrol.h"
#include "get.h"
#include "put.h"

#include "base/fsutil.h"
#include "base/long_option.h"
#include "protocol/client.h"
#include "secret/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct CourierOptions {
    const char *carrier;
    const char *socket;
    const char *user; /* NULL: as it was started */
    FILE *failure;    /* where to say why it failed; NULL: standard error */
    long stall;       /* seconds */
    bool once;
    bool done; /* --help or --version was all */
} CourierOptions;

static void print_help(void)
{
    printf("%s [OPTIONS...] run FLEET\n"
           "%s [OPTIONS...] put DIRECTORY|-\n"
           "%s [OPTIONS...] reports\n"
           "%s [OPTIONS...] enrol\n\n"
           "Brings a fleet's files from its carrier to this host's broker (run), or from an\n"
           "administrator to the carrier (put), hosts' reports to the administrator (reports), or\n"
           "the messages of enrolments between the two (enrol).\n\n"
           "  -h --help                Show this help\n"
           "     --version             Show the version\n"
           "     --once                Look once and exit\n"
           "     --socket=PATH         The broker's socket\n"
           "                           (default: " CLIENT_COURIER_PATH ")\n"
           "     --timeout=SECONDS     How long a server may be silent (default: %ld)\n"
           "     --carrier=FILE        For put, reports and enrol: the carrier, as in a fleet's\n"
           "                           configuration\n"
           "     --user=NAME           For enrol, as root: reach the carrier as this user\n"
           "     --failure=FILE        Write the outcome, a tab and the reason of a failure to\n"
           "                           FILE, not to standard error\n\n"
           "put reads files that are named as on the carrier from DIRECTORY. With - it\n"
           "reads lines from standard input: the name, a tab, and the path of the file; for a\n"
           "bundle also a second tab and base64, or nothing to remove it.\n"
           "reports reads names from standard input, and prints each with its file in base64.\n"
           "enrol does so, too; a name, a tab and base64 put a file, and a name and a tab remove "
           "it.\n\n"
           "See nspawn-creds-courier(8).\n",
           program_invocation_short_name, program_invocation_short_name,
           program_invocation_short_name, program_invocation_short_name, LIMIT_CARRIER_STALL);
}

static bool parse_seconds(const char *text, long *ret)
{
    char *end;
    unsigned long seconds = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || seconds < 1 ||
        seconds > (unsigned long)LIMIT_CARRIER_SECONDS)
        return false;
    *ret = (long)seconds;
    return true;
}

static int parse_options(int argc, char *argv[], Reason *reason, CourierOptions *ret)
{
    enum {
        OPTION_VERSION = 0x100,
        OPTION_CARRIER,
        OPTION_SOCKET,
        OPTION_ONCE,
        OPTION_TIMEOUT,
        OPTION_USER,
        OPTION_FAILURE
    };
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, OPTION_VERSION},
        {"carrier", required_argument, NULL, OPTION_CARRIER},
        {"socket", required_argument, NULL, OPTION_SOCKET},
        {"once", no_argument, NULL, OPTION_ONCE},
        {"timeout", required_argument, NULL, OPTION_TIMEOUT},
        {"user", required_argument, NULL, OPTION_USER},
        {"failure", required_argument, NULL, OPTION_FAILURE},
        {0},
    };
    int c;

    while ((c = long_option_next(argc, argv, "h", options, reason)) >= 0) {
        switch (c) {
        case 'h':
            print_help();
            ret->done = true;
            return 0;
        case OPTION_VERSION:
            printf("nspawn-creds-courier %s\n", NC_VERSION);
            ret->done = true;
            return 0;
        case OPTION_CARRIER:
            ret->carrier = optarg;
            break;
        case OPTION_SOCKET:
            ret->socket = optarg;
            break;
        case OPTION_USER:
            ret->user = optarg;
            break;
        case OPTION_FAILURE:
            ret->failure = fopen(optarg, "we"); /* now: another user could not */
            if (!ret->failure)
                return reason_set(reason, -errno, "cannot open %s", optarg);
            break;
        case OPTION_ONCE:
            ret->once = true;
            break;
        case OPTION_TIMEOUT:
            if (!parse_seconds(optarg, &ret->stall))
                return reason_set(reason, OUTCOME_USAGE,
                                  "--timeout=%.40s is not a number of seconds from 1 to %ld",
                                  optarg, LIMIT_CARRIER_SECONDS);
            break;
        default:
            return OUTCOME_USAGE;
        }
    }
    return 0;
}

/* Whether the files that SETTINGS name can be read. A host's courier looks at the first request:
 * there they may come later. */
static int check_files(const CarrierSettings *settings, Reason *reason)
{
    const struct {
        const char *member, *path;
    } files[] = {{"ca", settings->ca},
                 {"certificate", settings->certificate},
                 {"key", settings->key},
                 {"passwordFile", settings->password_file}};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (files[i].path && access(files[i].path, R_OK) < 0)
            return reason_set(reason, OUTCOME_BAD_FLEET_CONFIG,
                              "its \"%s\" of the carrier, %.160s, cannot be read: %m",
                              files[i].member, files[i].path);
    return 0;
}

/* Keeps in memory what is in the file of MEMBER, which only root may have to read, for a process
 * that is not root any more. check_files() says why a file cannot be opened. */
static int keep_file(CarrierSettings *settings, const char *member, const char **file,
                     Reason *reason)
{
    _cleanup_(closep) int fd = *file ? open(*file, O_RDONLY | O_CLOEXEC | O_NOCTTY) : -1, kept = -1;
    _cleanup_(secret_freep) Secret *content = NULL;
    struct json_object *text = json_object_object_get(settings->root, member);
    char path[32];
    int r;

    if (fd < 0)
        return 0;
    r = secret_read_fd(fd, LIMIT_CONFIG_BYTES, reason, &content);
    if (r != 0)
        return reason_prefix(reason, r, "%.160s", *file);
    kept = memfd_create("credential", MFD_CLOEXEC);
    r = kept < 0 ? -errno : file_write_fd(kept, secret_view(content));
    if (r != 0)
        return reason_set(reason, r, "cannot keep %.160s in memory", *file);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", TAKE_FD(kept));
    if (!json_object_set_string(text, path))
        return -ENOMEM;
    *file = json_object_get_string(text);
    return 0;
}

/* Before it reaches the network. Root has read the carrier's description, which is root's word, and
 * what the service manager would pass to the service. USER reads the other files. */
static int become(const char *user, Reason *reason)
{
    const struct passwd *entry;

    if (!user)
        return 0;
    if (geteuid() != 0)
        return reason_set(reason, OUTCOME_USAGE, "--user= is for root");
    entry = getpwnam(user);
    if (!entry || entry->pw_uid == 0)
        return reason_set(reason, OUTCOME_USAGE, "--user=%.80s is not a user, or is root", user);
    return setgroups(0, NULL) < 0 || setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) < 0 ||
                   setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) < 0
               ? reason_set(reason, -errno, "cannot become user %.80s", user)
               : 0;
}

static int read_carrier(const char *path, const char *user, Reason *reason, CarrierSettings *ret)
{
    _cleanup_(bytes_done) Bytes text = {0};
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    Reason why = {0};
    int r;

    if (!path)
        return reason_set(reason, OUTCOME_USAGE, "--carrier=FILE is missing");
    r = file_read(path, LIMIT_CONFIG_BYTES, reason, &text);
    if (r != 0)
        return r;
    r = json_parse(bytes_view(&text), LIMIT_JSON_DEPTH, NULL, &why, &object);
    if (r == 0)
        r = carrier_settings_parse(object, &why, ret);
    if (r > 0)
        return reason_set(reason, OUTCOME_BAD_FLEET_CONFIG, "%s: %.200s", path, why.text);
    if (r == 0 && user)
        r = keep_file(ret, "key", &ret->key, reason);
    if (r == 0 && user)
        r = keep_file(ret, "passwordFile", &ret->password_file, reason);
    if (r == 0)
        r = become(user, reason);
    return r == 0 ? check_files(ret, reason) : r;
}

static int run_put(const CourierOptions *options, const char *directory, Reason *reason)
{
    _cleanup_(carrier_settings_done) CarrierSettings settings = {0};
    PutResult result;
    int r = read_carrier(options->carrier, NULL, reason, &settings);

    if (r == 0)
        r = put(&settings, options->stall, directory, reason, &result);
    if (r == 0)
        printf("Put %zu files and %zu bundles on the carrier\n", result.files, result.bundles);
    return r;
}

static int run_reports(const CourierOptions *options, Reason *reason)
{
    _cleanup_(carrier_settings_done) CarrierSettings settings = {0}, elsewhere = {0};
    int r = read_carrier(options->carrier, NULL, reason, &settings);

    if (r == 0 && settings.reports)
        r = carrier_settings_for_reports(&settings, reason, &elsewhere);
    return r == 0 ? get(settings.reports ? &elsewhere : &settings, options->stall, reason) : r;
}

static int run_enrol(const CourierOptions *options, Reason *reason)
{
    _cleanup_(carrier_settings_done) CarrierSettings settings = {0};
    int r = read_carrier(options->carrier, options->user, reason, &settings);

    return r == 0 ? enrol(&settings, options->stall, reason) : r;
}

static int run_courier(const Context *context, const CourierOptions *options, const char *fleet,
                       Reason *reason)
{
    _cleanup_(fleet_config_done) FleetConfig config = {0};
    _cleanup_(courier_freep) Courier *courier = NULL;
    int report_rc, r = fleet_config_load(context, fleet, reason, &config);

    if (r == OUTCOME_NOT_FOUND) /* it is no credential */
        r = OUTCOME_BAD_FLEET_CONFIG;
    if (r == 0 && !config.carrier.root)
        r = reason_set(reason, OUTCOME_BAD_FLEET_CONFIG,
                       FLEET_CONFIG_FOLDER "/%s.json has no \"carrier\"", fleet);
    if (r == 0)
        r = courier_new(&config, options->socket, options->stall, reason, &courier);
    if (r == 0 && !options->once)
        return courier_run(courier, reason);
    if (r != 0)
        return r;
    r = courier_look(courier, reason);
    /* a refusal has a report, too */
    report_rc = courier_report(courier, r == 0 ? reason : NULL);
    return r == 0 ? report_rc : r;
}

static int run(int argc, char *argv[], Reason *reason, CourierOptions *options)
{
    int r = parse_options(argc, argv, reason, options);
    int count = argc - optind;
    char **arguments = argv + optind;
    Context context; /* also prepares the memory for secrets */

    if (r == 0)
        r = context_system(&context);
    if (r != 0 || options->done)
        return r;
    if (options->user && (count != 1 || strcmp(arguments[0], "enrol") != 0))
        return reason_set(reason, OUTCOME_USAGE, "--user= is for enrol");
    if (count == 2 && strcmp(arguments[0], "put") == 0)
        return run_put(options, arguments[1], reason);
    if (count == 1 && strcmp(arguments[0], "reports") == 0)
        return run_reports(options, reason);
    if (count == 1 && strcmp(arguments[0], "enrol") == 0)
        return run_enrol(options, reason);
    if (count == 2 && strcmp(arguments[0], "run") == 0)
        return run_courier(&context, options, arguments[1], reason);
    return reason_set(reason, OUTCOME_USAGE, "see %s --help", program_invocation_short_name);
}

int main(int argc, char *argv[])
{
    CourierOptions options = {.socket = CLIENT_COURIER_PATH, .stall = LIMIT_CARRIER_STALL};
    Reason reason = {0};
    int r = run(argc, argv, &reason, &options);

    if (r == 0 && fflush(stdout) != 0)
        r = reason_set(&reason, -errno, "standard output");
    if (r != 0 && options.failure)
        fprintf(options.failure, "%s\t%s", outcome_name(r), outcome_reason(r, &reason));
    else if (r != 0)
        courier_print(program_invocation_short_name, r, &reason);
    return outcome_exit_status(r);
}
