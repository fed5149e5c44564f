// SPDX-License-Identifier: BSD-2-Clause
// ihkosctl OS ...: one instance, step by step, in the grammar that McKernel's users know.
#include "calls.hpp"
#include "commands.hpp"
#include "common.hpp"
#include "listing.hpp"
#include "usage.hpp"

#include "ihk/health.hpp"
#include "ihk/image.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <unistd.h>

namespace still::cli {

namespace {

struct Words {
    std::string what;
    std::string list;
    std::string file;
    std::string text;
    uint32_t timeout = 0;
    bool follow = false;
    bool json = false;
};

int resources(ihk::Instance& os, const std::string& verb, const Words& words)
{
    if (words.what == "cpu") {
        if (verb == "query") {
            return print_cpus(os.query_cpus(), words.json);
        }
        const auto cpus = ihk::parse_cpu_list(words.list);
        if (!cpus) {
            return report(cpus.error());
        }
        return finish(verb == "assign" ? os.assign_cpus(*cpus) : os.release_cpus(*cpus));
    }
    if (verb == "query") {
        return print_memory(os.query_memory(), words.json);
    }
    const auto items = ihk::parse_mem_spec(words.list, ihk::NodeRule::required);
    if (!items) {
        return report(items.error());
    }
    return finish(verb == "assign" ? os.assign_memory(*items) : os.release_memory(*items));
}

// For scripts by the exit status, too.
int health(ihk::Instance& os, bool json)
{
    const auto answer = os.status();
    if (!answer) {
        return report(answer.error());
    }
    const ihk::Health health = ihk::health_of(*answer);
    print_word("health", ihk::health_name(health), json);
    constexpr int inactive = 10; // the others behind it, in their order
    return health == ihk::Health::healthy
               ? exit_ok
               : inactive + static_cast<int>(health) - static_cast<int>(ihk::Health::inactive);
}

int load(ihk::Instance& os, const std::string& given)
{
    const auto path = ihk::find_image(given);
    if (!path) {
        return report(path.error());
    }
    const auto image = ihk::read_image(*path);
    if (!image) {
        return report(image.error());
    }
    if (const auto good = ihk::check_image(*image, *path); !good) {
        return report(good.error());
    }
    return finish(os.load(*image));
}

int kmsg(ihk::Instance& os, bool follow)
{
    uint64_t from = 0;
    for (;;) {
        const auto text = os.kmsg(from);
        if (!text) {
            return report(text.error());
        }
        if (fwrite(text->data(), 1, text->size(), stdout) != text->size() || fflush(stdout) != 0) {
            return exit_failed;
        }
        if (!follow) {
            return exit_ok;
        }
        usleep(200'000);
    }
}

} // namespace

int run_steps(uint32_t index, int argc, char** argv)
{
    Words words;
    CLI::App app(fmt::format("Steps for OS instance {}", index), fmt::format("ihkosctl {}", index));
    app.require_subcommand(1);
    for (const char* verb : {"assign", "release", "query"}) {
        auto* sub = app.add_subcommand(verb, std::string(verb) + " CPUs or memory of the instance");
        sub->add_option("RESOURCE", words.what, "cpu or mem")
            ->required()
            ->check(CLI::IsMember({"cpu", "mem"}));
        if (std::string(verb) != "query") {
            sub->add_option("LIST", words.list, "1-7,9 or 512m@0,1g@1 or all@0")->required();
        } else {
            sub->add_flag("--json", words.json, "for programs");
        }
    }
    auto* load_command = app.add_subcommand("load", "load an LWK image (default: where 'up' looks for it)");
    load_command->add_option("IMAGE", words.file);
    auto* kargs = app.add_subcommand("kargs", "set the LWK's command line");
    kargs->add_option("TEXT", words.text)->required();
    auto* boot = app.add_subcommand("boot", "boot the LWK");
    auto* shutdown = app.add_subcommand("shutdown", "stop the LWK");
    boot->add_option("--timeout-ms", words.timeout);
    shutdown->add_option("--timeout-ms", words.timeout);
    auto* get =
        app.add_subcommand("get", "get status: the state as one word; get health: also by the exit status; "
                                  "get calls: what Linux serves for its threads; "
                                  "get ikc_map: by which of Linux's CPUs; get usage: who has its memory");
    get->add_option("WHAT", words.what)
        ->required()
        ->check(CLI::IsMember({"status", "health", "calls", "ikc_map", "usage"}));
    get->add_flag("--json", words.json, "for programs");
    auto* set = app.add_subcommand("set", "set ikc_map MAP: which CPUs of Linux serve which of the LWK's");
    set->add_option("WHAT", words.what)->required()->check(CLI::IsMember({"ikc_map"}));
    set->add_option("MAP", words.list, "2-3:0+4-7:1, or 2-7:any")->required();
    auto* kmsg_command = app.add_subcommand("kmsg", "print the LWK's log");
    kmsg_command->add_flag("-f,--follow", words.follow, "go on printing what comes");
    auto* clear = app.add_subcommand("clear_kmsg", "clear the LWK's log");
    auto* drop = app.add_subcommand("drop_cache", "forget the contents of files that its free memory holds");
    auto* inject_command = app.add_subcommand("inject", "make the LWK fail, for tests");
    inject_command
        ->add_option("FAULT", words.what,
                     "panic, page-fault, double-fault, hang, hang-on, hang-nmi, idle, bad-cells, late-cpu or "
                     "no-shutdown")
        ->required();
    auto* dump_command =
        app.add_subcommand("dump", "write a core file of its memory, for gdb (still gdb --core)");
    dump_command->add_option("--level", words.text,
                             "kernel: without the programs' memory (default), or full");
    dump_command->add_option("FILE", words.file)->required();
    auto* freeze = app.add_subcommand("freeze", "stop all its CPUs where they are");
    auto* thaw = app.add_subcommand("thaw", "let them go on");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? exit_ok : exit_usage;
    }

