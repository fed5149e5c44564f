// SPDX-License-Identifier: BSD-2-Clause
// Is all well with an instance and each of its CPUs, and if not, what it is. Pure.
#pragma once

#include "ihk/device.hpp"

#include <string>

namespace still::ihk {

// As enum ihk_health of ihk.h.
enum class Health { healthy, inactive, frozen, out_of_memory, panic, hung, suspect };

[[nodiscard]] Health health_of(const InstanceStatus& answer);
// One word, as `ihkosctl N get health` prints it.
[[nodiscard]] const char* health_name(Health health);

// What is the matter with a CPU (STILL_CONDITION_*), as one word and in words; the latter empty if nothing is.
[[nodiscard]] const char* condition_name(uint32_t condition);
[[nodiscard]] std::string condition_text(const still_os_cpu& cpu);

} // namespace still::ihk
