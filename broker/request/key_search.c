/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Searches for shared keys. See key_search.h.
 *
 * A search that has ended leaves the list before its jobs' callbacks run. These may free any job.
 */

#include "request/key_search.h"

#include "store/shared_key.h"

#include <errno.h>
#include <string.h>

typedef struct Search Search;

struct Search {
    KeySearches *searches;
    Search *next;
    char machine[LIMIT_MACHINE_BYTES + 1];
    Child *child;
    KeySearchJob *first; /* the jobs that wait for it */
    bool ended;
};

struct KeySearchJob {
    Search *search;     /* NULL when ended */
    KeySearchJob *next; /* the next job of .search */
    KeySearchDone done;
    void *userdata;
};

struct KeySearches {
    Children *children;
    const ServerConfig *config;
    Search *first;
};

/* From the child. */
typedef struct Message {
    int rc;
    Reason reason;
    CredentialName found;
} Message;

_Static_assert(sizeof(Message) <= CHILD_MESSAGE_BYTES, "a message fits");

/* --- the child --- */

/* A suitable key is sealed without PCRs, as a fresh one would be, pinned or not. */
static int find(const Search *search, Reason *reason, CredentialName *ret)
{
    static const TpmSealRequest request;
    static const unsigned forms[] = {KIND_TPM, KIND_TPM | KIND_PINNED};
    _cleanup_(store_freep) Store *store = NULL;
    int r = store_new(search->searches->config->store_path, reason, &store);

    if (r != 0)
        return r;
    r = OUTCOME_NOT_FOUND;
    for (size_t i = 0; r == OUTCOME_NOT_FOUND && i < sizeof(forms) / sizeof(forms[0]); i++) {
        SharedKeyRequest wanted = {.key_types = forms[i], .request = &request};

        r = shared_key_find(store, search->machine, &wanted, reason, ret);
    }
    return r;
}

static void run_search(void *userdata, int to_worker, int passed)
{
    Message message;

    (void)passed;
    memset(&message, 0, sizeof(message));
    message.rc = find(userdata, &message.reason, &message.found);
    (void)child_tell(to_worker, (BytesView){(const uint8_t *)&message, sizeof(message)});
}

/* --- the worker --- */

static void unlink_search(const Search *search)
{
    Search **link;

    for (link = &search->searches->first; *link != search; link = &(*link)->next)
        ;
    *link = search->next;
}

static void search_free(Search *search)
{
    child_free(search->child);
    free(search);
}

static void finish(Search *search, const Message *message)
{
    KeySearchJob *job;

    search->child = child_free(search->child);
    unlink_search(search);
    search->ended = true;
    while ((job = search->first)) {
        search->first = job->next;
        job->search = NULL;
        job->done(job->userdata, message->rc, &message->found, &message->reason);
    }
    search_free(search);
}

static void on_message(void *userdata, BytesView text)
{
    Message message;

    if (text.size != sizeof(message))
        return;
    memcpy(&message, text.data, sizeof(message));
    finish(userdata, &message);
}

static void on_ended(void *userdata)
{
    finish(userdata, &(Message){.rc = OUTCOME_NOT_FOUND});
}

static int search_new(KeySearches *searches, const char *machine, Search **ret)
{
    Search *search = calloc(1, sizeof(*search));
    int r;

    if (!search)
        return -ENOMEM;
    search->searches = searches;
    snprintf(search->machine, sizeof(search->machine), "%s", machine);
    r = child_new(searches->children,
                  &(ChildTask){
                      .kind = CHILD_SEARCHER,
                      .passed = -1,
                      .run = run_search,
                      .message = on_message,
                      .ended = on_ended,
                      .userdata = search,
                  },
                  &search->child);
    if (r != 0) {
        free(search);
        return r;
    }
    search->next = searches->first;
    *ret = searches->first = search;
    return 0;
}

int key_search_job_new(KeySearches *searches, const char *machine, KeySearchDone done,
                       void *userdata, KeySearchJob **ret)
{
    _cleanup_(freep) KeySearchJob *job = calloc(1, sizeof(*job));
    Search *search;
    int r;

    if (!job)
        return -ENOMEM;
    for (search = searches->first; search && strcmp(search->machine, machine) != 0;
         search = search->next)
        ;
    r = search ? 0 : search_new(searches, machine, &search);
    if (r != 0)
        return r;
    *job =
        (KeySearchJob){.search = search, .next = search->first, .done = done, .userdata = userdata};
    search->first = job;
    *ret = TAKE_PTR(job);
    return 0;
}

KeySearchJob *key_search_job_free(KeySearchJob *job)
{
    Search *search = job ? job->search : NULL;
    KeySearchJob **link;

    if (search) {
        for (link = &search->first; *link != job; link = &(*link)->next)
            ;
        *link = job->next;
        if (!search->first && !search->ended) {
            unlink_search(search);
            search_free(search);
        }
    }
    free(job);
    return NULL;
}

int key_searches_new(Children *children, const ServerConfig *config, KeySearches **ret)
{
    KeySearches *searches = calloc(1, sizeof(*searches));

    if (!searches)
        return -ENOMEM;
    *searches = (KeySearches){.children = children, .config = config};
    *ret = searches;
    return 0;
}

KeySearches *key_searches_free(KeySearches *searches)
{
    if (!searches)
        return NULL;
    while (searches->first) {
        Search *search = searches->first;

        searches->first = search->next;
        search_free(search);
    }
    free(searches);
    return NULL;
}
