# SPDX-License-Identifier: BSD-2-Clause
# The two kinds of code of this tree, as interface targets: link one of them to say what a target is.
#   still_abi           include/ only: what all worlds share
#   still_freestanding  code of the LWK image (kernel/, arch/)
#   still_hosted        code that runs on Linux (tools, tests, and the pure code of the LWK once more)

set(STILL_WARNINGS
  -Wall -Wextra -Wshadow -Wundef -Wvla -Wimplicit-fallthrough -Wmissing-declarations -Werror)
set(STILL_CXX_WARNINGS -Wnon-virtual-dtor -Woverloaded-virtual -Wextra-semi)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # CMake passes every flag to every file; clang alone complains about those that a file does not need.
  list(APPEND STILL_WARNINGS -Wno-unused-command-line-argument)
  # libstdc++ 12 uses what it declares deprecated.
  list(APPEND STILL_CXX_WARNINGS -Wthread-safety -Wno-deprecated-declarations)
endif()

add_library(still_warnings INTERFACE)
target_compile_options(still_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:C,CXX>:${STILL_WARNINGS}>
  $<$<COMPILE_LANGUAGE:CXX>:${STILL_CXX_WARNINGS}>)

add_library(still_abi INTERFACE)
target_include_directories(still_abi INTERFACE ${CMAKE_SOURCE_DIR}/include)

add_library(still_freestanding INTERFACE)
target_link_libraries(still_freestanding INTERFACE still_warnings still_abi)
set(STILL_FREESTANDING_FLAGS
  -ffreestanding -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone
  -fno-stack-protector -fcf-protection=none -fno-omit-frame-pointer
  -fno-asynchronous-unwind-tables -fno-strict-aliasing)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # -mgeneral-regs-only takes long double away from clang, and <atomic> needs the type to exist.
  list(APPEND STILL_FREESTANDING_FLAGS -mno-sse -mno-mmx -mno-avx)
else()
  list(APPEND STILL_FREESTANDING_FLAGS -mgeneral-regs-only)
endif()
# libstdc++ 12 takes a freestanding <atomic> for a hosted one and adds std::atomic::wait: threads, strings and errors, a
# quarter of the time that a file takes. The guard of that header leaves them out; who includes <version>, as Boost's
# configuration does, can't compile then.
target_compile_definitions(still_freestanding INTERFACE $<$<COMPILE_LANGUAGE:CXX>:_GLIBCXX_ATOMIC_WAIT_H=1>)
target_compile_options(still_freestanding INTERFACE
  $<$<COMPILE_LANGUAGE:C,CXX>:${STILL_FREESTANDING_FLAGS}>
  $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions -fno-rtti -fno-threadsafe-statics>
  $<$<COMPILE_LANGUAGE:ASM>:-fno-pic -mcmodel=kernel>)
target_link_options(still_freestanding INTERFACE
  -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack)

add_library(still_hosted INTERFACE)
target_link_libraries(still_hosted INTERFACE still_warnings still_abi)
target_compile_definitions(still_hosted INTERFACE _GNU_SOURCE STILL_HOSTED=1)
target_compile_options(still_hosted INTERFACE -fno-omit-frame-pointer)
if(STILL_SANITIZE)
  target_compile_options(still_hosted INTERFACE -fsanitize=${STILL_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(still_hosted INTERFACE -fsanitize=${STILL_SANITIZE})
endif()
