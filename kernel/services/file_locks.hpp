// SPDX-License-Identifier: BSD-2-Clause
// flock(2), and record locks of fcntl(2).
#pragma once

#include <services/client.hpp>

namespace still::services {

Result<u64> flock_file(OpenFile& file, u64 operation);
// kind: 0 F_GETLK, 1 F_SETLK, 2 F_SETLKW. of_file: the description's (F_OFD_*), else the process's.
Result<u64> record_lock(Client& client, OpenFile& file, u64 kind, bool of_file, u64 address);
// close(2) of any descriptor of the file gives up the process's locks on it.
void release_record_locks(Client& client, OpenFile& file);
void release_file_locks(OpenFile& file); // the last descriptor of it
void release_all_locks(Client& client);

} // namespace still::services
