// SPDX-License-Identifier: BSD-2-Clause
// The requests that are served: a function for each row of calls.def. The arguments are as the program passed them;
// an error is what Linux would give.
#pragma once

#include <services/client.hpp>

namespace still::services {

using Args = u64[6];
using Served = Result<u64>;

// The thread leaves its call without an answer: it is about to end.
constexpr Errno unanswered = static_cast<Errno>(1000);

#define SERVE(nr, name) Served serve_##name(Client& client, const Args& a);
#include <services/calls.def>
#undef SERVE

constexpr u64 at_fdcwd = static_cast<u64>(-100);
constexpr u64 at_symlink_nofollow = 0x100, at_removedir = 0x200, at_symlink_follow = 0x400,
              at_empty_path = 0x1000, at_no_automount = 0x800;

// Where a relative path starts: a directory's descriptor, or the current directory.
Result<NodeRef> start_of(Client& client, u64 fd);
// Descriptor of that number, badf: there is none.
Result<FileRef> file_of(Client& client, u64 fd);
void signal_news(); // signal_file.cpp
Result<u64> add_descriptor(Client& client, const FileRef& file, bool close_on_exec);
// Both, and their numbers as two words at that address; or none.
Served add_two_descriptors(Client& client, const FileRef& one, const FileRef& two, bool close_on_exec,
                           u64 address);
// The node that a path, or with AT_EMPTY_PATH a descriptor alone, names.
Result<NodeRef> node_of(Client& client, u64 fd, u64 path, u64 flags, bool follow);
[[nodiscard]] Descriptors& descriptors_of(Client& client);
[[nodiscard]] u64 descriptor_limit(const Client& client);

} // namespace still::services
