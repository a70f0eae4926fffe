# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Both programs on one host: both refuse what was tampered with or does not belong here, with the
right words, and both choose the same kind when they are left to choose.
"""

import base64
import json
import os
import shutil

from host import (IDENTITY, check, extend, handles_left, make_signer, make_storage_root_key, must, pcr_after,
                  run, set_tpm_of_identity, set_tpm_state, sign, write_signatures)

SECRET = b"correct horse battery staple"
NAME = "web@password"
PAST = ("--timestamp=2021-02-03 04:05:06", "--not-after=2021-02-04 04:05:06")
LITERAL = ("--tpm2-pcrs=7",)
SIGNED = (f"--tpm2-public-key={IDENTITY}/public.pem", "--tpm2-pcrs=")
# What each kind of key is asked for.
KEYS = (("null", ()), ("host", ()), ("tpm2", LITERAL), ("host+tpm2", LITERAL),
        ("tpm2-with-public-key", SIGNED), ("host+tpm2-with-public-key", SIGNED))


class Sealed:
    """What a program has sealed, and what it is called in the checks."""

    def __init__(self, writer, key, options=()):
        done = writer.call("encrypt", [f"--with-key={writer.null_key() if key == 'null' else key}",
                                       f"--name={NAME}", *options], SECRET, "tpm2" in key)
        self.key, self.bytes = key, done.stdout
        self.words = f"by {writer}: {key} {' '.join(options)}".rstrip()
        check(f"sealed {self.words}", done.returncode == 0 and done.stdout, done.stderr.decode())


def open_with(opener, sealed, data=None, name=NAME, signatures=f"{IDENTITY}/signatures.json", options=()):
    options = [f"--name={name}", "--newline=no", *options]
    if sealed.key == "null" and opener.ours:
        options.append("--allow-null")
    if "public-key" in sealed.key and signatures:
        options.append(f"--tpm2-signature={signatures}")
    return opener.call("decrypt", options, sealed.bytes if data is None else data, "tpm2" in sealed.key)


def check_nothing_left(words):
    left = [hex(handle) for handle in handles_left()]
    check(f"{words}: nothing is left in the TPM", not left, str(left))


def opens(words, opener, sealed, data=None, **how):
    done = open_with(opener, sealed, data, **how)
    check(f"{opener} opens {words} {sealed.words}", done.returncode == 0 and done.stdout == SECRET,
          done.stderr.decode())
    if opener.ours and "tpm2" in sealed.key:
        check_nothing_left(f"{opener}, {words} {sealed.words}")


def refuses(words, opener, sealed, data=None, says=None, **how):
    """SAYS is what of our words has to be there, in this order."""
    done = open_with(opener, sealed, data, **how)
    check(f"{opener} refuses {words} {sealed.words}", done.returncode != 0 and not done.stdout, str(done))
    if opener.ours and "tpm2" in sealed.key:
        check_nothing_left(f"{opener}, {words} {sealed.words}")
    if opener.ours and says:
        said, place = done.stderr.decode(), 0
        for word in says:
            place = said.find(word, place) if place >= 0 else -1
        check(f"{opener} says why, {words} {sealed.words}: {' … '.join(says)}", place >= 0, said)


# --- what is not as it was ----------------------------------------------------


def refuse_bytes(sealed, openers, step):
    """Each STEPth byte with one bit flipped, and each STEPth length."""
    raw = base64.b64decode(sealed.bytes)
    for opener in openers:
        opens("", opener, sealed, base64.b64encode(raw))
        for offset in range(0, len(raw), step):
            flipped = bytearray(raw)
            flipped[offset] ^= 1 << (offset % 8)
            refuses(f"a flipped bit at {offset}", opener, sealed, base64.b64encode(flipped))
            refuses(f"{offset} bytes", opener, sealed, base64.b64encode(raw[:offset]))


def refuse_claims(writer, openers, key, options):
    """What it says of itself: name and time."""
    sealed, expired = Sealed(writer, key, options), Sealed(writer, key, (*options, *PAST))
    for opener in openers:
        opens("what is sealed", opener, sealed)
        refuses("a wrong name", opener, sealed, name="db@password", says=(NAME,))
        refuses("what has expired", opener, expired, says=("expired",))


def refuse_users(writer, openers):
    """For another user, or for none."""
    if not writer.has_users:
        return
    target = () if not writer.ours or writer.version >= 256 else ("--for-systemd=257",)
    sealed, plain = Sealed(writer, "host", ("--uid=nobody", *target)), Sealed(writer, "host")
    for opener in openers:
        if not opener.has_users:
            refuses("a user's", opener, sealed)
            continue
        opens("a user's", opener, sealed, options=("--uid=nobody",))
        refuses("another user's", opener, sealed, options=("--uid=daemon",), says=("another user than daemon",))
        refuses("a user's, for the system", opener, sealed, says=("sealed for one user",))
        refuses("the system's, for a user", opener, plain, options=("--uid=nobody",),
                says=("sealed for the system",))


# --- the TPM and what is signed for it ----------------------------------------


def refuse_tpm(writer, openers, key):
    """Another PCR value, another TPM; and the right ones again."""
    sealed = Sealed(writer, key, LITERAL)
    for opener in openers:
        opens("at first", opener, sealed)
    extend(7, "sha256", "an update")
    for opener in openers:
        refuses("after PCR 7 changed", opener, sealed, says=("sealed for PCR 7 (sha256)", "Secure Boot"))
    set_tpm_state(None)
    make_storage_root_key()
    for opener in openers:
        refuses("on another TPM", opener, sealed, says=("another TPM",))
    set_tpm_of_identity()
    for opener in openers:
        opens("as at first", opener, sealed)


def explain_mismatch(ours):
    """We say which PCR it is that differs if we are told what is expected."""
    value = pcr_after(7, "an update")
    sealed = Sealed(ours, "tpm2", (f"--tpm2-pcrs=0+7:sha256={value}",))
    expecting = (f"--tpm2-pcrs=7:sha256={value}",)
    refuses("before PCR 7 changes", ours, sealed, options=expecting,
            says=("PCR 7 (is ", f"expected {value[:16]}", "Secure Boot"))
    elsewhere = (f"--tpm2-pcrs=7:sha256={'0' * 64}",)
    refuses("with a wrong expectation", ours, sealed, options=elsewhere,
            says=("PCR 7 (is ", "the expected values are not those that it was sealed for"))
    extend(7, "sha256", "an update")
    opens("after PCR 7 changed", ours, sealed, options=expecting)
    set_tpm_of_identity()


def refuse_signatures(writer, openers, key):
    """No signature, one of another key, one of another state; and at last one of this state."""
    sealed = Sealed(writer, key, SIGNED)
    foreign, later = "/run/signer", f"{IDENTITY}/later.json"
    shutil.rmtree(foreign, ignore_errors=True)
    os.mkdir(foreign)
    make_signer(foreign)
    write_signatures(f"{foreign}/signatures.json", {"sha256": [sign(foreign, "sha256", 11)]})
    for opener in openers:
        opens("a signed policy", opener, sealed)
        refuses("without signatures", opener, sealed, signatures=None, says=("there are no signatures",))
        refuses("with another's signature", opener, sealed, signatures=f"{foreign}/signatures.json",
                says=("no signature",))
    now = sign(IDENTITY, "sha256", 11)
    extend(11, "sha256", "another kernel")
    for opener in openers:
        refuses("after PCR 11 changed", opener, sealed, says=("none of the 1 signatures", "PCR 11", "kernel image"))
    write_signatures(later, {"sha256": [now, sign(IDENTITY, "sha256", 11)]})
    for opener in openers:
        opens("signed for PCR 11 as it is now", opener, sealed, signatures=later)
    set_tpm_of_identity()


def use_default_places(writer, openers):
    """The public key and the signatures are found where systemd puts them."""
    for folder in ("/etc/systemd", "/run/systemd", "/usr/lib/systemd"):
        shutil.copy(f"{IDENTITY}/public.pem", f"{folder}/tpm2-pcr-public-key.pem")
        shutil.copy(f"{IDENTITY}/signatures.json", f"{folder}/tpm2-pcr-signature.json")
        sealed = Sealed(writer, "tpm2-with-public-key", ("--tpm2-pcrs=",))
        for opener in openers:
            opens(f"with the signatures in {folder}", opener, sealed, signatures=None)
        os.unlink(f"{folder}/tpm2-pcr-public-key.pem")
        os.unlink(f"{folder}/tpm2-pcr-signature.json")


# --- auto ---------------------------------------------------------------------


def kind_by_auto(tool, options):
    """The kind, or None if it does not seal."""
    done = tool.call("encrypt", ["--with-key=auto", f"--name={NAME}", *options], SECRET, False)
    if done.returncode != 0:
        return None
    return json.loads(run(["nspawn-creds", "inspect", "--json=short", "-"], done.stdout).stdout)["kind"]


def same_choice(tools, words, expected, options=()):
    for tool in tools:
        if options and not tool.has_users:
            continue
        kind = kind_by_auto(tool, options)
        check(f"auto, {words}: {tool} seals as {expected}", kind == expected, str(kind))


def choose_alike(tools):
    """Stock takes a test host for a container and uses no TPM there unless it is told to: the rest of
    this is in tests/vm."""
    user = ("--uid=nobody",) if all(tool.has_users for tool in tools) else ()
    os.unlink("/run/nspawn-creds/nspawn-creds.conf")  # which names the host's software TPM
    same_choice(tools, "no TPM", "host")
    if user:
        same_choice(tools, "no TPM, for a user", "host-scoped", user)
    shutil.copy(f"{IDENTITY}/public.pem", "/etc/systemd/tpm2-pcr-public-key.pem")
    same_choice(tools, "no TPM, but a public key", "host")
    os.unlink("/etc/systemd/tpm2-pcr-public-key.pem")
    must("mount", "-t", "tmpfs", "tmpfs", "/var/lib/systemd")
    same_choice(tools, "no TPM, and the host key would be gone after a reboot", None)
    if user:
        same_choice(tools, "no TPM, the host key would be gone, for a user", None, user)
    check("and no host key was made", not os.listdir("/var/lib/systemd"))
    must("umount", "/var/lib/systemd")


def check_all(_, tools):
    stock, ours = tools
    for writer in tools:
        for key, options in KEYS:
            refuse_claims(writer, tools, key, options)
        for key in ("tpm2", "host+tpm2"):
            refuse_tpm(writer, tools, key)
        for key in ("tpm2-with-public-key", "host+tpm2-with-public-key"):
            refuse_signatures(writer, tools, key)
        refuse_users(writer, tools)
        use_default_places(writer, tools)
        refuse_bytes(Sealed(writer, "host"), tools, 1)
        refuse_bytes(Sealed(writer, "host+tpm2", LITERAL), tools, 5)
        refuse_bytes(Sealed(writer, "tpm2-with-public-key", SIGNED), tools, 25)
    explain_mismatch(ours)
    choose_alike([stock, ours])
