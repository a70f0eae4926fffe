/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A tap on the wire to a software TPM: what crosses it is counted and kept, and commands can be
 * made to fail, answers to change.
 *
 * There is one tap a process: tap_open() resets it.
 */

#include "swtpm.h"
#include "tpm/tpm.h"

#include <stdbool.h>

#define TAP_COMMANDS_MAX 512

typedef enum TapFault {
    TAP_NO_FAULT,
    TAP_ANSWER, /* the TPM is not asked; the answer is .code */
    TAP_BREAK,  /* nothing can be sent */
    TAP_LOSE,   /* the TPM is asked, and its answer is lost */
    TAP_CHANGE, /* the TPM's answer has one bit changed, the last of byte .code from its end */
} TapFault;

typedef struct Tap {
    unsigned count;                      /* commands since tap_open() */
    uint32_t commands[TAP_COMMANDS_MAX]; /* TPM2_CC_… of each */

    TapFault fault;
    uint32_t code;
    unsigned fault_at;      /* with the so-manieth command from tap_open() on; 0: see next */
    uint32_t fault_command; /* with each command of this code */
    unsigned fault_times;   /* but no more often than this; 0: without end */
    unsigned faults;        /* so many there were */

    void (*before)(uint32_t command, void *data); /* called before each command is sent */
    void *data;

    uint8_t *wire; /* everything that crossed, both ways */
    size_t wire_size;
} Tap;

extern Tap tap;

/* tpm_new() with the tap in between. */
int tap_open(const Swtpm *swtpm, Tpm **ret);

/* Whether BYTES have crossed in clear. */
bool tap_saw(BytesView bytes);
