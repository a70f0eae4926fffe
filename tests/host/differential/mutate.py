# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Credentials that are not as they should be, made from those of tests/vectors.

Most mutations are of a field and are sealed anew with the right key, so that what reads them gets
behind the tag; the rest are of bytes, of the base64, or of what the credential is asked for.
"""

import base64
import random
from dataclasses import dataclass

from credential import (BODY_NAMES, HEADER_NAMES, HOST, KINDS, PINNED, PUBLIC_KEY, SCOPED, TPM, encode, key_of,
                        scope_bytes, seal)
from vectors import ALICE, HOST_KEY, MACHINE_ID, NOW, SIGNATURES, VECTORS

SIZES = {"iv": "iv_size", "blob": "blob_size", "policy": "policy_size", "pk": "pk_size", "srk": "srk_size",
         "name": "name_size"}
NUMBERS = ("key_size", "block_size", "iv_size", "tag_size", "pcr_mask", "pcr_bank", "primary_alg", "blob_size",
           "policy_size", "pk_mask", "pk_size", "srk_size", "scope_flags", "timestamp", "not_after", "name_size")
INTERESTING = (0, 1, 2, 4, 7, 8, 11, 12, 13, 15, 16, 17, 23, 24, 31, 32, 33, 64, 128, 255, 256, 1 << 14, 1 << 16,
               1 << 23, 1 << 24, 1 << 31, 1 << 32, 1 << 63, -1)
BANKS = (0x0004, 0x000b, 0x000c, 0x000d, 0x0012, 0x0027, 0xffff)
ALGORITHMS = (0x0001, 0x0023, 0x0025, 0x0008)
NAMES = (b"", b"x", b"cred", b"web@password", b"a/b", b"..", b".", b"a:b", b"a b", b"cred\0", b"\0", b"\n", b"\x7f",
         b"\xff", "é".encode(), b"a" * 255, b"a" * 256, b"a" * 1000)
TIMES = (0, 1, NOW * 1000000 - 1, NOW * 1000000, NOW * 1000000 + 1, 1 << 63, (1 << 64) - 2, (1 << 64) - 1)
# What a signature's file may be like, in text that it has.
SIGNATURE_TEXTS = ('"pcrs"', "[11]", "[11, 11]", "[12]", "[]", "[24]", "[11.0]", "[-1]", '"pkfp"', '"pol"', '"sig"',
                   "sha256", "sha1", "null", "7", "{}", "[]", "x", "", " ", "\n", "==", "A", "0", "\\u0041", '\\"')

# The secrets of the vectors are small; those of 4096 bytes show nothing more here.
SEEDS = [vector for vector in VECTORS.values() if len(vector.sealed) < 2000]


@dataclass
class Case:
    """What both programs get to open."""

    file: bytes
    sealed: bytes  # what the file is in binary, if the base64 was not touched
    key: bytes  # that it may be sealed with
    what: list  # was done to it, in words
    name: str
    user: str = None
    now: int = NOW
    signatures: bytes = SIGNATURES

    @property
    def parts(self):
        return KINDS.get(self.sealed[:16], (None, frozenset()))[1]


def change_bytes(rng, data):
    """DATA with something done to it that does not know what is in it."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(data) + 1)
        how = rng.randrange(6)
        if how == 0 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif how == 1 and data:
            data[at % len(data)] = rng.choice((0, 1, 0x7f, 0x80, 0xff, rng.randrange(256)))
        elif how == 2:
            data[at:at] = rng.randbytes(rng.choice((1, 2, 4, 8, 16)))
        elif how == 3:
            del data[at:at + rng.choice((1, 2, 4, 8, 16))]
        elif how == 4:
            del data[at:]
        else:
            data[at:at] = data[at:at + rng.choice((1, 4, 8, 64))]
    return bytes(data)


def pad(fields):
    """Padding to where the fields are now."""
    at = 0
    for name in HEADER_NAMES:
        if name in fields:
            if name.endswith("_padding"):
                fields[name] = bytes(-at % 8)
            at += len(fields[name])
    fields["metadata_padding"] = bytes(-(20 + len(fields["name"])) % 8)


# --- one thing done to the fields ---------------------------------------------


