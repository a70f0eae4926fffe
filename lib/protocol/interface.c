/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The interfaces' definitions. See interface.h. CMake makes interface_text.h of *.varlink.
 */

#include "protocol/interface.h"

#include "base/json.h"
#include "protocol/interface_text.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define ERROR_PARAMETERS "(sentence: string, reason: ?string, remedy: ?string)"

static void write_error(Writer *writer, int rc)
{
    char name[INTERFACE_ERROR_BYTES];

    interface_error_name(rc, name);
    writer_text(writer, "\n# ");
    writer_text(writer, rc < 0 ? "The system reports an error" : outcome_sentence(rc));
    writer_text(writer, ".\nerror ");
    writer_text(writer, name);
    writer_text(writer, " " ERROR_PARAMETERS "\n");
}

int interface_describe(const char *name, Bytes *ret)
{
    _cleanup_(writer_done) Writer writer = {0};

    if (strcmp(name, INTERFACE_SERVICE) == 0) {
        writer_text(&writer, org_varlink_service);
    } else if (strcmp(name, INTERFACE_BROKER) == 0) {
        writer_text(&writer, io_nspawn_creds_Broker);
        for (int rc = OUTCOME_OK + 1; rc < _OUTCOME_MAX; rc++)
            write_error(&writer, rc);
        write_error(&writer, -EIO);
    } else {
        return OUTCOME_NOT_FOUND;
    }
    return writer_take(&writer, ret);
}

/* --- errors --- */

void interface_error_name(int rc, char text[INTERFACE_ERROR_BYTES])
{
    bool begins = true;
    size_t length = 0;

    for (const char *cursor = outcome_name(rc); *cursor; cursor++) {
        if (*cursor == '-') {
            begins = true;
            continue;
        }
        if (length + 1 < INTERFACE_ERROR_BYTES)
            text[length++] = begins ? (char)toupper((unsigned char)*cursor) : *cursor;
        begins = false;
    }
    text[length] = '\0';
}

int interface_error_outcome(const char *error)
{
    char name[INTERFACE_ERROR_BYTES];
    size_t prefix = strlen(INTERFACE_BROKER ".");

    if (strncmp(error, INTERFACE_BROKER ".", prefix) != 0)
        return -EPROTO;
    for (int rc = OUTCOME_OK + 1; rc < _OUTCOME_MAX; rc++) {
        interface_error_name(rc, name);
        if (strcmp(error + prefix, name) == 0)
            return rc;
    }
    return -EPROTO;
}

struct json_object *interface_error_parameters(int rc, const Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();

    if (json_add_text(object, "sentence", outcome_sentence(rc)) &&
        json_add_text(object, "reason", reason->text[0] ? reason->text : NULL) &&
        json_add_text(object, "remedy", outcome_remedy(rc)))
        return TAKE_PTR(object);
    return NULL;
}
