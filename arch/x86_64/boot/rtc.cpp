// SPDX-License-Identifier: BSD-2-Clause
// MC146818: an index at port 0x70, a register at 0x71.
#include <arch/cpu.hpp>
#include <arch/rtc.hpp>

namespace still::arch {

namespace {

enum Register : u8 {
    seconds = 0,
    minutes = 2,
    hours = 4,
    day = 7,
    month = 8,
    year = 9,
    status_a = 10,
    status_b = 11
};
constexpr u8 updating = 0x80, is_binary = 4, is_24_hours = 2, afternoon = 0x80;

struct Reading {
    u8 value[6];
    u8 format;
    bool operator==(const Reading&) const = default;
};

u8 read_register(u8 index)
{
    out8(0x70, index);
    return in8(0x71);
}

// An update takes 2 ms at most; a clock that never ends it is none.
bool wait_for_update()
{
    for (u32 i = 0; i < 100'000; ++i) {
        if ((read_register(status_a) & updating) == 0)
            return true;
        __builtin_ia32_pause();
    }
    return false;
}

Reading read_all()
{
    Reading r{};
    constexpr u8 registers[] = {seconds, minutes, hours, day, month, year};
    for (u32 i = 0; i < 6; ++i)
        r.value[i] = read_register(registers[i]);
    r.format = read_register(status_b);
    return r;
}

u32 to_number(u8 value, u8 format)
{
    return (format & is_binary) != 0 ? value : (value >> 4) * 10u + (value & 15u);
}

// Days since 1970 of a date of the proleptic Gregorian calendar; the year begins in March.
u64 days_of(u64 y, u32 m, u32 d)
{
    y -= m <= 2 ? 1 : 0;
    const u64 era_year = y % 400;
    const u64 day_of_year = (153 * (m + (m > 2 ? -3u : 9u)) + 2) / 5 + d - 1;
    return y / 400 * 146'097 + era_year * 365 + era_year / 4 - era_year / 100 + day_of_year - 719'468;
}

} // namespace

u64 read_rtc()
{
    // Twice the same, so that no update came in between.
    Reading now{}, before{};
    for (u32 i = 0; i < 10; ++i) {
        if (!wait_for_update())
            return 0;
        before = now;
        now = read_all();
        if (i > 0 && now == before)
            break;
    }
    if (!(now == before))
        return 0;
    u32 hour = to_number(now.value[2] & ~afternoon, now.format);
    if ((now.format & is_24_hours) == 0)
        hour = hour % 12 + ((now.value[2] & afternoon) != 0 ? 12 : 0);
    const u32 d = to_number(now.value[3], now.format);
    const u32 m = to_number(now.value[4], now.format);
    if (m < 1 || m > 12 || d < 1 || d > 31 || hour > 23)
        return 0;
    const u64 days = days_of(2000 + to_number(now.value[5], now.format), m, d);
    return ((days * 24 + hour) * 60 + to_number(now.value[1], now.format)) * 60 +
           to_number(now.value[0], now.format);
}

} // namespace still::arch
