# SPDX-License-Identifier: LGPL-2.1-or-later
"""
What the programs here share: checks, the two programs that are compared, and the identity of the
hosts: one machine id, host key, TPM and signer of PCR policies for all of them, which the first to
come makes and leaves in /exchange.
"""

import hashlib
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time

EXCHANGE = "/exchange"
IDENTITY = f"{EXCHANGE}/identity"
DEVICE = "swtpm:path=/run/swtpm/tpm"
VERSIONS = {"bookworm": 252, "trixie": 257, "forky": 262}

checks = 0
failures = []


def suites(folder=EXCHANGE):
    with open(f"{folder}/suites") as file:
        return file.read().split()


def check(words, good, detail=""):
    global checks
    checks += 1
    if not good:
        failures.append(words)
        print(f"FAILED: {words}{': ' if detail else ''}{detail}", flush=True)
    return good


def run(arguments, data=b""):
    """Its exit status, standard output and standard error; a crash is a failed check."""
    done = subprocess.run(arguments, input=data, capture_output=True, timeout=60)
    if done.returncode < 0 or done.returncode >= 126:
        check(f"{' '.join(arguments)} ends by itself", False, str(done.returncode))
    return done


def must(*arguments):
    return subprocess.run(arguments, check=True, capture_output=True).stdout


def command_tpm(code, body):
    header = struct.Struct(">HII")  # tag (no sessions), size, command or response code
    with socket.socket(socket.AF_UNIX) as tpm:
        tpm.connect(DEVICE.rpartition("=")[2])
        tpm.sendall(header.pack(0x8001, header.size + len(body), code) + body)
        answer = tpm.recv(4096)
    assert header.unpack_from(answer)[1:] == (len(answer), 0), answer.hex()
    return answer[header.size:]


def handles_left():
    """Objects and sessions that programs have left in the TPM."""
    for first in (0x80000000, 0x02000000):
        answer = command_tpm(0x17A, struct.pack(">III", 1, first, 64))  # TPM2_GetCapability, of handles
        yield from struct.unpack_from(f">{(len(answer) - 9) // 4}I", answer, 9)


def flush_tpm():
    """What tpm2_flushcontext does, without the time that it takes to start it."""
    for handle in list(handles_left()):
        command_tpm(0x165, struct.pack(">I", handle))  # TPM2_FlushContext


class Tool:
    """One of the two programs, on this host. They take the same options, but for few."""

    def __init__(self, name, suite):
        self.name, self.suite, self.version = name, suite, VERSIONS[suite]
        self.ours = name == "ours"
        self.program = "nspawn-creds" if self.ours else "systemd-creds"
        self.has_users = self.ours or self.version >= 256
        # 252 leaves a session behind at every call, and objects where it fails.
        self.leaks = not self.ours and self.version < 255

    def __str__(self):
        return f"{self.name} on {self.suite}"

    def call(self, verb, options, data, tpm):
        device = [f"--tpm2-device={DEVICE}"] if tpm else []
        done = run([self.program, verb, *device, *options, "-", "-"], data)
        if self.leaks and tpm:
            flush_tpm()
        return done

    def null_key(self):
        return "tpm2-absent" if not self.ours and self.version < 256 else "null"


# --- the TPM ------------------------------------------------------------------


def set_tpm_state(directory):
    must("systemctl", "stop", "swtpm.service")
    shutil.rmtree("/var/lib/swtpm")
    if directory:
        shutil.copytree(directory, "/var/lib/swtpm")
    must("systemctl", "start", "swtpm.service")


def make_storage_root_key():
    """As systemd-tpm2-setup.service does at boot."""
    attributes = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt"
    must("tpm2_createprimary", "-Q", "-C", "o", "-g", "sha256", "-G", "ecc256:null:aes128cfb",
         "-a", attributes, "-c", "/run/srk")
    must("tpm2_evictcontrol", "-Q", "-C", "o", "-c", "/run/srk", "0x81000001")
    flush_tpm()


