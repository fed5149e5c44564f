// SPDX-License-Identifier: BSD-2-Clause
#include "guest_heap.hpp"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <new>
#include <sys/mman.h>

namespace still::mcexec {

namespace {

constexpr size_t chunk_bytes = 256 * 1024;
constexpr size_t page = 4096;
constexpr size_t alignment = 16;

constexpr size_t round_up(size_t bytes, size_t to)
{
    return (bytes + to - 1) / to * to;
}

} // namespace

constinit thread_local GuestHeap* guest_heap = nullptr;

GuestHeap::~GuestHeap()
{
    while (chunks_ != nullptr) {
        Chunk* chunk = chunks_;
        chunks_ = chunk->next;
        munmap(chunk, chunk->bytes);
    }
}

void* GuestHeap::take(size_t bytes)
{
    bytes = round_up(std::max<size_t>(bytes, 1), alignment);
    constexpr size_t header = round_up(sizeof(Chunk), alignment);
    if (chunks_ == nullptr || chunks_->bytes - chunks_->used < bytes) {
        const size_t size = std::max(chunk_bytes, round_up(bytes + header, page));
        void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED) {
            return nullptr;
        }
        chunks_ = new (at) Chunk{chunks_, size, header};
    }
    void* taken = reinterpret_cast<std::byte*>(chunks_) + chunks_->used; // SAFETY: inside the chunk
    chunks_->used += bytes;
    return taken;
}

bool GuestHeap::owns(const void* pointer) const
{
    for (const Chunk* chunk = chunks_; chunk != nullptr; chunk = chunk->next) {
        // SAFETY: compared only.
        const auto* start = reinterpret_cast<const std::byte*>(chunk);
        if (std::less_equal<>()(start, static_cast<const std::byte*>(pointer)) &&
            std::less<>()(static_cast<const std::byte*>(pointer), start + chunk->bytes)) {
            return true;
        }
    }
    return false;
}

} // namespace still::mcexec

void* operator new(size_t bytes)
{
    still::mcexec::GuestHeap* heap = still::mcexec::guest_heap;
    void* taken = heap != nullptr ? heap->take(bytes) : malloc(std::max<size_t>(bytes, 1));
    if (taken == nullptr) {
        throw std::bad_alloc();
    }
    return taken;
}

void operator delete(void* pointer) noexcept
{
    const still::mcexec::GuestHeap* heap = still::mcexec::guest_heap;
    if (heap == nullptr || !heap->owns(pointer)) {
        free(pointer);
    }
}

void operator delete(void* pointer, size_t) noexcept
{
    operator delete(pointer);
}