def number(rng, fields):
    name = rng.choice([name for name in NUMBERS if name in fields])
    size = len(fields[name])
    old = int.from_bytes(fields[name], "little")
    choices = [rng.choice(INTERESTING), old + rng.choice((-8, -1, 1, 8)), old ^ 1 << rng.randrange(8 * size)]
    if name in ("timestamp", "not_after"):
        choices = [rng.choice(TIMES)]
    elif name == "pcr_bank":
        choices.append(rng.choice(BANKS))
    elif name == "primary_alg":
        choices.append(rng.choice(ALGORITHMS))
    value = rng.choice(choices) % (1 << 8 * size)
    fields[name] = value.to_bytes(size, "little")
    return f"{name} = {value:#x}"


def content(rng, fields):
    """Of a field whose size stands in another, with or without that."""
    name = rng.choice([name for name in SIZES if name in fields])
    fields[name] = change_bytes(rng, fields[name])
    return f"{name} changed" + sized(rng, fields, name)


def sized(rng, fields, name):
    if rng.random() < 0.2:
        return ", its size and padding not"
    fields[SIZES[name]] = len(fields[name]).to_bytes(4, "little")
    pad(fields)
    return f", {len(fields[name])} bytes"


def initialisation_vector(rng, fields):
    fields["iv"] = rng.randbytes(rng.choice((0, 1, 8, 11, 12, 13, 15, 16, 17, 32, 128, 129)))
    return "iv" + sized(rng, fields, "iv")


def sealed_name(rng, fields):
    fields["name"] = rng.choice(NAMES)
    return f"name {fields['name'][:20]}" + sized(rng, fields, "name")


def padding(rng, fields):
    name = rng.choice([name for name in fields if name.endswith("_padding")])
    fields[name] = rng.choice((b"", b"\0" * 8, bytes(len(fields[name])) + b"\0" * 8, b"\1" * len(fields[name]),
                               rng.randbytes(len(fields[name]))))
    return f"{name} {fields[name].hex()}"


def secret(rng, fields):
    sizes = (0, 1, 15, 16, 100) if rng.random() < 0.97 else (1048575, 1048576, 1048577, 1179000)
    fields["plaintext"] = bytes(rng.choice(sizes))
    return f"secret of {len(fields['plaintext'])} bytes"


def kind(rng, fields):
    """Another kind's id, and mostly the headers that it has."""
    id = rng.choice(list(KINDS))
    name, parts = KINDS[id]
    fields["id"] = id
    if rng.random() < 0.3:
        return f"id of {name}"
    donors = {PUBLIC_KEY: ("pk_mask", "pk_size", "pk", "pk_padding"), PINNED: ("srk_size", "srk", "srk_padding"),
              SCOPED: ("scope_flags",), TPM: ("pcr_mask", "pcr_bank", "primary_alg", "blob_size", "policy_size", "blob",
                                              "policy", "tpm_padding")}
    donor = VECTORS["ours-262-host+tpm2-pk-scoped-alice"].fields()
    for part, names in donors.items():
        for name in names:
            if part not in parts:
                fields.pop(name, None)
            elif name not in fields:
                fields[name] = b"" if name == "srk" and rng.random() < 0.5 else donor[name]
    if "srk" in fields:
        fields["srk_size"] = len(fields["srk"]).to_bytes(4, "little")
    pad(fields)
    return f"as {KINDS[id][0]}"


def sealed_key(rng, fields):
    """Within TPM2B_PRIVATE, TPM2B_PUBLIC, or with something behind them."""
    if "blob" not in fields:
        return number(rng, fields)
    blob = bytearray(fields["blob"])
    public = 2 + int.from_bytes(blob[:2], "big")
    places = {"private size": 1, "private": 10, "public size": public + 1, "type": public + 3, "name": public + 5,
              "attributes": public + 6 + rng.randrange(4), "policy size": public + 11, "policy": public + 20,
              "scheme": public + 45, "unique size": public + 47, "unique": public + 50}
    name = rng.choice([*places, "behind"])
    if name == "behind":
        blob += rng.choice((b"\0", b"\0\0", b"\0\1x", rng.randbytes(8)))
    elif places[name] < len(blob):
        blob[places[name]] ^= 1 << rng.randrange(8)
    fields["blob"] = bytes(blob)
    return f"sealed key, {name}" + sized(rng, fields, "blob")


