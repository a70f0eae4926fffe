/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor --after-update: whether credentials open in the states that systemd-pcrlock(8) predicts
 * for the next boots.
 *
 * Its prediction has values of PCRs for each bank, several where it knows variants of a component:
 *
 *     {"sha256": [{"pcr": 7, "values": ["2f1c…", …]}, …], …}
 *
 * A credential that is sealed for values of PCRs opens in a state if its policy is that of the
 * values, which needs no TPM. One that has a predecessor (store/history.h) may open with that.
 */

#include "base/json.h"
#include "doctor/doctor.h"
#include "store/history.h"
#include "terminal/program.h"
#include "tpm/policy.h"

#include <string.h>
#include <unistd.h>

#define PREDICTION_BYTES ((size_t)1024 * 1024)
/* Of the variants of components, combined. */
#define STATES_MAX       256U

/* As --tpm2-pcrs= takes it: "7:sha256=2f1c…+11:sha256=…". */
typedef struct State {
    char text[TPM_PCR_COUNT * (TPM_PCR_BYTES_MAX * 2 + 16)];
} State;

typedef enum Fate {
    FATE_OPENS,   /* in all states */
    FATE_CLOSED,  /* in one of them */
    FATE_UNKNOWN, /* nothing is predicted for one of its PCRs */
    _FATE_MAX,
} Fate;

/* The credentials of a machine. */
typedef struct Outlook {
    size_t counts[_FATE_MAX];
    char ids[_FATE_MAX][512]; /* as many as fit, separated by ", " */
    State state;              /* in which one is closed */
    uint64_t masks[2];        /* the PCRs of the first, and of one that has others */
    size_t tpm_count;         /* those that the TPM seals, whose PCRs --tpm2-pcrs= would change */
} Outlook;

/* --- the prediction --- */

/* To be freed; NULL if systemd-pcrlock is not there or fails, which it explains itself. */
static struct json_object *predict(void)
{
    static const char program[] = "/usr/lib/systemd/systemd-pcrlock";
    static const char *const command[] = {
        "env", "SYSTEMD_LOG_LEVEL=err", program, "--no-pager", "--json=short", "predict", NULL};
    _cleanup_(secret_freep) Secret *text = NULL;
    struct json_object *prediction = NULL;

    if (access(program, X_OK) == 0 &&
        program_read(command, (BytesView){0}, PREDICTION_BYTES, NULL, &text) == 0)
        (void)json_parse(secret_view(text), 5, NULL, NULL, &prediction);
    return prediction;
}

/* The values of PCR in BANK, an array; NULL if none is predicted. */
static struct json_object *values_of(struct json_object *prediction, uint16_t bank, unsigned pcr)
{
    struct json_object *list = json_object_object_get(prediction, tpm_bank_name(bank));

    for (size_t i = 0; json_object_is_type(list, json_type_array) && i < json_length(list); i++) {
        struct json_object *one = json_object_array_get_idx(list, i), *number, *values;

        if (json_object_object_get_ex(one, "pcr", &number) &&
            json_object_is_type(number, json_type_int) &&
            json_object_get_int64(number) == (int64_t)pcr &&
            json_object_object_get_ex(one, "values", &values) &&
            json_object_is_type(values, json_type_array) && json_length(values) > 0)
            return values;
    }
    return NULL;
}

/* Makes state NUMBER of the PCRs MASK in BANK. Returns how many there are; 0 if one of the PCRs is
 * not predicted. */
static size_t make_state(struct json_object *prediction, uint16_t bank, uint64_t mask,
                         size_t number, State *ret)
{
    const char *separator = "";
    size_t states = 1, length = 0;

    ret->text[0] = '\0';
    for (unsigned pcr = 0; pcr < TPM_PCR_COUNT; pcr++) {
        struct json_object *values;
        const char *value;

        if (!(mask & UINT64_C(1) << pcr))
            continue;
        values = values_of(prediction, bank, pcr);
        if (!values || states * json_length(values) > STATES_MAX)
            return 0;
        value = json_text(json_object_array_get_idx(values, number / states % json_length(values)));
        states *= json_length(values);
        if (!value || strlen(value) > TPM_PCR_BYTES_MAX * 2)
            return 0;
        length += (size_t)snprintf(ret->text + length, sizeof(ret->text) - length, "%s%u:%s=%s",
                                   separator, pcr, tpm_bank_name(bank), value);
        separator = "+";
    }
    return states;
}

/* --- one credential --- */

static bool opens_in(const TpmSealedView *sealed, const TpmPcrs *pcrs)
{
    TpmSealed expected = {0};
    bool opens = sealed->pcr_mask == pcrs->mask && sealed->pcr_bank == pcrs->bank &&
                 tpm_policy_describe(pcrs, sealed->public_key, sealed->public_key_mask, NULL,
                                     &expected) == 0 &&
                 bytes_view_equal(bytes_view(&expected.policy_hash), sealed->policy_hash);

    tpm_sealed_done(&expected);
    return opens;
}

