// SPDX-License-Identifier: BSD-2-Clause
// SMARTMAP: there is no mcexec to ask for it. A program is a member of the machine's one group if its environment says
// STILLCORE_SMARTMAP=RANK/SIZE, unless another process has that rank.
#pragma once

#include <services/program.hpp>
#include <stillcore/peers.h>

namespace still::services {

struct Membership {
    bool is_member = false;
    u32 rank = 0;
    u32 size = 0;
};
Membership find_membership(const Client& client, const ExecRequest& request);
// What the LWK reads, before the process is made.
void describe_membership(const Membership& wanted, still_proc_page& page);

} // namespace still::services
