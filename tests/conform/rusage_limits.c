// SPDX-License-Identifier: BSD-2-Clause
// Resource limits: those of memory live in the LWK, the others in Linux; a program can't tell.
// covers: getrlimit, setrlimit, prlimit64
#include "show.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void show_limit(const char* name, int resource)
{
    struct rlimit a = {1, 2}, b = {3, 4}, c = {5, 6};
    MUST(getrlimit((__rlimit_resource_t)resource, &a) == 0);
    MUST(syscall(SYS_getrlimit, resource, &b) == 0);
    MUST(prlimit(getpid(), (__rlimit_resource_t)resource, NULL, &c) == 0);
    printf("%s: %lld %lld, the same: %d\n", name, (long long)a.rlim_cur, (long long)a.rlim_max,
           memcmp(&a, &b, sizeof a) == 0 && memcmp(&a, &c, sizeof a) == 0);
}

static void change(const char* name, int resource, rlim_t soft)
{
    struct rlimit old, now, fresh;
    MUST(getrlimit((__rlimit_resource_t)resource, &old) == 0);
    fresh = old;
    fresh.rlim_cur = soft;
    printf("%s: ", name);
    SHOW(prlimit(0, (__rlimit_resource_t)resource, &fresh, &now));
    printf("the old one: %d, ", memcmp(&now, &old, sizeof old) == 0);
    MUST(getrlimit((__rlimit_resource_t)resource, &now) == 0);
    printf("the new one: %d\n", now.rlim_cur == soft && now.rlim_max == old.rlim_max);
    fresh.rlim_max = soft - 1;
    SHOW(setrlimit((__rlimit_resource_t)resource, &fresh)); // soft above hard
    SHOW(setrlimit((__rlimit_resource_t)resource, &old));
}

int main(void)
{
    show_limit("AS", RLIMIT_AS);
    show_limit("DATA", RLIMIT_DATA);
    show_limit("STACK", RLIMIT_STACK);
    show_limit("NOFILE", RLIMIT_NOFILE);
    show_limit("CORE", RLIMIT_CORE);
    show_limit("FSIZE", RLIMIT_FSIZE);
    show_limit("CPU", RLIMIT_CPU);
    change("AS", RLIMIT_AS, 1ull << 40);
    change("DATA", RLIMIT_DATA, 1ull << 39);
    change("STACK", RLIMIT_STACK, 4 << 20);
    change("MEMLOCK", RLIMIT_MEMLOCK, 64 << 10);
    change("NOFILE", RLIMIT_NOFILE, 100);
    change("FSIZE", RLIMIT_FSIZE, 1 << 20);

    struct rlimit limit;
    SHOW(syscall(SYS_getrlimit, 99, &limit));
    SHOW(syscall(SYS_setrlimit, 99, &limit));
    SHOW(syscall(SYS_getrlimit, RLIMIT_AS, NULL));
    SHOW(syscall(SYS_setrlimit, RLIMIT_AS, NULL));
    SHOW(syscall(SYS_prlimit64, 0, RLIMIT_STACK, 16, NULL));
    SHOW(syscall(SYS_prlimit64, 0, RLIMIT_STACK, NULL, 16));
    SHOW(syscall(SYS_prlimit64, 999999999, RLIMIT_AS, NULL, &limit));
    SHOW(syscall(SYS_prlimit64, 0, RLIMIT_AS, NULL, NULL));

    // Root may raise what it lowered.
    limit = (struct rlimit){1ull << 41, 1ull << 41};
    SHOW(setrlimit(RLIMIT_AS, &limit));
    limit.rlim_max = RLIM_INFINITY;
    if (geteuid() == 0)
        SHOW(setrlimit(RLIMIT_AS, &limit));
    // And they hold.
    limit.rlim_cur = 256 << 20;
    SHOW(setrlimit(RLIMIT_AS, &limit));
    SHOW_OK(
        mmap(NULL, 512 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    SHOW_OK(mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    return 0;
}
