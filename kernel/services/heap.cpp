// SPDX-License-Identifier: BSD-2-Clause
#include <mm/object_cache.hpp>
#include <sched/scheduler.hpp>
#include <services/heap.hpp>

namespace still::services {

namespace {

template <u64 bytes> struct Block {
    alignas(16) u8 room[bytes];
};
template <u64 bytes> ObjectCache<Block<bytes>> blocks;

constexpr u64 largest_class = 2048;

u32 order_of(u64 bytes)
{
    u32 order = 0;
    while (order_bytes(order) < bytes)
        ++order;
    return order;
}

template <u64 bytes> void* take_block()
{
    return blocks<bytes>.make();
}
template <u64 bytes> void give_block(void* room)
{
    blocks<bytes>.destroy(static_cast<Block<bytes>*>(room));
}

} // namespace

void* take_bytes(u64 bytes)
{
    if (bytes > largest_class)
        return frames::allocate_memory(this_cpu().arch.node, order_of(bytes));
    if (bytes <= 32)
        return take_block<32>();
    if (bytes <= 64)
        return take_block<64>();
    if (bytes <= 128)
        return take_block<128>();
    if (bytes <= 256)
        return take_block<256>();
    if (bytes <= 512)
        return take_block<512>();
    return bytes <= 1024 ? take_block<1024>() : take_block<largest_class>();
}

void give_bytes(void* room, u64 bytes)
{
    if (bytes > largest_class)
        frames::release_memory(room, order_of(bytes));
    else if (bytes <= 32)
        give_block<32>(room);
    else if (bytes <= 64)
        give_block<64>(room);
    else if (bytes <= 128)
        give_block<128>(room);
    else if (bytes <= 256)
        give_block<256>(room);
    else if (bytes <= 512)
        give_block<512>(room);
    else if (bytes <= 1024)
        give_block<1024>(room);
    else
        give_block<largest_class>(room);
}

bool Text::assign(std::string_view text)
{
    char* room = nullptr;
    if (!text.empty()) {
        room = static_cast<char*>(take_bytes(text.size()));
        if (room == nullptr)
            return false;
        __builtin_memcpy(room, text.data(), text.size());
    }
    clear();
    data_ = room;
    size_ = text.size();
    return true;
}

void Text::clear()
{
    if (data_ != nullptr)
        give_bytes(data_, size_);
    data_ = nullptr;
    size_ = 0;
}

} // namespace still::services
