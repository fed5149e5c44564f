// SPDX-License-Identifier: BSD-2-Clause
// ihkosctl up and reboot: the whole sequence, undone in reverse order when a step fails.
#include "commands.hpp"
#include "common.hpp"

#include "ihk/config.hpp"
#include "ihk/image.hpp"
#include "ihk/partition.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <unistd.h>

namespace still::cli {

namespace {

using ihk::Device;
using ihk::Instance;
using ihk::MemItem;
using ihk::Result;

// What was done so far, to be undone unless it all succeeds.
class Undo {
  public:
    Undo() = default;
    Undo(const Undo&) = delete;
    Undo& operator=(const Undo&) = delete;
    ~Undo()
    {
        for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
            progress(fmt::format("undo: {}", step->name));
            if (const auto done = step->action(); !done) {
                report(done.error());
            }
        }
    }
    void add(std::string name, std::function<Result<>()> action)
    {
        steps_.push_back({std::move(name), std::move(action)});
    }
    void keep() { steps_.clear(); }

  private:
    struct Step {
        std::string name;
        std::function<Result<>()> action;
    };
    std::vector<Step> steps_;
};

struct Plan {
    std::vector<uint32_t> cpus;
    std::vector<MemItem> mem;
    std::string image_path;
    std::vector<std::byte> image;
    std::string kargs;
    std::vector<ihk::IkcRoute> ikc_map;
};

Result<ihk::Config> configuration(const UpOptions& options)
{
    if (!options.config.empty()) {
        return ihk::read_config(options.config);
    }
    if (access(ihk::default_config_path, F_OK) == 0) {
        return ihk::read_config(ihk::default_config_path);
    }
    return ihk::Config{};
}

Result<> plan_image(const std::string& given, Plan& plan)
{
    auto path = ihk::find_image(given);
    if (!path) {
        return std::unexpected(path.error());
    }
    auto image = ihk::read_image(*path);
    if (!image) {
        return std::unexpected(image.error());
    }
    plan.image_path = *path;
    plan.image = std::move(*image);
    return ihk::check_image(plan.image, plan.image_path);
}

Result<> plan_cpus(const std::string& list, const ihk::Topology& topology, Plan& plan)
{
    auto cpus = list.empty() ? ihk::default_cpus(topology) : ihk::parse_cpu_list(list);
    if (!cpus) {
        return std::unexpected(cpus.error());
    }
    plan.cpus = std::move(*cpus);
    return ihk::check_cpus(topology, plan.cpus);
}

Result<> plan_memory(const std::string& spec, const ihk::Topology& topology, Plan& plan)
{
    Result<std::vector<MemItem>> items;
    if (!spec.empty()) {
        items = ihk::parse_mem_spec(spec, ihk::NodeRule::optional);
        if (items && !items->front().node) {
            if (items->front().bytes == STILL_MEM_ALL) {
                return ihk::fail(EINVAL, "memory 'all' names no NUMA node", "say which, such as all@0");
            }
            items = ihk::spread_memory(topology, plan.cpus, items->front().bytes);
        }
    } else {
        items = ihk::spread_memory(topology, plan.cpus, ihk::default_memory(topology));
    }
    if (!items) {
        return std::unexpected(items.error());
    }
    plan.mem = std::move(*items);
    return ihk::check_memory(topology, plan.mem);
}

// Everything that can be known to be wrong is found here, before anything is taken.
Result<Plan> make_plan(const UpOptions& options)
{
    const auto config = configuration(options);
    if (!config) {
        return std::unexpected(config.error());
    }
    const auto topology = ihk::read_topology();
    if (!topology) {
        return std::unexpected(topology.error());
    }
    const auto pick = [](const std::string& option, const std::optional<std::string>& configured) {
        return !option.empty() ? option : configured.value_or("");
    };
    Plan plan;
    plan.kargs = options.kargs.value_or(config->kargs.value_or(""));
    if (auto good = plan_cpus(pick(options.cpus, config->cpus), *topology, plan); !good) {
        return std::unexpected(good.error());
    }
    if (auto good = plan_memory(pick(options.mem, config->mem), *topology, plan); !good) {
        return std::unexpected(good.error());
    }
    if (auto good = plan_image(pick(options.image, config->image), plan); !good) {
        return std::unexpected(good.error());
    }
    if (const std::string map = pick(options.ikc_map, config->ikc_map); !map.empty()) {
        auto routes = ihk::parse_ikc_map(map);
        if (!routes) {
            return std::unexpected(routes.error());
        }
        plan.ikc_map = std::move(*routes);
    }
    return plan;
}

Result<uint32_t> make_instance(Device& device, const UpOptions& options, Undo& undo)
{
    const auto existing = device.instances();
    if (!existing) {
        return std::unexpected(existing.error());
    }
    if (options.os && std::find(existing->begin(), existing->end(), *options.os) != existing->end()) {
        auto instance = Instance::open(*options.os);
        const auto state =
            instance ? instance->status() : Result<ihk::InstanceStatus>(std::unexpected(instance.error()));
        if (!state) {
            return std::unexpected(state.error());
        }
        if (state->status.state != STILL_OS_INACTIVE || state->status.num_cpus != 0) {
            return ihk::fail(EBUSY,
                             fmt::format("OS instance {} is in use ({})", *options.os,
                                         ihk::state_name(state->status.state)),
                             fmt::format("'ihkosctl down {}' gives it back first", *options.os));
        }
        return *options.os;
    }
    const auto index = device.create_instance();
    if (!index) {
        return std::unexpected(index.error());
    }
    undo.add(fmt::format("destroy OS instance {}", *index),
             [&device, index = *index] { return device.destroy_instance(index); });
    if (options.os && *options.os != *index) {
        return ihk::fail(
            EINVAL,
            fmt::format("OS instance {} cannot be made: the next free number is {}", *options.os, *index),
            "leave --os out");
    }
    return *index;
}

Result<> load_and_boot(Instance& os, const Plan& plan, uint32_t timeout_ms)
{
    if (auto done = os.set_kargs(plan.kargs); !done) {
        return std::unexpected(in_step("kargs", done.error()));
    }
    progress(fmt::format("load {} ({})", plan.image_path, ihk::format_size(plan.image.size())));
    if (auto done = os.load(plan.image); !done) {
        return std::unexpected(in_step("load", done.error()));
    }
    const auto time = os.boot(timeout_ms);
    if (!time) {
        auto error = in_step("boot", time.error());
        uint64_t from = 0;
        if (const auto log = os.kmsg(from); log && !log->empty()) {
            progress("the LWK's log so far:");
            fmt::print(stderr, "{}\n", *log);
        }
        return std::unexpected(error);
    }
    progress(fmt::format("boot: RUNNING after {:.1f} ms; mcexec PROGRAM runs on it",
                         static_cast<double>(*time) / 1000.0));
    return {};
}

Result<> bring_up(Device& device, const Plan& plan, const UpOptions& options, Undo& undo)
{
    progress(fmt::format("reserve CPUs {}", ihk::format_cpu_list(plan.cpus)));
    if (auto done = device.reserve_cpus(plan.cpus); !done) {
        return std::unexpected(in_step("reserve cpu", done.error()));
    }
    undo.add(fmt::format("give CPUs {} back to Linux", ihk::format_cpu_list(plan.cpus)),
             [&device, cpus = plan.cpus] { return device.release_cpus(cpus); });

    progress(fmt::format("reserve memory {}", ihk::format_mem_spec(plan.mem)));
    const auto taken = device.reserve_memory(plan.mem);
    if (!taken) {
        return std::unexpected(in_step("reserve mem", taken.error()));
    }
    undo.add(fmt::format("give memory {} back to Linux", ihk::format_mem_spec(*taken)),
             [&device, mem = *taken] { return device.release_memory(mem); });

    const auto index = make_instance(device, options, undo);
    if (!index) {
        return std::unexpected(in_step("create", index.error()));
    }
    progress(fmt::format("create: OS instance {} (/dev/ihk{})", *index, *index));
    auto os = Instance::open(*index);
    if (!os) {
        return std::unexpected(in_step("create", os.error()));
    }
    // A new device node may take udev a moment; the undo steps open it anew, after `os` is gone.
    progress(fmt::format("assign CPUs {} and memory {}", ihk::format_cpu_list(plan.cpus),
                         ihk::format_mem_spec(*taken)));
    if (auto done = os->assign_cpus(plan.cpus); !done) {
        return std::unexpected(in_step("assign cpu", done.error()));
    }
    undo.add("unassign CPUs", [index = *index, cpus = plan.cpus]() -> Result<> {
        auto again = Instance::open(index);
        return again ? again->release_cpus(cpus) : std::unexpected(again.error());
    });
    if (auto done = os->set_ikc_map(plan.ikc_map); !plan.ikc_map.empty() && !done) {
        return std::unexpected(in_step("set ikc_map", done.error()));
    }
    if (auto done = os->assign_memory(*taken); !done) {
        return std::unexpected(in_step("assign mem", done.error()));
    }
    undo.add("unassign memory", [index = *index, mem = *taken]() -> Result<> {
        auto again = Instance::open(index);
        return again ? again->release_memory(mem) : std::unexpected(again.error());
    });
    undo.add("stop the LWK", [index = *index]() -> Result<> {
        auto again = Instance::open(index);
        if (!again) {
            return std::unexpected(again.error());
        }
        const auto state = again->status();
        if (state && state->status.state == STILL_OS_INACTIVE) {
            return {};
        }
        const auto stopped = again->shutdown();
        return stopped ? Result<>{} : std::unexpected(stopped.error());
    });
    return load_and_boot(*os, plan, options.timeout_ms);
}

} // namespace

