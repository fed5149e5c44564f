// SPDX-License-Identifier: BSD-2-Clause
#include "ihk/device.hpp"

#include "ihk/machine.hpp"

#include "calls.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace still::ihk {

namespace {

constexpr const char* root_hint = "this needs root (CAP_SYS_ADMIN): use sudo";

Result<> call_cpus(int fd, unsigned long request, const std::vector<uint32_t>& cpus, const std::string& what)
{
    still_cpu_list list{};
    if (cpus.size() > STILL_MAX_CPUS) {
        return fail(EINVAL, fmt::format("{}: more than {} CPUs", what, STILL_MAX_CPUS));
    }
    list.count = static_cast<uint32_t>(cpus.size());
    std::copy(cpus.begin(), cpus.end(), list.cpu);
    return call(fd, request, list, fmt::format("{} {}", what, format_cpu_list(cpus)));
}

Result<std::vector<uint32_t>> ask_cpus(int fd, unsigned long request, const std::string& what)
{
    still_cpu_list list{};
    if (const auto done = call(fd, request, list, what); !done) {
        return std::unexpected(done.error());
    }
    return std::vector<uint32_t>(list.cpu, list.cpu + std::min<uint32_t>(list.count, STILL_MAX_CPUS));
}

std::vector<MemItem> from_list(const still_mem_list& list)
{
    std::vector<MemItem> items;
    for (uint32_t i = 0; i < std::min<uint32_t>(list.count, STILL_MAX_NODES); ++i) {
        items.push_back({list.item[i].node, list.item[i].bytes});
    }
    return items;
}

Result<> call_memory(int fd, unsigned long request, const std::vector<MemItem>& items,
                     const std::string& what)
{
    still_mem_list list{};
    for (const MemItem& item : items) {
        if (list.count == STILL_MAX_NODES || !item.node) {
            return fail(EINVAL, fmt::format("{}: each size needs its node", what));
        }
        list.item[list.count++] = {*item.node, 0, item.bytes};
    }
    return call(fd, request, list, fmt::format("{} {}", what, format_mem_spec(items)));
}

Result<std::vector<MemItem>> ask_memory(int fd, unsigned long request, const std::string& what)
{
    still_mem_list list{};
    if (const auto done = call(fd, request, list, what); !done) {
        return std::unexpected(done.error());
    }
    return from_list(list);
}

bool module_loaded()
{
    struct stat info{};
    return stat("/dev/ihk", &info) == 0 || stat("/sys/module/stillcore", &info) == 0;
}

Error no_module()
{
    return {ENODEV, "the stillcore module is not loaded (there is no /dev/ihk)",
            "load it: insmod linux-module/stillcore.ko of the build directory, or modprobe stillcore"};
}

} // namespace

Error describe(int number, const std::string& what, const char* text)
{
    Error error{number, what, {}};
    const size_t length = text == nullptr ? 0 : strnlen(text, STILL_TEXT);
    error.message += ": ";
    error.message += length != 0 ? std::string(text, length) : std::string(strerror(number));
    if (number == EPERM || number == EACCES) {
        error.hint = root_hint;
    } else if (number == ENOTTY) {
        error.hint = "the loaded module is of another build: reload it";
    }
    return error;
}

FileHandle::~FileHandle()
{
    if (fd_ >= 0) {
        close(fd_);
    }
}

const char* state_name(uint32_t state)
{
    switch (state) {
    case STILL_OS_INACTIVE:
        return "INACTIVE";
    case STILL_OS_BOOTING:
        return "BOOTING";
    case STILL_OS_RUNNING:
        return "RUNNING";
    case STILL_OS_SHUTDOWN:
        return "SHUTDOWN";
    case STILL_OS_PANIC:
        return "PANIC";
    case STILL_OS_HUNGUP:
        return "HUNGUP";
    case STILL_OS_FREEZING:
        return "FREEZING";
    case STILL_OS_FROZEN:
        return "FROZEN";
    default:
        return "UNKNOWN";
    }
}

