# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# bash completion for nspawn-creds(1). A test compares it with the program's verbs and options.
#
# Machines and credentials come from the hidden verb "complete", which prints only names that no shell
# expands. Files are left to readline, which quotes them. "compgen -W" is not used: it expands words.

# Offers the words that begin with what was typed. Readline breaks words at "=" and "@", and expects
# only what follows the last break.
_nspawn_creds_offer() { # WORD...
        local word
        for word; do
                [[ $word != "$current"* ]] || COMPREPLY+=("${word#"$before"}")
        done
        [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace
}

_nspawn_creds_values() { # VALUE... - of the option that was typed
        _nspawn_creds_offer "${@/#/"${current%%=*}="}"
}

_nspawn_creds_names() { # machines|names|ids|hosts|secrets [MACHINE]
        local names prefix=''
        [[ $current != --*=* ]] || prefix=${current%%=*}=
        mapfile -t names < <(nspawn-creds complete "${places[@]}" -- "$@" 2>/dev/null)
        _nspawn_creds_offer "${names[@]/#/"$prefix"}"
}

_nspawn_creds_files() {
        compopt -o default
}

_nspawn_creds_options() { # VERB
        local options=''
        case $1 in
                set) options='--store --store= --with-key= --for-systemd= --tpm2-device= --tpm2-pcrs=
                        --tpm2-public-key= --tpm2-public-key-pcrs= --fresh-key --share-key= --timestamp=
                        --not-after= --newline= --json= --no-ask --generate= --forget' ;;
                list) options='--tpm2-device= --tpm2-signature= --json= --expiry --check --no-legend --full -l' ;;
                show) options='--store --store= --tpm2-device= --tpm2-signature= --json= --history' ;;
                import) options='--from= --identity= --newline= --replace --no-ask --store --store= --with-key=
                        --tpm2-device= --tpm2-signature= --forget --json=' ;;
                exec) options='--store --store= --tpm2-device= --tpm2-signature=' ;;
                reveal|cat) options='--store --store= --tpm2-device= --tpm2-signature= --timestamp= --newline=
                        --no-ask' ;;
                edit) options='--store --store= --for-systemd= --tpm2-device= --tpm2-signature= --not-after=
                        --newline= --json= --no-ask --forget' ;;
                rotate) options='--with-key= --for-systemd= --tpm2-device= --tpm2-pcrs= --tpm2-public-key=
                        --tpm2-public-key-pcrs= --tpm2-signature= --fresh-key --share-key= --not-after=
                        --newline= --json= --generate= --back --back= --forget' ;;
                copy|rename) options='--store --store= --for-systemd= --tpm2-device= --tpm2-signature=
                        --json= --no-ask' ;;
                remove) options='--json= --no-ask' ;;
                reseal) options='--name= --dry-run --all --store --store= --with-key= --for-systemd= --uid=
                        --tpm2-device= --tpm2-pcrs= --tpm2-public-key= --tpm2-public-key-pcrs=
                        --tpm2-signature= --fresh-key --timestamp= --not-after= --format= --allow-null
                        --json= --host= --form= --forget' ;;
                enable) options='--json= --no-ask --delivery= --live --service= --on-change=' ;;
                disable) options='--json= --no-ask' ;;
                check) options='--json= --full -l' ;;
                inspect|has-tpm2) options='--json=' ;;
                setup) options='--json= --no-ask --rollback-protection --no-rollback-protection --accept-rollback' ;;
                status) options='--json= --metrics --metrics-file=' ;;
                log) options='--json= --lines= -n --since= -S --follow -f' ;;
                why) options='--tpm2-device= --json=' ;;
                doctor) options='--tpm2-device= --json= --fix --after-update --no-ask' ;;
                encrypt) options='--name= --with-key= --for-systemd= --uid= --tpm2-device=
                        --tpm2-pcrs= --tpm2-public-key= --tpm2-public-key-pcrs= --fresh-key --share-key=
                        --timestamp= --not-after= --format= --pretty -p --json=' ;;
                decrypt) options='--name= --uid= --tpm2-device= --tpm2-pcrs= --tpm2-signature= --timestamp=
                        --newline= --allow-null' ;;
                seal) options='--name= --with-key= --tpm2-pcrs= --tpm2-public-key= --tpm2-public-key-pcrs=
                        --timestamp= --not-after= --format= --json= --host= --proved --form=' ;;
                backup) options='--store --store= --json=' ;;
                restore) options='--dry-run --replace --store --store= --tpm2-device= --tpm2-signature= --json=' ;;
                fleet) options='--identity= --newline= --json= --no-ask --generate= --repository= --as= --to= --recipients= --signers=
                        --threshold= --confirm= --key= --renew --wave= --wait --wait= --tolerate= --not-after= --fleet= --extract= --proved --tpm2-pcrs=
                        --ek-ca= --ek-certificate= --ek= --ek-list=' ;;
                host) options='--tpm2-device= --tpm2-pcrs= --tpm2-public-key= --not-after= --json= --prove --ek-ca= --ek-certificate= --ek= --ek-list= --wait --wait=' ;;
        esac
        [[ $options != *--with-key=* ]] || options+=' -H -T'
        # shellcheck disable=SC2086 # words
        _nspawn_creds_offer $options --no-pager --help -h --version
}

