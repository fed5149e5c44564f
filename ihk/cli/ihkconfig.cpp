// SPDX-License-Identifier: BSD-2-Clause
// ihkconfig DEV ...: the machine's partition, step by step, in the grammar that McKernel's users know.
#include "common.hpp"
#include "listing.hpp"

#include "ihk/device.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

using namespace still;

namespace {

struct Words {
    unsigned dev = 0;
    unsigned os = 0;
    std::string what;
    std::string list;
    bool json = false;
};

int resources(ihk::Device& device, const std::string& verb, const Words& words)
{
    if (words.what == "cpu") {
        if (verb == "query") {
            return cli::print_cpus(device.query_cpus(), words.json);
        }
        const auto cpus = ihk::parse_cpu_list(words.list);
        if (!cpus) {
            return cli::report(cpus.error());
        }
        return cli::finish(verb == "reserve" ? device.reserve_cpus(*cpus) : device.release_cpus(*cpus));
    }
    if (verb == "query") {
        return cli::print_memory(device.query_memory(), words.json);
    }
    const auto items = ihk::parse_mem_spec(words.list, ihk::NodeRule::required);
    if (!items) {
        return cli::report(items.error());
    }
    if (verb == "release") {
        return cli::finish(device.release_memory(*items));
    }
    const auto taken = device.reserve_memory(*items);
    if (!taken) {
        return cli::report(taken.error());
    }
    fmt::print("{}\n", ihk::format_mem_spec(*taken));
    return cli::exit_ok;
}

} // namespace

int main(int argc, char** argv)
{
    cli::set_tool_name("ihkconfig");
    Words words;
    CLI::App app("Partition a machine into Linux and LWK instances, step by step (see also: ihkosctl up)",
                 "ihkconfig");
    app.add_option("DEV", words.dev, "number of the IHK device: 0")->required()->check(CLI::Range(0, 0));
    app.require_subcommand(1);
    auto* create = app.add_subcommand("create", "create an OS instance; prints its number");
    auto* destroy = app.add_subcommand("destroy", "destroy an OS instance that is not running");
    destroy->add_option("N", words.os, "number of the instance")->required();
    for (const char* verb : {"reserve", "release", "query"}) {
        auto* sub = app.add_subcommand(verb, std::string(verb) + " CPUs or memory");
        sub->add_option("RESOURCE", words.what, "cpu or mem")
            ->required()
            ->check(CLI::IsMember({"cpu", "mem"}));
        if (std::string(verb) != "query") {
            sub->add_option("LIST", words.list, "1-7,9 or 512m@0,1g@1 or all@0")->required();
        } else {
            sub->add_flag("--json", words.json, "for programs");
        }
    }
    auto* get = app.add_subcommand("get", "get os_instances: the numbers of the OS instances; "
                                          "get accounts: pages and CPUs that were taken and returned");
    get->add_option("WHAT", words.what)->required()->check(CLI::IsMember({"os_instances", "accounts"}));
    get->add_flag("--json", words.json, "for programs");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? cli::exit_ok : cli::exit_usage;
    }

    auto device = ihk::Device::open();
    if (!device) {
        return cli::report(device.error());
    }
    if (create->parsed()) {
        const auto index = device->create_instance();
        return index ? (fmt::print("{}\n", *index), cli::exit_ok) : cli::report(index.error());
    }
    if (destroy->parsed()) {
        return cli::finish(device->destroy_instance(words.os));
    }
    if (get->parsed() && words.what == "accounts") {
        return cli::print_accounts(device->accounts(), words.json);
    }
    if (get->parsed()) {
        const auto list = device->instances();
        if (!list) {
            return cli::report(list.error());
        }
        if (words.json) {
            return cli::print_cpus(list, true);
        }
        for (const uint32_t index : *list) {
            fmt::print("{}\n", index);
        }
        return cli::exit_ok;
    }
    return resources(*device, app.get_subcommands().front()->get_name(), words);
}
