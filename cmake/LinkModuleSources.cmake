# SPDX-License-Identifier: BSD-2-Clause
# cmake -DSOURCE=<tree> -DBUILD=<build dir> -P: mirrors linux-module/ as links, and drops links to what has gone.
file(GLOB_RECURSE links ${BUILD}/linux-module/*.c ${BUILD}/linux-module/*.h ${BUILD}/linux-module/*.S
     ${BUILD}/linux-module/Kbuild)
foreach(link IN LISTS links)
  if(IS_SYMLINK ${link} AND NOT EXISTS ${link})
    file(REMOVE ${link})
  endif()
endforeach()

file(GLOB_RECURSE sources RELATIVE ${SOURCE}/linux-module ${SOURCE}/linux-module/*.[chS] ${SOURCE}/linux-module/Kbuild)
foreach(source IN LISTS sources)
  get_filename_component(dir ${BUILD}/linux-module/${source} DIRECTORY)
  file(MAKE_DIRECTORY ${dir})
  file(CREATE_LINK ${SOURCE}/linux-module/${source} ${BUILD}/linux-module/${source} SYMBOLIC)
endforeach()
file(CREATE_LINK ${SOURCE}/include ${BUILD}/include SYMBOLIC)
