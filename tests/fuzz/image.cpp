// SPDX-License-Identifier: BSD-2-Clause
// The LWK's image as the tools check it before the module does.
#include "ihk/image.hpp"
#include "ihk/device.hpp"

#include "fuzz.hpp"

namespace still::ihk {

FileHandle::~FileHandle() = default; // what reads a file is linked and not used

} // namespace still::ihk

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    const auto good = still::ihk::check_image(std::as_bytes(std::span(data, size)), "fuzz.elf");
    require(good.has_value() || good.error().message.find("fuzz.elf") != std::string::npos);
    return 0;
}
