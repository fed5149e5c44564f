// SPDX-License-Identifier: BSD-2-Clause
// What an instance says of itself: its state and counters, its processes, its log.
#include "ihk/device.hpp"

#include "calls.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <sys/ioctl.h>

namespace still::ihk {

Result<InstanceStatus> Instance::status()
{
    InstanceStatus answer;
    answer.cpus.resize(STILL_MAX_CPUS);
    answer.status.cpu_space = STILL_MAX_CPUS;
    answer.status.cpus = reinterpret_cast<uint64_t>(answer.cpus.data()); // SAFETY: as in load()
    if (ioctl(file_.get(), STILL_IOC_STATUS, &answer.status) < 0) {
        return std::unexpected(
            describe(errno, fmt::format("ask OS instance {} for its status", index_), nullptr));
    }
    answer.cpus.resize(std::min<uint32_t>(answer.status.num_cpus, STILL_MAX_CPUS));
    return answer;
}

Result<std::vector<still_process_query>> Instance::processes()
{
    std::vector<still_process_query> found;
    for (still_process_query query{}; ioctl(file_.get(), STILL_IOC_PROCESS, &query) == 0;) {
        found.push_back(query);
    }
    if (errno == ENOENT || errno == EBADFD) {
        return found;
    }
    return std::unexpected(
        describe(errno, fmt::format("list the processes of OS instance {}", index_), nullptr));
}

Result<std::vector<still_usage_query>> Instance::usage()
{
    std::vector<still_usage_query> found;
    for (still_usage_query query{}; ioctl(file_.get(), STILL_IOC_USAGE, &query) == 0;) {
        found.push_back(query);
    }
    if (errno == ENOENT || errno == EBADFD) {
        return found;
    }
    return std::unexpected(
        describe(errno, fmt::format("ask OS instance {} who has its memory", index_), nullptr));
}

Result<std::string> Instance::kmsg(uint64_t& from)
{
    std::string text;
    std::vector<char> piece(65536);
    for (;;) {
        still_kmsg request{};
        request.from = from;
        request.buffer = reinterpret_cast<uint64_t>(piece.data()); // SAFETY: as in load()
        request.size = piece.size();
        if (ioctl(file_.get(), STILL_IOC_KMSG, &request) < 0) {
            return std::unexpected(
                describe(errno, fmt::format("read the log of OS instance {}", index_), nullptr));
        }
        from = request.from + request.size;
        text.append(piece.data(), std::min<size_t>(request.size, piece.size()));
        if (request.size == 0) {
            return text;
        }
    }
}

Result<> Instance::clear_kmsg()
{
    if (ioctl(file_.get(), STILL_IOC_CLEAR_KMSG) < 0) {
        return std::unexpected(
            describe(errno, fmt::format("clear the log of OS instance {}", index_), nullptr));
    }
    return {};
}

} // namespace still::ihk
