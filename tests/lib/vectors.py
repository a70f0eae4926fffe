# SPDX-License-Identifier: LGPL-2.1-or-later
"""The credentials of tests/vectors/manifest.json, and the keys of the host that they are sealed for."""

import base64
import json
import os

from credential import HOST, SCOPED, key_of, open_sealed, parts_of, scope_bytes

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors")
# The unit tests' time (TEST_NOW), at which most vectors are opened; seconds.
NOW = 1795478400
# The user of the scoped credentials, "NAME:UID".
ALICE = "alice:1000"


def read(name):
    with open(os.path.join(FOLDER, name), "rb") as file:
        return file.read()


MANIFEST = json.loads(read("manifest.json"))
MACHINE_ID = bytes.fromhex(MANIFEST["machine_id"])
HOST_KEY_FILE = read("host-credential.secret")
HOST_KEY = HOST_KEY_FILE[16:]
SIGNATURES = read("tpm2-pcr-signature.json")


class Vector:
    """A credential with all that the manifest knows about it."""

    def __init__(self, entry):
        self.id, self.name = entry["id"], entry["name"]
        self.sealed = base64.b64decode(read(entry["file"]))
        self.parts = parts_of(self.sealed)
        self.tpm_key = bytes.fromhex(entry.get("tpm_key", ""))
        # the versions of systemd that open it, and what we answer
        self.opened_by = [version for version, result in entry.get("decrypt", {}).items() if result["ok"]]
        self.opened_by += entry.get("expected_to_decrypt_on", [])
        self.ours = entry.get("ours", "ok")
        self.secret = entry["plaintext_text"].encode() if "plaintext_text" in entry else read(entry["plaintext"])

    def key(self):
        return key_of(HOST_KEY if HOST in self.parts else b"", self.tpm_key,
                      scope_bytes(ALICE, MACHINE_ID) if SCOPED in self.parts else None)

    def fields(self):
        """All of them, in the clear."""
        return open_sealed(self.sealed, self.key())


VECTORS = {entry["id"]: Vector(entry) for part in ("vectors", "poc", "ours") for entry in MANIFEST[part]}


def derived():
    """The rows of derived.jsonl."""
    return [json.loads(line) for line in read("derived.jsonl").splitlines()]
