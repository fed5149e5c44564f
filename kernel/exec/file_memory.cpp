// SPDX-License-Identifier: BSD-2-Clause
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <exec/file_memory.hpp>
#include <exec/user_memory.hpp>
#include <mm/file_cache.hpp>
#include <mm/frame_allocator.hpp>
#include <offload/ikc.hpp>
#include <sched/clock.hpp>

namespace still {

namespace {

using file_cache::Name;
using file_cache::Piece;
using file_cache::piece_bytes;
using file_cache::piece_order;
using file_cache::piece_pages;

// What is looked at in one go. A page table covers as much.
constexpr u64 window_bytes = page_size_2m;
constexpr u64 key_lasts_us = 10'000;

// The file's key (STILL_MSG_FILE_KEY); 0: its contents can't be kept. Asked for once for all parts of a mapping that
// are filled together; each mmap has a MappedFile of its own.
u64 key_of(Process& p, MappedFile& file)
{
    if (arch::read_tsc() < file.key_until.load(std::memory_order_acquire))
        return file.key.load(std::memory_order_relaxed);
    still_msg m{};
    m.kind = STILL_MSG_FILE_KEY;
    m.proc = p.handle;
    m.arg[0] = file.handle;
    u64 key = 0;
    if (!ikc::ask(m, &key, patience_of(p)))
        return 0;
    file.key.store(key, std::memory_order_relaxed);
    file.key_until.store(arch::read_tsc() + us_to_tsc(key_lasts_us), std::memory_order_release);
    return key;
}

// Reads count pieces, none of which is cached, in blocks as large as there are. false: not all came into the cache.
bool read_pieces(Process& p, const MappedFile& file, Name name, u64 count)
{
    while (count != 0) {
        u32 order = piece_order + 63 - static_cast<u32>(__builtin_clzll(count));
        Frame* block = nullptr;
        for (; order >= piece_order && block == nullptr; --order)
            block = frames::allocate(this_cpu().arch.node, order);
        if (block == nullptr)
            return false;
        ++order;
        const u64 pieces = 1ull << (order - piece_order);
        const auto got = read_file(p, file, name.index * piece_bytes, block->address(), pieces * piece_bytes);
        if (!got || got->key != name.key) {
            frames::release(block, order);
            return false;
        }
        const u64 pages = (got->bytes + page_size - 1) / page_size;
        frames::clear(block->address() + got->bytes, pages * page_size - got->bytes);
        for (u64 i = 0; i < pieces; ++i) {
            const u64 before = i * piece_pages;
            const u64 filled = pages > before ? min<u64>(pages - before, piece_pages) : 0;
            file_cache::put({name.key, name.index + i}, {block + before, static_cast<u32>(filled)});
        }
        if (got->bytes < pieces * piece_bytes)
            return true; // the end of the file
        name.index += pieces;
        count -= pieces;
    }
    return true;
}

// Has what lies in [start, end) of the file cached, as far as there is memory.
void read_ahead_of(Process& p, const MappedFile& file, u64 key, u64 start, u64 end)
{
    const u64 last = (end + piece_bytes - 1) / piece_bytes;
    for (u64 at = start / piece_bytes; at < last;) {
        u64 run = 0;
        while (at + run < last && !file_cache::has({key, at + run}))
            ++run;
        if (run != 0 && !read_pieces(p, file, {key, at}, run))
            return;
        at += run + 1;
    }
}

// Pages of the process's own, with the contents of those; which are let go.
void install_copies(Process& p, const Chunk& chunk, u64 offset, const Piece& piece)
{
    for (u32 i = 0; i < piece.pages; ++i) {
        const u64 at = offset + i * page_size;
        if (at < chunk.file_offset || at - chunk.file_offset >= chunk.range.size() ||
            p.space.is_resident(chunk.range.start + (at - chunk.file_offset)))
            continue;
        Frame* own = frames::allocate(this_cpu().arch.node, 0);
        if (own == nullptr)
            break;
        __builtin_memcpy(arch::direct(own->address()), arch::direct(piece.first[i].address()), page_size);
        p.space.install_pages(chunk, at, own, 1, false);
    }
    file_cache::let_go(piece.first, piece.pages);
}

} // namespace

Result<FileRead> read_file(Process& p, const MappedFile& file, u64 offset, PhysAddr to, u64 bytes)
{
    still_msg m{};
    m.kind = STILL_MSG_FILL;
    m.proc = p.handle;
    m.arg[0] = file.handle;
    m.arg[1] = offset;
    m.arg[2] = to.raw();
    m.arg[3] = bytes;
    FileRead read{};
    read.bytes = min(TRY(ikc::ask(m, &read.key, patience_of(p))), bytes);
    return read;
}

bool fill_from_cache(Process& p, Chunk& chunk, UserRange limit, u64 read_ahead, UserAddr& valid_end)
{
    const UserAddr asked = chunk.range.start;
    const u64 asked_offset = chunk.file_offset;
    const u64 key = key_of(p, *chunk.file);
    if (key == 0)
        return false;
    // Copies are made of what is asked for, not of all around it.
    const bool copies = (chunk.prot & prot_write) != 0;
    const Chunk narrow = chunk;
    if (!p.space.widen(chunk, limit, copies ? max(min(read_ahead, window_bytes), piece_bytes) : window_bytes))
        return false;
    const u64 end = chunk.file_offset + chunk.range.size();
    const u64 ahead = asked_offset & ~(read_ahead - 1);
    read_ahead_of(p, *chunk.file, key, max(ahead, chunk.file_offset), min(ahead + read_ahead, end));
    valid_end = chunk.range.end;
    bool found = false;
    for (u64 offset = chunk.file_offset & ~(piece_bytes - 1); offset < end; offset += piece_bytes) {
        Piece piece;
        if (!file_cache::find({key, offset / piece_bytes}, piece))
            continue;
        const u64 valid = offset + piece.pages * page_size;
        found |= offset <= asked_offset && asked_offset < offset + piece_bytes;
        if (piece.pages != piece_pages && valid < end)
            valid_end = chunk.range.start + (max(valid, chunk.file_offset) - chunk.file_offset);
        if (copies)
            install_copies(p, chunk, offset, piece);
        else
            p.space.install_pages(chunk, offset, piece.first, piece.pages, true);
    }
    if (found && (valid_end <= asked || p.space.is_resident(asked)))
        return true;
    chunk.range = narrow.range;
    chunk.file_offset = narrow.file_offset;
    return false;
}

Status cut_file(Process& p, u32 handle, u64 bytes)
{
    UserRange gone;
    for (UserAddr from(0); p.space.next_behind_end(handle, bytes, from, gone); from = gone.end)
        TRY_STATUS(discard(p, gone));
    return {};
}

} // namespace still
