// SPDX-License-Identifier: BSD-2-Clause
// Alone: the console's text on VGA, or in the frame buffer that the firmware set up.
#pragma once

#include <base/types.hpp>
#include <string_view>

namespace still::arch {

struct FrameBuffer {
    u64 address = 0; // 0: there is none
    u32 pitch = 0;   // bytes
    u32 width = 0;
    u32 height = 0;
    u32 bits = 0; // of a pixel
};

// What the loader told, before init_screen().
void set_frame_buffer(const FrameBuffer& f);
// Once there are page tables. Without a frame buffer VGA's text memory is looked for.
void init_screen();
void write_screen(std::string_view text);

} // namespace still::arch
