# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# For test cases that look at the TPM, or get in its way: the software TPM behind
# tpm-counter, which the broker and the service manager then use. After lib.bash.

counted=swtpm:path=/run/tpm-counter/tpm
counter_log=/run/tpm-counter/log
counter_faults=/run/tpm-counter/faults
export TPM2TOOLS_TCTI=$device

tpm_counter_start() { # OPTION...
        systemctl stop tpm-counter.service 2>/dev/null || :
        systemd-run --quiet --unit=tpm-counter -p RuntimeDirectory=tpm-counter -p Group=tss \
                /src/tests/host/tpm-counter --faults="$counter_faults" "$@" \
                "${device#*=}" "${counted#*=}" "$counter_log"
        wait_until 10 test -S "${counted#*=}" || fail 'tpm-counter does not start'
        /src/tests/host/broker-device "$counted"
        mkdir -p /run/systemd/system.conf.d
        printf '[Manager]\nManagerEnvironment=SYSTEMD_TPM2_DEVICE=%s\n' "$counted" \
                >/run/systemd/system.conf.d/tpm.conf
        systemctl daemon-reload
        systemctl try-restart "$broker.service"
}

# Of what happened since the last count_anew.
count_anew() { : >"$counter_log"; }
commands()   { wc -l <"$counter_log"; }
unsealings() { grep -c '^0x15e$' "$counter_log" || :; }

# What tpm-counter is to do with a command, see there.
tpm_fault() { # COMMAND TIMES VERB ARGUMENT...
        printf '%s\n' "$*" >"$counter_faults"
}
tpm_no_fault() { rm -f "$counter_faults"; }

# The storage root key, as systemd-tpm2-setup makes it.
make_srk() {
        local context=$scratch/srk
        tpm2_createprimary --quiet -C owner -G ecc256:aes128cfb -c "$context" \
                -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt'
        tpm2_flushcontext --transient-object
        tpm2_evictcontrol --quiet -C owner -c "$context" 0x81000001
        tpm2_flushcontext --transient-object
}
