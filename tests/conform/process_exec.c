// SPDX-License-Identifier: BSD-2-Clause
// execve(2) and execveat(2): what is kept, what goes, and every way to be refused.
// covers: execve, execveat
#include "show.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char self[4096];

static void make_file(const char* name, mode_t mode, const char* text)
{
    int fd = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    MUST(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fchmod(fd, mode) == 0 &&
         close(fd) == 0);
}

static void wait_for(pid_t pid)
{
    int status = 0;
    MUST(waitpid(pid, &status, 0) == pid);
    if (WIFEXITED(status))
        printf("-> exit %d\n", WEXITSTATUS(status));
    else
        printf("-> signal %d\n", WTERMSIG(status));
}

#define IN_CHILD(call)                                                                                       \
    do {                                                                                                     \
        printf("%s\n", #call);                                                                               \
        fflush(stdout);                                                                                      \
        pid_t pid_ = fork();                                                                                 \
        if (pid_ == 0) {                                                                                     \
            call;                                                                                            \
            printf("refused: %s\n", strerrorname_np(errno));                                                 \
            fflush(stdout);                                                                                  \
            _exit(100);                                                                                      \
        }                                                                                                    \
        wait_for(pid_);                                                                                      \
    } while (0)

/* What the new program finds. */
static int second(int argc, char** argv)
{
    sigset_t set;
    struct sigaction action;
    printf("second: %d arguments:", argc - 2);
    for (int i = 2; i < argc; i++)
        printf(" [%s]", argv[i]);
    printf("\nNAME=%s HOME %s\n", getenv("NAME"), getenv("HOME") ? "set" : "not set");
    SHOW_OK(fcntl(20, F_GETFD));
    SHOW_OK(fcntl(21, F_GETFD));
    sigprocmask(SIG_BLOCK, NULL, &set);
    printf("blocked: %d %d\n", sigismember(&set, SIGUSR1), sigismember(&set, SIGUSR2));
    sigaction(SIGHUP, NULL, &action);
    printf("ignored: %d", action.sa_handler == SIG_IGN);
    sigaction(SIGTERM, NULL, &action);
    printf(" default: %d\n", action.sa_handler == SIG_DFL);
    fflush(stdout);
    return 7;
}

static void handler(int signo)
{
    (void)signo;
}

int main(int argc, char** argv)
{
    if (argc > 1 && strcmp(argv[1], "second") == 0)
        return second(argc, argv);
    MUST(readlink("/proc/self/exe", self, sizeof self - 1) > 0 || realpath(argv[0], self) != NULL);
    if (strstr(self, "mcexec") != NULL)
        MUST(realpath(argv[0], self) != NULL);

    int fd = open("/dev/null", O_RDONLY);
    MUST(dup2(fd, 20) == 20 && fcntl(dup2(fd, 21), F_SETFD, FD_CLOEXEC) == 0);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_SETMASK, &set, NULL);
    signal(SIGHUP, SIG_IGN);
    signal(SIGTERM, handler);

    char* args[] = {"second", "second", "a b", "", "ü", NULL};
    char* env[] = {"NAME=value", NULL};
    IN_CHILD(execve(self, args, env));
    IN_CHILD(execve("/does/not/exist", args, env));
    IN_CHILD(execve("/etc", args, env));
    IN_CHILD(execve("/etc/passwd", args, env));
    IN_CHILD(execve("/etc/passwd/x", args, env));
    IN_CHILD(execve(NULL, args, env));
    IN_CHILD(execve((char*)8, args, env));
    IN_CHILD(execve("/bin/true", (char**)8, env));
    char* bad[] = {"x", (char*)8, NULL};
    IN_CHILD(execve("/bin/true", bad, env));
    IN_CHILD(execve("/bin/true", args, (char**)8));
    IN_CHILD(execve("", args, env));
    IN_CHILD(execve(self, args, NULL));

    make_file("script", 0755, "#!/bin/sh\necho \"script $0 $1 $NAME\"\nexit 9\n");
    make_file("script-arg", 0755, "#!/bin/sh -e\nfalse\necho not reached\n");
    make_file("no-interpreter", 0755, "#!/does/not/exist\n");
    make_file("garbage", 0755, "this is no program\n");
    make_file("not-executable", 0644, "#!/bin/sh\n");
    make_file("loop", 0755, "#!./loop\n");
    make_file("empty", 0755, "");
    MUST(symlink("script", "link") == 0);
    char* script_args[] = {"script", "one", NULL};
    IN_CHILD(execve("./script", script_args, env));
    IN_CHILD(execve("./link", script_args, env));
    IN_CHILD(execve("./script-arg", script_args, env));
    IN_CHILD(execve("./no-interpreter", script_args, env));
    IN_CHILD(execve("./garbage", script_args, env));
    IN_CHILD(execve("./not-executable", script_args, env));
    IN_CHILD(execve("./loop", script_args, env));
    IN_CHILD(execve("./empty", script_args, env));

    int here = open(".", O_RDONLY | O_DIRECTORY), bin = open("/bin", O_PATH),
        image = open(self, O_RDONLY | O_CLOEXEC);
    IN_CHILD(syscall(SYS_execveat, bin, "true", args, env, 0));
    IN_CHILD(syscall(SYS_execveat, here, "not-there", args, env, 0));
    IN_CHILD(syscall(SYS_execveat, here, "link", script_args, env, AT_SYMLINK_NOFOLLOW));
    IN_CHILD(syscall(SYS_execveat, image, "", args, env, AT_EMPTY_PATH));
    IN_CHILD(syscall(SYS_execveat, image, "", args, env, 0));
    IN_CHILD(syscall(SYS_execveat, AT_FDCWD, "", args, env, AT_EMPTY_PATH));
    IN_CHILD(syscall(SYS_execveat, 999, "true", args, env, 0));
    IN_CHILD(syscall(SYS_execveat, 999, "/bin/true", args, env, 0));
    IN_CHILD(syscall(SYS_execveat, here, "script", args, env, 0x40000000));
    IN_CHILD(syscall(SYS_execveat, here, NULL, args, env, 0));
    IN_CHILD(fexecve(image, args, env));

    /* The argument limit. */
    size_t huge = 200 * 1024;
    char* word = malloc(huge + 1);
    memset(word, 'x', huge);
    word[huge] = 0;
    char* too_long[] = {"x", word, NULL};
    IN_CHILD(execve("/bin/true", too_long, env));
    word[100 * 1024] = 0;
    IN_CHILD(execve("/bin/true", too_long, env));
    enum { many = 40 };
    char* lots[many + 2];
    for (int i = 0; i <= many; i++)
        lots[i] = word;
    lots[many + 1] = NULL;
    IN_CHILD(execve("/bin/true", lots, env));
    return 0;
}
