# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The fleet, step by step: an administrator's repository on this machine, and three hosts with a TPM each, of
# systemd 252, 257 and 262, of which one gets its files from an etcd, one from an nginx and one from a directory.
# Everything is real: age, git, ssh-keygen, etcd, nginx, the courier, the broker and containers. The carriers then
# forge, swap and roll back. Part of tests/demo.

# shellcheck source=tests/lib/demo-carriers.bash
. "$top/tests/lib/demo-carriers.bash"
admin=$(mktemp -d)
trap 'carriers_stop; rm -rf -- "$admin"' EXIT
# The carrier of each host.
carrier_of=(etcd https dir)
own_suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
programs=$(build_of "$own_suite")/installed/usr/bin

# Runs a command of the administrator's in the repository, and shows it.
admin() { # COMMAND
        printf '   $ %s\n' "$1"
        on_network env -C "$admin/fleet" HOME="$admin" PATH="$programs:$PATH" bash -o pipefail -c "$1" 2>&1 | sed 's/^/   /'
}
# The administrator reads a list of changes, and confirms it by the digest below it.
admin_confirms() { # COMMAND
        local output
        output=$(admin "$1" || :)
        printf '%s\n' "$output"
        admin "$1 $(grep -oE -- '--confirm=[0-9a-f]+' <<<"$output")"
}

# Puts what was signed on the etcd, and in the directory that nginx serves.
push() {
        local configuration=$admin/.config/nspawn-creds/fleet/prod.json kind
        for kind in etcd dir; do
                printf '   the carrier in %s: %s\n' "~${configuration#"$admin"}" "$(admin_carrier_settings "$kind")"
                jq --argjson carrier "$(admin_carrier_settings "$kind")" '.carrier = $carrier' "$configuration" >"$admin/changed"
                cp "$admin/changed" "$configuration"
                admin 'nspawn-creds fleet push'
        done
}

on_each() { # COMMAND, with HOST for the host's name
        local i
        for i in "${!all_suites[@]}"; do
                host_use "$i"
                in_host /bin/bash -o pipefail -c "${1//HOST/${all_suites[i]}}" || return
        done
}

# What the courier of each host, or the broker, has said, once there are WORDS in it.
hosts_say() { # WORDS
        on_each "for i in {1..600}; do
                        journalctl -q -o cat -u nspawn-creds-broker -u nspawn-creds-courier@prod | grep -F '$1' | tail -n 1 | sed 's/^/   HOST: /' | grep . && exit
                        sleep 0.1
                done
                echo 'HOST: nobody has said: $1' >&2
                exit 1"
}

# Starts web on each host anew; a service in it says what it has.
read_secret() { # VALUE
        local i
        for i in "${!all_suites[@]}"; do
                host_use "$i"
                in_host systemctl restart systemd-nspawn@web
                show_what_web_read "The password is: $1" | sed "s/^ */   ${all_suites[i]}: /"
        done
}

# The service that runs in web on each host says what it has; the container was not restarted.
service_has() { # VALUE
        local i
        for i in "${!all_suites[@]}"; do
                host_use "$i"
                show_what_web_read "The password is: $1" | sed "s/^ */   ${all_suites[i]}: /"
                [[ $(in_host machinectl show -p Leader --value web) == "${leaders[i]}" ]] || die 'the container was restarted'
        done
}
find_leaders() {
        local i
        for i in "${!all_suites[@]}"; do
                host_use "$i"
                leaders[i]=$(in_host machinectl show -p Leader --value web)
        done
}
leaders=()

title 'Setting up: packages, three Debian systems with containers, the programs'
install_packages "${program_packages[@]}" "${check_packages[@]}" "${courier_packages[@]}" curl iproute2
"$top/tests/setup" "${all_suites[@]}"

title 'The carriers: an etcd, an nginx and the directory that it serves, on a network of their own'
carriers_start
etcd --version | sed -n '1s/^/   /p'
nginx -v 2>&1 | sed 's/^/   /'

