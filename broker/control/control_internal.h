/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Shared by control.c (connections: who may have one, whose turn it is, deadlines) and
 * control_call.c (what a call begins, and its reply).
 */

#include "control/check.h"
#include "control/control.h"
#include "courier/offer.h"
#include "protocol/frame.h"

typedef struct Control Control;

struct Control {
    ControlSet *set;
    Control *next;
    int fd;
    Peer peer;
    sd_event_source *io;
    sd_event_source *deadline; /* NULL unless a message is incomplete, in either direction */
    FrameReader reader;
    FrameWriter writer;
    VarlinkCall call; /* the call that .child or .commit answers */
    const Method *method;
    Child *child;
    Job *commit;
    Check *check;
    Offer *offer;    /* the courier's; NULL before it has offered something */
    unsigned calls;  /* up to LIMIT_CONTROL_CALLS */
    bool more;       /* the reader may contain another call */
    bool subscribed; /* gets events, and may not call any more */
};

struct ControlSet {
    ControlEnvironment environment;
    const char *interface;
    size_t max;                                /* connections */
    Refusals *refusals;                        /* NULL for the control socket */
    sd_event_source *listening[LISTENERS_MAX]; /* NULL where requests come in */
    Control *first;                            /* most recently active first */
    size_t count;
};

/* --- control.c --- */

/* Whether a call is being answered. */
bool control_is_busy(const Control *control);

/* Queues MESSAGE and takes ownership of it. */
int control_queue(Control *control, struct json_object *message);

/* Sends what was queued. R says whether that failed, which ends the connection. */
void control_proceed(Control *control, int r);

/* --- control_call.c --- */

/* Begins to answer the call in MESSAGE. A negative errno, or what frame_writer_add() returns: the
 * connection ends. */
int control_answer(Control *control, BytesView message);
