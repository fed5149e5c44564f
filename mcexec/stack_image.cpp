// SPDX-License-Identifier: BSD-2-Clause
#include "stack_image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/auxv.h>

namespace still::mcexec {

namespace {

constexpr uint64_t max_string = 32 * 4096;        // Linux's MAX_ARG_STRLEN
constexpr uint64_t max_strings = 6ull << 20;      // three quarters of the default stack limit
constexpr uint64_t always_allowed = 32ull * 4096; // ARG_MAX

// Grows downwards from top; addresses are the program's.
class Writer {
  public:
    Writer(uint64_t top, uint64_t size) : top_(top), bytes_(size) {}

    uint64_t push(const void* data, size_t size)
    {
        used_ += size;
        memcpy(bytes_.data() + bytes_.size() - used_, data, size);
        return top_ - used_;
    }
    uint64_t push(const std::string& text) { return push(text.c_str(), text.size() + 1); }
    void push_word(uint64_t word) { push(&word, sizeof word); }
    void align(uint64_t to) { used_ += (top_ - used_) % to; }
    uint64_t used() const { return used_; }
    std::vector<std::byte> take() { return {bytes_.end() - static_cast<ptrdiff_t>(used_), bytes_.end()}; }

  private:
    uint64_t top_;
    uint64_t used_ = 0;
    std::vector<std::byte> bytes_;
};

// The first string lies lowest, as programs that overwrite their arguments expect.
std::vector<uint64_t> push_strings(Writer& writer, const std::vector<std::string>& strings)
{
    std::vector<uint64_t> addresses(strings.size());
    for (size_t i = strings.size(); i-- > 0;) {
        addresses[i] = writer.push(strings[i]);
    }
    return addresses;
}

void push_pointers(Writer& writer, const std::vector<uint64_t>& addresses)
{
    writer.push_word(0);
    for (size_t i = addresses.size(); i-- > 0;) {
        writer.push_word(addresses[i]);
    }
}

} // namespace

ihk::Result<StackImage> build_stack(const StackContents& contents, uint64_t top, uint64_t room)
{
    uint64_t strings = contents.execfn.size() + 1;
    for (const auto* list : {&contents.argv, &contents.envp}) {
        for (const std::string& text : *list) {
            if (text.size() >= max_string) {
                return ihk::fail(E2BIG, "an argument or environment string is longer than 128 KiB");
            }
            strings += text.size() + 1 + sizeof(uint64_t);
        }
    }
    const uint64_t limit = std::max(std::min(room / 4, max_strings), always_allowed);
    const uint64_t rest = (contents.aux.size() + 8) * sizeof(AuxEntry) + contents.platform.size() + 256;
    if (strings > limit || strings + rest > room) {
        return ihk::fail(
            E2BIG, fmt::format("arguments and environment take {} bytes, the limit is {}", strings, limit));
    }

    Writer writer(top, strings + rest);
    writer.push_word(0);
    const uint64_t execfn = writer.push(contents.execfn);
    const auto envp = push_strings(writer, contents.envp);
    const auto argv = push_strings(writer, contents.argv);
    writer.align(16);
    const uint64_t platform = contents.platform.empty() ? 0 : writer.push(contents.platform);
    const uint64_t random = writer.push(contents.random.data(), contents.random.size());

    std::vector<AuxEntry> aux = contents.aux;
    aux.push_back({AT_RANDOM, random});
    aux.push_back({AT_EXECFN, execfn});
    if (platform != 0) {
        aux.push_back({AT_PLATFORM, platform});
    }
    aux.push_back({AT_NULL, 0});
    writer.align(16);
    const uint64_t words = 1 + argv.size() + 1 + envp.size() + 1 + 2 * aux.size();
    if (words % 2 != 0) {
        writer.push_word(0);
    }
    for (size_t i = aux.size(); i-- > 0;) {
        writer.push(&aux[i], sizeof aux[i]);
    }
    push_pointers(writer, envp);
    push_pointers(writer, argv);
    writer.push_word(argv.size());
    const uint64_t env_start = envp.empty() ? execfn : envp.front();
    const uint64_t arg_start = argv.empty() ? env_start : argv.front();
    return StackImage{top - writer.used(), writer.take(), arg_start, env_start, execfn, std::move(aux)};
}

} // namespace still::mcexec
