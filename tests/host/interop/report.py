# SPDX-License-Identifier: LGPL-2.1-or-later
"""
The table at the end: what came out of each cell of the matrix. A cell that nobody ran is one that
is missing, not one that passed.
"""

import os
import re

from matrix import (NO_FILE, NOT_AS_EXPECTED, NOT_ASKED, NOT_RUN, OPENED, REFUSALS, UNSEALED, VERSIONS,
                    cells, kind_of, openers, writers)

LABEL_WIDTH, COLUMN_WIDTH = 40, 14


def kinds_of_table():
    """The names in lib/credential/kinds.c."""
    with open(os.path.join(os.path.dirname(__file__), "../../../lib/credential/kinds.c")) as file:
        return set(re.findall(r'^    \{"([a-z0-9+-]+)", [0-9]+,$', file.read(), re.MULTILINE))


def shown(expected, results, cell):
    if expected == NOT_ASKED:
        return expected
    got = results.get(cell, NOT_RUN)
    return got if got in (expected, NOT_RUN) else NOT_AS_EXPECTED


class Line:
    """A row at one time: for each column of writers, the signs of the openers. A column of ours
    stands for all hosts that sealed, and shows what is not as expected of any."""

    def __init__(self, columns, count):
        self.signs = {column: [NO_FILE] * count for column in columns}

    def put(self, column, index, sign):
        if self.signs[column][index] not in (NOT_AS_EXPECTED, NOT_RUN):
            self.signs[column][index] = sign

    def put_all(self, column, sign):
        for index in range(len(self.signs[column])):
            self.put(column, index, sign)


def lines(suites, results):
    """{(row, time): Line}, in the order of the rows."""
    columns = list(dict.fromkeys(writer.column() for writer in writers(suites)))
    places = {opener: index for index, opener in enumerate(openers(suites))}
    table = {}
    for cell, row, writer, opener, time, expected in cells(suites):
        sign = shown(expected, results, cell)
        if opener:
            table[(row, time)].put(writer.column(), places[opener], sign)
            continue
        for time, _ in row.policy.opens:
            line = table.setdefault((row, time), Line(columns, len(places)))
            if sign != OPENED:
                line.put_all(writer.column(), sign)
    return columns, table


def print_table(suites, results):
    columns, table = lines(suites, results)
    half = len(suites)

    print(f"\n{'sealed by':>{LABEL_WIDTH}}  " + "".join(f"{column:<{COLUMN_WIDTH}}" for column in columns))
    names = "stock, ours on " + ", ".join(str(VERSIONS[suite]) for suite in suites)
    print(f"{'opened by':>{LABEL_WIDTH}}  {names}")
    last = None
    for (row, time), line in table.items():
        if (row.key, row.scoped) != last:
            print(f"{row.key}{', for a user' if row.scoped else ''}")
            last = (row.key, row.scoped)
        label = row.policy.label or row.note or "as it is"
        label = f"    {label}{', later' if time == 'later' else ''}"
        signs = ("".join(line.signs[column][:half]) + " " + "".join(line.signs[column][half:]) for column in columns)
        print(f"{label:<{LABEL_WIDTH}}  " + "".join(f"{sign:<{COLUMN_WIDTH}}" for sign in signs))


def print_legend():
    print(f"\n{OPENED} opened, and the same bytes; not opened, as it has to be, with these words:")
    for sign, refusal in REFUSALS.items():
        print(f"  {sign} {refusal.words}")
    print("not sealed, as it has to be:")
    for sign, refusal in UNSEALED.items():
        print(f"  {sign} {refusal.words}")
    print(f"  {NOT_ASKED} stock takes no values of PCRs: 252 and 262 refuse them, 257 seals for the present ones")
    print(f"{NOT_AS_EXPECTED} not as expected; {NOT_RUN} not run; later: after PCR 7 was extended")


def report(suites, results):
    """Prints it all; whether every cell was run and is as expected, and every kind was opened."""
    good = bad = missing = impossible = 0
    opened = set()
    for cell, row, writer, opener, _, expected in cells(suites):
        if expected == NOT_ASKED:
            impossible += 1
            continue
        sign = shown(expected, results, cell)
        good += sign == expected
        bad += sign == NOT_AS_EXPECTED
        missing += sign == NOT_RUN
        if opener and sign == OPENED:
            opened.add(kind_of(row, writer))
    unknown = set(results) - {cell for cell, *_ in cells(suites)}
    kinds = kinds_of_table()

    print_table(suites, results)
    print_legend()
    print(f"kinds sealed and opened: {len(opened & kinds)} of the {len(kinds)} in lib/credential/kinds.c"
          + "".join(f"; not {kind}" for kind in sorted(kinds ^ opened)))
    print(f"{good + bad + missing} cells, and {impossible} that stock cannot be asked for: "
          f"{good} as expected, {bad} not, {missing} not run")
    return good > 0 and bad == 0 and missing == 0 and not unknown and kinds == opened
