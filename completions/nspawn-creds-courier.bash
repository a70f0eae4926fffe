# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# bash completion for nspawn-creds-courier(8). A test compares it with the program's commands and options.

_nspawn_creds_courier() {
        local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} word
        local words=(run put reports enrol)

        # readline breaks words at "="
        [[ $current != = ]] || { previous=${COMP_WORDS[COMP_CWORD-1]} current=''; }
        [[ $previous != = ]] || previous=${COMP_WORDS[COMP_CWORD-2]}
        case $previous in
                --carrier|--failure|--socket|put) compopt -o default; return ;;
                --timeout|--user|reports|enrol) return ;;
                run) words=()
                     for word in /etc/nspawn-creds/fleet/*.json; do
                             word=${word##*/} word=${word%.json}
                             [[ ! $word =~ ^[a-z0-9-]+$ ]] || words+=("$word")
                     done ;;
        esac
        [[ $current != -* ]] || words=(--help --version --once --socket= --timeout= --carrier= --user= --failure= -h)
        for word in "${words[@]}"; do
                [[ $word != "$current"* ]] || COMPREPLY+=("$word")
        done
        [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace
}

complete -F _nspawn_creds_courier nspawn-creds-courier
