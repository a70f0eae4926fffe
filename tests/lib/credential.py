# SPDX-License-Identifier: LGPL-2.1-or-later
"""
systemd's credential format in Python, for tests of both nspawn-creds and systemd-creds.

Splits a credential into the fields of docs/FORMAT.md and joins them again, without any checks. It
shares no code with the library; AES-GCM comes from libcrypto.
"""

import base64
import ctypes
import hashlib
import hmac
import struct

HOST, TPM, PUBLIC_KEY, PINNED, SCOPED = "host", "tpm", "public key", "pinned", "scoped"

# id: name, parts
KINDS = {
    bytes.fromhex(id): (name, frozenset(parts))
    for id, name, *parts in (
        ("058469daf6f54324800549da0f8ea2fb", "null"),
        ("5a1c6a86df9d4096b1d5a65e0862f19a", "host", HOST),
        ("55b9ed1d38594d43a8319d2ebb332ac6", "host-scoped", HOST, SCOPED),
        ("0c7cc07b117645919c4b0bea08bc20fe", "tpm2", TPM),
        ("faf7eb9341e3412ca1a436f95a29362f", "tpm2-pk", TPM, PUBLIC_KEY),
        ("93a894094874449090caf2fc93cab553", "host+tpm2", HOST, TPM),
        ("ef4ac13679a9480ea7db68897f9f165d", "host+tpm2-scoped", HOST, TPM, SCOPED),
        ("af4950a849134eb1a73846304ff30c05", "host+tpm2-pk", HOST, TPM, PUBLIC_KEY),
        ("adbc4ca3efb64201ba881b6f2e4095ea", "host+tpm2-pk-scoped", HOST, TPM, PUBLIC_KEY, SCOPED),
        ("d4062dfb71ad4c86804b40ef1180f1fc", "tpm2-pinned", TPM, PINNED),
        ("5e2d5c7603724eaf843c6fb5f64098f5", "tpm2-pk-pinned", TPM, PUBLIC_KEY, PINNED),
        ("1414258818a240cd900bce862db5c7b9", "host+tpm2-pinned", HOST, TPM, PINNED),
        ("2a1f877a4275431ab3f9ed1f5d8f6601", "host+tpm2-scoped-pinned", HOST, TPM, SCOPED, PINNED),
        ("afbfeaaceb6a4a3795419d135c47f37b", "host+tpm2-pk-pinned", HOST, TPM, PUBLIC_KEY, PINNED),
        ("16e492949f94400286758f94b7c52bc7", "host+tpm2-pk-scoped-pinned",
         HOST, TPM, PUBLIC_KEY, SCOPED, PINNED),
    )
}
ID_OF = {name: id for id, (name, _) in KINDS.items()}

TAG_BYTES = 16
BASE64_LINE = 79


# --- AES-256-GCM --------------------------------------------------------------

_crypto = ctypes.CDLL("libcrypto.so.3")
for _name in ("EVP_CIPHER_CTX_new", "EVP_aes_256_gcm"):
    getattr(_crypto, _name).restype = ctypes.c_void_p
_SET_IV_BYTES, _GET_TAG = 0x9, 0x10


def gcm_encrypt(key, iv, aad, text):
    """Ciphertext and tag. A stream cipher: of a ciphertext it makes the plaintext."""
    context = ctypes.c_void_p(_crypto.EVP_CIPHER_CTX_new())
    cipher = ctypes.c_void_p(_crypto.EVP_aes_256_gcm())
    out, tag, n = ctypes.create_string_buffer(len(text) + 1), ctypes.create_string_buffer(TAG_BYTES), ctypes.c_int()
    done = (
        _crypto.EVP_EncryptInit_ex(context, cipher, None, None, None),
        _crypto.EVP_CIPHER_CTX_ctrl(context, _SET_IV_BYTES, len(iv), None),
        _crypto.EVP_EncryptInit_ex(context, None, None, key, iv),
        _crypto.EVP_EncryptUpdate(context, None, ctypes.byref(n), aad, len(aad)),
        _crypto.EVP_EncryptUpdate(context, out, ctypes.byref(n), text, len(text)),
        _crypto.EVP_EncryptFinal_ex(context, None, ctypes.byref(n)),
        _crypto.EVP_CIPHER_CTX_ctrl(context, _GET_TAG, TAG_BYTES, tag),
    )
    _crypto.EVP_CIPHER_CTX_free(context)
    if set(done) != {1}:
        raise ValueError("libcrypto does not take this IV")
    return out.raw[: len(text)], tag.raw


# --- keys ---------------------------------------------------------------------


def scope_bytes(user, machine_id):
    """What makes a key one user's; USER is "NAME:UID"."""
    name, _, uid = user.partition(":")
    return struct.pack("<QI", 7, int(uid)) + machine_id + name.encode() + b"\0"