/* RET_STATE is the first in which neither FILE nor PREDECESSOR (NULL: there is none) opens. */
static Fate fate_of(struct json_object *prediction, const TpmSealedView *file,
                    const TpmSealedView *predecessor, State *ret_state)
{
    size_t states = 1;

    for (size_t i = 0; i < states; i++) {
        TpmPcrs pcrs;

        states = make_state(prediction, file->pcr_bank, file->pcr_mask, i, ret_state);
        if (states == 0 || tpm_pcrs_parse(ret_state->text, NULL, &pcrs) != 0)
            return FATE_UNKNOWN;
        if (!opens_in(file, &pcrs) && !(predecessor && opens_in(predecessor, &pcrs)))
            return FATE_CLOSED;
    }
    return FATE_OPENS;
}

static void add(Outlook *outlook, Fate fate, const char *id)
{
    char *ids = outlook->ids[fate];
    size_t length = strlen(ids), room = sizeof(outlook->ids[fate]) - length;

    if (strlen(id) + sizeof(", ") < room)
        snprintf(ids + length, room, "%s%s", length > 0 ? ", " : "", id);
    outlook->counts[fate]++;
}

static void look_at(struct json_object *prediction, const Store *store, const CredentialName *name,
                    Outlook *outlook)
{
    _cleanup_(bytes_done) Bytes file = {0}, old = {0}, raw = {0}, old_raw = {0};
    CredentialSections sections, before;
    State state;
    bool has_old;
    Fate fate;

    if (store_read(store, name, NULL, &file) != 0 ||
        credential_unpack(bytes_view(&file), NULL, &raw, &sections) != 0 ||
        !kind_has(sections.kind, KIND_TPM))
        return;
    if (outlook->tpm_count++ == 0)
        outlook->masks[0] = outlook->masks[1] = sections.tpm.pcr_mask;
    else if (sections.tpm.pcr_mask != outlook->masks[0])
        outlook->masks[1] = sections.tpm.pcr_mask;
    if (sections.tpm.pcr_mask == 0)
        return;
    has_old = store_read_predecessor(store, name, NULL, NULL, &old) == 0 &&
              credential_unpack(bytes_view(&old), NULL, &old_raw, &before) == 0 &&
              kind_has(before.kind, KIND_TPM);
    fate = prediction ? fate_of(prediction, &sections.tpm, has_old ? &before.tpm : NULL, &state)
                      : FATE_UNKNOWN;
    if (fate == FATE_CLOSED && outlook->counts[FATE_CLOSED] == 0)
        outlook->state = state;
    add(outlook, fate, name->id);
}

/* --- a machine's --- */

static void report(Doctor *doctor, const char *machine, const Outlook *outlook)
{
    size_t open = outlook->counts[FATE_OPENS], closed = outlook->counts[FATE_CLOSED];
    size_t unknown = outlook->counts[FATE_UNKNOWN];

    if (open > 0)
        doctor_say(doctor, DOCTOR_OK, "%s: %zu %s in every predicted state: %s", machine, open,
                   open == 1 ? "credential opens" : "credentials open", outlook->ids[FATE_OPENS]);
    if (closed > 0) {
        doctor_say(doctor, DOCTOR_PROBLEM, "%s: %zu %s not open in every predicted state: %s",
                   machine, closed, closed == 1 ? "credential does" : "credentials do",
                   outlook->ids[FATE_CLOSED]);
        /* the values would be those of all of the machine's credentials */
        if (outlook->masks[0] == outlook->masks[1])
            doctor_remedy(doctor, "nspawn-creds reseal --tpm2-pcrs=%s %s", outlook->state.text,
                          machine);
        else {
            doctor_remedy(doctor, "nspawn-creds reseal --tpm2-pcrs= %s", machine);
            doctor_advice(doctor, "Its credentials are sealed for different PCRs, so that reseal "
                                  "cannot take one state for all of them; seal them for PCRs again "
                                  "after the update");
        }
    }
    if (unknown > 0) {
        doctor_say(doctor, DOCTOR_UNSEEN,
                   "%s: nothing is predicted about PCRs that %zu %s sealed for: %s", machine,
                   unknown, unknown == 1 ? "credential is" : "credentials are",
                   outlook->ids[FATE_UNKNOWN]);
        doctor_advice(doctor,
                      "To be safe, reseal them for no PCRs before the update (nspawn-creds reseal "
                      "--tpm2-pcrs= %s), and for PCRs again after it",
                      machine);
    }
}

void doctor_update(Doctor *doctor)
{
    _cleanup_(json_object_putp) struct json_object *prediction = NULL;

    if (!doctor->options.after_update || !doctor->store)
        return;
    prediction = predict();
    if (!prediction) {
        doctor_say(doctor, DOCTOR_UNSEEN, "systemd-pcrlock does not predict PCR values");
        doctor_advice(doctor,
                      "It needs systemd 257 or later, root, the firmware's event log, and a "
                      "description of the components that are measured; see "
                      "systemd-pcrlock(8)");
    }
    for (size_t i = 0; i < doctor->machine_count; i++) {
        const DoctorMachine *machine = &doctor->machines[i];
        _cleanup_(freep) StoreEntry *entries = NULL;
        Outlook outlook = {0};
        size_t count = 0;

        if (!machine->wanted)
            continue;
        (void)store_list(doctor->store, machine->name, NULL, &entries, &count);
        for (size_t k = 0; k < count; k++)
            look_at(prediction, doctor->store, &entries[k].name, &outlook);
        report(doctor, machine->name, &outlook);
    }
}
