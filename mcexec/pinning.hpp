// SPDX-License-Identifier: BSD-2-Clause
// Calls by which Linux pins the program's memory for long: buffers of io_uring, regions for RDMA. Linux pins none
// whose first store it would have to announce, as it has to in the pseudo file's mappings; so during such a call the
// program's writable memory is mapped in another way (STILL_IOC_MAP_PINNABLE).
#pragma once

#include "address_calls.hpp"
#include "slot_server.hpp"

#include <pthread.h>

namespace still::mcexec {

// What lies at the program's addresses in this process. Calls that change it exclude the change to the other way and
// back, which goes by a list that must not grow old meanwhile.
class AddressMap {
  public:
    void begin_change() { pthread_rwlock_rdlock(&lock_); }
    void begin_alone() { pthread_rwlock_wrlock(&lock_); }
    void end() { pthread_rwlock_unlock(&lock_); }
    void begin_pinning();
    void end_pinning();
    // In the child of a fork, which has no other thread and maps its memory anew.
    void reset();

  private:
    pthread_rwlock_t lock_ = PTHREAD_RWLOCK_INITIALIZER;
    unsigned num_pinning_ = 0; // calls that pin; changed alone
};

// For the time of one request.
class AddressMapUse {
  public:
    explicit AddressMapUse(const Request& request);
    ~AddressMapUse();
    AddressMapUse(const AddressMapUse&) = delete;
    AddressMapUse& operator=(const AddressMapUse&) = delete;

  private:
    AddressUse use_; // may_pin: it does
};

} // namespace still::mcexec
