// SPDX-License-Identifier: BSD-2-Clause
#include "pinning.hpp"

#include "process.hpp"
#include "program_facts.hpp"

#include <linux/if_xdp.h>
#include <linux/io_uring.h>
#include <linux/ioctl.h>
#include <linux/vfio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

namespace still::mcexec {

namespace {

constexpr unsigned rdma_ioctls = 0x1b;             // RDMA_IOCTL_MAGIC of rdma/rdma_user_ioctl_cmds.h
constexpr uint32_t use_registered_ring = 1u << 31; // from Linux 6.3 on

// Those that are known not to are left out: rings that programs change all the time.
bool registers_memory(uint32_t operation)
{
    switch (operation & ~use_registered_ring) {
    case IORING_UNREGISTER_BUFFERS:
    case IORING_REGISTER_FILES:
    case IORING_UNREGISTER_FILES:
    case IORING_REGISTER_EVENTFD:
    case IORING_UNREGISTER_EVENTFD:
    case IORING_REGISTER_FILES_UPDATE:
    case IORING_REGISTER_EVENTFD_ASYNC:
    case IORING_REGISTER_PROBE:
    case IORING_REGISTER_PERSONALITY:
    case IORING_UNREGISTER_PERSONALITY:
    case IORING_REGISTER_RESTRICTIONS:
    case IORING_REGISTER_ENABLE_RINGS:
    case IORING_REGISTER_FILES2:
    case IORING_REGISTER_FILES_UPDATE2:
    case IORING_REGISTER_IOWQ_AFF:
    case IORING_UNREGISTER_IOWQ_AFF:
    case IORING_REGISTER_IOWQ_MAX_WORKERS:
    case IORING_REGISTER_RING_FDS:
    case IORING_UNREGISTER_RING_FDS:
    case IORING_UNREGISTER_PBUF_RING:
    case IORING_REGISTER_SYNC_CANCEL:
    case IORING_REGISTER_FILE_ALLOC_RANGE:
        return false;
    default:
        return true;
    }
}

bool pins(const Request& request)
{
    const auto arg1 = static_cast<uint32_t>(request.arg[1]);
    switch (request.nr) {
    case SYS_io_uring_register:
        return registers_memory(arg1);
    case SYS_ioctl:
        return _IOC_TYPE(arg1) == rdma_ioctls || _IOC_TYPE(arg1) == VFIO_TYPE;
    case SYS_setsockopt:
        return arg1 == SOL_XDP && static_cast<uint32_t>(request.arg[2]) == XDP_UMEM_REG;
    default:
        return true;
    }
}

AddressUse use_of(const Request& request)
{
    const AddressUse use = address_use(request.nr);
    return use != AddressUse::may_pin || pins(request) ? use : AddressUse::none;
}

} // namespace

void AddressMap::begin_pinning()
{
    begin_alone();
    const bool others_pin = num_pinning_++ > 0;
    for (const still_report_area& area : own_areas()) {
        const bool is_ours = area.kind == STILL_AREA_ANONYMOUS || area.kind == STILL_AREA_FILE;
        if (is_ours && (area.prot & PROT_WRITE) != 0) {
            // A range that can't be mapped so stays as it is: then Linux refuses to pin it.
            (void)process.device.map_pinnable({area.start, area.end});
        } else if (is_ours && others_pin) {
            // It may have been writable when they began; likewise.
            (void)process.device.map_back({area.start, area.end});
        }
    }
    end();
}

void AddressMap::end_pinning()
{
    begin_alone();
    if (--num_pinning_ == 0) {
        // Fails for want of memory only; such a range works as ioctl_proc.h says.
        (void)process.device.map_ordinary();
    }
    end();
}

void AddressMap::reset()
{
    pthread_rwlock_init(&lock_, nullptr);
    num_pinning_ = 0;
}

AddressMapUse::AddressMapUse(const Request& request) : use_(use_of(request))
{
    switch (use_) {
    case AddressUse::none:
        break;
    case AddressUse::change:
        process.address_map.begin_change();
        break;
    case AddressUse::alone:
        process.address_map.begin_alone();
        break;
    case AddressUse::may_pin:
        process.address_map.begin_pinning();
        break;
    }
}

AddressMapUse::~AddressMapUse()
{
    if (use_ == AddressUse::may_pin) {
        process.address_map.end_pinning();
    } else if (use_ != AddressUse::none) {
        process.address_map.end();
    }
}

} // namespace still::mcexec