def public_key(rng, fields):
    if "pk" not in fields:
        return padding(rng, fields)
    pem = fields["pk"]
    fields["pk"] = rng.choice((
        pem + b"x", pem + b"\n", pem + pem, b"text\n" + pem, pem.replace(b"\n", b"\r\n"), pem[:-1], pem + b"\0",
        pem.replace(b"PUBLIC KEY", b"RSA PUBLIC KEY"), pem.replace(b"A", b"B", 3), pem.replace(b"\n", b"", 3),
        change_bytes(rng, pem)))
    return "public key" + sized(rng, fields, "pk")


def storage_root_key(rng, fields):
    if "srk" not in fields:
        return kind(rng, fields)
    srk = bytearray(fields["srk"] or b"\0")
    places = {"handle": rng.randrange(4), "name size": 5, "name": 20, "type": 43, "size": 45, "algorithm": 47,
              "attributes": 50 + rng.randrange(4), "cipher": 57, "point": 100}
    name = rng.choice([*places, "behind", "empty"])
    if name == "behind":
        srk += rng.randbytes(rng.choice((1, 8)))
    elif name == "empty":
        srk = b""
    elif places[name] < len(srk):
        srk[places[name]] ^= 1 << rng.randrange(8)
    fields["srk"] = bytes(srk)
    return f"storage root key, {name}" + sized(rng, fields, "srk")


FIELD_MUTATIONS = (number, number, number, content, initialisation_vector, sealed_name, padding, padding, secret, kind,
                   sealed_key, public_key, storage_root_key)


# --- cases --------------------------------------------------------------------


def key_for(vector, parts):
    """Of the kind that it is now."""
    return key_of(HOST_KEY if HOST in parts else b"", vector.tpm_key if TPM in parts else b"",
                  scope_bytes(ALICE, MACHINE_ID) if SCOPED in parts else None)


def mutated(rng, vector, what):
    """The binary form, and WHAT was done."""
    fields = vector.fields()
    for _ in range(rng.choice((0, 1, 1, 1, 1, 2, 3))):
        what.append(rng.choice(FIELD_MUTATIONS)(rng, fields))
    try:
        sealed = seal(fields, key_for(vector, KINDS[fields["id"]][1]))
    except ValueError:  # an IV of no or too many bytes
        sealed = b"".join(fields[name] for name in (*HEADER_NAMES, *BODY_NAMES) if name in fields) + bytes(16)
    if rng.random() < (0.15 if what else 0.9):
        sealed = change_bytes(rng, sealed)
        what.append("bytes changed")
    return sealed


def text_of(rng, sealed):
    text = encode(sealed)
    how = rng.randrange(6)
    if how == 5:
        return sealed
    if how == 0:
        return base64.b64encode(sealed)
    if how == 1:
        return text.replace(b"\n", rng.choice((b"\r\n", b" ", b"\t\n", b"\v", b"\0", b"\f")))
    if how == 2:
        return text + rng.choice((b"\n", b" ", b"=", b"A", b"AAAA", b"\0", b"#", b"\n\n-"))
    if how == 3:
        return text.rstrip(b"=\n")
    return change_bytes(rng, text)


def make_case(seed, index, version):
    """The same for the same numbers; of a vector that this version of systemd opens."""
    rng = random.Random(f"{seed}/{index}")
    with_tpm = rng.random() < 0.3
    vector = rng.choice([vector for vector in SEEDS
                         if (TPM in vector.parts) == with_tpm and str(version) in vector.opened_by])
    what = [vector.id]
    sealed = mutated(rng, vector, what)
    case = Case(encode(sealed), sealed, None, what, vector.name)
    case.key = key_for(vector, case.parts)
    if SCOPED in case.parts:
        case.user = ALICE
    if rng.random() < 0.1:
        case.file = text_of(rng, sealed)
        what.append("base64 changed")
    if rng.random() < 0.1:
        case.name = rng.choice(("", "x", "cred", "web@password"))
        what.append(f"asked for as '{case.name}'")
    if rng.random() < 0.05:
        case.user = rng.choice((None, ALICE, "bob:1001"))
        what.append(f"for {case.user}")
    if rng.random() < 0.05:
        case.now = rng.choice((1, NOW - 1, NOW + 1, 1 << 32))
        what.append(f"at {case.now}")
    if PUBLIC_KEY in case.parts and rng.random() < 0.4:
        case.signatures = change_bytes(rng, SIGNATURES) if rng.random() < 0.5 else \
            SIGNATURES.replace(*(rng.choice(SIGNATURE_TEXTS).encode() for _ in range(2)))
        what.append("signatures changed")
    return case
