// SPDX-License-Identifier: BSD-2-Clause
// Objects of one type, cut from pages. Pages are kept for the type once taken. Any context.
#pragma once

#include <base/spin_lock.hpp>
#include <mm/frame_allocator.hpp>
#include <new>
#include <utility>

namespace still {

template <class T> class ObjectCache {
  public:
    // nullptr if memory is short.
    template <class... Args> [[nodiscard]] T* make(Args&&... args)
    {
        void* room = take();
        return room == nullptr ? nullptr : new (room) T(std::forward<Args>(args)...);
    }
    void destroy(T* object)
    {
        object->~T();
        auto* free = reinterpret_cast<Free*>(object); // SAFETY: room of at least a pointer, now unused
        LockGuard guard(lock_);
        free->next = free_;
        free_ = free;
    }

  private:
    struct Free {
        Free* next;
    };
    static constexpr u64 stride =
        ((sizeof(T) > sizeof(Free) ? sizeof(T) : sizeof(Free)) + alignof(T) - 1) & ~(alignof(T) - 1);
    static constexpr u32 order = stride <= page_size / 4 ? 0 : stride <= page_size ? 2 : 4;
    static_assert(stride <= order_bytes(order));

    void* take()
    {
        LockGuard guard(lock_);
        if (free_ == nullptr) {
            auto* block = static_cast<u8*>(frames::keep_memory(order));
            if (block == nullptr)
                return nullptr;
            for (u64 at = 0; at + stride <= order_bytes(order); at += stride) {
                auto* free = reinterpret_cast<Free*>(block + at); // SAFETY: inside the fresh block
                free->next = free_;
                free_ = free;
            }
        }
        Free* taken = free_;
        free_ = taken->next;
        return taken;
    }

    SpinLock lock_;
    Free* free_ GUARDED_BY(lock_) = nullptr;
};

} // namespace still
