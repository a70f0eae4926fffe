# SPDX-License-Identifier: LGPL-2.1-or-later
"""
The host on which tests/vectors were sealed, and the two programs that open them there.

Use it only in a throw-away host (tests/host), whose machine id, host key and users it replaces.
"""

import hashlib
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time

from vectors import ALICE, FOLDER, HOST_KEY_FILE, MANIFEST, NOW

HOST_KEY = "/var/lib/systemd/credential.secret"


class Tpm:
    """A software TPM: that of the vectors, another, or another without a storage root key ("bare")."""

    def __init__(self, which="vectors"):
        self.directory = tempfile.mkdtemp(prefix="vector-tpm-")
        self.path = f"{self.directory}/socket"
        self.tcti = f"swtpm:path={self.path}"
        if which == "vectors":
            subprocess.run(["tar", "-xzf", f"{FOLDER}/swtpm-state.tar.gz", "-C", self.directory,
                            "--strip-components=1"], check=True)
        self._start()
        if which == "other":
            self._make_storage_root_key()

    def _start(self):
        self._process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.directory}",
             "--server", f"type=unixio,path={self.path}", "--ctrl", f"type=unixio,path={self.path}.ctrl",
             "--flags", "not-need-init,startup-clear"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(500):
            if os.path.exists(f"{self.path}.ctrl"):
                break
            time.sleep(0.01)
        for extend in MANIFEST["swtpm"]["pcr_extends"]:
            self.extend(extend["pcr"], extend["extend_sha256_of"])

    def _stop(self):
        # In order, or the TPM takes it for an attack; then its state is written.
        self._tool("tpm2_shutdown", "--clear")
        # swtpm 0.10 may spin for ever where it is asked to terminate.
        self._process.kill()
        self._process.wait()
        for path in (self.path, f"{self.path}.ctrl"):
            if os.path.exists(path):
                os.unlink(path)

    def restart(self):
        """Off and on: PCRs are what they are for the vectors."""
        self._stop()
        self._start()

    def remove(self):
        self._stop()
        shutil.rmtree(self.directory)

    def _tool(self, *arguments):
        subprocess.run([*arguments, f"--tcti={self.tcti}"], check=True, stdout=subprocess.DEVNULL)

    def extend(self, pcr, text):
        """In both banks, with the digests of TEXT."""
        banks = ",".join(f"{name}={hashlib.new(name, text.encode()).hexdigest()}" for name in ("sha1", "sha256"))
        self._tool("tpm2_pcrextend", f"{pcr}:{banks}")

    def _make_storage_root_key(self):
        """As systemd-tpm2-setup.service does at boot."""
        context = f"{self.directory}/srk"
        self._tool("tpm2_createprimary", "-Q", "-C", "o", "-g", "sha256", "-G", "ecc256:null:aes128cfb", "-a",
                   "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt", "-c", context)
        self._tool("tpm2_evictcontrol", "-Q", "-C", "o", "-c", context, "0x81000001")
        self.flush()

    def _command(self, code, parameters):
        """The answer's parameters; TPM commands without sessions, straight to the socket."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.path)
            connection.sendall(struct.pack(">HII", 0x8001, 10 + len(parameters), code) + parameters)
            answer = connection.recv(4096)
        if int.from_bytes(answer[6:10], "big") != 0:
            raise OSError(f"TPM command {code:#x} fails: {answer.hex()}")
        return answer[10:]

    def flush(self):
        """Takes away loaded sessions and transient objects."""
        get_capability, flush_context, handles = 0x17a, 0x165, 1
        for kind in (0x02000000, 0x80000000):
            answer = self._command(get_capability, struct.pack(">III", handles, kind, 64))
            for at in range(9, len(answer), 4):
                self._command(flush_context, answer[at:at + 4])


class Host:
    """This host, made to be the vectors'."""

    def __init__(self):
        with open("/etc/machine-id", "w") as file:
            file.write(MANIFEST["machine_id"] + "\n")
        with open("/etc/passwd") as file:
            self._users = file.read()
        self.set_host_key(HOST_KEY_FILE)
        self.set_users(ALICE)
        self._tpms = {}
        done = subprocess.run(["systemctl", "--version"], check=True, capture_output=True)
        self.version = int(done.stdout.split()[1])

    def tpm(self, which="vectors"):
        if which not in self._tpms:
            self._tpms[which] = Tpm(which)
        return self._tpms[which]

    def remove(self):
        for tpm in self._tpms.values():
            tpm.remove()
        with open("/etc/passwd", "w") as file:
            file.write(self._users)

    def set_host_key(self, content):
        """The file's bytes, or None for no file."""
        if os.path.lexists(HOST_KEY):
            os.unlink(HOST_KEY)
        if content is not None:
            with open(os.open(HOST_KEY, os.O_WRONLY | os.O_CREAT, 0o400), "wb") as file:
                file.write(content)

    def set_users(self, *users):
        """All that have a uid from 1000 on, as "NAME:UID"."""
        with open("/etc/passwd", "w") as file:
            file.write(self._users)
            for name, uid in (user.split(":") for user in users):
                file.write(f"{name}:x:{uid}:{uid}::/:/bin/sh\n")


class Program:
    """nspawn-creds or systemd-creds: they take the same options, but for one."""

    def __init__(self, path, host):
        self.path, self.host = path, host
        self.is_ours = path.endswith("nspawn-creds")
        # It leaves a session behind at every call, and objects where it fails.
        self._leaks = not self.is_ours and host.version < 255

    def __str__(self):
        return f"{os.path.basename(self.path)} (systemd {self.host.version})"

    def decrypt(self, file, name="", now=NOW, user=None, tpm=None, signatures=None, allow_null=True):
        """Its status, the secret and its words. NOW in seconds, TPM if one may take part, SIGNATURES a path."""
        options = [f"--timestamp=@{now}", "--newline=no", f"--name={name}"]
        if user:
            options.append(f"--uid={user.partition(':')[0]}")
        if tpm:
            options.append(f"--tpm2-device={tpm.tcti}")
        if signatures:
            options.append(f"--tpm2-signature={signatures}")
        if allow_null and self.is_ours:
            options.append("--allow-null")
        done = subprocess.run([self.path, "decrypt", *options, "-", "-"], input=file, capture_output=True, timeout=60)
        if tpm and self._leaks:
            tpm.flush()
        return done.returncode, done.stdout, done.stderr.decode(errors="replace")
