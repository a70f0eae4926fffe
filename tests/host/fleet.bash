# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# For cases that have a fleet with one host: what its administrators do, and how its reports are checked. The host's
# identity is $scratch/set/identity, and the signers' keys, made by ssh-sign, are $scratch/NAME. After lib.bash.

sign() { # DIRECTORY WHO...
        local folder=$1 who
        shift
        rm -f "$folder"/statement.sig*
        for who; do
                /src/tests/host/ssh-sign sign "$scratch/$who" <"$folder/statement" >"$folder/statement.sig.$who"
        done
}
# Makes the set DIRECTORY of SEQUENCE, signed by two of three, as DIRECTORY/bundle. The words are sed's, for the statement.
publish() { # DIRECTORY SEQUENCE [SED]
        rm -f "$1"/statement*
        /src/tests/host/fleet-bundle prod "$2" "$1" >/dev/null
        sed -i "${3:-}" "$1/statement"
        sign "$1" alice bob
        bundle "$1" "$2"
}
bundle() { # DIRECTORY SEQUENCE
        /src/tests/host/fleet-bundle prod "$2" "$1" >"$1/bundle"
}
seal_for() { # DIRECTORY ID VALUE [NAME]
        mkdir -p "$1/web"
        printf '%s' "$3" | nspawn-creds seal --host="$1/identity" --name="${4:-web@$2}" - "$1/web/$2.cred"
}

# Whether the host's report key signed the file, for the statement of DIRECTORY. Prints the outcome.
reported() { # FILE DIRECTORY
        # shellcheck disable=SC2317 # wait_until calls it
        python3 - "$1" "$2" "$scratch" <<'EOT'
import base64, hashlib, json, pathlib, subprocess, sys
file, folder, scratch = map(pathlib.Path, sys.argv[1:])
outer = json.loads(file.read_text())
key = base64.b64decode(json.loads((scratch / "set/identity").read_text())["report"])
(scratch / "report.der").write_bytes(bytes.fromhex("302a300506032b6570032100") + key)
(scratch / "report.text").write_text("nspawn-creds-report\n" + outer["report"])
(scratch / "report.sig").write_bytes(base64.b64decode(outer["signature"]))
subprocess.run(["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER",
                "-inkey", scratch / "report.der", "-sigfile", scratch / "report.sig",
                "-in", scratch / "report.text"], check=True, stdout=subprocess.DEVNULL)
report = json.loads(outer["report"])
digest = hashlib.sha256((folder / "statement").read_bytes()).hexdigest()
print(report["fleet"], report["host"], report["outcome"], report["statement"] == digest, report.get("credential", ""))
EOT
}
