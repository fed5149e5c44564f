// SPDX-License-Identifier: BSD-2-Clause
#include <debug/symbols.hpp>

// Made by tools/symbols.py from the first link of the image: ascending addresses, names as offsets.
extern "C" {
extern const still::u64 still_symbol_count;
extern const still::u64 still_symbol_addresses[];
extern const still::u32 still_symbol_names[];
extern const char still_symbol_text[];
}

namespace still {

Symbol symbol_of(u64 address)
{
    u64 low = 0;
    u64 high = still_symbol_count;
    while (low < high) {
        const u64 mid = (low + high) / 2;
        if (still_symbol_addresses[mid] <= address)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == 0)
        return {"?", 0};
    return {still_symbol_text + still_symbol_names[low - 1], address - still_symbol_addresses[low - 1]};
}

} // namespace still
