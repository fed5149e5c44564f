// SPDX-License-Identifier: BSD-2-Clause
#include "stats.hpp"

#include "ihk/call_name.hpp"

#include <stillcore/slot.h>

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace still::mcexec {

uint32_t Stats::row_of(uint32_t nr)
{
    if (nr < linux_rows) {
        return nr;
    }
    return linux_rows +
           (nr >= STILL_CALL_FIRST ? std::min<uint32_t>(nr - STILL_CALL_FIRST, own_rows - 1) : 0);
}

uint32_t Stats::nr_of(uint32_t row)
{
    return row < linux_rows ? row : STILL_CALL_FIRST + row - linux_rows;
}

std::string Stats::table(uint64_t tsc_khz) const
{
    std::vector<uint32_t> order(rows_.size());
    std::iota(order.begin(), order.end(), 0u);
    std::erase_if(order, [&](uint32_t row) { return rows_[row].calls.load() == 0; });
    std::stable_sort(order.begin(), order.end(),
                     [&](uint32_t a, uint32_t b) { return rows_[a].ticks.load() > rows_[b].ticks.load(); });
    uint64_t ticks = 0;
    uint64_t calls = 0;
    uint64_t errors = 0;
    for (const uint32_t row : order) {
        ticks += rows_[row].ticks.load();
        calls += rows_[row].calls.load();
        errors += rows_[row].errors.load();
    }
    const double hz = tsc_khz != 0 ? static_cast<double>(tsc_khz) * 1000.0 : 1e9;
    const auto seconds = [&](uint64_t t) { return static_cast<double>(t) / hz; };
    const auto line = [&](uint64_t t, uint64_t c, uint64_t e, const std::string& name) {
        return fmt::format("{:>6.2f} {:>11.6f} {:>11.1f} {:>9} {:>9} {}\n",
                           ticks == 0 ? 0.0 : 100.0 * static_cast<double>(t) / static_cast<double>(ticks),
                           seconds(t), c == 0 ? 0.0 : seconds(t) * 1e6 / static_cast<double>(c), c,
                           e == 0 ? std::string() : fmt::format("{}", e), name);
    };
    const std::string rule = "------ ----------- ----------- --------- --------- ----------------\n";
    std::string text = "calls that Linux served for the program:\n"
                       "% time     seconds  usecs/call     calls    errors call\n" +
                       rule;
    for (const uint32_t row : order) {
        const Row& r = rows_[row];
        text += line(r.ticks.load(), r.calls.load(), r.errors.load(), ihk::call_name(nr_of(row)));
    }
    return text + rule + line(ticks, calls, errors, "total");
}

} // namespace still::mcexec
