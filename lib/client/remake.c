/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A credential becomes another one. See remake.h.
 */

#include "client/remake.h"

#include "terminal/output.h"

#include <errno.h>
#include <string.h>

void remake_done(Remake *remake)
{
    reseal_item_done(&remake->item);
    unsealer_done(&remake->reseal.unsealer);
    key_pool_done(&remake->reseal.pool);
}

int remake_begin(const Context *context, const Options *options, StoreClient *store,
                 const CredentialName *from, const CredentialName *to, Reason *reason, Remake *ret)
{
    int r;

    *ret = (Remake){.store = store, .options = *options, .to = *to, .item.name = *from};
    credential_name_format(to, ret->to_text);
    ret->item.label = strdup(ret->to_text);
    if (!ret->item.label)
        return -ENOMEM;
    ret->options.name = ret->to_text;
    ret->options.store = store->path;
    ret->options.given |= OPTION_NAME;
    ret->reseal = (Reseal){.context = context,
                           .options = &ret->options,
                           .unsealer = {.context = context, .options = &ret->options}};
    r = key_pool_init(context, &ret->options, reason, &ret->reseal.pool);
    ret->reseal.pool.joins = true;
    if (r == 0)
        r = store_read(store->store, from, reason, &ret->item.file);
    if (r != 0)
        return r;
    r = reseal_examine(&ret->reseal, &ret->item);
    if (r != 0)
        *reason = ret->item.reason;
    return r;
}

int remake_open(Remake *remake, Reason *reason, Secret **ret)
{
    CredentialMetadata metadata;

    return unsealer_open(&remake->reseal.unsealer, &remake->item.parts, NULL, reason, &metadata, ret);
}

/* What did not work may work the next time: the unsealer would only repeat what it was told. */
static void forget_failure(Remake *remake)
{
    unsealer_done(&remake->reseal.unsealer);
    remake->reseal.unsealer =
        (Unsealer){.context = remake->reseal.context, .options = &remake->options};
    bytes_done(&remake->item.sealed);
    remake->item.closed = (Reason){0};
}

int remake_finish(Remake *remake, const Secret *value, BytesView public, Reason *reason)
{
    ResealItem *item = &remake->item;
    int r;

    item->value = value;
    r = reseal_seal(&remake->reseal, item);
    if (r != 0)
        *reason = item->reason;
    else
        r = store_client_write(remake->store, &remake->to, bytes_view(&item->sealed), public, reason);
    if (r != 0)
        forget_failure(remake);
    else if (item->closed.text[0])
        output_note("%s does not open on this host now: %s.", remake->to_text, item->closed.text);
    return r;
}
