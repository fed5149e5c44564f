// SPDX-License-Identifier: BSD-2-Clause
#include <services/cpio.hpp>

namespace still::services {

namespace {

// c_magic, then 13 fields of 8 hexadecimal digits.
constexpr u64 magic_bytes = 6, field_bytes = 8, num_fields = 13;
constexpr u64 header_bytes = magic_bytes + num_fields * field_bytes;
constexpr u64 max_name_bytes = 4096;
enum Field {
    ino,
    mode,
    uid,
    gid,
    links,
    modified,
    size,
    dev_major,
    dev_minor,
    rdev_major,
    rdev_minor,
    name_size,
    check
};

bool read_field(const u8* digits, u32& value)
{
    value = 0;
    for (u64 i = 0; i < field_bytes; ++i) {
        const u8 c = digits[i];
        u32 digit;
        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (c | 0x20) - 'a' + 10u;
        else
            return false;
        value = value << 4 | digit;
    }
    return true;
}

constexpr u64 align4(u64 at)
{
    return (at + 3) & ~3ull;
}

} // namespace

Result<CpioMember> CpioReader::next()
{
    for (;;) {
        const auto member = read_member();
        if (!member || member->name != "TRAILER!!!")
            return member;
    }
}

Result<CpioMember> CpioReader::read_member()
{
    // Zeros may fill an archive up, and archives may follow each other.
    while (at_ < bytes_ && archive_[at_] == 0)
        ++at_;
    if (at_ == bytes_)
        return fail(Errno::noent);
    if (bytes_ - at_ < header_bytes)
        return bad("it is truncated (header)");
    const u8* header = archive_ + at_;
    const std::string_view magic(reinterpret_cast<const char*>(header), magic_bytes);
    if (magic != "070701" && magic != "070702")
        return bad("no cpio member begins here");
    u32 fields[num_fields];
    for (u64 i = 0; i < num_fields; ++i)
        if (!read_field(header + magic_bytes + i * field_bytes, fields[i]))
            return bad("a field of its header is no number");
    const u64 name_at = at_ + header_bytes;
    if (fields[name_size] == 0 || fields[name_size] > max_name_bytes)
        return bad("a name is too long, or none");
    if (fields[name_size] > bytes_ - name_at)
        return bad("it is truncated (name)");
    const auto* text =
        reinterpret_cast<const char*>(archive_ + name_at); // SAFETY: inside, as was just checked
    if (text[fields[name_size] - 1] != '\0')
        return bad("a name does not end");
    const u64 data_at = align4(name_at + fields[name_size]);
    if (data_at > bytes_ || fields[size] > bytes_ - data_at)
        return bad("it is truncated (contents)");
    CpioMember member;
    member.name = std::string_view(text);
    member.ino = fields[ino];
    member.mode = fields[mode];
    member.uid = fields[uid];
    member.gid = fields[gid];
    member.links = fields[links];
    member.modified = fields[modified];
    member.data = archive_ + data_at;
    member.bytes = fields[size];
    const u64 end = align4(data_at + member.bytes);
    at_ = end < bytes_ ? end : bytes_;
    return member;
}

bool clean_member_name(std::string_view name, char* room, u64 room_bytes, std::string_view& clean)
{
    u64 used = 0;
    while (!name.empty()) {
        const usize end = name.find('/');
        const std::string_view part = name.substr(0, end);
        name.remove_prefix(end == std::string_view::npos ? name.size() : end + 1);
        if (part.empty() || part == ".")
            continue;
        if (part == ".." || part.size() > 255 || used + part.size() + 2 > room_bytes)
            return false;
        if (used != 0)
            room[used++] = '/';
        __builtin_memcpy(room + used, part.data(), part.size());
        used += part.size();
    }
    clean = {room, used};
    return true;
}

} // namespace still::services
