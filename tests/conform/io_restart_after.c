// SPDX-License-Identifier: BSD-2-Clause
// A wait that a handler with SA_RESTART interrupts ends with EINTR, whatever call was made before it (as make waits).
// covers: pselect6
#include "show.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <unistd.h>

static void handler(int signal)
{
    (void)signal;
}

int main(void)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigset_t none, usr1;
    int ends[2];

    sigemptyset(&none);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    MUST(pipe(ends) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
    MUST(sigprocmask(SIG_BLOCK, &usr1, NULL) == 0);
    for (int turn = 0; turn < 3; turn++) {
        fd_set set;
        FD_ZERO(&set);
        FD_SET(ends[0], &set);
        if (turn == 0)
            MUST(mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
                 MAP_FAILED);
        else if (turn == 1)
            MUST(open("/dev/null", 0) >= 0);
        raise(SIGUSR1);
        SHOW(pselect(ends[0] + 1, &set, NULL, NULL, NULL, &none));
    }
    return 0;
}
