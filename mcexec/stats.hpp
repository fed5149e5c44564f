// SPDX-License-Identifier: BSD-2-Clause
// mcexec --stats: which calls Linux served for the program, printed as strace -c prints it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

namespace still::mcexec {

class Stats {
  public:
    void count(uint32_t nr, uint64_t ticks, int64_t result)
    {
        Row& row = rows_[row_of(nr)];
        row.calls.fetch_add(1, std::memory_order_relaxed);
        row.ticks.fetch_add(ticks, std::memory_order_relaxed);
        if (result < 0 && result >= -4095) {
            row.errors.fetch_add(1, std::memory_order_relaxed);
        }
    }
    void reset()
    {
        for (Row& row : rows_) {
            row.calls = row.ticks = row.errors = 0;
        }
    }
    [[nodiscard]] std::string table(uint64_t tsc_khz) const;

  private:
    static constexpr uint32_t linux_rows = 512;
    static constexpr uint32_t own_rows = 16; // enum still_call

    struct Row {
        std::atomic<uint64_t> calls{0};
        std::atomic<uint64_t> ticks{0};
        std::atomic<uint64_t> errors{0};
    };
    static uint32_t row_of(uint32_t nr);
    static uint32_t nr_of(uint32_t row);

    std::array<Row, linux_rows + own_rows> rows_;
};

} // namespace still::mcexec