Result<Device> Device::open()
{
    FileHandle file(::open("/dev/ihk", O_RDWR | O_CLOEXEC));
    if (file.get() >= 0) {
        return Device(std::move(file));
    }
    const int number = errno;
    if (number == ENOENT || number == ENXIO || number == ENODEV) {
        return std::unexpected(no_module());
    }
    return fail(number, fmt::format("cannot open /dev/ihk: {}", strerror(number)),
                number == EACCES || number == EPERM ? root_hint : "");
}

Result<> Device::reserve_cpus(const std::vector<uint32_t>& cpus)
{
    return call_cpus(file_.get(), STILL_IOC_CPU_RESERVE, cpus, "reserve CPUs");
}

Result<> Device::release_cpus(const std::vector<uint32_t>& cpus)
{
    return call_cpus(file_.get(), STILL_IOC_CPU_RELEASE, cpus, "release CPUs");
}

Result<std::vector<uint32_t>> Device::query_cpus()
{
    return ask_cpus(file_.get(), STILL_IOC_CPU_QUERY, "query reserved CPUs");
}

Result<std::vector<MemItem>> Device::reserve_memory(const std::vector<MemItem>& items)
{
    const auto before = query_memory();
    if (!before) {
        return before;
    }
    if (const auto done = call_memory(file_.get(), STILL_IOC_MEM_RESERVE, items, "reserve memory"); !done) {
        return std::unexpected(done.error());
    }
    auto taken = items;
    const auto after = query_memory();
    for (MemItem& item : taken) {
        if (item.bytes != STILL_MEM_ALL || !after) {
            continue;
        }
        item.bytes = 0;
        for (const MemItem& now : *after) {
            item.bytes += now.node == item.node ? now.bytes : 0;
        }
        for (const MemItem& then : *before) {
            item.bytes -= then.node == item.node ? then.bytes : 0;
        }
    }
    return taken;
}

Result<> Device::release_memory(const std::vector<MemItem>& items)
{
    return call_memory(file_.get(), STILL_IOC_MEM_RELEASE, items, "release memory");
}

Result<std::vector<MemItem>> Device::query_memory()
{
    return ask_memory(file_.get(), STILL_IOC_MEM_QUERY, "query reserved memory");
}

Result<uint32_t> Device::create_instance()
{
    const int index = ioctl(file_.get(), STILL_IOC_OS_CREATE);
    if (index < 0) {
        return std::unexpected(describe(errno, "create an OS instance", nullptr));
    }
    return static_cast<uint32_t>(index);
}

Result<> Device::destroy_instance(uint32_t index)
{
    still_destroy request{};
    request.index = index;
    return call(file_.get(), STILL_IOC_OS_DESTROY, request, fmt::format("destroy OS instance {}", index));
}

Result<std::vector<uint32_t>> Device::instances()
{
    still_instances list{};
    if (ioctl(file_.get(), STILL_IOC_OS_LIST, &list) < 0) {
        return std::unexpected(describe(errno, "list the OS instances", nullptr));
    }
    return std::vector<uint32_t>(list.index,
                                 list.index + std::min<uint32_t>(list.count, STILL_MAX_INSTANCES));
}

Result<still_accounts> Device::accounts()
{
    still_accounts accounts{};
    if (ioctl(file_.get(), STILL_IOC_ACCOUNTS, &accounts) < 0) {
        return std::unexpected(describe(errno, "read the accounts", nullptr));
    }
    return accounts;
}

Result<Instance> Instance::open(uint32_t index, Access access)
{
    const std::string path = fmt::format("/dev/ihk{}", index);
    FileHandle file(::open(path.c_str(), (access == Access::look ? O_RDONLY : O_RDWR) | O_CLOEXEC));
    if (file.get() >= 0) {
        return Instance(std::move(file), index);
    }
    const int number = errno;
    if (!module_loaded()) {
        return std::unexpected(no_module());
    }
    if (number == ENOENT || number == ENXIO || number == ENODEV) {
        return fail(ENODEV, fmt::format("there is no OS instance {} ({} does not exist)", index, path),
                    "boot one with 'ihkosctl up', or create one with 'ihkconfig 0 create'");
    }
    return fail(number, fmt::format("cannot open {}: {}", path, strerror(number)),
                number == EACCES || number == EPERM
                    ? "you need the right to open it: be root, or of the group that the administrator chose"
                    : "");
}

