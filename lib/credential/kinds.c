/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "credential/kinds.h"

#include <string.h>

/* systemd's ids, see docs/FORMAT.md. */
/* clang-format off */
static const Kind kinds[] = {
    {"null", 250,
     SD_ID128_MAKE(05, 84, 69, da, f6, f5, 43, 24, 80, 05, 49, da, 0f, 8e, a2, fb),
     0},
    {"host", 250,
     SD_ID128_MAKE(5a, 1c, 6a, 86, df, 9d, 40, 96, b1, d5, a6, 5e, 08, 62, f1, 9a),
     KIND_HOST},
    {"host-scoped", 256,
     SD_ID128_MAKE(55, b9, ed, 1d, 38, 59, 4d, 43, a8, 31, 9d, 2e, bb, 33, 2a, c6),
     KIND_HOST | KIND_SCOPED},
    {"tpm2", 250,
     SD_ID128_MAKE(0c, 7c, c0, 7b, 11, 76, 45, 91, 9c, 4b, 0b, ea, 08, bc, 20, fe),
     KIND_TPM},
    {"tpm2-with-public-key", 252,
     SD_ID128_MAKE(fa, f7, eb, 93, 41, e3, 41, 2c, a1, a4, 36, f9, 5a, 29, 36, 2f),
     KIND_TPM | KIND_PUBLIC_KEY},
    {"host+tpm2", 250,
     SD_ID128_MAKE(93, a8, 94, 09, 48, 74, 44, 90, 90, ca, f2, fc, 93, ca, b5, 53),
     KIND_HOST | KIND_TPM},
    {"host+tpm2-scoped", 256,
     SD_ID128_MAKE(ef, 4a, c1, 36, 79, a9, 48, 0e, a7, db, 68, 89, 7f, 9f, 16, 5d),
     KIND_HOST | KIND_TPM | KIND_SCOPED},
    {"host+tpm2-with-public-key", 252,
     SD_ID128_MAKE(af, 49, 50, a8, 49, 13, 4e, b1, a7, 38, 46, 30, 4f, f3, 0c, 05),
     KIND_HOST | KIND_TPM | KIND_PUBLIC_KEY},
    {"host+tpm2-with-public-key-scoped", 256,
     SD_ID128_MAKE(ad, bc, 4c, a3, ef, b6, 42, 01, ba, 88, 1b, 6f, 2e, 40, 95, ea),
     KIND_HOST | KIND_TPM | KIND_PUBLIC_KEY | KIND_SCOPED},
    {"tpm2-pinned", 262,
     SD_ID128_MAKE(d4, 06, 2d, fb, 71, ad, 4c, 86, 80, 4b, 40, ef, 11, 80, f1, fc),
     KIND_TPM | KIND_PINNED},
    {"tpm2-with-public-key-pinned", 262,
     SD_ID128_MAKE(5e, 2d, 5c, 76, 03, 72, 4e, af, 84, 3c, 6f, b5, f6, 40, 98, f5),
     KIND_TPM | KIND_PUBLIC_KEY | KIND_PINNED},
    {"host+tpm2-pinned", 262,
     SD_ID128_MAKE(14, 14, 25, 88, 18, a2, 40, cd, 90, 0b, ce, 86, 2d, b5, c7, b9),
     KIND_HOST | KIND_TPM | KIND_PINNED},
    {"host+tpm2-scoped-pinned", 262,
     SD_ID128_MAKE(2a, 1f, 87, 7a, 42, 75, 43, 1a, b3, f9, ed, 1f, 5d, 8f, 66, 01),
     KIND_HOST | KIND_TPM | KIND_SCOPED | KIND_PINNED},
    {"host+tpm2-with-public-key-pinned", 262,
     SD_ID128_MAKE(af, bf, ea, ac, eb, 6a, 4a, 37, 95, 41, 9d, 13, 5c, 47, f3, 7b),
     KIND_HOST | KIND_TPM | KIND_PUBLIC_KEY | KIND_PINNED},
    {"host+tpm2-with-public-key-scoped-pinned", 262,
     SD_ID128_MAKE(16, e4, 92, 94, 9f, 94, 40, 02, 86, 75, 8f, 94, b7, c5, 2b, c7),
     KIND_HOST | KIND_TPM | KIND_PUBLIC_KEY | KIND_SCOPED | KIND_PINNED},
};
/* clang-format on */

const Kind *kind_find_by_id(const uint8_t *id)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (memcmp(kinds[i].id.bytes, id, KIND_ID_BYTES) == 0)
            return &kinds[i];
    return NULL;
}

const Kind *kind_find_by_key_types(unsigned key_types)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].key_types == key_types)
            return &kinds[i];
    return NULL;
}

const Kind *kind_find_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

int kind_check_type(const Kind *kind, const char *key_type, Reason *reason)
{
    const Kind *required;

    if (!key_type)
        return 0;
    required = kind_find_by_name(key_type);
    if (required && ((required->key_types ^ kind->key_types) & ~(unsigned)KIND_PINNED) == 0)
        return 0;
    return reason_set(reason, OUTCOME_KEY_TYPE, "it is sealed with %s, but its policy requires %s",
                      kind->name, key_type);
}

int kind_choose(unsigned key_types, unsigned version, Reason *reason, const Kind **ret)
{
    const Kind *chosen = NULL, *oldest = NULL;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const Kind *kind = &kinds[i];

        if ((kind->key_types & ~(unsigned)KIND_PINNED) != key_types)
            continue;
        if (!oldest || kind->since < oldest->since)
            oldest = kind;
        if (kind->since <= version && (!chosen || kind->since > chosen->since))
            chosen = kind;
    }
    if (!oldest)
        return reason_set(reason, OUTCOME_UNSUPPORTED, "there is no such kind of credential%s",
                          key_types & KIND_SCOPED ? ": credentials for one user need the host key"
                                                  : "");
    if (!chosen)
        return reason_set(reason, OUTCOME_UNSUPPORTED,
                          "systemd %u cannot open %s; %u is the first version that can", version,
                          oldest->name, oldest->since);
    *ret = chosen;
    return 0;
}
