/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The commands of `nspawn-creds host`, each in a file of its own.
 */

#include "verb/verb.h"

extern const Verb host_export, host_challenge, host_answer, host_verify, host_enrol;
