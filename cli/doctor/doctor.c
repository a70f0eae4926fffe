/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Findings. See doctor.h.
 */

#include "doctor/doctor.h"

#include "base/array.h"
#include "terminal/safe_text.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>

void doctor_say(Doctor *doctor, DoctorLevel level, const char *format, ...)
{
    va_list arguments;

    if (!ARRAY_GROW(doctor->findings, doctor->count))
        abort();
    va_start(arguments, format);
    doctor->findings[doctor->count++] =
        (DoctorFinding){level, doctor->check, safe_text_format(format, arguments), NULL, NULL};
    va_end(arguments);
}

void doctor_remedy(Doctor *doctor, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    doctor->findings[doctor->count - 1].remedy = safe_text_format(format, arguments);
    va_end(arguments);
}

void doctor_advice(Doctor *doctor, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    doctor->findings[doctor->count - 1].advice = safe_text_format(format, arguments);
    va_end(arguments);
}

DoctorLevel doctor_level(int rc)
{
    return rc == -EACCES || rc == -EPERM ? DOCTOR_UNSEEN : DOCTOR_PROBLEM;
}

bool doctor_check_readable(Doctor *doctor, const char *path)
{
    const struct group *group = getgrnam("nspawn-creds");
    struct stat status;

    if (stat(path, &status) < 0 || status.st_mode & S_IROTH ||
        (group && status.st_gid == group->gr_gid && status.st_mode & S_IRGRP))
        return true;
    doctor_say(doctor, DOCTOR_PROBLEM, "%s cannot be read by the broker", path);
    doctor_remedy(doctor, "chmod a+r %s", shell_word(path).text);
    return false;
}
