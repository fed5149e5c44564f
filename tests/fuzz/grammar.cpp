// SPDX-License-Identifier: BSD-2-Clause
// CPU lists, sizes and memory specifications: what is accepted means the same when it is printed and read again.
#include "ihk/parse.hpp"

#include "fuzz.hpp"

using namespace still::ihk;

namespace {

void try_memory(std::string_view text, NodeRule rule)
{
    const auto items = parse_mem_spec(text, rule);
    if (!items) {
        require(!items.error().message.empty());
        return;
    }
    const auto again = parse_mem_spec(format_mem_spec(*items), rule);
    require(again.has_value() && again->size() == items->size());
    for (size_t i = 0; i < items->size(); ++i) {
        require((*again)[i].bytes == (*items)[i].bytes && (*again)[i].node == (*items)[i].node);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    const std::string_view text(reinterpret_cast<const char*>(data), size); // SAFETY: bytes as letters
    if (const auto cpus = parse_cpu_list(text)) {
        const auto again = parse_cpu_list(format_cpu_list(*cpus));
        require(again.has_value() && *again == *cpus);
    }
    try_memory(text, NodeRule::required);
    try_memory(text, NodeRule::optional);
    if (const auto routes = parse_ikc_map(text)) {
        const auto again = parse_ikc_map(format_ikc_map(*routes));
        require(again.has_value() && *again == *routes);
    }
    (void)parse_size(text);
    (void)parse_decimal(text);
    return 0;
}
