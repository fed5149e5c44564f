/* SPDX-License-Identifier: BSD-2-Clause */
/* How the programs here say what they see: results and errnos by name, never addresses, pids or times. */
#ifndef CONFORM_SHOW_H
#define CONFORM_SHOW_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints what the call gave: its errno's name, or its value. */
#define SHOW(call)                                                                                           \
    do {                                                                                                     \
        errno = 0;                                                                                           \
        long shown_ = (long)(call);                                                                          \
        if (shown_ == -1)                                                                                    \
            printf("%s: %s\n", #call, strerrorname_np(errno));                                               \
        else                                                                                                 \
            printf("%s: %ld\n", #call, shown_);                                                              \
    } while (0)

/* The same for a call whose value differs from run to run (an address, a pid): ok or its errno. */
#define SHOW_OK(call)                                                                                        \
    do {                                                                                                     \
        errno = 0;                                                                                           \
        long shown_ = (long)(call);                                                                          \
        printf("%s: %s\n", #call, shown_ == -1 ? strerrorname_np(errno) : "ok");                             \
    } while (0)

/* What a test can't go on without; not a part of what is compared. */
#define MUST(cond)                                                                                           \
    do {                                                                                                     \
        if (!(cond)) {                                                                                       \
            printf("%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #cond, strerror(errno));                  \
            fflush(stdout);                                                                                  \
            _Exit(99);                                                                                       \
        }                                                                                                    \
    } while (0)

#endif
