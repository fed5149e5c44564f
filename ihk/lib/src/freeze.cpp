// SPDX-License-Identifier: BSD-2-Clause
// An instance whose CPUs stand still, and its memory as a dump sees it.
#include "ihk/device.hpp"

#include "calls.hpp"

#include <fmt/format.h>

namespace still::ihk {

Result<> Instance::freeze()
{
    still_freeze request{};
    return call(file_.get(), STILL_IOC_FREEZE, request, fmt::format("freeze OS instance {}", index_));
}

Result<> Instance::thaw()
{
    still_freeze request{};
    return call(file_.get(), STILL_IOC_THAW, request, fmt::format("thaw OS instance {}", index_));
}

Result<uint32_t> Instance::hold()
{
    still_freeze request{};
    request.while_open = 1;
    const auto done =
        call(file_.get(), STILL_IOC_FREEZE, request, fmt::format("hold OS instance {}", index_));
    return done ? Result<uint32_t>(request.held) : std::unexpected(done.error());
}

void Instance::end_hold()
{
    still_freeze request{};
    request.while_open = 1;
    (void)ioctl(file_.get(), STILL_IOC_THAW, &request); // only fails where nothing is held
}

Result<DumpSource> Instance::dump_source()
{
    DumpSource source;
    const auto state = status();
    if (!state) {
        return std::unexpected(state.error());
    }
    source.num_cpus = static_cast<uint32_t>(state->cpus.size());
    still_dump_info info{};
    const std::string what = fmt::format("dump OS instance {}", index_);
    // Processes come and go while the list grows: again, until it fits.
    do {
        source.pieces.resize(info.count + 64);
        info.space = static_cast<uint32_t>(source.pieces.size());
        info.pieces = reinterpret_cast<uint64_t>(source.pieces.data()); // SAFETY: ioctls take integers
        if (auto done = call(file_.get(), STILL_IOC_DUMP_INFO, info, what); !done) {
            return std::unexpected(done.error());
        }
    } while (info.count > info.space);
    source.pieces.resize(info.count);
    source.image_phys = info.image_phys;
    source.image_bytes = info.image_bytes;
    return source;
}

Result<> Instance::dump_read(uint64_t phys, std::span<std::byte> to)
{
    still_dump_read request{};
    request.phys = phys;
    request.bytes = to.size();
    request.buffer = reinterpret_cast<uint64_t>(to.data()); // SAFETY: ioctls take integers
    return call(file_.get(), STILL_IOC_DUMP_READ, request, fmt::format("dump OS instance {}", index_));
}

Result<std::vector<still_waiting_call>> Instance::waiting_calls()
{
    std::vector<still_waiting_call> list;
    still_calls request{};
    do {
        list.resize(request.count + 64);
        request.space = static_cast<uint32_t>(list.size());
        request.buffer = reinterpret_cast<uint64_t>(list.data()); // SAFETY: ioctls take integers
        if (auto done = call(file_.get(), STILL_IOC_CALLS, request,
                             fmt::format("ask OS instance {} for its calls", index_));
            !done) {
            return std::unexpected(done.error());
        }
    } while (request.count > request.space);
    list.resize(request.count);
    return list;
}

} // namespace still::ihk
