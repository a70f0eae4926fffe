# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Running tests, one or several at a time, and counting them. A test is a command:
# status 0 is passed, 77 skipped (its last line says why), anything else failed. Each
# has a log, which is kept if it failed; lines that begin with "RESULT: " are shown in
# any case. After common.bash.

# Seconds that a test may take.
test_limit=900

# The same for one of them, if it may take longer: what compiles all programs, on a new machine at the same time as
# others, and the unit tests, which are one test here. They have a limit each.
limit_of() { # NAME
        case $1 in
                */debian-package)          echo 1500 ;;
                dev | build/* | */set-up*) echo 3600 ;;
                *)                         echo "$test_limit" ;;
        esac
}

logs=''
declare -A count=([passed]=0 [failed]=0 [skipped]=0)
not_passed=()
declare -A recorded=() # the result of each test by name
declare -A pool_name=() pool_start=() pool_recorder=()

results_begin() {
        logs=$(mktemp -d "${TMPDIR:-/tmp}/nspawn-creds-tests.XXXXXX")
        trap 'results_interrupted 130' INT
        trap 'results_interrupted 143' TERM
}

results_interrupted() { # STATUS
        trap '' INT TERM
        say 'Interrupted; ending what runs'
        (( ${#pool_name[@]} == 0 )) || kill "${!pool_name[@]}" 2>/dev/null || :
        wait || :
        exit "$1"
}

# Prints the names of what did not pass, and the counts in the last line.
results_end() {
        (( ${#not_passed[@]} == 0 )) || printf '%s\n' "${not_passed[@]}"
        (( count[failed] > 0 )) || rm -rf -- "$logs"
        printf '%d passed, %d failed, %d skipped\n' "${count[passed]}" "${count[failed]}" "${count[skipped]}"
        (( count[failed] == 0 && count[passed] > 0 ))
}

log_of() { # NAME
        printf '%s/%s.log\n' "$logs" "${1//\//.}"
}

# Counts a test and prints its line.
record() { # RESULT NAME SECONDS [LOG]
        count[$1]=$(( count[$1] + 1 ))
        recorded[$2]=$1
        printf '%-7s  %-34s %6.1f s\n' "${1/failed/FAILED}" "$2" "$3"
        case $1 in
                failed)  not_passed+=("failed: $2, see $4") ;;
                skipped) not_passed+=("skipped: $2") ;;
        esac
}

# The same by exit status, with the end of the log where it did not pass.
record_status() { # STATUS NAME SECONDS
        local log
        log=$(log_of "$2")
        case $1 in
                0)  record passed "$2" "$3"
                    sed -n 's/^RESULT: /        /p' -- "$log" ;;
                77) record skipped "$2" "$3"
                    tail -n 1 -- "$log" | sed 's/^/        /' ;;
                *)  [[ $1 != 124 ]] || say "$2 took longer than $(limit_of "$2") s" >>"$log"
                    record failed "$2" "$3" "$log"
                    { grep -aE '^(FAILED|NOT FINISHED)' -- "$log" || :
                      tail -n 30 -- "$log"; } | sed 's/^/        /'
                    say "        the whole log: $log" ;;
        esac
}

seconds_since() { # EPOCHREALTIME
        awk -v begin="$1" -v now="$EPOCHREALTIME" 'BEGIN { printf "%.1f\n", now - begin }'
}

# Runs one test now, and returns its status.
run_now() { # NAME COMMAND...
        local name=$1 start=$EPOCHREALTIME rc=0
        shift
        timeout --kill-after=30 "$(limit_of "$name")" "$@" >"$(log_of "$name")" 2>&1 </dev/null || rc=$?
        record_status "$rc" "$name" "$(seconds_since "$start")"
        return "$rc"
}

# Starts one test as soon as fewer than $jobs run. $recorder STATUS NAME SECONDS counts it at its end.
run_in_pool() { # NAME COMMAND...
        local name=$1
        shift
        while (( ${#pool_name[@]} >= jobs )); do
                wait_for_one
        done
        timeout --kill-after=30 "$(limit_of "$name")" "$@" >"$(log_of "$name")" 2>&1 </dev/null &
        pool_name[$!]=$name
        pool_start[$!]=$EPOCHREALTIME
        pool_recorder[$!]=${recorder:-record_status}
}

wait_for_one() {
        local pid rc=0
        wait -n -p pid "${!pool_name[@]}" || rc=$?
        "${pool_recorder[$pid]}" "$rc" "${pool_name[$pid]}" "$(seconds_since "${pool_start[$pid]}")"
        unset "pool_name[$pid]" "pool_start[$pid]" "pool_recorder[$pid]"
}

drain_pool() {
        while (( ${#pool_name[@]} > 0 )); do
                wait_for_one
        done
}
