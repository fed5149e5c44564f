// SPDX-License-Identifier: BSD-2-Clause
// What still menuconfig can change. Kconfig has the same defaults, and the words that explain them.
#pragma once

#include <base/types.hpp>
#include <still_config.hpp> // generated: what was chosen, nothing without a choice

#ifndef STILL_CONFIG_SLICE_MS
#define STILL_CONFIG_SLICE_MS 10
#endif
#ifndef STILL_CONFIG_POLL_US
#define STILL_CONFIG_POLL_US 100
#endif
#ifndef STILL_CONFIG_LOG_KIB
#define STILL_CONFIG_LOG_KIB 64
#endif
#ifndef STILL_CONFIG_QUIET
#define STILL_CONFIG_QUIET 0
#endif
#ifndef STILL_CONFIG_SCREEN
#define STILL_CONFIG_SCREEN 1
#endif
#ifndef STILL_CONFIG_END_OFF
#define STILL_CONFIG_END_OFF 1
#endif
#ifndef STILL_CONFIG_END_RESTART
#define STILL_CONFIG_END_RESTART 0
#endif
#ifndef STILL_CONFIG_END_REBOOT
#define STILL_CONFIG_END_REBOOT 0
#endif
#ifndef STILL_CONFIG_END_HALT
#define STILL_CONFIG_END_HALT 0
#endif

namespace still::config {

constexpr u64 slice_us = STILL_CONFIG_SLICE_MS * 1000;
constexpr u64 poll_us = STILL_CONFIG_POLL_US;
constexpr usize log_bytes = STILL_CONFIG_LOG_KIB * KiB;
constexpr bool quiet = STILL_CONFIG_QUIET != 0;
constexpr bool screen = STILL_CONFIG_SCREEN != 0;

} // namespace still::config
