// SPDX-License-Identifier: BSD-2-Clause
// One end of an IKC ring whose peer scribbles over all that they share: no access is out of bounds, no index goes back.
#include <stillcore/ring.h>

#include "fuzz.hpp"

#include <cstring>
#include <memory>

namespace {

// Two bytes: what is done, and a number for it.
void step(uint8_t what, uint8_t number, still_ring& ring, still_ring_end& producer, still_ring_end& consumer)
{
    still_cell cell{};
    cell.word[0] = number;
    const uint32_t made = producer.index;
    const uint32_t taken = consumer.index;
    switch (what % 6) {
    case 0:
        require(still_ring_push(&producer, &cell) != STILL_RING_OK || producer.index == made + 1);
        break;
    case 1:
        require(still_ring_pop(&consumer, &cell) != STILL_RING_OK || consumer.index == taken + 1);
        break;
    case 2:
        ring.head += number;
        break;
    case 3:
        ring.tail = number * 0x01010101u;
        break;
    case 4:
        (void)still_ring_sleep(&consumer);
        break;
    default:
        (void)still_ring_must_notify(&producer);
        break;
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    const auto ring = std::make_unique<still_ring>();
    still_ring_init(ring.get());
    still_ring_end producer{ring.get(), 0};
    still_ring_end consumer{ring.get(), 0};
    for (size_t i = 0; i + 1 < size; i += 2) {
        step(data[i], data[i + 1], *ring, producer, consumer);
    }
    return 0;
}
