/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Completions for zsh. See completion.h.
 */

#include "verb/completion.h"

/* TEXT within single quotes, in which "[", "]" and ":" mean something to _arguments. */
static void print_escaped(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            printf("'\\'");
        else if (*text == '[' || *text == ']' || *text == ':' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
}

/* ":MESSAGE:ACTION" for what COMPLETION has. */
static void print_action(const char *message, const Completion *completion)
{
    static const char *const actions[] = {
        [COMPLETION_FILES] = "_files",
        [COMPLETION_MACHINES] = "_nspawn_creds_list machines",
        [COMPLETION_NAMES] = "_nspawn_creds_list names",
        [COMPLETION_IDS] = "_nspawn_creds_ids",
    };
    size_t count = 0;

    printf(":");
    print_escaped(message);
    printf(":");
    for (size_t i = 0; i < _COMPLETION_SOURCE_MAX; i++)
        count += completion->sources[i];
    if (count > 1)
        printf("{");
    for (size_t i = COMPLETION_FILES; i <= COMPLETION_IDS; i++)
        if (completion->sources[i])
            printf(count > 1 ? "%s; " : " %s", actions[i]);
    if (completion->sources[COMPLETION_WORDS])
        printf(count > 1 ? "compadd -- %s; " : "(%s)", completion->words);
    if (count > 1)
        printf("}");
}

static void print_option(const OptionRow *option)
{
    Completion completion;

    printf("                        '*--%s%s[", option->name,
           !option->argument  ? ""
           : option->optional ? "=-"
                              : "=");
    print_escaped(option->help);
    printf("]");
    if (option->argument) {
        completion_of(option->argument, &completion);
        if (option->optional)
            printf(":");
        print_action(option->argument, &completion);
    }
    printf("' \\\n");
}

static void print_verb(const Verb *verb)
{
    Completion completion;
    OptionRow option;

    printf("                %s) _arguments \\\n", verb->name);
    for (size_t i = 0; options_row(i, &option); i++)
        if (option.id == 0 || verb->options & option.id)
            print_option(&option);
    completion_of(verb->arguments, &completion);
    if (verb->arguments_max > 0) {
        printf("                        '*");
        print_action(verb->arguments, &completion);
        printf("' \\\n");
    }
    printf("                        ;;\n");
}

void completion_print_zsh(void)
{
    OptionRow option;

    printf("#compdef nspawn-creds\n"
           "# zsh completion for nspawn-creds; made of its tables by: nspawn-creds completion zsh\n"
           "\n"
           "_nspawn_creds_list() {\n"
           "        local -a found\n"
           "        found=(${(f)\"$(nspawn-creds completion \"$@\" 2>/dev/null)\"})\n"
           "        compadd -a found\n"
           "}\n\n"
           "_nspawn_creds_ids() {\n"
           "        local -a named\n"
           "        named=(${words[2,CURRENT-1]:#-*})\n"
           "        (( $#named == 0 )) || _nspawn_creds_list ids $named[1]\n"
           "}\n\n"
           "_nspawn_creds_verbs() {\n"
           "        local -a verbs=(\n");
    for (size_t i = 0; i < verb_count; i++)
        if (!verbs[i]->hidden) {
            printf("                '%s:", verbs[i]->name);
            print_escaped(verbs[i]->summary);
            printf("'\n");
        }
    printf("        )\n"
           "        _describe verb verbs\n"
           "}\n\n"
           "_nspawn-creds() {\n"
           "        local curcontext=$curcontext context state state_descr line\n"
           "        typeset -A opt_args\n"
           "        _arguments -C \\\n");
    for (size_t i = 0; options_row(i, &option); i++)
        if (option.id == 0)
            print_option(&option);
    printf("                '1:verb:_nspawn_creds_verbs' \\\n"
           "                '*::argument:->arguments'\n"
           "        [[ $state == arguments ]] || return\n"
           "        case $line[1] in\n");
    for (size_t i = 0; i < verb_count; i++)
        if (!verbs[i]->hidden)
            print_verb(verbs[i]);
    printf("        esac\n}\n\n"
           "if [[ $funcstack[1] == _nspawn-creds ]]; then\n"
           "        _nspawn-creds \"$@\"\n"
           "else\n"
           "        compdef _nspawn-creds nspawn-creds\n"
           "fi\n");
}
