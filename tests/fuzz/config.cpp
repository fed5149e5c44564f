// SPDX-License-Identifier: BSD-2-Clause
// The configuration file: read, or refused with the line that is wrong.
#include "ihk/config.hpp"

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    const std::string_view text(reinterpret_cast<const char*>(data), size); // SAFETY: bytes as letters
    const auto config = still::ihk::parse_config(text, "fuzz.conf");
    require(config.has_value() || config.error().message.find("fuzz.conf") != std::string::npos);
    return 0;
}
