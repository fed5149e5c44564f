// SPDX-License-Identifier: BSD-2-Clause
#include <arch/layout.hpp>
#include <mm/frame_allocator.hpp>
#include <services/client.hpp>
#include <services/shared_memory.hpp>

namespace still::services {

namespace {

constexpr u32 area_order = 2; // the page, and STILL_PROC_SLOTS slots
static_assert(page_size + STILL_PROC_SLOTS * sizeof(still_slot) == order_bytes(area_order));
constexpr u32 more_order = 5;
static_assert(STILL_MORE_SLOTS * sizeof(still_slot) == order_bytes(more_order));
constexpr u32 max_images = 1024; // places in the LWK's table, by the low bits of the handle

SpinLock images_lock;
Image* images[max_images] GUARDED_BY(images_lock);
u32 generation GUARDED_BY(images_lock) = 0;

} // namespace

still_proc_page& Image::page() const
{
    return *arch::direct<still_proc_page>(area->address());
}

Image* make_image()
{
    void* area = frames::allocate_memory(this_cpu().arch.node, area_order);
    auto* image = make<Image>();
    if (area == nullptr || image == nullptr) {
        if (area != nullptr)
            frames::release_memory(area, area_order);
        if (image != nullptr)
            destroy(image);
        return nullptr;
    }
    image->area = frames::lookup(arch::direct_to_phys(area));
    auto* slots = static_cast<still_slot*>(arch::direct(image->area->address() + page_size));
    for (u32 i = 0; i < STILL_PROC_SLOTS; ++i)
        slots[i].proxy_asleep = 1; // so each request comes by a message, which is answered at once
    LockGuard guard(images_lock);
    for (u32 i = 0; i < max_images && image->handle == 0; ++i) {
        if (images[i] != nullptr)
            continue;
        images[i] = image;
        generation = generation % 0xffff + 1;
        image->handle = i | generation << 16;
    }
    if (image->handle != 0)
        return image;
    frames::release_memory(area, area_order);
    destroy(image);
    return nullptr;
}

void destroy_image(Image* image)
{
    unmap_all_shared(*image);
    {
        LockGuard guard(images_lock);
        images[image->handle % max_images] = nullptr;
    }
    while (image->files != nullptr) {
        FileHandle* file = image->files;
        image->files = file->next;
        destroy(file);
    }
    for (Frame* more : image->more_slots)
        if (more != nullptr)
            frames::release_memory(arch::direct(more->address()), more_order);
    frames::release_memory(arch::direct(image->area->address()), area_order);
    destroy(image);
}

Image* find_image(u32 handle)
{
    LockGuard guard(images_lock);
    Image* image = images[handle % max_images];
    return image != nullptr && image->handle == handle ? image : nullptr;
}

Status copy_image_files(const Image& from, Image& to) NO_THREAD_SAFETY
{
    LockGuard guard(const_cast<Image&>(from).lock);
    FileHandle** end = &to.files;
    for (const FileHandle* f = from.files; f != nullptr; f = f->next) {
        auto* copy = make<FileHandle>();
        if (copy == nullptr)
            return fail(Errno::nomem);
        copy->node = f->node;
        copy->number = f->number;
        *end = copy;
        end = &copy->next;
    }
    to.next_file = from.next_file;
    return {};
}

// STILL_MSG_SLOTS_GROW: which of them; asked for again it is the same.
Result<u64> grow_slots(Image& image, u64 chunk)
{
    if (chunk == 0 || chunk >= STILL_MAX_CHUNKS)
        return fail(Errno::inval);
    void* room = frames::allocate_memory(this_cpu().arch.node, more_order);
    if (room == nullptr)
        return fail(Errno::nomem);
    auto* slots = static_cast<still_slot*>(room);
    for (u32 i = 0; i < STILL_MORE_SLOTS; ++i)
        slots[i].proxy_asleep = 1;
    Frame* frame = frames::lookup(arch::direct_to_phys(room));
    {
        LockGuard guard(image.lock);
        if (image.more_slots[chunk] == nullptr) {
            image.more_slots[chunk] = frame;
            return frame->address().raw();
        }
    }
    frames::release_memory(room, more_order); // another thread was first
    return image.more_slots[chunk]->address().raw();
}

} // namespace still::services
