/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The commands of `nspawn-creds fleet`, each in a file of its own.
 */

#include "verb/verb.h"

extern const Verb fleet_init, fleet_add, fleet_edit, fleet_generate, fleet_rekey, fleet_revoke,
    fleet_seal, fleet_sign, fleet_check, fleet_diff, fleet_push, fleet_status, fleet_show,
    fleet_verify, fleet_reset, fleet_enrol;
