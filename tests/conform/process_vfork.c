// SPDX-License-Identifier: BSD-2-Clause
// vfork(2), posix_spawn(3), system(3), popen(3): a child that shares the parent's memory until it executes or ends.
// covers: vfork, clone3
#include "show.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;
static volatile int shared = 1;
static volatile int good, round_;

static void on_usr1(int signo)
{
    shared += signo;
}

static void reap(pid_t pid, const char* what)
{
    int status = 0;
    MUST(waitpid(pid, &status, 0) == pid);
    if (WIFEXITED(status))
        printf("%s: exit %d\n", what, WEXITSTATUS(status));
    else
        printf("%s: signal %d\n", what, WTERMSIG(status));
    fflush(stdout);
}

static void spawn(const char* file, char* const argv[], const posix_spawn_file_actions_t* actions,
                  const posix_spawnattr_t* attributes)
{
    pid_t pid = 0;
    int error = posix_spawnp(&pid, file, actions, attributes, argv, environ);
    printf("spawn %s: %s\n", file, error ? strerrorname_np(error) : "ok");
    fflush(stdout);
    if (!error)
        reap(pid, file);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    pid_t pid = vfork();
    if (pid == 0) {
        shared = 42;
        _exit(3);
    }
    reap(pid, "vfork");
    printf("shared: %d\n", shared);

    /* Descriptors are the child's own, handlers too. */
    int fd = open("/dev/null", O_RDONLY);
    signal(SIGUSR1, on_usr1);
    pid = vfork();
    if (pid == 0) {
        close(fd);
        signal(SIGUSR1, SIG_IGN);
        kill(getpid(), SIGUSR1);
        shared = getpid() != getppid();
        _exit(4);
    }
    reap(pid, "closes");
    SHOW_OK(fcntl(fd, F_GETFD));
    printf("shared: %d\n", shared);
    shared = 0;
    raise(SIGUSR1);
    printf("handled: %d\n", shared == SIGUSR1);

    pid = vfork();
    if (pid == 0) {
        execl("/bin/true", "true", "unused", (char*)0);
        _exit(99);
    }
    reap(pid, "exec");
    pid = vfork();
    if (pid == 0) {
        execl("/does/not/exist", "x", (char*)0);
        _exit(errno);
    }
    reap(pid, "exec of nothing");
    pid = vfork();
    if (pid == 0) {
        kill(getpid(), SIGKILL);
        for (;;)
            pause();
    }
    reap(pid, "killed");
    pid = vfork();
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        *(volatile int*)8 = 1;
        _exit(1);
    }
    reap(pid, "crashed");

    char* echo[] = {"echo", "from", "a", "child", NULL};
    spawn("echo", echo, NULL, NULL);
    spawn("/does/not/exist", echo, NULL, NULL);
    spawn("/etc/passwd", echo, NULL, NULL);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "left-behind", O_CREAT | O_WRONLY | O_TRUNC, 0644);
    spawn("echo", echo, &actions, NULL);
    posix_spawn_file_actions_addclose(&actions, 777);
    spawn("echo", echo, &actions, NULL);
    posix_spawn_file_actions_addopen(&actions, 5, "/does/not/exist", O_RDONLY, 0);
    spawn("echo", echo, &actions, NULL);
    posix_spawnattr_t attributes;
    sigset_t set;
    posix_spawnattr_init(&attributes);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    posix_spawnattr_setsigmask(&attributes, &set);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    char* dies[] = {"sh", "-c", "kill -TERM $$; kill -INT $$; exit 1", NULL};
    spawn("sh", dies, NULL, &attributes);

    printf("system: %d %d\n", system("exit 5") >> 8, system("kill -9 $$"));
    FILE* lines = popen("echo one; echo two; exit 7", "r");
    char text[64];
    while (fgets(text, sizeof text, lines))
        printf("popen: %s", text);
    printf("pclose: %d\n", pclose(lines) >> 8);

    /* Many, one after the other: nothing may pile up. */
    for (round_ = 0; round_ < 40; round_++) {
        pid = vfork();
        if (pid == 0)
            _exit(round_);
        int status = 0;
        good += waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == round_;
    }
    printf("good: %d\n", good);
    return 0;
}
