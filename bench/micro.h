/* SPDX-License-Identifier: BSD-2-Clause */
/* What micro's operations share. */
#ifndef MICRO_H
#define MICRO_H

#include <stddef.h>
#include <sys/types.h>

enum { page = 4096, mib = 1 << 20 };

struct operation {
    const char* name;
    void (*run)(long n);
    void (*start)(void);   /* once before, or NULL */
    double (*timed)(void); /* instead of run: does it once, and says how many ns of it count */
};
/* Each ends with one that has no name. */
extern const struct operation call_operations[], task_operations[], memory_operations[];

/* What was prepared for the operation. */
extern int file;
extern char* buffer;
extern pid_t child;         /* 0: there is none */
extern const char* program; /* that is started */

void need(int there, const char* what);
char* memory(size_t bytes);
void touch(char* at, size_t bytes);
void stop_child(void);
double now(void);

#endif