_nspawn_creds() {
        local line=${COMP_LINE:0:COMP_POINT} words=() arguments=() places=() current before word verb
        read -ra words <<<"$line"
        [[ $line != *[[:space:]] ]] || words+=('')
        current=${words[-1]}
        before=${current%"${current##*["$COMP_WORDBREAKS"]}"}
        COMPREPLY=()
        for word in "${words[@]:1:${#words[@]}-2}"; do
                case $word in
                        --store=*|--repository=*) places+=("$word") ;;
                        -*) ;;
                        *) arguments+=("$word") ;;
                esac
        done
        case ${arguments[0]-} in
                ls) verb=list ;;
                rm) verb=remove ;;
                mv) verb=rename ;;
                cp) verb=copy ;;
                *)  verb=${arguments[0]-} ;;
        esac

        case $current in
                --name=*)           _nspawn_creds_names names; return ;;
                --store=*|--tpm2-device=*|--tpm2-public-key=*|--tpm2-signature=*|--share-key=*|--host=*|--identity=*|--metrics-file=*|--repository=*|--recipients=*|--signers=*|--key=*|--extract=*|--ek-ca=*|--ek-certificate=*|--ek-list=*)
                                    _nspawn_creds_files; return ;;
                --with-key=*)       _nspawn_creds_values auto host tpm2 host+tpm2 tpm2-with-public-key \
                                            host+tpm2-with-public-key null; return ;;
                --for-systemd=*)    _nspawn_creds_values 252 257 262; return ;;
                --uid=*)            _nspawn_creds_values self; return ;;
                --timestamp=*|--not-after=*)
                                    _nspawn_creds_values today tomorrow infinity; return ;;
                --since=*)          _nspawn_creds_values today yesterday; return ;;
                --format=*)         _nspawn_creds_values base64 raw; return ;;
                --from=*)           _nspawn_creds_values dotenv json yaml sops age systemd-creds; return ;;
                --newline=*)        _nspawn_creds_values auto yes no; return ;;
                --json=*)           _nspawn_creds_values short pretty off; return ;;
                --form=*)           _nspawn_creds_values auto legacy pinned; return ;;
                --back=*)           _nspawn_creds_values 1 2 3; return ;;
                --lines=*)          _nspawn_creds_values all; return ;;
                --to=*)             _nspawn_creds_names hosts; return ;;
                --threshold=*)      _nspawn_creds_values 1 2 3; return ;;
                --wave=*)           _nspawn_creds_values 1% 10% 50%; return ;;
                --tolerate=*)       _nspawn_creds_values 0% 5% 10%; return ;;
                --wait=*)           _nspawn_creds_values 10min 1h; return ;;
                --generate=*)       _nspawn_creds_values password hex base64 uuid ssh-ed25519 x25519; return ;;
                --delivery=*)       _nspawn_creds_values boot live native; return ;;
                --on-change=*)      _nspawn_creds_values restart reload none; return ;;
                --*=*)              return ;;
                -*)                 _nspawn_creds_options "$verb"; return ;;
        esac
        case $verb:${#arguments[@]} in
                :0|help:1) _nspawn_creds_offer set list show reveal cat edit rotate copy rename remove \
                        import exec reseal enable disable check status log why doctor has-tpm2 help setup encrypt \
                        decrypt inspect seal host backup restore fleet ;;
                set:1|show:1|reveal:1|edit:1|rotate:1|copy:[12]|rename:[12]|remove:*|cat:*)
                        _nspawn_creds_names names ;;
                exec:*) # after "--" its command, whose files readline completes
                        case " ${words[*]:0:${#words[@]}-1} " in
                                *' -- '*) _nspawn_creds_files ;;
                                *) _nspawn_creds_names names ;;
                        esac ;;
                backup:1|restore:1) _nspawn_creds_files ;;
                list:*|import:1|backup:*|restore:*|enable:1|disable:1|log:1|why:1|doctor:1) _nspawn_creds_names machines ;;
                enable:*) _nspawn_creds_names ids "${arguments[1]}" ;;
                reseal:*|check:*) _nspawn_creds_names machines; _nspawn_creds_files ;;
                set:2|import:2|reveal:2|rotate:2|encrypt:[12]|decrypt:[12]|seal:[12]|inspect:*)
                        _nspawn_creds_files ;;
                host:1) _nspawn_creds_offer export challenge answer verify enrol ;;
                host:*) _nspawn_creds_files ;;
                fleet:1) _nspawn_creds_offer init add enrol edit generate rekey revoke seal sign check diff push status show verify reset ;;
                fleet:*) case ${arguments[1]}:${arguments[2]-}:${#arguments[@]} in
                                add::2)         _nspawn_creds_offer host secret ;;
                                revoke::2)      _nspawn_creds_offer host secret signer ;;
                                verify::2)      _nspawn_creds_files ;;
                                edit::2|generate:*|add:secret:3|revoke:secret:3)
                                                _nspawn_creds_names secrets ;;
                                add:host:3|revoke:host:3)
                                                _nspawn_creds_names hosts ;;
                                add:*:4)        _nspawn_creds_files ;;
                        esac ;;
        esac
}

complete -F _nspawn_creds nspawn-creds
