// SPDX-License-Identifier: BSD-2-Clause
// Small objects of the services, of any size. Any context; no lock of the services' is taken.
#pragma once

#include <base/types.hpp>
#include <new>
#include <string_view>
#include <utility>

namespace still::services {

// nullptr: memory is short. What is given back has the size that it was taken with.
[[nodiscard]] void* take_bytes(u64 bytes);
void give_bytes(void* room, u64 bytes);

template <class T, class... Args> [[nodiscard]] T* make(Args&&... args)
{
    void* room = take_bytes(sizeof(T));
    return room == nullptr ? nullptr : new (room) T(std::forward<Args>(args)...);
}
template <class T> void destroy(T* object)
{
    object->~T();
    give_bytes(object, sizeof(T));
}

// Room for one string of a system call, or for a line of text; freed at the end.
class Scratch {
  public:
    explicit Scratch(u64 bytes) : bytes_(bytes), room_(static_cast<char*>(take_bytes(bytes))) {}
    ~Scratch()
    {
        if (room_ != nullptr)
            give_bytes(room_, bytes_);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    explicit operator bool() const { return room_ != nullptr; }
    [[nodiscard]] char* data() const { return room_; }
    [[nodiscard]] u64 size() const { return bytes_; }

  private:
    u64 bytes_;
    char* room_;
};

// A string of its own; empty where memory is short.
class Text {
  public:
    Text() = default;
    ~Text() { clear(); }
    Text(const Text&) = delete;
    Text& operator=(const Text&) = delete;
    // false: no memory, and it is what it was.
    bool assign(std::string_view text);
    void clear();
    void swap(Text& other)
    {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
    }
    [[nodiscard]] std::string_view view() const { return {data_, size_}; }

  private:
    char* data_ = nullptr;
    u64 size_ = 0;
};

// Counted references: T has retain() and release().
template <class T> class Ref {
  public:
    Ref() = default;
    // Takes over a reference.
    explicit Ref(T* object) : object_(object) {}
    static Ref share(T* object)
    {
        if (object != nullptr)
            object->retain();
        return Ref(object);
    }
    Ref(const Ref& other) : object_(other.object_)
    {
        if (object_ != nullptr)
            object_->retain();
    }
    Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    Ref& operator=(Ref other) noexcept
    {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Ref()
    {
        if (object_ != nullptr)
            object_->release();
    }
    explicit operator bool() const { return object_ != nullptr; }
    T* operator->() const { return object_; }
    T& operator*() const { return *object_; }
    [[nodiscard]] T* get() const { return object_; }
    [[nodiscard]] T* take() { return std::exchange(object_, nullptr); }

  private:
    T* object_ = nullptr;
};

} // namespace still::services
