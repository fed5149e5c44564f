// SPDX-License-Identifier: BSD-2-Clause
// Archives of cpio's "new ASCII" format (cpio(5)), one member after the other. Nothing that is read is trusted. Pure.
#pragma once

#include <base/result.hpp>
#include <string_view>

namespace still::services {

struct CpioMember {
    std::string_view name; // as it is in the archive
    u32 ino = 0, mode = 0, uid = 0, gid = 0, links = 0;
    u64 modified = 0; // seconds
    const u8* data = nullptr;
    u64 bytes = 0;
};

class CpioReader {
  public:
    CpioReader(const u8* archive, u64 bytes) : archive_(archive), bytes_(bytes) {}
    // The next member; noent: that was the last one; inval: the archive is malformed from here on, *why says how.
    Result<CpioMember> next();
    [[nodiscard]] const char* why() const { return why_; }
    [[nodiscard]] u64 offset() const { return at_; }

  private:
    Result<CpioMember> read_member();
    std::unexpected<Errno> bad(const char* why)
    {
        why_ = why;
        return fail(Errno::inval);
    }
    const u8* archive_;
    u64 bytes_;
    u64 at_ = 0;
    const char* why_ = "";
};

// A member's name as a path below the root, without "." and double slashes, into room. false: it leads out of the
// root, or is none, or does not fit.
bool clean_member_name(std::string_view name, char* room, u64 room_bytes, std::string_view& clean);

} // namespace still::services
