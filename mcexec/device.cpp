// SPDX-License-Identifier: BSD-2-Clause
#include "device.hpp"

#include "signal_relay.hpp"

#include <stillcore/ioctl_admin.h>

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace still::mcexec {

ihk::Result<> ProcessDevice::open(uint32_t os)
{
    os_ = os;
    const std::string path = fmt::format("/dev/ihk{}", os);
    const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        const int number = errno;
        struct stat info{};
        if (number == EACCES || number == EPERM) {
            return ihk::fail(number, fmt::format("no permission to open {}", path),
                             "be root, or of the group that the administrator chose for it");
        }
        if (stat("/dev/ihk", &info) != 0) {
            return ihk::fail(number, "the stillcore module is not loaded", "load it, then 'ihkosctl up'");
        }
        if (number == ENOENT || number == ENXIO || number == ENODEV) {
            return ihk::fail(number, fmt::format("there is no OS instance {} ({})", os, path),
                             "boot one with 'ihkosctl up'");
        }
        return ihk::fail(number, fmt::format("cannot open {}: {}", path, strerror(number)));
    }
    fd_.adopt(fd);
    return {};
}

int ProcessDevice::call(unsigned long request, void* argument)
{
    for (;;) {
        const int fd = fd_.get();
        const int result = ioctl(fd, request, argument);
        if (result >= 0) {
            return result;
        }
        // The number may have been given up between the two lines above.
        if (fd == fd_.get()) {
            return -errno;
        }
    }
}

int ProcessDevice::create(still_proc_create& request)
{
    return call(STILL_IOC_PROC_CREATE, &request);
}
int ProcessDevice::map_file(still_map_file& request)
{
    return call(STILL_IOC_MAP_FILE, &request);
}
int ProcessDevice::map_back(const still_range& range)
{
    return call(STILL_IOC_MAP_BACK, const_cast<still_range*>(&range)); // SAFETY: as in exec()
}
int ProcessDevice::map_pinnable(const still_range& range)
{
    return call(STILL_IOC_MAP_PINNABLE, const_cast<still_range*>(&range)); // SAFETY: as in exec()
}
int ProcessDevice::map_ordinary()
{
    return call(STILL_IOC_MAP_ORDINARY, nullptr);
}
int ProcessDevice::exec(const still_exec& request)
{
    return call(STILL_IOC_PROC_EXEC,
                const_cast<still_exec*>(&request)); // SAFETY: an _IOW ioctl only reads it
}
int ProcessDevice::start(const still_proc_start& request)
{
    return call(STILL_IOC_PROC_START, const_cast<still_proc_start*>(&request)); // SAFETY: as in exec()
}
int ProcessDevice::fork(still_proc_fork& request)
{
    return call(STILL_IOC_PROC_FORK, &request);
}
int ProcessDevice::adopt(int device_fd)
{
    fd_.replace(device_fd);
    return call(STILL_IOC_PROC_ADOPT, nullptr);
}
int ProcessDevice::attach(uint32_t slot)
{
    return call(STILL_IOC_SLOT_ATTACH, &slot);
}
int ProcessDevice::report(still_report& request)
{
    return call(STILL_IOC_REPORT, &request);
}
int ProcessDevice::file_name(still_file_name& request)
{
    return call(STILL_IOC_FILE_NAME, &request);
}
int ProcessDevice::status(still_status& status)
{
    return call(STILL_IOC_STATUS, &status);
}
int ProcessDevice::set_exe(int fd)
{
    return call(STILL_IOC_SET_EXE, &fd);
}
int ProcessDevice::own_exe()
{
    return call(STILL_IOC_OWN_EXE, nullptr);
}
int ProcessDevice::signal(const still_signal& signal)
{
    return call(STILL_IOC_SIGNAL, const_cast<still_signal*>(&signal)); // SAFETY: as in exec()
}
int ProcessDevice::signalfd(const still_signalfd& request)
{
    return call(STILL_IOC_SIGNALFD, const_cast<still_signalfd*>(&request)); // SAFETY: as in exec()
}
int ProcessDevice::wait(uint32_t slot, uint32_t seen)
{
    if (this_proxy != nullptr && this_proxy->holds) {
        release_held(*this_proxy);
    }
    still_slot_wait request{slot, seen};
    return call(STILL_IOC_SLOT_WAIT, &request);
}
int ProcessDevice::wake(uint32_t slot)
{
    return call(STILL_IOC_SLOT_WAKE, &slot);
}

int ProcessDevice::os_state()
{
    static still_status status; // too large for a signal handler's stack
    status.cpu_space = 0;
    const int result = call(STILL_IOC_STATUS, &status);
    return result < 0 ? result : static_cast<int>(status.state);
}

still_slot* ProcessDevice::map_slots()
{
    // All that may come; the module fills in what there is.
    const size_t bytes = STILL_MAX_SLOTS * sizeof(still_slot);
    void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    slots_ = at == MAP_FAILED ? nullptr : static_cast<still_slot*>(at);
    return slots_;
}

} // namespace still::mcexec
