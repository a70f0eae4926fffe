/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds reveal, cat: print the value of a credential in the store, or those of several.
 */

#include "base/names.h"
#include "hint.h"
#include "specs.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "terminal/safe_text.h"
#include "verb/verb.h"

#include <unistd.h>

static int reveal(const Context *context, const Options *options, const char *name_text,
                  const char *output)
{
    _cleanup_(unsealer_done) Unsealer unsealer = spec_unsealer(context, options);
    _cleanup_(store_client_done) StoreClient store = {0};
    _cleanup_(secret_freep) Secret *secret = NULL;
    CredentialName name;
    Reason reason = {0};
    int r = credential_name_parse(name_text, &reason, &name);

    if (r == 0)
        r = spec_open_store(options, &reason, &store);
    if (r == 0)
        r = spec_open_delivered(context, options, &store, &unsealer, &name, &reason, &secret);
    /* only a terminal is asked about; "-" is consent to anything */
    if (r == 0 && !output && isatty(STDOUT_FILENO))
        r = safe_text_is(secret_view(secret))
                ? confirm(options, &reason, "Show the value of %s on this terminal?", name_text)
                : reason_set(&reason, OUTCOME_USAGE,
                             "it is not plain text and could send commands to your terminal: name "
                             "a file, or use \"-\" to print it anyway");
    if (r != 0)
        return hint_error(context, options, r, name_text, &reason);
    r = output_secret(output ? output : "-", secret, options->newline, &reason);
    return r == 0 ? 0 : output_error(r, output, &reason);
}

static int run_reveal(const Context *context, const Options *options, char **arguments)
{
    return reveal(context, options, arguments[0], arguments[1]);
}

static int run_cat(const Context *context, const Options *options, char **arguments)
{
    int r = 0;

    for (; r == 0 && *arguments; arguments++)
        r = reveal(context, options, *arguments, NULL);
    return r;
}

#define REVEAL_OPTIONS                                                                             \
    OPTION_NO_ASK | OPTION_NEWLINE | OPTION_STORE | OPTION_TPM_DEVICE | OPTION_SIGNATURE |         \
        OPTION_TIMESTAMP

const Verb verb_reveal = {
    .name = "reveal",
    .arguments = "MACHINE@ID [OUTPUT]",
    .summary = "Print the value of a credential in the store",
    .details = "Prints to standard output, or to the file OUTPUT with mode 0600. On a "
               "terminal it asks first,\nunless --no-ask is given or OUTPUT is \"-\". A "
               "value that is not plain text is shown on a terminal\nonly if OUTPUT is "
               "\"-\".",
    .options = REVEAL_OPTIONS,
    .run = run_reveal,
};

const Verb verb_cat = {
    .name = "cat",
    .arguments = "MACHINE@ID...",
    .summary = "Print the values of several credentials, one after the other",
    .details = "The same as reveal for each of them, to standard output. It ends at the first "
               "that cannot be opened. To open a file, use decrypt.",
    .options = REVEAL_OPTIONS,
    .run = run_cat,
};
