# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The library, besides lib.bash, of cases that use the host's TPM directly: storage keys, PCRs,
# signatures of PCR policies, and the TPM behind tpm-counter, which counts commands and can disturb
# them.

export TPM2TOOLS_TCTI=$device

# The attributes of the primary that systemd creates for each call; a storage root key also has noda
# (docs/FORMAT.md, "TPM objects").
legacy_attributes='fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|decrypt'

# Without a resource manager, objects that a program leaves in the TPM stay there.
flush_tpm() {
        tpm2_flushcontext -l
        tpm2_flushcontext -t
}

# Writes its public area to $scratch/NAME.tpm2b_public, its name to $scratch/NAME.name.
make_primary() { # ALGORITHM ATTRIBUTES NAME
        tpm2_createprimary -Q -C o -g sha256 -G "$1:null:aes128cfb" -a "$2" -c "$scratch/context"
        tpm2_readpublic -Q -c "$scratch/context" -o "$scratch/$3.tpm2b_public" -f tss -n "$scratch/$3.name"
        flush_tpm
}

# Creates the storage root key, as systemd-tpm2-setup.service does at boot, but with ALGORITHM.
set_srk() { # ALGORITHM
        ! grep -qi 0x81000001 < <(tpm2_getcap handles-persistent) ||
                tpm2_evictcontrol -Q -C o -c 0x81000001
        make_primary "$1" "$legacy_attributes|noda" "srk-$1"
        tpm2_evictcontrol -Q -C o -c "$scratch/context" 0x81000001
        flush_tpm
}

# With the usual algorithm.
make_srk() { set_srk ecc; }

# Gives the host another TPM; the next call gives it the first one again.
swap_tpm() {
        systemctl stop swtpm.service
        mv /var/lib/swtpm "$scratch/swtpm-here"
        [[ ! -d $scratch/swtpm-there ]] || mv "$scratch/swtpm-there" /var/lib/swtpm
        mv "$scratch/swtpm-here" "$scratch/swtpm-there"
        systemctl start swtpm.service
}

digest_of() { # TEXT
        printf '%s' "$1" | sha256sum | cut -d ' ' -f 1
}

change_pcr7() { # TEXT
        tpm2_pcrextend "7:sha256=$(digest_of "$1")"
}

# The value that PCR 7 will have.
pcr7_after() { # TEXT
        tpm2_pcrread -Q sha256:7 -o "$scratch/pcr7"
        python3 -c 'import hashlib, sys
print(hashlib.sha256(open(sys.argv[1], "rb").read() + bytes.fromhex(sys.argv[2])).hexdigest())' \
                "$scratch/pcr7" "$(digest_of "$1")"
}

make_signer() { # DIRECTORY
        mkdir "$1"
        openssl genrsa -out "$1/private.pem" 2048 2>/dev/null
        openssl rsa -in "$1/private.pem" -pubout -out "$1/public.pem" 2>/dev/null
}

# Prints the signature that systemd-measure(1) would make for the present value of PCR 11.
sign_pcr11() { # DIRECTORY
        local fingerprint
        tpm2_createpolicy -Q --policy-pcr -l sha256:11 -L "$scratch/policy"
        flush_tpm
        fingerprint=$(openssl rsa -in "$1/private.pem" -RSAPublicKey_out -outform DER 2>/dev/null |
                sha256sum | cut -d ' ' -f 1)
        printf '{"sha256":[{"pcrs":[11],"pkfp":"%s","pol":"%s","sig":"%s"}]}' "$fingerprint" \
                "$(od -An -v -tx1 "$scratch/policy" | tr -d ' \n')" \
                "$(openssl dgst -sha256 -sign "$1/private.pem" "$scratch/policy" | base64 -w 0)"
}

# Prints IDENTITY with the legacy key KEY.tpm2b_public, whose name is KEY.name.
replace_legacy_key() { # IDENTITY KEY
        python3 - "$1" "$2" <<'PYTHON'
import base64, json, sys
identity, key = json.load(open(sys.argv[1])), sys.argv[2]
public, name = (open(f"{key}.{suffix}", "rb").read() for suffix in ("tpm2b_public", "name"))
del identity["legacyEcc"]
identity["legacyRsa"] = {"name": name.hex(), "public": base64.b64encode(public).decode()}
print(json.dumps(identity))
PYTHON
}

# --- the TPM behind tpm-counter ----------------------------------------------

counted=swtpm:path=/run/tpm-counter/tpm
counter_log=/run/tpm-counter/log
counter_faults=/run/tpm-counter/faults

tpm_counter_start() { # OPTION...
        systemctl stop tpm-counter.service 2>/dev/null || :
        rm -f "${counted#*=}"{,.ctrl} "$counter_log" "$counter_faults"
        systemd-run --quiet --unit=tpm-counter -p Group=tss -p RuntimeDirectory=tpm-counter \
                -p RuntimeDirectoryPreserve=yes \
                /src/tests/host/tpm-counter --faults="$counter_faults" "$@" \
                "${device#*=}" "${counted#*=}" "$counter_log"
        wait_until 60 test -S "${counted#*=}" || fail 'tpm-counter does not start'
        /src/tests/host/broker-device "$counted"
        mkdir -p /run/systemd/system.conf.d
        printf '[Manager]\nManagerEnvironment=SYSTEMD_TPM2_DEVICE=%s\n' "$counted" \
                >/run/systemd/system.conf.d/tpm.conf
        systemctl daemon-reload
        systemctl try-restart "$broker.service"
}

# These count commands since the last count_anew.
count_anew() { : >"$counter_log"; }
commands()   { wc -l <"$counter_log"; }
unsealings() { grep -c '^0x15e$' "$counter_log" || :; }

# Tells tpm-counter what to do with a command; its own text lists the verbs.
tpm_fault() { # COMMAND TIMES VERB ARGUMENT...
        printf '%s\n' "$*" >"$counter_faults"
}
tpm_no_fault() { rm -f "$counter_faults"; }
