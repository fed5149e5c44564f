# SPDX-License-Identifier: BSD-2-Clause
# stillcore.ko by Kbuild, out of tree. Linux 6.1 has no MO=, so the sources are linked into
# build/<preset>/linux-module and Kbuild works there; build/<preset>/include leads to include/, which makes
# -I$(src)/../include right both there and in the source tree.

if(NOT STILL_KDIR)
  # /usr/src/linux-headers-6.1.0-56-amd64: natural order puts the newest last.
  file(GLOB still_kdirs /usr/src/linux-headers-6.1*-amd64)
  list(SORT still_kdirs COMPARE NATURAL ORDER DESCENDING)
  list(GET still_kdirs 0 STILL_KDIR)
endif()
if(NOT EXISTS ${STILL_KDIR}/Makefile)
  message(FATAL_ERROR "No kernel build tree at '${STILL_KDIR}': apt-get install linux-headers-amd64, "
                      "or set STILL_KDIR")
endif()
message(STATUS "Linux module for ${STILL_KDIR}")

set(module_build ${CMAKE_BINARY_DIR}/linux-module)
file(GLOB_RECURSE module_sources CONFIGURE_DEPENDS
  ${CMAKE_SOURCE_DIR}/linux-module/*.[chS] ${CMAKE_SOURCE_DIR}/linux-module/Kbuild ${CMAKE_SOURCE_DIR}/include/*.h
  ${CMAKE_SOURCE_DIR}/include/*.def)

find_program(STILL_MAKE make REQUIRED)
# W=1 and no warning: here, not in Kbuild, which DKMS runs with compilers and kernels to come.
set(module_make ${STILL_MAKE} --no-print-directory -C ${STILL_KDIR} M=${module_build} W=1 KCFLAGS=-Werror
    CONFIG_DEBUG_INFO_BTF_MODULES=)
add_custom_command(
  OUTPUT ${module_build}/stillcore.ko
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DBUILD=${CMAKE_BINARY_DIR}
          -P ${CMAKE_SOURCE_DIR}/cmake/LinkModuleSources.cmake
  COMMAND ${module_make} modules
  # Kbuild leaves the .ko alone when nothing changed in it; without a new date it would run on each build.
  COMMAND ${CMAKE_COMMAND} -E touch ${module_build}/stillcore.ko
  DEPENDS ${module_sources} ${CMAKE_SOURCE_DIR}/cmake/LinkModuleSources.cmake
  COMMENT "Kbuild stillcore.ko"
  VERBATIM)
add_custom_target(linux-module ALL DEPENDS ${module_build}/stillcore.ko)
# With C=2 Kbuild looks at all files and compiles those that are stale: none.
add_custom_target(sparse COMMAND ${module_make} C=2 CF=-Wsparse-error modules
                  DEPENDS ${module_build}/stillcore.ko COMMENT "sparse stillcore.ko" VERBATIM)