title 'Three throw-away hosts on that network, each with its own systemd and TPM'
for suite in "${all_suites[@]}"; do
        host_start "$suite" web --bind "$carrier_files:/srv/creds"
        in_host /src/tests/host/install 2>/dev/null
        connect_host $(( 10 + ${#host_pids[@]} ))
        write_service LoadCredential=db-password:/run/host/nspawn-creds/socket >/dev/null
        in_host systemctl --version | sed -n "1s/^/   $suite: /p"
        host_next
done
trap 'host_stop; carriers_stop; rm -rf -- "$admin"' EXIT

title 'The repository: its signer, those who can open master copies, the hosts, and a secret'
mkdir "$admin/fleet"
git -C "$admin/fleet" init --quiet
git -C "$admin/fleet" config user.name Alice
git -C "$admin/fleet" config user.email alice@example.org
ssh-keygen -q -t ed25519 -N '' -C alice -f "$admin/alice"
printf 'alice %s\n' "$(<"$admin/alice.pub")" >"$admin/signers"
for who in alice bob; do
        age-keygen -o "$admin/$who.age" 2>/dev/null
        age-keygen -y "$admin/$who.age"
done >"$admin/recipients"
admin "nspawn-creds fleet init prod --recipients=../recipients --signers=$admin/signers --identity=$admin/alice.age"
for i in "${!all_suites[@]}"; do
        host_use "$i"
        in_host nspawn-creds host export >"$admin/identity"
        admin "nspawn-creds fleet add host ${all_suites[i]} ../identity"
done
admin "printf 'the first value' | nspawn-creds fleet add secret db-password --as=web@db-password --to='*'"

title 'Sealed for three TPMs, signed once, and put on the carrier'
admin_confirms 'nspawn-creds fleet seal'
admin "nspawn-creds fleet sign --key=../alice --not-after=+30d"
admin 'git add . && git commit --quiet -m "the first value" && nspawn-creds fleet check'
push
cp -a "$carrier_files" "$admin/old"

title 'What root decides on each host: who may sign, and what comes from the fleet'
for i in "${!all_suites[@]}"; do
        host_use "$i"
        in_host tee /etc/nspawn-creds/fleet/prod.signers <"$admin/signers" >/dev/null
        in_host tee /etc/nspawn-creds/fleet/prod.json \
                <<<"{\"host\":\"${all_suites[i]}\",\"carrier\":$(carrier_settings "${carrier_of[i]}")}" | sed 's/^/   /'
        in_host tee /etc/nspawn-creds/web.json >/dev/null \
                <<<'{"credentials":{"db-password":{"fleet":"prod","delivery":"live","services":["app.service"],"onChange":"restart"}}}'
        in_host systemctl daemon-reload
done

title 'The courier of each host brings its set, the broker judges it, and containers start with it'
printf '   # systemctl start nspawn-creds-courier@prod nspawn-creds-apply.path\n'
on_each 'systemctl start nspawn-creds-courier@prod nspawn-creds-apply.path'
hosts_say 'fleet prod: sequence 1 was accepted'
read_secret 'the first value'

title 'Another value for all three, which arrives in the service while the container runs'
find_leaders
admin "printf 'the second value' | nspawn-creds fleet add secret db-password --no-ask"
admin_confirms 'nspawn-creds fleet seal'
admin "nspawn-creds fleet sign --key=../alice --not-after=+30d"
push
hosts_say 'fleet prod: sequence 2 was accepted'
service_has 'the second value'

cp -a "$carrier_files" "$admin/new"

title 'A carrier that forges: another statement, signed by somebody else'
ssh-keygen -q -t ed25519 -N '' -f "$admin/mallory"
cp -a "$admin/new" "$admin/forged"
for bundle in "$admin"/forged/v1/prod/hosts/*/bundle; do
        jq -r .statement "$bundle" | base64 -d | sed 's/^sequence 2$/sequence 3/' >"$admin/statement"
        ssh-keygen -Y sign -q -n fleet@nspawn-creds -f "$admin/mallory" - <"$admin/statement" >"$admin/signature"
        jq --rawfile signature "$admin/signature" --arg statement "$(base64 -w 0 "$admin/statement")" \
                '.signatures = [$signature] | .statement = $statement' "$bundle" >"$admin/forgery"
        cp "$admin/forgery" "$bundle"
done
carriers_put "$admin/forged"
hosts_say '0 of 1 required signers'

title 'A carrier that rolls back: to what was signed first'
carriers_put "$admin/old"
hosts_say 'it has sequence 1'

title 'A carrier that swaps: each host gets the bundle of another'
cp -a "$admin/new" "$admin/swapped"
for i in "${!all_suites[@]}"; do
        cp "$admin/new/v1/prod/hosts/${all_suites[(i + 1) % 3]}/bundle" "$admin/swapped/v1/prod/hosts/${all_suites[i]}/bundle"
done
carriers_put "$admin/swapped"
hosts_say 'the manifest is for another host'

title 'Nothing has changed'
carriers_put "$admin/new"
read_secret 'the second value'
on_each 'nspawn-creds fleet show prod | sed "s/^/   HOST: /"'
