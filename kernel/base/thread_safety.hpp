// SPDX-License-Identifier: BSD-2-Clause
// Clang's thread-safety attributes; nothing under GCC.
#pragma once

#if defined(__clang__)
#define STILL_TSA(x) __attribute__((x))
#else
#define STILL_TSA(x)
#endif
#define CAPABILITY(x) STILL_TSA(capability(x))
#define SCOPED_CAPABILITY STILL_TSA(scoped_lockable)
#define GUARDED_BY(x) STILL_TSA(guarded_by(x))
#define REQUIRES(...) STILL_TSA(requires_capability(__VA_ARGS__))
#define ACQUIRE(...) STILL_TSA(acquire_capability(__VA_ARGS__))
#define RELEASE(...) STILL_TSA(release_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...) STILL_TSA(try_acquire_capability(__VA_ARGS__))
#define EXCLUDES(...) STILL_TSA(locks_excluded(__VA_ARGS__))
#define NO_THREAD_SAFETY STILL_TSA(no_thread_safety_analysis)
