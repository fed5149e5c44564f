// SPDX-License-Identifier: BSD-2-Clause
// mcexec's end of a slot whose other end scribbles over it: no request is served twice, no wait is for ever, and the
// answer goes to the number that was asked.
#include "slot_server.hpp"

#include "fuzz.hpp"

#include <cerrno>

namespace {

using namespace still::mcexec;

// Who waits finds a new request soon, or that the LWK is gone.
class Kernel final : public SlotKernel {
  public:
    explicit Kernel(still_slot& slot) : slot_(slot) {}
    int wait(uint32_t, uint32_t) override
    {
        if (++waits % 3 == 0) {
            return -EIO;
        }
        slot_.seq += waits % 2;
        return waits % 2 != 0 ? 0 : -EINTR;
    }
    int wake(uint32_t) override { return slot_.tid % 5 == 0 ? -EINVAL : 0; }

  private:
    still_slot& slot_;
    unsigned waits = 0;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    still_slot slot{};
    Kernel kernel(slot);
    SlotServer server(slot, 0, kernel, PollWindow(0));
    uint32_t served = 0;
    for (size_t i = 0; i + 2 < size; i += 3) {
        const uint32_t value = data[i + 1] | static_cast<uint32_t>(data[i + 2]) << 24;
        switch (data[i] % 6) {
        case 0:
            slot.seq = value;
            break;
        case 1:
            slot.nr = value;
            break;
        case 2:
            slot.asleep = value;
            break;
        case 3:
            slot.tid = value;
            break;
        case 4:
            slot.answer_seq = slot.proxy_asleep = value;
            break;
        default:
            if (const auto request = server.next()) {
                require(request->seq != served);
                served = request->seq;
                (void)server.answer(*request, static_cast<int64_t>(value));
                require(slot.answer_seq == served && slot.result == static_cast<int64_t>(value));
            } else {
                require(server.error() == EIO);
            }
        }
    }
    return 0;
}
