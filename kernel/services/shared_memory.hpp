// SPDX-License-Identifier: BSD-2-Clause
// Memory whose home is here: files that are mapped shared, and shared anonymous memory. The LWK asks for its pages
// as it asks Linux (STILL_MSG_MIRROR); the pages are the file's own.
#pragma once

#include <services/client.hpp>

namespace still::services {

struct MappedRange {
    UserRange range;
    NodeRef node;
    u64 offset = 0; // in the file, of range.start
    u8 prot = 0;
    bool may_write = false; // the descriptor could
    Image* image = nullptr;
    MappedRange* next = nullptr;         // of the image
    MappedRange* next_of_node = nullptr; // of the file's

    // All but the place.
    void take_after(const MappedRange& other, Image& its_image)
    {
        node = other.node;
        offset = other.offset;
        prot = other.prot;
        may_write = other.may_write;
        image = &its_image;
    }
};

Result<u64> map_shared(Client& client, u64 address, u64 bytes, u64 prot, const NodeRef& node, bool may_write,
                       u64 offset);
Status unmap_shared(Image& image, UserRange range);
Status protect_shared(Image& image, UserRange range, u8 prot);
Result<u64> remap_shared(Image& image, u64 old, u64 old_bytes, u64 new_bytes, u64 target);
// STILL_MSG_MIRROR.
Status mirror_page(Image& image, u64 address, bool is_write);
// A child's copies of the parent's.
Status copy_shared(const Image& from, Image& to);
// The process has gone.
void unmap_all_shared(Image& image);
// A file's size changes; nobody has pages of it mapped that lie behind its end.
Status resize_file(Node& node, u64 size);
// What a process-shared futex at that address is about: the file and the place in it; false: not shared memory.
// Bytes of shared memory, by way of the file's pages: into the kernel's memory, or from there. How many: up to the end
// of a page; 0: it is no such memory, or not accessible in that way.
u64 copy_mapped(Image& image, u64 address, void* kernel, u64 bytes, bool is_write);
// The file that is mapped there.
NodeRef node_of_mapping(Image& image, UserAddr a);
bool find_shared_word(Image& image, u64 address, u64& ino, u64& offset);

} // namespace still::services
