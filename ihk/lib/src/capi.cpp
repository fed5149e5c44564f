// SPDX-License-Identifier: BSD-2-Clause
#include "capi.hpp"

#include "ihk/dump.hpp"
#include "ihk/image.hpp"

#include <sys/ioctl.h>

using still::ihk::Device;
using still::ihk::Error;
using still::ihk::Instance;
using still::ihk::MemItem;
using still::ihk::Result;
using still::ihk::c::borrow;
using still::ihk::c::give;
using still::ihk::c::report;

namespace {

int done(const Result<>& result, ihk_error* error)
{
    return result ? 0 : report(result.error(), error);
}

int give_numbers(const Result<std::vector<uint32_t>>& result, uint32_t* out, size_t space, ihk_error* error)
{
    return give(result, out, space, error, [](uint32_t number) { return number; });
}

int give_memory(const Result<std::vector<MemItem>>& result, ihk_mem* out, size_t space, ihk_error* error)
{
    return give(result, out, space, error,
                [](const MemItem& item) { return ihk_mem{item.node.value_or(0), item.bytes}; });
}

std::vector<uint32_t> numbers(const uint32_t* from, size_t count)
{
    return {from, from + count};
}

std::vector<MemItem> memory(const ihk_mem* from, size_t count)
{
    std::vector<MemItem> items;
    for (size_t i = 0; i < count; ++i) {
        items.push_back({from[i].node, from[i].bytes});
    }
    return items;
}

} // namespace

int ihk_open(ihk_error* error)
{
    auto device = Device::open();
    return device ? device->release() : report(device.error(), error);
}

int ihk_reserve_cpus(int dev, const uint32_t* cpus, size_t count, ihk_error* error)
{
    return borrow<Device>(dev, error,
                          [&](Device& d) { return done(d.reserve_cpus(numbers(cpus, count)), error); });
}

int ihk_release_cpus(int dev, const uint32_t* cpus, size_t count, ihk_error* error)
{
    return borrow<Device>(dev, error,
                          [&](Device& d) { return done(d.release_cpus(numbers(cpus, count)), error); });
}

int ihk_query_cpus(int dev, uint32_t* cpus, size_t space, ihk_error* error)
{
    return borrow<Device>(dev, error,
                          [&](Device& d) { return give_numbers(d.query_cpus(), cpus, space, error); });
}

int ihk_reserve_mem(int dev, const ihk_mem* items, size_t count, ihk_error* error)
{
    return borrow<Device>(dev, error, [&](Device& d) {
        const auto taken = d.reserve_memory(memory(items, count));
        return taken ? 0 : report(taken.error(), error);
    });
}

int ihk_release_mem(int dev, const ihk_mem* items, size_t count, ihk_error* error)
{
    return borrow<Device>(dev, error,
                          [&](Device& d) { return done(d.release_memory(memory(items, count)), error); });
}

int ihk_query_mem(int dev, ihk_mem* items, size_t space, ihk_error* error)
{
    return borrow<Device>(dev, error,
                          [&](Device& d) { return give_memory(d.query_memory(), items, space, error); });
}

int ihk_create_os(int dev, ihk_error* error)
{
    return borrow<Device>(dev, error, [&](Device& d) {
        const auto index = d.create_instance();
        return index ? static_cast<int>(*index) : report(index.error(), error);
    });
}

int ihk_destroy_os(int dev, unsigned os, ihk_error* error)
{
    return borrow<Device>(dev, error, [&](Device& d) { return done(d.destroy_instance(os), error); });
}

int ihk_os_instances(int dev, uint32_t* indices, size_t space, ihk_error* error)
{
    return borrow<Device>(dev, error,
                          [&](Device& d) { return give_numbers(d.instances(), indices, space, error); });
}

int ihk_os_open(unsigned os, ihk_error* error)
{
    auto instance = Instance::open(os);
    return instance ? instance->release() : report(instance.error(), error);
}

int ihk_os_open_to_look(unsigned os, ihk_error* error)
{
    auto instance = Instance::open(os, Instance::Access::look);
    return instance ? instance->release() : report(instance.error(), error);
}

int ihk_os_assign_cpus(int os, const uint32_t* cpus, size_t count, ihk_error* error)
{
    return borrow<Instance>(os, error,
                            [&](Instance& i) { return done(i.assign_cpus(numbers(cpus, count)), error); });
}

int ihk_os_release_cpus(int os, const uint32_t* cpus, size_t count, ihk_error* error)
{
    return borrow<Instance>(os, error,
                            [&](Instance& i) { return done(i.release_cpus(numbers(cpus, count)), error); });
}

int ihk_os_query_cpus(int os, uint32_t* cpus, size_t space, ihk_error* error)
{
    return borrow<Instance>(os, error,
                            [&](Instance& i) { return give_numbers(i.query_cpus(), cpus, space, error); });
}

