# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Where nspawn-creds and stock systemd-creds disagree about a credential, by decision.

A disagreement that none of these is true of is a fault of one of them.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Callable

from credential import KINDS, PINNED, SCOPED, BODY, take, gcm_encrypt, header_of, number, parse
from vectors import read

SRK_AREA = read("target-srk.tpm2b_public")[2:]
PLAINTEXT_MAX = 1 << 20
FILE_MAX_252 = 1179648


@dataclass
class Documented:
    name: str
    words: str  # a regular expression for our words; empty: systemd refuses it, and we open it
    reason: str
    applies: Callable  # to the fields, as far as there are any, a Case and the version of systemd


def metadata(fields, case):
    """The decrypted front; that it is authentic is for the programs to see."""
    body, _ = gcm_encrypt(case.key, fields["iv"], header_of(fields), fields["ciphertext"])
    return take(body, BODY, ())


def padded(fields, case, _):
    paddings = [content for name, content in fields.items() if name.endswith("_padding")]
    return any(content.strip(b"\0") for content in [*paddings, metadata(fields, case)[0]["metadata_padding"]])


def read_2b(data):
    """What a TPM2B holds, and what is behind it."""
    size = int.from_bytes(data[:2], "big")
    return data[2:2 + size], data[2 + size:]


def seed_and_rest(blob):
    """The seed of a key that was sealed outside of the TPM, and what stands behind the sealed key."""
    behind = read_2b(read_2b(blob)[1])[1]
    seed, rest = read_2b(behind)
    whole = seed and int.from_bytes(behind[:2], "big") == len(seed)
    return (seed, rest) if whole else (b"", behind)


def public_size_is_wrong(blob):
    """TPM2B_PUBLIC says another size than its fields have: sizes, policy, scheme, unique."""
    area = read_2b(blob)[1]
    _, behind_policy = read_2b(area[10:])
    _, behind = read_2b(behind_policy[2:])
    return int.from_bytes(area[:2], "big") != len(area) - len(behind) - 2


def srk_parts(srk):
    """Name, public area and what is behind them."""
    name, behind_name = read_2b(srk[4:])
    area, rest = read_2b(behind_name[4:])
    return name, area, rest


def srk_is_renamed(fields, *_):
    """It has the name of the TPM's storage root key, but is another or not quite it."""
    name, area, _ = srk_parts(fields["srk"])
    return name == b"\0\x0b" + hashlib.sha256(SRK_AREA).digest() and area != SRK_AREA


def secret_size(fields, case):
    return len(fields["ciphertext"]) - metadata(fields, case)[1]


DOCUMENTED = (
    Documented("padding", "badly padded",
               "headers and metadata are padded with zeros; anything else is room for a message", padded),
    Documented("iv-size", "the IV has", "systemd writes 12 bytes, and 16 are read as well; it reads 1 to 128",
               lambda fields, *_: not 12 <= number(fields["iv_size"]) <= 16),
    Documented("behind-sealed-key", "the TPM-sealed key", "nothing stands behind the sealed key; systemd does not look",
               lambda fields, _, version: any(seed_and_rest(fields["blob"])[0 if version == 252 else 1:])),
    Documented("public-size", "the TPM-sealed key", "sizes are what they say; tpm2-tss does not look at this one",
               lambda fields, *_: public_size_is_wrong(fields["blob"])),
    Documented("behind-srk", "the pinned storage root key",
               "nothing stands behind the storage root key; systemd does not look",
               lambda fields, *_: srk_parts(fields["srk"])[2]),
    Documented("srk-name", "the pinned storage root key",
               "the name is that of the storage root key; systemd compares it with the TPM's, and takes of the key "
               "what it needs", srk_is_renamed),
    Documented("high-pcrs", "PCRs beyond 23", "systemd from 253 on looks at 32 of the 64 bits of a PCR mask",
               lambda fields, _, version: version > 252 and any(
                   number(fields[name]) >> 32 for name in ("pcr_mask", "pk_mask") if name in fields)),
    Documented("no-policy", "the TPM policy digest", "252 takes the policy from the sealed key if the header has none",
               lambda fields, _, version: version == 252 and fields["policy"] == b""),
    Documented("too-large", "at most 1048576",
               "a unit may have 1 MiB of credentials; systemd notices when it starts the unit",
               lambda fields, case, _: secret_size(fields, case) > PLAINTEXT_MAX),
    Documented("newer-kind", "", "this version does not know the kind",
               lambda fields, _, version: version < 257 and SCOPED in KINDS[fields["id"]][1] or
               version < 262 and PINNED in KINDS[fields["id"]][1]),
    Documented("sealed-outside", "", "252 does not import what was sealed outside of the TPM",
               lambda fields, _, version: version == 252 and seed_and_rest(fields["blob"])[0]),
    Documented("raw", "", "systemd reads base64 alone", lambda _, case, __: case.file[:16] in KINDS),
    Documented("large-file", "", "252 reads files of 1179648 characters",
               lambda _, case, version: version == 252 and len(case.file) > FILE_MAX_252),
)


def documented(case, words, version):
    """What the disagreement may be, by name. WORDS are ours, empty if it is we who open it."""
    try:
        fields = parse(case.sealed)
    except KeyError:
        fields = {}
    names = []
    for entry in DOCUMENTED:
        try:
            if bool(entry.words) == bool(words) and re.search(entry.words, words) and \
                    entry.applies(fields, case, version):
                names.append(entry.name)
        except (KeyError, IndexError, ValueError):  # it has no such field
            pass
    return names
