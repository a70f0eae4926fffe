/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: the credential codec, from file bytes to sections, and the metadata.
 *
 * A file that parses must write back to the same header, and its sections must lie within the
 * input.
 */

#include "credential/format.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const CredentialSections *sections)
{
    _cleanup_(writer_done) Writer writer = {0};
    _cleanup_(bytes_done) Bytes header = {0};

    credential_header_write(sections, &writer);
    assert(writer_take(&writer, &header) == 0);
    assert(bytes_view_equal(bytes_view(&header), sections->header));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(bytes_done) Bytes sealed = {0};
    CredentialMetadata metadata;
    CredentialSections sections;
    Reason reason = {0};
    size_t front;
    int r;

    r = credential_metadata_parse((BytesView){data, size}, &reason, &metadata, &front);
    assert(r == 0 ? front <= size : reason.text[0] != '\0');

    if (credential_decode((BytesView){data, size}, &reason, &sealed) != 0) {
        assert(reason.text[0] != '\0');
        return 0;
    }
    if (credential_parse(bytes_view(&sealed), &reason, &sections) != 0) {
        assert(reason.text[0] != '\0');
        return 0;
    }
    assert(sections.header.data == sealed.data);
    assert(sections.header.size + sections.ciphertext.size + sections.tag.size == sealed.size);
    check_round_trip(&sections);
    return 0;
}