int ihk_os_assign_mem(int os, const ihk_mem* items, size_t count, ihk_error* error)
{
    return borrow<Instance>(os, error,
                            [&](Instance& i) { return done(i.assign_memory(memory(items, count)), error); });
}

int ihk_os_release_mem(int os, const ihk_mem* items, size_t count, ihk_error* error)
{
    return borrow<Instance>(os, error,
                            [&](Instance& i) { return done(i.release_memory(memory(items, count)), error); });
}

int ihk_os_query_mem(int os, ihk_mem* items, size_t space, ihk_error* error)
{
    return borrow<Instance>(os, error,
                            [&](Instance& i) { return give_memory(i.query_memory(), items, space, error); });
}

int ihk_os_set_ikc_map(int os, const uint32_t* cpus, const uint32_t* servers, size_t count, ihk_error* error)
{
    return borrow<Instance>(os, error, [&](Instance& i) {
        std::vector<still::ihk::IkcRoute> routes;
        for (size_t at = 0; at < count; ++at) {
            routes.push_back(
                {cpus[at], servers[at] == IHK_ANY_CPU ? std::nullopt : std::optional(servers[at])});
        }
        return done(i.set_ikc_map(routes), error);
    });
}

int ihk_os_get_ikc_map(int os, uint32_t* cpus, uint32_t* servers, size_t space, ihk_error* error)
{
    return borrow<Instance>(os, error, [&](Instance& i) {
        const auto routes = i.ikc_map();
        if (!routes) {
            return report(routes.error(), error);
        }
        for (size_t at = 0; at < std::min(space, routes->size()); ++at) {
            cpus[at] = (*routes)[at].cpu;
            servers[at] = (*routes)[at].server.value_or(IHK_ANY_CPU);
        }
        return static_cast<int>(routes->size());
    });
}

int ihk_os_load(int os, const char* path, ihk_error* error)
{
    return borrow<Instance>(os, error, [&](Instance& i) {
        const auto found = still::ihk::find_image(path == nullptr ? "" : path);
        if (!found) {
            return report(found.error(), error);
        }
        const auto image = still::ihk::read_image(*found);
        if (!image) {
            return report(image.error(), error);
        }
        const auto good = still::ihk::check_image(*image, *found);
        return good ? done(i.load(*image), error) : report(good.error(), error);
    });
}

int ihk_os_kargs(int os, const char* text, ihk_error* error)
{
    return borrow<Instance>(os, error, [&](Instance& i) { return done(i.set_kargs(text), error); });
}

int ihk_os_boot(int os, uint32_t timeout_ms, ihk_error* error)
{
    return borrow<Instance>(os, error, [&](Instance& i) {
        const auto booted = i.boot(timeout_ms);
        return booted ? 0 : report(booted.error(), error);
    });
}

int ihk_os_shutdown(int os, uint32_t timeout_ms, ihk_error* error)
{
    return borrow<Instance>(os, error, [&](Instance& i) {
        const auto orderly = i.shutdown(timeout_ms);
        return orderly ? static_cast<int>(*orderly) : report(orderly.error(), error);
    });
}

int ihk_os_state(int os, ihk_error* error)
{
    return borrow<Instance>(os, error, [&](Instance& i) {
        const auto status = i.status();
        return status ? static_cast<int>(status->status.state) : report(status.error(), error);
    });
}

long ihk_os_kmsg(int os, uint64_t* from, char* buffer, size_t space, ihk_error* error)
{
    still_kmsg request{};
    request.from = *from;
    request.buffer = reinterpret_cast<uint64_t>(buffer); // SAFETY: the ioctl takes addresses as integers
    request.size = space;
    if (ioctl(os, STILL_IOC_KMSG, &request) < 0) {
        const int number = errno;
        return report(Error{number, "cannot read the log", {}}, error);
    }
    *from = request.from + request.size;
    return static_cast<long>(request.size);
}

int ihk_os_clear_kmsg(int os, ihk_error* error)
{
    return borrow<Instance>(os, error, [&](Instance& i) { return done(i.clear_kmsg(), error); });
}

int ihk_os_freeze(int os, ihk_error* error)
{
    return borrow<Instance>(os, error, [&](Instance& i) { return done(i.freeze(), error); });
}

int ihk_os_thaw(int os, ihk_error* error)
{
    return borrow<Instance>(os, error, [&](Instance& i) { return done(i.thaw(), error); });
}

int ihk_os_dump(int os, const char* path, int full, ihk_error* error)
{
    using still::ihk::DumpLevel;
    return borrow<Instance>(os, error, [&](Instance& i) {
        const auto summary = still::ihk::dump(i, path, full != 0 ? DumpLevel::full : DumpLevel::kernel);
        return summary ? 0 : report(summary.error(), error);
    });
}
