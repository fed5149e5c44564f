# SPDX-License-Identifier: BSD-2-Clause

# still_unit_test(NAME <name> SOURCES <files> [LIBS <targets>] [LABELS <labels>] [INCLUDES <dirs>])
# A GoogleTest program that ctest runs as one test. The label 'tsan' has it run under ThreadSanitizer too, for which
# the others are not built.
function(still_unit_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;LIBS;LABELS;INCLUDES")
  if(NOT STILL_TESTS OR NOT STILL_UNIT OR STILL_SANITIZE STREQUAL "thread" AND NOT "tsan" IN_LIST arg_LABELS)
    return()
  endif()
  find_package(GTest REQUIRED)
  set(target unit_${arg_NAME})
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE still_hosted ${arg_LIBS} GTest::gtest GTest::gtest_main)
  target_include_directories(${target} PRIVATE ${arg_INCLUDES})
  add_test(NAME ${target} COMMAND ${target})
  set_tests_properties(${target} PROPERTIES LABELS "unit;${arg_LABELS}" TIMEOUT 300)
endfunction()

# still_compile_test(NAME <name> SOURCE <file> [LIBS <targets>] [FAILS_WITH <regex>])
# Compiles one file without linking it. With FAILS_WITH the file must not compile, and for the reason given.
function(still_compile_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;SOURCE;FAILS_WITH" "LIBS")
  if(NOT STILL_TESTS)
    return()
  endif()
  set(target compile_${arg_NAME})
  add_library(${target} OBJECT ${arg_SOURCE})
  target_link_libraries(${target} PRIVATE still_abi still_warnings ${arg_LIBS})
  if(NOT arg_FAILS_WITH)
    return()
  endif()
  set_target_properties(${target} PROPERTIES EXCLUDE_FROM_ALL TRUE)
  add_test(NAME ${target} COMMAND ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR} --target ${target})
  # Ninja serves one build at a time: the tests that build must not overlap.
  set_tests_properties(${target} PROPERTIES
    LABELS "compile_fail" RESOURCE_LOCK ninja PASS_REGULAR_EXPRESSION "${arg_FAILS_WITH}")
endfunction()
