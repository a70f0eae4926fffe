/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/reseal_as.h"

#include <errno.h>
#include <string.h>

void reseal_as_done(ResealAs *reseal_as)
{
    reseal_item_done(&reseal_as->item);
    reseal_done(&reseal_as->reseal);
}

static Unsealer new_unsealer(const ResealAs *reseal_as)
{
    const SealContext *seal = &reseal_as->reseal.pool.seal;

    return (Unsealer){
        .context = seal->context,
        .observer = seal->observer,
        .spec = {.tpm_device = seal->spec->tpm_device, .signatures = seal->spec->signatures}};
}

int reseal_as_begin(const SealContext *seal, StoreClient *store, const CredentialName *from,
                    const CredentialName *to, Reason *reason, ResealAs *ret)
{
    int r;

    *ret = (ResealAs){.store = store, .spec = *seal->spec, .to = *to, .item.name = *from};
    credential_name_format(to, ret->to_text);
    ret->item.label = strdup(ret->to_text);
    if (!ret->item.label)
        return -ENOMEM;
    ret->spec.name = ret->to_text;
    ret->spec.share_store = store->store;
    ret->reseal.pool.seal =
        (SealContext){.context = seal->context, .spec = &ret->spec, .observer = seal->observer};
    ret->reseal.unsealer = new_unsealer(ret);
    r = store_read(store->store, from, reason, &ret->item.file);
    if (r != 0)
        return r;
    ret->item.store = store->store;
    r = reseal_examine(&ret->reseal, &ret->item);
    if (r != 0 && reason)
        *reason = ret->item.reason;
    return r;
}

int reseal_as_open(ResealAs *reseal_as, Reason *reason, Secret **ret)
{
    CredentialMetadata metadata;

    return unsealer_open(&reseal_as->reseal.unsealer, &reseal_as->item.sections, NULL, reason,
                         &metadata, ret);
}

/* The history of what moves, under its new name; empty for none. */
static int move_history(ResealAs *reseal_as, Reason *reason, Bytes *ret)
{
    _cleanup_(store_history_done) StoreHistory history = {0};
    const ResealItem *item = &reseal_as->item;
    int r = store_read_history(reseal_as->store->store, &item->name, reason, &history);
    size_t lost;

    if (r < 0)
        return r;
    lost = reseal_history(&reseal_as->reseal, item, true, &history);
    if (lost > 0)
        observer_note(reseal_as->reseal.pool.seal.observer,
                      "%zu earlier %s of %s@%s did not open and did not become %s.", lost,
                      lost == 1 ? "value" : "values", item->name.machine, item->name.id,
                      reseal_as->to_text);
    return store_history_format(&history, ret);
}

int reseal_as_finish(ResealAs *reseal_as, const Secret *value, BytesView public, bool moves,
                     Reason *reason)
{
    _cleanup_(bytes_done) Bytes history = {0};
    ResealItem *item = &reseal_as->item;
    int r;

    item->value = value;
    r = reseal_seal(&reseal_as->reseal, item);
    if (r == 0) {
        StoreChange changes[] = {
            {.name = reseal_as->to,
             .sealed = bytes_view(&item->sealed),
             .public = public,
             .keep_old = reseal_as->keep_old && !moves},
            {.name = item->name, .remove = true},
        };

        if (moves)
            r = move_history(reseal_as, reason, &history);
        changes[0].history = bytes_view(&history);
        if (r == 0)
            r = store_client_commit(reseal_as->store, changes, moves ? 2 : 1, "set", reason);
    } else if (reason)
        *reason = item->reason;
    if (r != 0) {
        /* what failed may work the next time: the unsealer would only repeat what it was told */
        unsealer_done(&reseal_as->reseal.unsealer);
        reseal_as->reseal.unsealer = new_unsealer(reseal_as);
        bytes_done(&item->sealed);
        item->closed = (Reason){0};
    } else if (item->closed.text[0])
        observer_note(reseal_as->reseal.pool.seal.observer,
                      "%s does not open on this host now: %s.", reseal_as->to_text,
                      item->closed.text);
    return r;
}
