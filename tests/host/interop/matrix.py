# SPDX-License-Identifier: LGPL-2.1-or-later
"""
The matrix: every kind of credential with every policy (rows), sealed by stock systemd-creds of each
version and by us for each version on each host (writers), opened by stock and by us on each host
(openers); and what has to come out of each cell. Nothing here runs anything.
"""

import random
import re
from dataclasses import dataclass

from host import IDENTITY, VERSIONS

# --- rows ---------------------------------------------------------------------

# What --with-key= says, and whether with --uid=.
KEYS = (
    ("null", False),
    ("host", False),
    ("host", True),
    ("tpm2", False),
    ("tpm2-with-public-key", False),
    ("host+tpm2", False),
    ("host+tpm2", True),
    ("host+tpm2-with-public-key", False),
    ("host+tpm2-with-public-key", True),
)
USER = "nobody"
FIRST_WITH_USERS, FIRST_PINNED = 256, 262

# What is extended into PCR 7 after everything was opened "now": then it is "later".
UPDATE = "firmware update"


@dataclass(frozen=True)
class Policy:
    """PCRs, as they are said to us and to stock (None: it cannot), and when that opens; a time that
    is missing is not tried."""

    label: str
    ours: str = None
    stock: str = None
    opens: tuple = (("now", True),)
    bank: str = "sha256"
    signed: int = None  # the PCR that is signed for

    def pcrs(self):
        return [int(pcr.partition(":")[0]) for pcr in self.ours.split("+") if pcr]


CHANGES = (("now", True), ("later", False))
COMES = (("now", False), ("later", True))
# "{}" is PCR 7's value later.
PLAIN_POLICIES = (
    Policy("no PCRs", "", ""),
    Policy("PCR 7", "7", "7", CHANGES),
    Policy("PCRs 0+2+4+7", "0+2+4+7", "0+2+4+7", CHANGES),
    Policy("PCR 7 to come", "7:sha256={}", None, COMES),
    Policy("PCR 3 of SHA-1", "3:sha1", "3", bank="sha1"),
)
SIGNED_POLICIES = (
    Policy("signed PCR 11", "", "", signed=11),
    Policy("signed PCR 11, PCR 7", "7", "7", CHANGES, signed=11),
    Policy("signed PCR 11, PCR 7 to come", "7:sha256={}", None, COMES, signed=11),
    Policy("signed PCR 12, PCR 3 of SHA-1", "3:sha1", "3", bank="sha1", signed=12),
)
NO_POLICY = Policy("")
# 252 takes no more than 1179648 characters of base64: hence a size just below that.
SIZES = (0, 1, 4096, 860000, 1048575, 1048576)
SIZE_MAX_252 = 860000
TIMES = ("--timestamp=2021-02-03 04:05:06", "--not-after=2101-02-03 04:05:06")


@dataclass(frozen=True)
class Row:
    key: str
    scoped: bool
    policy: Policy
    size: int = 31
    name: str = "web@password"
    times: tuple = ()
    note: str = ""

    def __str__(self):
        words = (self.key, "for a user" if self.scoped else "", self.policy.label, self.note)
        return ", ".join(word for word in words if word)

    def uses_tpm(self):
        return "tpm2" in self.key

    def secret(self):
        return random.Random(str(self)).randbytes(self.size)


def rows():
    for key, scoped in KEYS:
        for policy in SIGNED_POLICIES if "public-key" in key else PLAIN_POLICIES if "tpm2" in key else (NO_POLICY,):
            yield Row(key, scoped, policy)
        if (key, scoped) == ("host", False):
            yield from rows_of_contents()


def rows_of_contents():
    """What is inside does not depend on the key, so the one that is quickest has it all."""
    for size in SIZES:
        yield Row("host", False, NO_POLICY, size, note=f"{size} byte{'s' if size != 1 else ''}")
    yield Row("host", False, NO_POLICY, name="", note="without a name")
    yield Row("host", False, NO_POLICY, name="web@dotted.id", times=TIMES, note="with times")


# --- writers and openers ------------------------------------------------------


@dataclass(frozen=True)
class Writer:
    suite: str
    target: int = None  # ours, with --for-systemd=; None for stock

    def __str__(self):
        return f"ours-for-{self.target}-on-{self.suite}" if self.target else f"stock-{self.version()}"

    def version(self):
        """The version whose form it writes."""
        return self.target or VERSIONS[self.suite]

    def column(self):
        return f"{'ours for' if self.target else 'stock'} {self.version()}"


def writers(suites):
    for suite in suites:
        yield Writer(suite)
    for target in VERSIONS.values():
        for suite in suites:
            yield Writer(suite, target)


@dataclass(frozen=True)
class Opener:
    suite: str
    ours: bool

    def __str__(self):
        return f"{'ours-on' if self.ours else 'stock'}-{VERSIONS[self.suite]}"


