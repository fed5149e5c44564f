// SPDX-License-Identifier: BSD-2-Clause
// ihkosctl up | down | reboot | status, and ihkosctl OS ... for the single steps.
#include "commands.hpp"
#include "common.hpp"

#include <CLI/CLI.hpp>

using namespace still;

namespace {

// "0" or "/dev/ihk0".
std::optional<uint32_t> instance_number(std::string_view word)
{
    constexpr std::string_view prefix = "/dev/ihk";
    if (word.starts_with(prefix)) {
        word.remove_prefix(prefix.size());
    }
    const auto number = ihk::parse_decimal(word);
    return number && *number < STILL_MAX_INSTANCES ? std::optional(static_cast<uint32_t>(*number))
                                                   : std::nullopt;
}

const char* footer = R"(
Single steps for instance N:
  ihkosctl N assign|release cpu LIST | mem SPEC      ihkosctl N query cpu|mem
  ihkosctl N load [IMAGE] | kargs TEXT | boot | shutdown | kmsg [-f] | clear_kmsg
  ihkosctl N get status|health|calls|usage|ikc_map
  ihkosctl N set ikc_map 2-3:0+4-7:1 (the CPUs of Linux that serve its CPUs; any: as Linux places it)
  ihkosctl N drop_cache | freeze | thaw | dump [--level kernel|full] FILE
A LIST of CPUs is 1-7,9 (its order is the LWK's numbering), a SPEC of memory 512m@0,1g@1 or all@0 (up also
takes 1g, and chooses the nodes). /etc/stillcore.conf, or --config FILE, sets cpus=, mem=, image=, kargs=, ikc_map=.)";

} // namespace

int main(int argc, char** argv)
{
    cli::set_tool_name("ihkosctl");
    if (argc > 1) {
        if (const auto os = instance_number(argv[1])) {
            return cli::run_steps(*os, argc - 1, argv + 1);
        }
    }
    cli::UpOptions options;
    std::optional<uint32_t> os;
    bool json = false;
    CLI::App app("Give CPUs and memory of this machine to an LWK, boot it, look at it, and take them back",
                 "ihkosctl");
    app.footer(footer);
    app.require_subcommand(1);
    auto* up = app.add_subcommand("up", "reserve, create, assign, load and boot in one step");
    up->add_option("--cpus", options.cpus, "CPUs to take (default: the upper half)");
    up->add_option("--mem", options.mem, "memory to take (default: a quarter, near those CPUs)");
    up->add_option("--ikc-map", options.ikc_map, "CPUs of Linux that serve them, as 2-3:0+4-7:1");
    up->add_option("--os", options.os, "number that the instance shall have");
    auto* down = app.add_subcommand("down", "stop an instance and give everything back to Linux");
    auto* reboot =
        app.add_subcommand("reboot", "stop an instance and boot it again on the same CPUs and memory");
    auto* status = app.add_subcommand("status", "show what an instance has and does");
    cli::TopOptions top_options;
    auto* top = app.add_subcommand("top", "show who uses the LWK's CPUs, once a second");
    top->add_option("-d,--interval", top_options.interval, "seconds between two pictures (default 1)")
        ->check(CLI::Range(0.1, 3600.0));
    top->add_option("-n,--count", top_options.count, "how many pictures (default: until Ctrl-C)");
    top->add_option("N", top_options.os, "number of the instance (default: the only one)");
    auto* metrics = app.add_subcommand("metrics", "all instances' counters, as Prometheus reads them");
    for (auto* sub : {up, reboot}) {
        sub->add_option("--image", options.image, "LWK image");
        sub->add_option("--kargs", options.kargs, "the LWK's command line");
        sub->add_option("--config", options.config, "configuration file");
        sub->add_option("--timeout-ms", options.timeout_ms, "how long the LWK may take to boot");
    }
    for (auto* sub : {down, reboot, status}) {
        sub->add_option("N", os, "number of the instance (default: the only one)");
    }
    status->add_flag("--json", json, "for programs");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? cli::exit_ok : cli::exit_usage;
    }
    if (up->parsed()) {
        return cli::up(options);
    }
    if (down->parsed()) {
        return cli::down(os);
    }
    if (reboot->parsed()) {
        return cli::reboot(os, options);
    }
    if (top->parsed()) {
        return cli::top(top_options);
    }
    if (metrics->parsed()) {
        return cli::metrics();
    }
    return cli::status(os, json);
}
