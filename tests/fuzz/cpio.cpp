// SPDX-License-Identifier: BSD-2-Clause
// An archive that somebody else made: no byte outside of it is read, every member lies inside, and it comes to an end.
#include <services/cpio.hpp>

#include "fuzz.hpp"

namespace {

bool leads_out(std::string_view path)
{
    while (!path.empty()) {
        const std::string_view part = path.substr(0, path.find('/'));
        if (part.empty() || part == "." || part == "..") {
            return true;
        }
        path.remove_prefix(part.size() == path.size() ? part.size() : part.size() + 1);
    }
    return false;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    using namespace still::services;
    CpioReader reader(data, size);
    uint64_t before = 0;
    for (;;) {
        const auto member = reader.next();
        if (!member) {
            return 0;
        }
        require(member->data >= data && member->bytes <= static_cast<uint64_t>(data + size - member->data));
        require(reader.offset() > before && reader.offset() <= size);
        before = reader.offset();
        char room[512];
        std::string_view clean;
        if (clean_member_name(member->name, room, sizeof room, clean)) {
            require(clean.size() < sizeof room && !leads_out(clean));
        }
    }
}
