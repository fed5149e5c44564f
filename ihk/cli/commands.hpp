// SPDX-License-Identifier: BSD-2-Clause
// The commands of ihkosctl; each returns an exit status.
#pragma once

#include "ihk/device.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace still::cli {

struct UpOptions {
    std::string cpus;
    std::string mem;
    std::string image;
    std::string ikc_map;
    std::optional<std::string> kargs;
    std::string config;
    std::optional<uint32_t> os;
    uint32_t timeout_ms = 0;
};

int up(const UpOptions& options);
int down(std::optional<uint32_t> os);
int reboot(std::optional<uint32_t> os, const UpOptions& options);
int status(std::optional<uint32_t> os, bool json);

struct TopOptions {
    std::optional<uint32_t> os;
    double interval = 1; // seconds
    unsigned count = 0;  // of pictures; 0: until it is interrupted
};

int top(const TopOptions& options);
// All instances, as Prometheus reads it.
int metrics();

// The number given, or the one instance that there is.
ihk::Result<uint32_t> choose_instance(ihk::Device& device, std::optional<uint32_t> given);

[[nodiscard]] ihk::Error in_step(const char* step, ihk::Error error);

// `ihkosctl OS ...`
int run_steps(uint32_t os, int argc, char** argv);
int dump(ihk::Instance& os, const std::string& level, const std::string& file);
int inject(ihk::Instance& instance, const std::string& what);

} // namespace still::cli
