/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Completions for bash and fish, and what stands for what. See completion.h; zsh has its own file.
 */

#include "verb/completion.h"

#include <ctype.h>
#include <string.h>

/* What is between the placeholders of a verb. */
#define SEPARATORS " []|."

typedef struct Placeholder {
    const char *text;
    CompletionSource source;
    const char *words;
} Placeholder;

static const Placeholder placeholders[] = {
    {"CHANGE", COMPLETION_WORDS, "restart reload none"},
    {"DELIVERY", COMPLETION_WORDS, "boot live native"},
    {"DEVICE", COMPLETION_FILES, NULL},
    {"FILE", COMPLETION_FILES, NULL},
    {"FORM", COMPLETION_WORDS, "auto legacy pinned"},
    {"FORMAT", COMPLETION_WORDS, "base64 raw"},
    {"ID", COMPLETION_IDS, NULL},
    {"INPUT", COMPLETION_FILES, NULL},
    {"KEY", COMPLETION_WORDS,
     "auto host tpm2 host+tpm2 tpm2-with-public-key host+tpm2-with-public-key null"},
    {"MACHINE", COMPLETION_MACHINES, NULL},
    {"MACHINE@ID", COMPLETION_NAMES, NULL},
    {"MODE", COMPLETION_WORDS, "short pretty off"},
    {"N", COMPLETION_WORDS, "all"},
    {"NAME", COMPLETION_NAMES, NULL},
    {"NEW", COMPLETION_NAMES, NULL},
    {"OUTPUT", COMPLETION_FILES, NULL},
    {"PATH", COMPLETION_FILES, NULL},
    {"PCRS", COMPLETION_NOTHING, NULL},
    {"RECIPE", COMPLETION_WORDS, "password hex base64 uuid ssh-ed25519 x25519"},
    {"TIME", COMPLETION_WORDS, "today tomorrow infinity"},
    {"UNIT", COMPLETION_NOTHING, NULL},
    {"USER", COMPLETION_WORDS, "self"},
    {"VERSION", COMPLETION_WORDS, "252 257 262"},
    {"WHEN", COMPLETION_WORDS, "auto yes no"},
};

static void add_word(Completion *completion, const char *word, size_t length)
{
    size_t used = strlen(completion->words);

    completion->sources[COMPLETION_WORDS] = true;
    snprintf(completion->words + used, sizeof(completion->words) - used, "%s%.*s", used ? " " : "",
             (int)length, word);
}

static bool add_placeholder(Completion *completion, const char *text, size_t length)
{
    for (size_t i = 0; i < sizeof(placeholders) / sizeof(placeholders[0]); i++) {
        const Placeholder *placeholder = &placeholders[i];

        if (strlen(placeholder->text) != length || strncmp(placeholder->text, text, length) != 0)
            continue;
        completion->sources[placeholder->source] = true;
        if (placeholder->words)
            add_word(completion, placeholder->words, strlen(placeholder->words));
        return true;
    }
    return false;
}

bool completion_of(const char *text, Completion *ret)
{
    bool known = true;

    *ret = (Completion){0};
    for (text += strspn(text, SEPARATORS); *text; text += strspn(text, SEPARATORS)) {
        size_t length = strcspn(text, SEPARATORS);

        if (islower((unsigned char)*text))
            add_word(ret, text, length);
        else
            known = add_placeholder(ret, text, length) && known;
        text += length;
    }
    return known;
}

/* --- bash --- */

static const char bash_head[] =
    "# bash completion for nspawn-creds; made of its tables by: nspawn-creds completion bash\n"
    "# shellcheck shell=bash\n"
    "\n"
    "# Of the candidates, lines of standard input with PREFIX before them, those that begin as\n"
    "# $current does, without what readline takes for words before: it breaks at \"=\" and \"@\".\n"
    "_nspawn_creds_offer() { # PREFIX\n"
    "        local line before=${current%\"${current##*[\\\"\\'@\\>\\<=\\;\\|\\&\\(:]}\"}\n"
    "        while IFS= read -r line; do\n"
    "                line=$1$line\n"
    "                [[ $line == \"$current\"* ]] || continue\n"
    "                line=${line#\"$before\"}\n"
    "                [[ $line == *[=/] ]] || line+=' '\n"
    "                COMPREPLY+=(\"$line\")\n"
    "        done\n"
    "}\n"
    "\n"
    "_nspawn_creds_files() { # VALUE\n"
    "        local path\n"
    "        while IFS= read -r path; do\n"
    "                [[ ! -d $path ]] || path+=/\n"
    "                printf '%s\\n' \"$path\"\n"
    "        done < <(compgen -f -- \"$1\")\n"
    "}\n"
    "\n"
    "_nspawn_creds() {\n"
    "        local line=${COMP_LINE:0:COMP_POINT} words=() current verb='' machine='' word\n"
    "        read -ra words <<<\"$line\"\n"
    "        [[ $line != *[[:space:]] ]] || words+=('')\n"
    "        current=${words[-1]}\n"
    "        COMPREPLY=()\n"
    "        for word in \"${words[@]:1:${#words[@]}-2}\"; do\n"
    "                if [[ $word == -* ]]; then\n"
    "                        continue\n"
    "                elif [[ -z $verb ]]; then\n"
    "                        verb=$word\n"
    "                elif [[ -z $machine ]]; then\n"
    "                        machine=$word\n"
    "                fi\n"
    "        done\n";

