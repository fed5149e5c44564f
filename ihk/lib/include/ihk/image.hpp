// SPDX-License-Identifier: BSD-2-Clause
// Finding the LWK image, and recognising it by its note (stillcore/image.h) before the module gets it.
#pragma once

#include "ihk/error.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace still::ihk {

// explicit_path, else $STILLCORE_IMAGE, else ../kernel/stillcore.elf beside the tool, else
// /usr/lib/stillcore/.
[[nodiscard]] Result<std::string> find_image(const std::string& explicit_path);
// As far as it is loaded. A file that is no image is read as far as one can tell.
[[nodiscard]] Result<std::vector<std::byte>> read_image(const std::string& path);
// Pure. name is used in messages only.
[[nodiscard]] Result<> check_image(std::span<const std::byte> image, const std::string& name);

} // namespace still::ihk
