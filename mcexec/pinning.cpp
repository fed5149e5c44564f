// SPDX-License-Identifier: BSD-2-Clause
#include "pinning.hpp"

#include "process.hpp"
#include "program_facts.hpp"

#include <linux/if_xdp.h>
#include <linux/ioctl.h>
#include <linux/vfio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

namespace still::mcexec {

namespace {

constexpr unsigned rdma_ioctls = 0x1b; // RDMA_IOCTL_MAGIC of rdma/rdma_user_ioctl_cmds.h

} // namespace

AddressMapUse::Kind AddressMapUse::kind_of(const Request& request)
{
    const auto arg1 = static_cast<uint32_t>(request.arg[1]);
    switch (request.nr) {
    case SYS_io_uring_setup:
    case SYS_io_uring_register:
        return Kind::pinning;
    case SYS_ioctl:
        return _IOC_TYPE(arg1) == rdma_ioctls || _IOC_TYPE(arg1) == VFIO_TYPE ? Kind::pinning : Kind::none;
    case SYS_setsockopt:
        return arg1 == SOL_XDP && static_cast<uint32_t>(request.arg[2]) == XDP_UMEM_REG ? Kind::pinning
                                                                                        : Kind::none;
    case SYS_mmap:
    case SYS_munmap:
    case SYS_mremap:
    case SYS_shmat:
    case SYS_shmdt:
    case SYS_io_destroy:
    case STILL_CALL_MAP_BACK:
    case STILL_CALL_REMAP:
    case STILL_CALL_AIO_SETUP:
        return Kind::change;
    case STILL_CALL_MAP_CHOSEN:
        return Kind::alone;
    default:
        return Kind::none;
    }
}

void AddressMap::begin_pinning()
{
    pthread_mutex_lock(&pinning_);
    begin_alone();
    for (const still_report_area& area : own_areas()) {
        const bool is_ours = area.kind == STILL_AREA_ANONYMOUS || area.kind == STILL_AREA_FILE;
        if (is_ours && (area.prot & PROT_WRITE) != 0) {
            // A range that can't be mapped so stays as it is: then Linux refuses to pin it.
            (void)process.device.map_pinnable({area.start, area.end});
        }
    }
    end();
}

void AddressMap::end_pinning()
{
    begin_alone();
    (void)process.device
        .map_ordinary(); // fails for want of memory only; such a range works as ioctl_proc.h says
    end();
    pthread_mutex_unlock(&pinning_);
}

void AddressMap::reset()
{
    pthread_rwlock_init(&lock_, nullptr);
    pthread_mutex_init(&pinning_, nullptr);
}

AddressMapUse::AddressMapUse(const Request& request) : kind_(kind_of(request))
{
    switch (kind_) {
    case Kind::none:
        break;
    case Kind::change:
        process.address_map.begin_change();
        break;
    case Kind::alone:
        process.address_map.begin_alone();
        break;
    case Kind::pinning:
        process.address_map.begin_pinning();
        break;
    }
}

AddressMapUse::~AddressMapUse()
{
    if (kind_ == Kind::pinning) {
        process.address_map.end_pinning();
    } else if (kind_ != Kind::none) {
        process.address_map.end();
    }
}

} // namespace still::mcexec