def key_of(host_key=b"", tpm_key=b"", scope=None):
    """HOST_KEY without the binding to a machine id that its file begins with."""
    key = hashlib.sha256(host_key + tpm_key).digest()
    return hmac.digest(key, scope, "sha256") if scope else key


# --- the format ---------------------------------------------------------------

# name, size in bytes (a string: what the field with this name says; None: padding to 8), part
HEADER = (
    ("id", 16, None), ("key_size", 4, None), ("block_size", 4, None), ("iv_size", 4, None),
    ("tag_size", 4, None), ("iv", "iv_size", None), ("main_padding", None, None),
    ("pcr_mask", 8, TPM), ("pcr_bank", 2, TPM), ("primary_alg", 2, TPM), ("blob_size", 4, TPM),
    ("policy_size", 4, TPM), ("blob", "blob_size", TPM), ("policy", "policy_size", TPM),
    ("tpm_padding", None, TPM),
    ("pk_mask", 8, PUBLIC_KEY), ("pk_size", 4, PUBLIC_KEY), ("pk", "pk_size", PUBLIC_KEY),
    ("pk_padding", None, PUBLIC_KEY),
    ("srk_size", 4, PINNED), ("srk", "srk_size", PINNED), ("srk_padding", None, PINNED),
    ("scope_flags", 8, SCOPED),
)
BODY = (
    ("timestamp", 8, None), ("not_after", 8, None), ("name_size", 4, None), ("name", "name_size", None),
    ("metadata_padding", None, None),
)
HEADER_NAMES = tuple(name for name, _, _ in HEADER)
BODY_NAMES = tuple(name for name, _, _ in BODY) + ("plaintext",)


def number(field):
    return int.from_bytes(field, "little")


def take(data, table, parts):
    """The fields of TABLE at the beginning of DATA, and how many bytes they are."""
    fields, at = {}, 0
    for name, size, part in table:
        if part is not None and part not in parts:
            continue
        if isinstance(size, str):
            size = number(fields[size])
        elif size is None:
            size = -at % 8
        fields[name] = data[at:at + size]
        at += size
    return fields, at


def parse(sealed):
    """The fields of a whole credential that are not encrypted, then "ciphertext" and "tag"."""
    _, parts = KINDS[sealed[:16]]
    fields, at = take(sealed, HEADER, parts)
    return fields | {"ciphertext": sealed[at:-TAG_BYTES], "tag": sealed[-TAG_BYTES:]}


def parts_of(sealed):
    return KINDS[sealed[:16]][1]


def header_of(fields):
    return b"".join(fields[name] for name in HEADER_NAMES if name in fields)


def offsets(fields):
    """Where each field of the header begins, and the ciphertext."""
    at, result = 0, {}
    for name in HEADER_NAMES:
        if name in fields:
            result[name] = at
            at += len(fields[name])
    return result | {"ciphertext": at}


def open_sealed(sealed, key):
    """All fields, with those of the metadata and "plaintext" for the ciphertext and the tag."""
    fields = parse(sealed)
    header, ciphertext, tag = header_of(fields), fields.pop("ciphertext"), fields.pop("tag")
    body, _ = gcm_encrypt(key, fields["iv"], header, ciphertext)
    if gcm_encrypt(key, fields["iv"], header, body) != (ciphertext, tag):
        raise ValueError("not this key")
    metadata, at = take(body, BODY, ())
    return fields | metadata | {"plaintext": body[at:]}


def body_of(fields):
    return b"".join(fields[name] for name in BODY_NAMES)


def seal(fields, key):
    """The opposite of open_sealed(), whatever is in the fields."""
    header = header_of(fields)
    ciphertext, tag = gcm_encrypt(key, fields["iv"], header, body_of(fields))
    return header + ciphertext + tag


def encode(sealed):
    """The file as systemd-creds writes it."""
    text = base64.b64encode(sealed)
    return b"".join(text[i:i + BASE64_LINE] + b"\n" for i in range(0, len(text), BASE64_LINE))


# --- edits --------------------------------------------------------------------


def edited(data, edits):
    """DATA after EDITS, as tests/vectors/derived.jsonl has them; see tests/vectors/README.md."""
    data = bytearray(data)
    for edit in edits:
        if "replace" in edit:
            data = data.replace(edit["replace"].encode(), edit["by"].encode(), 1)
        elif "cut" in edit:
            del data[edit["cut"]:]
        else:
            at = edit["at"] + (len(data) if edit["at"] < 0 else 0)
            if "xor" in edit:
                for i, byte in enumerate(bytes.fromhex(edit["xor"])):
                    data[at + i] ^= byte
            elif "put" in edit:
                put = bytes.fromhex(edit["put"])
                data[at:at + len(put)] = put
            elif "insert" in edit:
                data[at:at] = bytes.fromhex(edit["insert"])
            else:
                del data[at:at + edit["remove"]]
    return bytes(data)
