// SPDX-License-Identifier: BSD-2-Clause
#include "show.hpp"

#include "process.hpp"

#include <cstring>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace still::mcexec {

// Linux reads arguments and environment from anonymous memory only (FOLL_ANON), which the program's is not for
// it: it gets a copy.
void show_to_linux(int file, const ElfImage& main, const Placement& place, const StackImage& stack)
{
    process.strings = {stack.arg_start, stack.env_start, stack.env_start, stack.env_end};
    (void)process.device.set_exe(file);
    const uint64_t size = stack.env_end - stack.arg_start;
    void* const copy =
        mmap(nullptr, page_up(size + 1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED) {
        return;
    }
    memcpy(copy, stack.bytes.data() + (stack.arg_start - stack.stack_pointer), size);
    // SAFETY: addresses as the kernel wants them.
    const auto strings = reinterpret_cast<uint64_t>(copy);
    const auto heap = reinterpret_cast<uint64_t>(sbrk(0)); // mcexec's own stays what it is
    prctl_mm_map map{};
    for (const ElfLoad& load : main.loads) {
        const uint64_t start = load.vaddr + place.main_bias;
        const uint64_t end = start + load.file_size;
        if ((load.prot & PROT_EXEC) != 0) {
            map.start_code = map.start_code == 0 ? start : map.start_code;
            map.end_code = end;
        }
        map.start_data = start;
        map.end_data = end;
    }
    map.start_brk = map.brk = heap;
    map.start_stack = stack.stack_pointer;
    map.arg_start = strings;
    map.arg_end = map.env_start = strings + (stack.env_start - stack.arg_start);
    map.env_end = strings + size;
    map.auxv = reinterpret_cast<__u64*>(const_cast<AuxEntry*>(stack.aux.data()));
    map.auxv_size = static_cast<uint32_t>(stack.aux.size() * sizeof(AuxEntry));
    map.exe_fd = ~0u;
    prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0);
}

} // namespace still::mcexec