def openers(suites):
    return [Opener(suite, ours) for ours in (False, True) for suite in suites]


def kind_of(row, writer):
    """The row of lib/credential/kinds.c that comes out."""
    kind = row.key
    if row.scoped:
        kind += "-scoped"
    if row.uses_tpm() and writer.version() >= FIRST_PINNED:
        kind += "-pinned"
    return kind


def options_for_sealing(row, writer, later_pcr7):
    """For one that can write it."""
    options = [f"--name={row.name}", *row.times]
    if writer.target:
        options.append(f"--for-systemd={writer.target}")
    if row.scoped:
        options.append(f"--uid={USER}")
    if row.uses_tpm():
        pcrs = row.policy.ours if writer.target else row.policy.stock
        options.append(f"--tpm2-pcrs={(pcrs or '').format(later_pcr7)}")
    if row.policy.signed:
        options += [f"--tpm2-public-key={IDENTITY}/public.pem", f"--tpm2-public-key-pcrs={row.policy.signed}"]
    return options


def options_for_opening(row, has_users):
    options = [f"--name={row.name}", "--newline=no"]
    if row.scoped and has_users:
        options.append(f"--uid={USER}")
    if row.policy.signed:
        options.append(f"--tpm2-signature={IDENTITY}/signatures.json")
    return options


# --- what has to come out -----------------------------------------------------

OPENED, NOT_AS_EXPECTED, NOT_RUN, NO_FILE, NOT_ASKED = "✓", "!", "?", "·", "v"


@dataclass(frozen=True)
class Refusal:
    """Why a file is not opened, or not sealed, and how the programs say it: a regular expression of
    what is on standard error; our own exit status."""

    words: str
    stock: str
    ours: str = None
    status: int = None

    def is_said(self, ours, done):
        expression = self.ours if ours else self.stock
        status = self.status if ours else 1
        return bool(expression and done.returncode == status and not done.stdout
                    and re.search(expression, done.stderr.decode(), re.DOTALL))


REFUSALS = {
    "k": Refusal("this version does not know the kind", r"^Unknown encryption format, or corrupted data"),
    "b": Refusal("252 wrote PCR bank 0xffff, as it does where there are no PCRs",
                 r"TPM2 PCR bank invalid or not supported",
                 r"PCR bank 0xffff does not exist", 3),
    "s": Refusal("more base64 than 252 takes", r"^Data too long for encrypted credential \(allowed size: 1179648\)"),
    "p": Refusal("PCR 7 has not the value that it is sealed for",
                 r"^Current policy digest does not match stored policy digest"  # 252
                 r"|^Failed to unseal secret using TPM2: Operation not permitted"  # 257
                 r"|^TPM policy does not match current system state",  # 262
                 r"PCRs do not have the values .*: sealed for PCR (0\+2\+4\+)?7 \(sha256\)", 5),
}
# The same for what is not even sealed.
UNSEALED = {
    "u": Refusal("for one user: 256 is the first version that can", r"unrecognized option '--uid=",
                 r"systemd 252 cannot open .*-scoped; 256 is the first", 3),
}


def expected_to_seal(row, writer):
    if row.scoped and writer.version() < FIRST_WITH_USERS:
        return "u"
    if not writer.target and row.uses_tpm() and row.policy.stock is None:
        return NOT_ASKED
    return OPENED


def expected_to_open(row, writer, opener, opens):
    version = VERSIONS[opener.suite]
    if not opener.ours:
        if row.scoped and version < FIRST_WITH_USERS:
            return "k"
        if "pinned" in kind_of(row, writer) and version < FIRST_PINNED:
            return "k"
        if row.size > SIZE_MAX_252 and version < 255:
            return "s"
    if not writer.target and writer.version() < 255 and row.uses_tpm() and row.policy.stock == "" \
            and not row.policy.signed:
        return "b"
    return OPENED if opens else "p"


def outcome_of(done, secret, ours, refusals):
    """The sign for what a program did."""
    if done.returncode == 0:
        return OPENED if done.stdout == secret else NOT_AS_EXPECTED
    for sign, refusal in refusals.items():
        if refusal.is_said(ours, done):
            return sign
    return NOT_AS_EXPECTED


def cells(suites):
    """(id, row, writer, opener, time, what has to come out); opener None is the sealing."""
    for row in rows():
        for writer in writers(suites):
            expected = expected_to_seal(row, writer)
            yield f"{row}: {writer}", row, writer, None, None, expected
            if expected != OPENED:
                continue
            for time, opens in row.policy.opens:
                for opener in openers(suites):
                    yield (f"{row}: {writer} → {opener}, {time}", row, writer, opener, time,
                           expected_to_open(row, writer, opener, opens))
