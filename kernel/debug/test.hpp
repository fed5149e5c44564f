// SPDX-License-Identifier: BSD-2-Clause
// Tests inside the LWK: registered by the linker, run when it boots alone with "tests", TAP on the console.
#pragma once

#include <debug/log.hpp>

namespace still {

struct KernelTest {
    const char* name;
    bool (*run)();
};

// Runs all; true if none failed.
bool run_kernel_tests();

} // namespace still

#define STILL_TEST(test_name)                                                                                \
    static bool still_test_##test_name();                                                                    \
    [[gnu::used, gnu::section(".still_tests")]] static const ::still::KernelTest still_row_##test_name = {   \
        #test_name, still_test_##test_name};                                                                 \
    static bool still_test_##test_name()

#define STILL_CHECK(cond)                                                                                    \
    do {                                                                                                     \
        if (!(cond)) {                                                                                       \
            ::still::log("# {}:{}: {}", __FILE_NAME__, __LINE__, #cond);                                     \
            return false;                                                                                    \
        }                                                                                                    \
    } while (0)
