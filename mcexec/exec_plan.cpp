// SPDX-License-Identifier: BSD-2-Clause
#include "exec_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <sys/mman.h>

namespace still::mcexec {

namespace {

uint64_t end_of(const still_segment& segment)
{
    return segment.addr + segment.len;
}

} // namespace

void add_image(ExecPlan& plan, const ElfImage& image, uint64_t bias, int32_t file)
{
    std::vector<still_segment> own;
    for (const ElfLoad& load : image.loads) {
        const uint64_t start = load.vaddr + bias;
        const uint64_t file_end = start + load.file_size;
        const uint64_t mem_end = start + load.mem_size;
        // A page that two segments share belongs to the later one, as with Linux's MAP_FIXED.
        while (!own.empty() && end_of(own.back()) > page_down(start)) {
            still_segment& last = own.back();
            if (last.addr >= page_down(start)) {
                own.pop_back();
            } else {
                last.len = page_down(start) - last.addr;
            }
        }
        std::erase_if(plan.clear, [&](const still_range& r) {
            return r.start >= page_down(start) && r.end <= page_up(file_end);
        });
        uint64_t anonymous = page_down(start);
        if (load.file_size != 0) {
            own.push_back({page_down(start), page_up(file_end) - page_down(start), load.prot, 0, file, 0,
                           page_down(load.offset)});
            anonymous = page_up(file_end);
            if (load.mem_size > load.file_size && (load.prot & PROT_WRITE) != 0 && file_end != anonymous) {
                plan.clear.push_back({file_end, anonymous});
            }
        }
        if (page_up(mem_end) > anonymous) {
            own.push_back({anonymous, page_up(mem_end) - anonymous, load.prot, 0, -1, 0, 0});
        }
    }
    plan.segments.insert(plan.segments.end(), own.begin(), own.end());
}

void add_stack(ExecPlan& plan, uint64_t start, uint64_t top, bool executable)
{
    const uint32_t prot = PROT_READ | PROT_WRITE | (executable ? PROT_EXEC : 0u);
    plan.segments.push_back({start, top - start, prot, STILL_SEGMENT_STACK, -1, 0, 0});
}

void add_vdso(ExecPlan& plan, uint64_t address, uint64_t size)
{
    if (size != 0) {
        plan.segments.push_back(
            {address, page_up(size), PROT_READ | PROT_EXEC, STILL_SEGMENT_VDSO, -1, 0, 0});
    }
}

ihk::Result<> finish_plan(ExecPlan& plan, const std::vector<still_range>& app)
{
    std::sort(plan.segments.begin(), plan.segments.end(),
              [](const still_segment& a, const still_segment& b) { return a.addr < b.addr; });
    if (plan.segments.size() > STILL_MAX_SEGMENTS) {
        return ihk::fail(ENOEXEC, fmt::format("the program has {} segments, the limit is {}",
                                              plan.segments.size(), STILL_MAX_SEGMENTS));
    }
    uint64_t last = 0;
    for (const still_segment& segment : plan.segments) {
        const bool inside = std::any_of(app.begin(), app.end(), [&](const still_range& range) {
            return segment.addr >= range.start && end_of(segment) <= range.end;
        });
        if (segment.addr < last || !inside || segment.len == 0) {
            return ihk::fail(
                ENOEXEC, fmt::format("there is no room for the program's segment at {:#x}", segment.addr));
        }
        last = end_of(segment);
    }
    return {};
}

} // namespace still::mcexec
