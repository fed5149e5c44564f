// SPDX-License-Identifier: BSD-2-Clause
// The smallest case: a few results and errors of offloaded calls.
// covers: getpid, exit_group
#include "show.h"

#include <fcntl.h>
#include <unistd.h>

int main(void)
{
    SHOW(open("/nowhere/at/all", O_RDONLY));
    SHOW(close(1000));
    SHOW(write(1, "", 0));
    SHOW(read(0, NULL, 1));
    SHOW_OK(getpid());
    int fd = open("left", O_CREAT | O_WRONLY, 0640);
    MUST(fd >= 0);
    SHOW(write(fd, "behind", 6));
    SHOW(write(fd, (void*)16, 6));
    return 3;
}
