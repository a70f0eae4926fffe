# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# For the scripts of the single boots: the checks of tests/host/lib.bash, and what the
# boots share. The secrets and what one boot tells the next are in $kept, on the VM's disk.

# shellcheck source=tests/host/lib.bash
. ./lib.bash
# shellcheck source=tests/host/tpm.bash
. ./tpm.bash

kept=/var/lib/vm-test
export TPM2TOOLS_TCTI=device:/dev/tpmrm0
unit=systemd-nspawn@web.service

# One credential for each way of sealing with the TPM, in the container "web".
ids=(plain pcr7 both both7 stock pinned signed offline offline7 offline-pinned offline-signed)

# Emulation is slow: what takes a second elsewhere may take half a minute here.
patience=200

stored() { # ID
        printf '%s/web/%s.cred\n' "$store" "$1"
}

# Whether the service in the container has read everything.
has_read() {
        wait_until "$patience" test -d /var/lib/machines/web/var/lib/seen
}

check_seen() { # WORDS
        local id
        for id in "${ids[@]}"; do
                check_same_bytes "$1 the exact bytes of $id" "$kept/secret/$id" "$(seen web "$id")"
        done
        check_equal "$1 nothing else" "${#ids[@]}" "$(find "$(seen web '')" -type f | wc -l)"
}

is_pinned() { # ID
        grep -q '^  Kind: *[^ ]*-pinned ' < <(nspawn-creds inspect "$(stored "$1")")
}

check_stock_decrypts() {
        local id
        for id in "${ids[@]}"; do
                rm -f "$scratch/opened"
                if is_pinned "$id" && (( systemd_version < 262 )); then
                        check_fails "stock systemd-creds $systemd_version does not know the kind of $id" \
                                systemd-creds decrypt --name="web@$id" "$(stored "$id")" "$scratch/opened"
                        continue
                fi
                check "stock systemd-creds decrypts $id" \
                        systemd-creds decrypt --name="web@$id" "$(stored "$id")" "$scratch/opened"
                check_same_bytes "to the exact bytes" "$kept/secret/$id" "$scratch/opened"
        done
}

# Seals everything for the TPM that is there, through /dev/tpmrm0. The signer's key and what it
# signed are where systemd and the broker look for them.
seal_all() {
        local signer=/etc/systemd/tpm2-pcr-public-key.pem
        sign_pcr11 "$kept/signer" >/etc/systemd/tpm2-pcr-signature.json
        cp "$kept/signer/public.pem" "$signer"
        nspawn-creds host export >"$kept/identity.json"
        seal_here plain --with-key=tpm2
        seal_here pcr7 --with-key=tpm2 --tpm2-pcrs=7
        seal_here both --with-key=host+tpm2
        seal_here both7 --with-key=host+tpm2 --tpm2-pcrs=7
        seal_here pinned --with-key=tpm2 --for-systemd=262
        seal_here signed --with-key=host+tpm2-with-public-key
        systemd-creds encrypt --with-key=tpm2 --tpm2-pcrs=7 --name=web@stock \
                "$kept/secret/stock" "$scratch/stock"
        install -m 0640 -g nspawn-creds "$scratch/stock" "$(stored stock)"
        seal_offline offline --with-key=tpm2
        seal_offline offline7 --with-key=tpm2 --tpm2-pcrs=7
        seal_offline offline-pinned --with-key=tpm2 --form=pinned
        seal_offline offline-signed # the identity has the signer's key
        check_matches 'what the identity'"'"'s signer signs' 'with-public-key' "$(nspawn-creds inspect "$(stored offline-signed)")"
}

seal_here() { # ID OPTION...
        nspawn-creds set --no-ask "${@:2}" "web@$1" "$kept/secret/$1"
}

# As on an admin's machine: /dev/tpmrm0 does not exist for this command.
seal_offline() { # ID OPTION...
        systemd-run --quiet --pipe --wait -p PrivateDevices=yes -p DevicePolicy=closed \
                sh -c '! test -e /dev/tpmrm0 && exec nspawn-creds "$@"' sh \
                seal --host="$kept/identity.json" --name="web@$1" "${@:2}" - - \
                <"$kept/secret/$1" >"$scratch/$1"
        install -m 0640 -g nspawn-creds "$scratch/$1" "$(stored "$1")"
}

kind_by_auto() { # PROGRAM OPTION...
        "$1" encrypt --with-key=auto --name=web@auto "${@:2}" "$kept/secret/plain" "$scratch/auto" 2>/dev/null
        nspawn-creds inspect --json=short "$scratch/auto" | sed 's/.*"kind":"\([^"]*\)".*/\1/'
}

# Left to choose, we choose as systemd does: with this TPM and firmware, with and without a public
# key for PCR policies.
check_auto() {
        local key=/etc/systemd/tpm2-pcr-public-key.pem option words stock
        for words in without with; do
                rm -f "$key"
                [[ $words == without ]] || cp "$kept/signer/public.pem" "$key"
                for option in '' --uid=nobody; do
                        stock=$(kind_by_auto systemd-creds $option)
                        check_equal "auto, $words a public key ${option:-for the system}: as systemd, $stock" \
                                "$stock" "$(kind_by_auto nspawn-creds $option)"
                done
        done
}

# The container is refused each of the credentials, and the journal has the right words.
check_each_refused() { # OUTCOME WORDS ID...
        local outcome=$1 words=$2 id since
        shift 2
        for id; do
                ask_for web "$id"
                since=$(journal_now)
                container_refused web "$id" "$outcome"
                check "web@$id: in words: $words" journal_says "$since" "$broker.service" "web@$id.*($words)"
                journalctl --since="$since" -u "$broker" -o cat | grep -F "web@$id" | sed 's/^/        /'
        done
        ask_for web "${ids[@]}"
}

# The same where nothing was sealed for this TPM.
check_foreign() { # ID...
        local id
        for id; do
                if is_pinned "$id" && ! grep -qi 0x81000001 < <(tpm2_getcap handles-persistent); then
                        check_each_refused tpm-no-srk 'no storage root key at 0x81000001.*Was the TPM cleared' "$id"
                else
                        check_each_refused tpm-foreign 'another TPM|was cleared|another storage key' "$id"
                fi
        done
}

# The broker runs as it was installed.
check_broker_is_confined() {
        check_equal 'the broker has no drop-ins' '' "$(systemctl show -P DropInPaths "$broker.service")"
        # The clock comes from ProtectClock=.
        check_equal 'it may use the TPM, and no other device but to read the clock' \
                $'/dev/tpmrm0 rw\nchar-rtc r' \
                "$(systemctl show -P DeviceAllow "$broker.service" | LC_ALL=C sort)"
        check_equal 'device policy' closed "$(systemctl show -P DevicePolicy "$broker.service")"
        check_equal 'it runs as its own user' nspawn-creds \
                "$(stat -c %U "/proc/$(systemctl show -P MainPID "$broker.service")")"
}

status_says() { grep -q "$1" < <(nspawn-creds status); }
