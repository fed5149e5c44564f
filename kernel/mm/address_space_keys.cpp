// SPDX-License-Identifier: BSD-2-Clause
// Which protection keys a process has (pkeys(7)). What they forbid, each thread's PKRU register says.
#include <arch/context.hpp>
#include <mm/address_space.hpp>

namespace still {

i32 AddressSpace::allocate_key()
{
    LockGuard guard(lock_);
    if (keys_ == (1u << arch::num_keys) - 1)
        return -1;
    const i32 key = __builtin_ctz(~static_cast<u32>(keys_));
    keys_ = static_cast<u16>(keys_ | 1u << key);
    uses_keys_.store(true, std::memory_order_relaxed);
    return key;
}

bool AddressSpace::owns_key(i32 key)
{
    LockGuard guard(lock_);
    return key >= 0 && key < static_cast<i32>(arch::num_keys) && key != execute_only_key_ &&
           (keys_ >> key & 1) != 0;
}

bool AddressSpace::free_key(i32 key)
{
    if (!owns_key(key))
        return false;
    LockGuard guard(lock_);
    keys_ = static_cast<u16>(keys_ & ~(1u << key));
    return true;
}

i32 AddressSpace::execute_only_key()
{
    {
        LockGuard guard(lock_);
        if (execute_only_key_ != -1)
            return execute_only_key_;
    }
    const i32 key = allocate_key();
    LockGuard guard(lock_);
    if (execute_only_key_ == -1)
        execute_only_key_ = key;
    else if (key != -1)
        keys_ = static_cast<u16>(keys_ & ~(1u << key)); // another thread was first
    return execute_only_key_;
}

i32 AddressSpace::key_at(UserAddr a)
{
    LockGuard guard(lock_);
    const Vma* vma = areas_.find(a);
    return vma != nullptr ? vma->traits.key : -1;
}

} // namespace still
