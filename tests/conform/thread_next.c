// SPDX-License-Identifier: BSD-2-Clause
// What a thread has of its own in Linux goes with it: the next one, which may be served by the same proxy thread, has
// what its creator has. And a thread that has ended is not there any more.
// covers: clone3, prctl, personality, setpriority, unshare, tgkill
#include "show.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void write_name(const char* name)
{
    int fd = open("/proc/thread-self/comm", O_WRONLY);
    MUST(fd >= 0 && write(fd, name, strlen(name)) == (ssize_t)strlen(name));
    close(fd);
}

static void* look(void* what)
{
    char name[16] = "", directory[64] = "";
    struct stat info;
    printf("%s: ", (const char*)what);
    prctl(PR_GET_NAME, name);
    MUST(getcwd(directory, sizeof directory));
    stat(".", &info);
    printf("name %s, slack %d, pdeathsig ", name, prctl(PR_GET_TIMERSLACK));
    int signal = -1;
    prctl(PR_GET_PDEATHSIG, &signal);
    printf("%d, personality %x, nice %d, uid %d, fsuid %d, ioprio %ld, directory %s, no new privileges %d\n",
           signal, personality(0xffffffff), getpriority(PRIO_PROCESS, 0), getuid(), setfsuid((uid_t)-1),
           syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0), directory, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    fflush(stdout);
    return NULL;
}

static void run(void* (*what)(void*), const char* text)
{
    pthread_t t;
    MUST(pthread_create(&t, NULL, what, (void*)text) == 0);
    MUST(pthread_join(t, NULL) == 0);
}

#define CHANGE(name, does)                                                                                   \
    static void* name(void* arg)                                                                             \
    {                                                                                                        \
        does;                                                                                                \
        return arg;                                                                                          \
    }

CHANGE(nothing, )
CHANGE(named, prctl(PR_SET_NAME, "other"))
CHANGE(named_by_file, write_name("by file"))
CHANGE(slack, prctl(PR_SET_TIMERSLACK, 123456))
CHANGE(parent_death, prctl(PR_SET_PDEATHSIG, SIGUSR1))
CHANGE(persona, personality(UNAME26))
CHANGE(nicer, setpriority(PRIO_PROCESS, 0, 5))
CHANGE(fs_user, setfsuid(1234))
CHANGE(real_user, syscall(SYS_setresuid, 1234, -1, -1))
CHANGE(io_class, syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 6)))
CHANGE(directory, MUST(unshare(CLONE_FS) == 0 && chdir("/usr") == 0))
CHANGE(no_privileges, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))

static int count_threads(void)
{
    int count = 0;
    DIR* folder = opendir("/proc/self/task");
    MUST(folder);
    for (struct dirent* entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static pid_t number;
CHANGE(tell_number, number = gettid())

// Linux takes a moment to forget a thread that was joined.
static void the_ended(void)
{
    int tries = 0;
    run(tell_number, NULL);
    while (syscall(SYS_tgkill, getpid(), number, 0) == 0 && ++tries < 1000)
        usleep(1000);
    SHOW(syscall(SYS_tgkill, getpid(), number, 0));
    SHOW(syscall(SYS_tkill, number, 0));
    for (tries = 0; count_threads() != 1 && tries < 1000; tries++)
        usleep(1000);
    printf("threads: %d\n", count_threads());
}

static void* creates(void* text)
{
    prctl(PR_SET_NAME, "creator");
    run(look, text);
    return NULL;
}

int main(void)
{
    static const struct {
        void* (*change)(void*);
        const char* name;
    } changes[] = {{nothing, "nothing"},
                   {named, "name"},
                   {named_by_file, "name by file"},
                   {slack, "timer slack"},
                   {parent_death, "signal"},
                   {persona, "personality"},
                   {nicer, "nice"},
                   {fs_user, "fsuid"},
                   {real_user, "uid"},
                   {io_class, "priority for I/O"},
                   {directory, "directory"},
                   {no_privileges, "no new privileges"}};

    MUST(chdir("/") == 0);
    prctl(PR_SET_NAME, "program");
    run(look, "first");
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        run(changes[i].change, NULL);
        run(look, changes[i].name);
        run(look, "once more");
    }
    prctl(PR_SET_NAME, "program 2");
    run(look, "the creator's new name");
    prctl(PR_SET_TIMERSLACK, 70000);
    run(look, "the creator's slack");
    run(creates, "of another creator");
    run(look, "of the first");
    the_ended();
    return 0;
}
