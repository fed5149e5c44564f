// SPDX-License-Identifier: BSD-2-Clause
// Those functions of ihk.h that only look.
#include "capi.hpp"

#include "ihk/call_name.hpp"
#include "ihk/health.hpp"
#include "ihk/times.hpp"
#include "ihk/usage.hpp"

#include <cstring>

using still::ihk::Error;
using still::ihk::Health;
using still::ihk::Instance;
using still::ihk::Result;
using still::ihk::c::borrow;
using still::ihk::c::give;
using still::ihk::c::report;

static_assert(static_cast<int>(Health::suspect) == IHK_HEALTH_SUSPECT);
static_assert(static_cast<int>(STILL_CONDITION_SILENT) == static_cast<int>(IHK_CONDITION_SILENT));

namespace {

ihk_cpu cpu_of(const still_os_cpu& cpu, const still_status& status)
{
    const still_cpu_counters& c = cpu.counters;
    const still::ihk::Times times = still::ihk::times_of(c, status);
    constexpr double ns = 1e9;
    return {.linux_cpu = cpu.linux_cpu,
            .node = cpu.node,
            .condition = cpu.condition,
            .condition_seconds = cpu.condition_seconds,
            .pid = c.pid,
            .tid = c.tid,
            .runnable = c.runnable,
            .reserved = 0,
            .busy_ns = static_cast<uint64_t>(times.busy * ns),
            .idle_ns = static_cast<uint64_t>(times.idle * ns),
            .interrupts = c.doorbells + c.reschedules + c.shootdowns + c.timers + c.strays + c.nmis,
            .strays = c.strays,
            .calls_local = c.syscalls_local,
            .calls_offloaded = c.syscalls_offloaded,
            .page_faults = c.page_faults,
            .switches = c.switches};
}

ihk_process process_of(const still_process_query& process)
{
    const still_report_process& facts = process.facts;
    return {.pid = process.pid,
            .uid = process.uid,
            .num_threads = facts.num_threads,
            .num_offloading = facts.num_offloading,
            .virtual_bytes = facts.virtual_bytes,
            .resident_bytes = facts.resident_bytes,
            .peak_resident_bytes = facts.peak_resident_bytes,
            .cpu_ns = facts.cpu_ns,
            .page_faults = facts.page_faults,
            .calls_offloaded = facts.calls_offloaded};
}

ihk_call call_of(const still_waiting_call& waiting)
{
    ihk_call call{.pid = waiting.pid, .tid = waiting.tid, .seconds = waiting.seconds, .name = {}};
    snprintf(call.name, sizeof call.name, "%s", still::ihk::call_name(waiting.nr).c_str());
    return call;
}

} // namespace

int ihk_os_health(int os, ihk_error* error)
{
    return borrow<Instance>(os, error, [&](Instance& i) {
        const auto answer = i.status();
        return answer ? static_cast<int>(still::ihk::health_of(*answer)) : report(answer.error(), error);
    });
}

int ihk_os_panic_text(int os, char* buffer, size_t space, ihk_error* error)
{
    return borrow<Instance>(os, error, [&](Instance& i) {
        const auto answer = i.status();
        if (!answer) {
            return report(answer.error(), error);
        }
        const char* text = answer->status.panic_text;
        return snprintf(buffer, space, "%.*s", static_cast<int>(sizeof answer->status.panic_text), text);
    });
}

int ihk_os_cpus(int os, ihk_cpu* cpus, size_t space, ihk_error* error)
{
    return borrow<Instance>(os, error, [&](Instance& i) {
        const auto answer = i.status();
        if (!answer) {
            return report(answer.error(), error);
        }
        return give(Result<std::vector<still_os_cpu>>(answer->cpus), cpus, space, error,
                    [&](const still_os_cpu& cpu) { return cpu_of(cpu, answer->status); });
    });
}

int ihk_os_usage(int os, ihk_node_usage* nodes, size_t space, ihk_error* error)
{
    return borrow<Instance>(os, error, [&](Instance& i) {
        const auto processes = i.usage();
        if (!processes) {
            return report(processes.error(), error);
        }
        const auto answer = i.status(); // the LWK counts anew when it is asked for the processes
        if (!answer) {
            return report(answer.error(), error);
        }
        const still::ihk::Nodes sum = still::ihk::sum_of(*processes, answer->status);
        size_t at = 0;
        for (const auto& [node, sizes] : sum) {
            if (at == space) {
                break;
            }
            const still_node_counters& counters = answer->status.nodes[node];
            nodes[at++] = {node, 0, counters.total, counters.free, {sizes[0], sizes[1], sizes[2]}};
        }
        return static_cast<int>(sum.size());
    });
}

int ihk_os_processes(int os, ihk_process* processes, size_t space, ihk_error* error)
{
    return borrow<Instance>(
        os, error, [&](Instance& i) { return give(i.processes(), processes, space, error, process_of); });
}

int ihk_os_calls(int os, ihk_call* calls, size_t space, ihk_error* error)
{
    return borrow<Instance>(
        os, error, [&](Instance& i) { return give(i.waiting_calls(), calls, space, error, call_of); });
}