def digest_of(text):
    return hashlib.sha256(text.encode()).hexdigest()


def extend(pcr, bank, text):
    must("tpm2_pcrextend", f"{pcr}:{bank}={digest_of(text)[:40 if bank == 'sha1' else 64]}")


def measure():
    """What swtpm-firmware leaves out: PCR 11, which is signed for; and PCRs whose bank of SHA-256 is
    empty, which makes stock systemd-creds take SHA-1's."""
    extend(11, "sha256", "kernel")
    extend(3, "sha1", "firmware")
    extend(12, "sha1", "kernel")


def pcr_after(pcr, text):
    """The value of a PCR in SHA-256's bank once extend() has been called."""
    must("tpm2_pcrread", f"sha256:{pcr}", "-o", "/run/pcr")
    with open("/run/pcr", "rb") as file:
        return hashlib.sha256(file.read() + bytes.fromhex(digest_of(text))).hexdigest()


# --- signed policies ----------------------------------------------------------


def make_signer(directory):
    must("openssl", "genrsa", "-out", f"{directory}/private.pem", "2048")
    must("openssl", "rsa", "-in", f"{directory}/private.pem", "-pubout", "-out", f"{directory}/public.pem")


def sign(directory, bank, pcr):
    """An entry of the file of signatures, as systemd-measure(1) makes it: for PCR as it is now."""
    must("tpm2_createpolicy", "--policy-pcr", "-l", f"{bank}:{pcr}", "-L", "/run/policy")
    flush_tpm()
    key = f"{directory}/private.pem"
    fingerprint = hashlib.sha256(must("openssl", "rsa", "-in", key, "-RSAPublicKey_out", "-outform", "DER"))
    with open("/run/policy", "rb") as file:
        policy = file.read()
    must("openssl", "dgst", "-sha256", "-sign", key, "-out", "/run/signature", "/run/policy")
    signature = must("base64", "-w0", "/run/signature").decode()
    return {"pcrs": [pcr], "pkfp": fingerprint.hexdigest(), "pol": policy.hex(), "sig": signature}


def write_signatures(path, signatures):
    with open(f"{path}.new", "w") as file:
        json.dump(signatures, file)
    os.rename(f"{path}.new", path)


# --- one identity for all hosts -----------------------------------------------


def make_identity():
    make_storage_root_key()
    must("nspawn-creds", "setup")
    must("systemctl", "stop", "swtpm.service")
    os.mkdir(IDENTITY)
    shutil.copy("/etc/machine-id", IDENTITY)
    shutil.copy("/var/lib/systemd/credential.secret", IDENTITY)
    shutil.copytree("/var/lib/swtpm", f"{IDENTITY}/swtpm")
    make_signer(IDENTITY)


def set_tpm_of_identity():
    set_tpm_state(f"{IDENTITY}/swtpm")
    measure()


def take_identity(suite):
    """The first suite makes it, the others wait for that."""
    os.environ["TPM2TOOLS_TCTI"] = DEVICE
    ready = f"{IDENTITY}/signatures.json"
    first = suite == suites()[0] and not os.path.exists(ready)
    if first:
        make_identity()
    else:
        wait_for(ready)
    shutil.copy(f"{IDENTITY}/machine-id", "/etc/machine-id")
    shutil.copy(f"{IDENTITY}/credential.secret", "/var/lib/systemd/credential.secret")
    os.chmod("/var/lib/systemd/credential.secret", 0o400)
    set_tpm_of_identity()
    if first:
        signatures = {"sha256": [sign(IDENTITY, "sha256", 11)], "sha1": [sign(IDENTITY, "sha1", 12)]}
        write_signatures(ready, signatures)


def wait_for(path):
    for _ in range(3000):
        if os.path.exists(path):
            return
        time.sleep(0.2)
    sys.exit(f"{path} does not come")