// Programs see the CPUs that it has.
Result<> Instance::cpus_changed(Result<> done)
{
    const auto now = done ? status() : std::unexpected(done.error());
    if (now && now->status.state == STILL_OS_RUNNING) {
        (void)publish_machine(*this);
    }
    return done;
}

Result<> Instance::assign_cpus(const std::vector<uint32_t>& cpus)
{
    return cpus_changed(call_cpus(file_.get(), STILL_IOC_CPU_ASSIGN, cpus, "assign CPUs"));
}

Result<> Instance::release_cpus(const std::vector<uint32_t>& cpus)
{
    return cpus_changed(call_cpus(file_.get(), STILL_IOC_CPU_UNASSIGN, cpus, "release CPUs"));
}

Result<std::vector<uint32_t>> Instance::query_cpus()
{
    return ask_cpus(file_.get(), STILL_IOC_CPU_ASSIGNED, "query assigned CPUs");
}

Result<> Instance::assign_memory(const std::vector<MemItem>& items)
{
    return call_memory(file_.get(), STILL_IOC_MEM_ASSIGN, items, "assign memory");
}

Result<> Instance::release_memory(const std::vector<MemItem>& items)
{
    return call_memory(file_.get(), STILL_IOC_MEM_UNASSIGN, items, "release memory");
}

Result<std::vector<MemItem>> Instance::query_memory()
{
    return ask_memory(file_.get(), STILL_IOC_MEM_ASSIGNED, "query assigned memory");
}

Result<> Instance::load(std::span<const std::byte> image)
{
    still_load request{};
    request.image = reinterpret_cast<uint64_t>(image.data()); // SAFETY: the ioctl takes addresses as integers
    request.size = image.size();
    return call(file_.get(), STILL_IOC_LOAD, request, "load the image");
}

Result<> Instance::set_kargs(const std::string& text)
{
    auto request = std::make_unique<still_kargs>();
    if (text.size() >= sizeof request->cmdline) {
        return fail(E2BIG, fmt::format("the kernel arguments are {} bytes long, the limit is {}", text.size(),
                                       sizeof request->cmdline - 1));
    }
    memcpy(request->cmdline, text.c_str(), text.size());
    return call(file_.get(), STILL_IOC_KARGS, *request, "set the kernel arguments");
}

Result<uint64_t> Instance::boot(uint32_t timeout_ms)
{
    still_boot request{};
    request.timeout_ms = timeout_ms;
    if (const auto done =
            call(file_.get(), STILL_IOC_BOOT, request, fmt::format("boot OS instance {}", index_));
        !done) {
        return std::unexpected(done.error());
    }
    // Without it programs see Linux's CPUs and nodes below /sys: worse, but no reason not to boot.
    (void)publish_machine(*this);
    return request.boot_us;
}

Result<bool> Instance::shutdown(uint32_t timeout_ms)
{
    still_shutdown request{};
    request.timeout_ms = timeout_ms;
    const auto done =
        call(file_.get(), STILL_IOC_SHUTDOWN, request, fmt::format("shut OS instance {} down", index_));
    if (!done) {
        return std::unexpected(done.error());
    }
    return request.orderly != 0;
}

Result<> Instance::inject(uint32_t what)
{
    still_inject_request request{};
    request.what = what;
    return call(file_.get(), STILL_IOC_INJECT, request,
                fmt::format("inject a fault into OS instance {}", index_));
}

Result<> Instance::drop_cache()
{
    still_drop_cache request{};
    return call(file_.get(), STILL_IOC_DROP_CACHE, request,
                fmt::format("drop the cache of OS instance {}", index_));
}

} // namespace still::ihk
