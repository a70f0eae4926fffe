#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""identities.py VECTORS FOLDER NAME... - identities of hosts without a TPM, FOLDER/NAME.json, each with a key
of its own, which is a multiple of P-256's generator: nobody has the TPM that it belongs to.
identities.py VECTORS FOLDER --count=N [--first=M] - the same for N hosts, h00000 and so on; host number I
has the key I + M."""

import base64
import hashlib
import json
import sys

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)


def add(a, b):
    if a is None:
        return b
    if a == b:
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def identity(name, area, point):
    """AREA is a TPM2B_PUBLIC, which ends with the coordinates, a TPM2B each."""
    x, y = (coordinate.to_bytes(32, 'big') for coordinate in point)
    public = area[:-68] + b'\0\x20' + x + b'\0\x20' + y
    return {'version': 1, 'hostName': name, 'legacyEcc': {
        'name': '000b' + hashlib.sha256(public[2:]).hexdigest(),
        'public': base64.b64encode(public).decode()},
        'pcrs': {'sha256': {str(i): hashlib.sha256(name.encode() + bytes([i])).hexdigest() for i in range(24)}}}


def main(vectors, folder, *names):
    options = dict(name[2:].split('=') for name in names if name.startswith('--'))
    names = [name for name in names if not name.startswith('--')]
    if 'count' in options:
        names = [f'h{i:05}' for i in range(int(options['count']))]
    with open(f'{vectors}/target-legacy-ecc-primary.tpm2b_public', 'rb') as file:
        area = file.read()
    point = None
    for _ in range(int(options.get('first', 0))):
        point = add(point, G)
    for name in names:
        point = add(point, G)
        with open(f'{folder}/{name}.json', 'w', encoding='ascii') as file:
            json.dump(identity(name, area, point), file)


main(*sys.argv[1:])
