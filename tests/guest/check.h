/* SPDX-License-Identifier: BSD-2-Clause */
/* What the guest programs check with. */
#ifndef GUEST_CHECK_H
#define GUEST_CHECK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(cond)                                                                                          \
    do {                                                                                                     \
        if (!(cond)) {                                                                                       \
            fprintf(stderr, "%s:%d: not so: %s (errno %d, %s)\n", __FILE__, __LINE__, #cond, errno,          \
                    strerror(errno));                                                                        \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

/* A call that must fail with this errno. */
#define CHECK_ERRNO(call, number)                                                                            \
    do {                                                                                                     \
        errno = 0;                                                                                           \
        long result_ = (long)(call);                                                                         \
        if (result_ != -1 || errno != (number)) {                                                            \
            fprintf(stderr, "%s:%d: %s gave %ld, errno %d (%s), not %s\n", __FILE__, __LINE__, #call,        \
                    result_, errno, strerror(errno), #number);                                               \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

#endif
