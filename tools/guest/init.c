/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PID 1 of the guest's initramfs: loads the modules, puts the host's root file system (9p, read-only)
 * under a tmpfs overlay, makes that the root, and becomes the agent. A static program in place of a
 * shell script, since each process that need not start saves a tenth of a second under TCG.
 *
 * The root is moved over / and entered by PID 1 itself: kernel threads share its root directory, so
 * module autoload finds the new /sbin/modprobe, and CLONE_NEWUSER works (in a mere chroot it does not).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void die(const char* what)
{
    printf("guest-init: %s: %s\n", what, strerror(errno));
    fflush(stdout);
    sync();
    reboot(RB_POWER_OFF);
}

static void mount_at(const char* source, const char* target, const char* type, unsigned long flags,
                     const char* options)
{
    mkdir(target, 0755);
    if (mount(source, target, type, flags, options) != 0)
        die(target);
}

/* Tells the console how far the boot has come, for whoever looks why it went no further. */
static void tell(const char* what)
{
    printf("guest-init: %s\n", what);
    fflush(stdout);
}

/* Modules are named NN-name.ko in the order in which they have to be loaded. */
static void load_modules(void)
{
    struct dirent** entries;
    int count = scandir("/modules", &entries, NULL, alphasort);
    if (count < 0)
        die("/modules");
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] == '.')
            continue;
        char path[300];
        snprintf(path, sizeof path, "/modules/%s", entries[i]->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST))
            die(path);
        close(fd);
    }
}

static void copy_file(const char* from, const char* to)
{
    static char buffer[65536];
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    ssize_t length;
    if (in < 0 || out < 0)
        die(to);
    while ((length = read(in, buffer, sizeof buffer)) > 0)
        if (write(out, buffer, (size_t)length) != length)
            die(to);
    close(in);
    close(out);
}

static void bring_up_loopback(void)
{
    struct ifreq request = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) != 0)
        die("lo");
    close(fd);
}

int main(int argc, char** argv)
{
    mkdir("/dev", 0755);
    mount("dev", "/dev", "devtmpfs", 0, NULL); /* the kernel may have done so */
    load_modules();
    tell("mounts the host's root");

    mount_at("host", "/host", "9p", MS_RDONLY, "trans=virtio,version=9p2000.L,cache=loose,msize=512000");
    mount_at("layer", "/layer", "tmpfs", 0, "mode=755");
    mkdir("/layer/upper", 0755);
    mkdir("/layer/work", 0755);
    mount_at("root", "/root", "overlay", 0, "lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work");

    mount_at("proc", "/root/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    mount_at("sys", "/root/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    if (mount("/dev", "/root/dev", NULL, MS_MOVE, NULL) != 0)
        die("/root/dev");
    mount_at("devpts", "/root/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "ptmxmode=0666,mode=620,gid=5");
    mount_at("shm", "/root/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
    (void)!symlink("/proc/self/fd", "/root/dev/fd");
    (void)!symlink("/proc/self/fd/0", "/root/dev/stdin");
    (void)!symlink("/proc/self/fd/1", "/root/dev/stdout");
    (void)!symlink("/proc/self/fd/2", "/root/dev/stderr");
    mount_at("run", "/root/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
    mkdir("/root/run/still", 0755);
    /* What of the host's root disappears below the tmpfs mounts can still be bound from here. */
    mount_at("/root", "/root/run/still/root", NULL, MS_BIND, NULL);
    mount_at("tmp", "/root/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
    copy_file("/agent.py", "/root/run/still/agent.py");
    bring_up_loopback();
    sethostname("stillcore-guest", 15);

    if (chdir("/root") != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 ||
        chdir("/") != 0)
        die("switch root");

    /* What stands behind " -- " on the kernel's command line is started in the agent's place. Linux also passes what it
     * took for a parameter of nobody's, as nokaslr: that is no path. */
    char* agent[] = {"/usr/bin/python3", "-I", "-S", "-B", "/run/still/agent.py", NULL};
    int first = 1;
    while (first < argc && argv[first][0] != '/')
        first++;
    char** program = first < argc ? argv + first : agent;
    tell(program[0]);
    char* envp[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", NULL};
    execve(program[0], program, envp);
    die(program[0]);
    return 1;
}