    auto os = ihk::Instance::open(index, get->parsed() || kmsg_command->parsed()
                                             ? ihk::Instance::Access::look
                                             : ihk::Instance::Access::administer);
    if (!os) {
        return report(os.error());
    }
    if (load_command->parsed()) {
        return load(*os, words.file);
    }
    if (kargs->parsed()) {
        return finish(os->set_kargs(words.text));
    }
    if (boot->parsed()) {
        const auto time = os->boot(words.timeout);
        return time ? exit_ok : report(time.error());
    }
    if (shutdown->parsed()) {
        const auto orderly = os->shutdown(words.timeout);
        if (orderly && !*orderly) {
            progress("the LWK did not answer in time; its CPUs were stopped all the same");
        }
        return orderly ? exit_ok : report(orderly.error());
    }
    if (set->parsed()) {
        const auto routes = ihk::parse_ikc_map(words.list);
        return routes ? finish(os->set_ikc_map(*routes)) : report(routes.error());
    }
    if (get->parsed() && words.what == "ikc_map") {
        return print_ikc_map(*os, words.json);
    }
    if (get->parsed() && words.what == "usage") {
        return usage(*os, words.json);
    }
    if (get->parsed() && words.what == "calls") {
        return calls(*os, words.json);
    }
    if (get->parsed() && words.what == "health") {
        return health(*os, words.json);
    }
    if (get->parsed()) {
        const auto status = os->status();
        if (!status) {
            return report(status.error());
        }
        print_word("state", ihk::state_name(status->status.state), words.json);
        return exit_ok;
    }
    if (kmsg_command->parsed()) {
        return kmsg(*os, words.follow);
    }
    if (clear->parsed()) {
        return finish(os->clear_kmsg());
    }
    if (drop->parsed()) {
        return finish(os->drop_cache());
    }
    if (dump_command->parsed()) {
        return dump(*os, words.text.empty() ? "kernel" : words.text, words.file);
    }
    if (freeze->parsed()) {
        return finish(os->freeze());
    }
    if (thaw->parsed()) {
        return finish(os->thaw());
    }
    if (inject_command->parsed()) {
        return inject(*os, words.what);
    }
    return resources(*os, app.get_subcommands().front()->get_name(), words);
}

} // namespace still::cli
