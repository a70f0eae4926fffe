/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds: the command line.
 *
 * main() finds the verb, checks that it takes the given options, and runs it. Each verb is a row
 * and a file, see verb.h; it prints through output.h.
 */

#include "terminal/output.h"
#include "verb/verb.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

/* Each word of ARGUMENTS but "--" is one argument; "[" begins those that may be left out. */
static bool takes(const char *arguments, int count)
{
    int least = 0, most = 0;

    for (const char *word = arguments; *word; word += strspn(word, " ")) {
        most += *word != '-';
        least += *word != '[' && *word != '-';
        word += strcspn(word, " ");
    }
    return count >= least && (count <= most || strstr(arguments, "..."));
}

static int check_usage(const Verb *verb, const Options *options, int count, char **arguments,
                       Reason *reason)
{
    uint64_t strange = options->given & ~verb->options;
    bool of_machine =
        strcmp(verb->arguments, "MACHINE") == 0 || strcmp(verb->arguments, "[MACHINE]") == 0;
    int length;

    if (strange)
        return reason_set(reason, OUTCOME_USAGE, "%s does not take --%s", verb->name,
                          option_given(options, strange));
    /* "why web db", "why web@db" */
    if (of_machine && count > 0 && (count == 2 || (count == 1 && strchr(arguments[0], '@')))) {
        length = (int)strcspn(arguments[0], "@");
        return reason_set(reason, OUTCOME_USAGE,
                          "%s looks at all credentials of a machine: nspawn-creds %s %.*s",
                          verb->name, verb->name, length, arguments[0]);
    }
    if (!takes(verb->arguments, count))
        return reason_set(reason, OUTCOME_USAGE, "%s takes %s", verb->name,
                          verb->arguments[0] ? verb->arguments : "no arguments");
    return 0;
}

static int run(int argc, char **argv, const Context *context)
{
    Reason reason = {0}, fault = {0};
    const Verb *verb = NULL;
    HostConfig host;
    _cleanup_(options_done) Options options = {0};
    int index, r;
    int host_rc = host_config_load(context, &fault, &host);

    if (host_rc != 0)
        host_config_default(&host);
    r = options_parse(argc, argv, context->now(context), &host, &reason, &options, &index);
    if (options.json != JSON_OFF)
        output_messages_in_json();
    if (r != 0)
        return output_error(r, NULL, &reason);
    if (options.version) {
        printf("nspawn-creds %s\n", NC_VERSION);
        return 0;
    }
    if (index < argc && verb_need(argv[index], &reason, &verb) != 0)
        return output_error(OUTCOME_USAGE, NULL, &reason);
    if (verb && verb->commands && index + 1 < argc) {
        if (verb_need_command(verb, argv[++index], &reason, &verb) != 0)
            return output_error(OUTCOME_USAGE, NULL, &reason);
    }
    if (options.help || !verb || verb->commands) {
        help_print(&options, verb);
        return options.help ? 0 : OUTCOME_USAGE;
    }
    r = check_usage(verb, &options, argc - index - 1, argv + index + 1, &reason);
    if (r != 0)
        return output_error(r, NULL, &reason);
    /* doctor says so, and goes on */
    if (host_rc != 0 && verb != &verb_doctor)
        return output_error(host_rc, NULL, &fault);
    options.host_fault = host_rc != 0 ? fault.text : NULL;
    return verb->run(context, &options, argv + index + 1);
}

/* If a standard descriptor is closed, the first file that is opened would become it: a secret would
 * be read from that, or the output written to it. In its place is one that fails as a closed one.
 */
static int occupy_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return -EBADF;
    return 0;
}

/* A pipe whose reader ends early must not end a command in the middle of its work. A handler is not
 * inherited by the programs that are started. */
static void on_broken_pipe(int)
{
}

int main(int argc, char **argv)
{
    Reason reason = {0};
    Context context;
    int r;

    signal(SIGPIPE, on_broken_pipe);
    r = occupy_standard_descriptors();
    if (r == 0)
        r = context_system(&context);
    if (r == 0)
        r = secret_harden_process(&reason);
    if (r == 0)
        r = run(argc, argv, &context);
    else
        output_error(r, NULL, &reason);
    return outcome_exit_status(output_finish(r));
}