ihk::Error in_step(const char* step, ihk::Error error)
{
    error.message = fmt::format("step '{}' failed: {}", step, error.message);
    return error;
}

Result<uint32_t> choose_instance(Device& device, std::optional<uint32_t> given)
{
    if (given) {
        return *given;
    }
    const auto list = device.instances();
    if (!list) {
        return std::unexpected(list.error());
    }
    if (list->size() == 1) {
        return list->front();
    }
    if (list->empty()) {
        return ihk::fail(ENODEV, "there is no OS instance", "boot one with 'ihkosctl up'");
    }
    return ihk::fail(EINVAL, fmt::format("there are {} OS instances ({}): say which", list->size(),
                                         ihk::format_cpu_list(*list)));
}

int up(const UpOptions& options)
{
    const auto plan = make_plan(options);
    if (!plan) {
        return report(plan.error());
    }
    auto device = Device::open();
    if (!device) {
        return report(device.error());
    }
    Undo undo;
    if (const auto done = bring_up(*device, *plan, options, undo); !done) {
        return report(done.error());
    }
    undo.keep();
    return exit_ok;
}

int reboot(std::optional<uint32_t> given, const UpOptions& options)
{
    auto device = Device::open();
    if (!device) {
        return report(device.error());
    }
    const auto index = choose_instance(*device, given);
    if (!index) {
        return report(index.error());
    }
    const auto config = configuration(options);
    if (!config) {
        return report(config.error());
    }
    Plan plan;
    plan.kargs = options.kargs.value_or(config->kargs.value_or(""));
    const std::string image = !options.image.empty() ? options.image : config->image.value_or("");
    if (const auto good = plan_image(image, plan); !good) {
        return report(good.error());
    }
    auto os = Instance::open(*index);
    if (!os) {
        return report(os.error());
    }
    const auto state = os->status();
    if (state && state->status.state != STILL_OS_INACTIVE) {
        const auto orderly = os->shutdown();
        if (!orderly) {
            return report(in_step("shutdown", orderly.error()));
        }
        progress(*orderly ? "shutdown: the LWK stopped"
                          : "shutdown: no answer from the LWK, CPUs stopped by INIT");
    }
    return finish(load_and_boot(*os, plan, options.timeout_ms));
}

} // namespace still::cli
