// SPDX-License-Identifier: BSD-2-Clause
#include <arch/cpu.hpp>
#include <base/spin_lock.hpp>
#include <services/random.hpp>

namespace still::services {

namespace {

constexpr u32 block_words = 16, key_words = 8;

SpinLock lock;
u32 key[key_words] GUARDED_BY(lock);
u64 counter GUARDED_BY(lock) = 0;

u32 rotate(u32 v, u32 by)
{
    return v << by | v >> (32 - by);
}

void quarter(u32& a, u32& b, u32& c, u32& d)
{
    a += b;
    d = rotate(d ^ a, 16);
    c += d;
    b = rotate(b ^ c, 12);
    a += b;
    d = rotate(d ^ a, 8);
    c += d;
    b = rotate(b ^ c, 7);
}

void make_block(u32 (&out)[block_words]) REQUIRES(lock)
{
    const u64 tsc = arch::read_tsc(); // as the nonce: two blocks are never alike
    ++counter;
    const u32 start[block_words] = {0x61707865,
                                    0x3320646e,
                                    0x79622d32,
                                    0x6b206574,
                                    key[0],
                                    key[1],
                                    key[2],
                                    key[3],
                                    key[4],
                                    key[5],
                                    key[6],
                                    key[7],
                                    static_cast<u32>(counter),
                                    static_cast<u32>(counter >> 32),
                                    static_cast<u32>(tsc),
                                    static_cast<u32>(tsc >> 32)};
    __builtin_memcpy(out, start, sizeof(start));
    for (u32 round = 0; round < 10; ++round) {
        for (u32 i = 0; i < 4; ++i)
            quarter(out[i], out[4 + i], out[8 + i], out[12 + i]);
        for (u32 i = 0; i < 4; ++i)
            quarter(out[i], out[4 + (i + 1) % 4], out[8 + (i + 2) % 4], out[12 + (i + 3) % 4]);
    }
    for (u32 i = 0; i < block_words; ++i)
        out[i] += start[i];
}

} // namespace

void seed_random(const u64 (&seed)[4])
{
    LockGuard guard(lock);
    __builtin_memcpy(key, seed, sizeof(key));
}

void random_bytes(void* to, u64 bytes)
{
    auto* out = static_cast<u8*>(to);
    LockGuard guard(lock);
    u32 block[block_words];
    while (bytes != 0) {
        make_block(block);
        const u64 piece = min<u64>(bytes, sizeof(block));
        __builtin_memcpy(out, block, piece);
        out += piece;
        bytes -= piece;
    }
    make_block(block);
    __builtin_memcpy(key, block, sizeof(key)); // what was given away can't be found out from what is left
}

u64 random_below(u64 bound)
{
    u64 value;
    random_bytes(&value, sizeof(value));
    return bound == 0 ? 0 : value % bound;
}

} // namespace still::services
