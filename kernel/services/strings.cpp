// SPDX-License-Identifier: BSD-2-Clause
#include <services/program.hpp>

namespace still::services {

namespace {

constexpr u64 max_string = 32 * page_size; // Linux's MAX_ARG_STRLEN
constexpr u64 max_strings = 6ull * MiB;    // three quarters of the default stack limit
constexpr u64 max_count = max_strings / 8;

} // namespace

void Strings::drop()
{
    if (room_ != nullptr)
        give_bytes(room_, size_);
    room_ = nullptr;
}

void Strings::swap(Strings& other)
{
    std::swap(room_, other.room_);
    std::swap(size_, other.size_);
    std::swap(used_, other.used_);
    std::swap(count_, other.count_);
}

Status Strings::reserve(u64 more)
{
    if (more > max_strings || used_ + more > max_strings)
        return fail(Errno::toobig);
    if (used_ + more <= size_)
        return {};
    u64 size = max<u64>(size_ * 2, 2 * page_size);
    while (size < used_ + more)
        size *= 2;
    auto* room = static_cast<char*>(take_bytes(size));
    if (room == nullptr)
        return fail(Errno::nomem);
    if (used_ != 0)
        __builtin_memcpy(room, room_, used_);
    drop();
    room_ = room;
    size_ = size;
    return {};
}

Status Strings::append(std::string_view text)
{
    if (text.size() >= max_string)
        return fail(Errno::toobig);
    TRY_STATUS(reserve(text.size() + 1));
    __builtin_memcpy(room_ + used_, text.data(), text.size());
    room_[used_ + text.size()] = '\0';
    used_ += text.size() + 1;
    ++count_;
    return {};
}

Status Strings::append_user(u64 list)
{
    for (u64 i = 0; list != 0; ++i) {
        const u64 address = TRY(UserIn<u64>(list).read(i));
        if (address == 0)
            return {};
        if (i == max_count)
            return fail(Errno::toobig);
        // Up to the end of a page at a time: what lies behind the string need not be there.
        u64 length = 0;
        for (bool ended = false; !ended;) {
            const u64 piece = page_size - (address + length) % page_size;
            TRY_STATUS(reserve(length + piece));
            char* to = room_ + used_ + length;
            TRY_STATUS(copy_from_user(to, address + length, piece));
            const usize end = std::string_view(to, piece).find('\0');
            ended = end != std::string_view::npos;
            length += ended ? end : piece;
            if (length >= max_string)
                return fail(Errno::toobig);
        }
        used_ += length + 1;
        ++count_;
    }
    return {};
}

Status Strings::append_all(const Strings& others, u32 skip)
{
    std::string_view rest(others.room_, others.used_);
    for (u32 i = 0; i < others.count_; ++i) {
        const std::string_view text = rest.substr(0, rest.find('\0'));
        rest.remove_prefix(text.size() + 1);
        if (i >= skip)
            TRY_STATUS(append(text));
    }
    return {};
}

} // namespace still::services