/* Commands that offer what COMPLETION has, each value after PREFIX. */
static void print_bash_sources(const Completion *completion, const char *prefix)
{
    static const char *const lists[] = {
        [COMPLETION_MACHINES] = "machines",
        [COMPLETION_NAMES] = "names",
        [COMPLETION_IDS] = "ids \"$machine\"",
    };

    if (completion->sources[COMPLETION_FILES])
        printf("\n                        _nspawn_creds_offer '%s' < <(_nspawn_creds_files "
               "\"${current#%s}\")",
               prefix, prefix);
    for (size_t i = COMPLETION_MACHINES; i <= COMPLETION_IDS; i++)
        if (completion->sources[i])
            printf("\n                        _nspawn_creds_offer '%s' < <(nspawn-creds "
                   "completion %s 2>/dev/null)",
                   prefix, lists[i]);
    if (completion->sources[COMPLETION_WORDS])
        printf("\n                        _nspawn_creds_offer '%s' < <(printf '%%s\\n' %s)", prefix,
               completion->words);
}

static void print_bash_values(void)
{
    OptionRow option;

    printf("        case $current in\n");
    for (size_t i = 0; options_row(i, &option); i++) {
        Completion completion;
        char prefix[64];

        if (!option.argument)
            continue;
        completion_of(option.argument, &completion);
        snprintf(prefix, sizeof(prefix), "--%s=", option.name);
        printf("                %s*)", prefix);
        print_bash_sources(&completion, prefix);
        printf("\n                        return ;;\n");
    }
    printf("        esac\n");
}

static void print_bash_options(const char *label, unsigned set)
{
    OptionRow option;

    printf("                %s:-*) _nspawn_creds_offer '' < <(printf '%%s\\n'", label);
    for (size_t i = 0; options_row(i, &option); i++)
        if (option.id == 0 || set & option.id) {
            if (!option.argument || option.optional)
                printf(" --%s", option.name);
            if (option.argument)
                printf(" --%s=", option.name);
        }
    printf(") ;;\n");
}

void completion_print_bash(void)
{
    printf("%s", bash_head);
    print_bash_values();
    printf("        case $verb:$current in\n");
    print_bash_options("", ~0U);
    printf("                :*) _nspawn_creds_offer '' < <(printf '%%s\\n'");
    for (size_t i = 0; i < verb_count; i++)
        if (!verbs[i]->hidden)
            printf(" %s", verbs[i]->name);
    printf(") ;;\n");
    for (size_t i = 0; i < verb_count; i++) {
        Completion completion;

        if (verbs[i]->hidden)
            continue;
        completion_of(verbs[i]->arguments, &completion);
        print_bash_options(verbs[i]->name, verbs[i]->options);
        printf("                %s:*)", verbs[i]->name);
        print_bash_sources(&completion, "");
        printf(" ;;\n");
    }
    printf("        esac\n}\n\ncomplete -o nospace -F _nspawn_creds nspawn-creds\n");
}

/* --- fish --- */

/* TEXT in single quotes. */
static void print_fish_quoted(const char *text)
{
    putchar('\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('\'');
}

/* -a and -F as COMPLETION has it. */
static void print_fish_sources(const Completion *completion)
{
    static const char *const lists[] = {
        [COMPLETION_MACHINES] = "(nspawn-creds completion machines 2>/dev/null)",
        [COMPLETION_NAMES] = "(nspawn-creds completion names 2>/dev/null)",
        [COMPLETION_IDS] = "(__nspawn_creds_ids)",
        [COMPLETION_WORDS] = "",
    };
    bool first = true;

    for (size_t i = COMPLETION_MACHINES; i <= COMPLETION_WORDS; i++)
        if (completion->sources[i]) {
            printf("%s%s%s", first ? " -a '" : " ", lists[i],
                   i == COMPLETION_WORDS ? completion->words : "");
            first = false;
        }
    printf("%s%s", first ? "" : "'", completion->sources[COMPLETION_FILES] ? " -F" : "");
}

static void print_fish_option(const OptionRow *option)
{
    Completion completion;

    printf("complete -c nspawn-creds");
    if (option->id != 0) {
        printf(" -n '__fish_seen_subcommand_from");
        for (size_t i = 0; i < verb_count; i++)
            if (verbs[i]->options & option->id)
                printf(" %s", verbs[i]->name);
        printf("'");
    }
    printf(" -l %s", option->name);
    if (option->argument) {
        completion_of(option->argument, &completion);
        printf("%s", option->optional ? "" : " -r");
        print_fish_sources(&completion);
    }
    printf(" -d ");
    print_fish_quoted(option->help);
    putchar('\n');
}

void completion_print_fish(void)
{
    OptionRow option;

    printf(
        "# fish completion for nspawn-creds; made of its tables by: nspawn-creds completion fish\n"
        "\n"
        "function __nspawn_creds_ids\n"
        "        set -l words (string match -v -- '-*' (commandline -opc))\n"
        "        test (count $words) -gt 2; and nspawn-creds completion ids $words[3] "
        "2>/dev/null\n"
        "end\n\n"
        "complete -c nspawn-creds -f\n");
    for (size_t i = 0; i < verb_count; i++) {
        Completion completion;

        if (verbs[i]->hidden)
            continue;
        printf("complete -c nspawn-creds -n __fish_use_subcommand -a %s -d ", verbs[i]->name);
        print_fish_quoted(verbs[i]->summary);
        putchar('\n');
        completion_of(verbs[i]->arguments, &completion);
        printf("complete -c nspawn-creds -n '__fish_seen_subcommand_from %s'", verbs[i]->name);
        print_fish_sources(&completion);
        putchar('\n');
    }
    for (size_t i = 0; options_row(i, &option); i++)
        print_fish_option(&option);
}
