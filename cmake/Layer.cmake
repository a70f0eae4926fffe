# SPDX-License-Identifier: LGPL-2.1-or-later

# nc_layer(NAME SOURCES file... [LINKS target...])
#
# One folder of lib/: an object library that sees only what it links. The layers it names must
# stand to its left in docs/ARCHITECTURE.md; tests/unit/check-layers reads the includes and agrees.
function(nc_layer name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS" ${ARGN})
  add_library(nc-${name} OBJECT ${arg_SOURCES})
  target_include_directories(nc-${name} PUBLIC ${PROJECT_SOURCE_DIR}/lib)
  target_link_libraries(nc-${name} PUBLIC nc-options ${arg_LINKS})
  target_link_libraries(nspawn-creds-engine PUBLIC nc-${name})
  target_sources(nspawn-creds-engine PRIVATE $<TARGET_OBJECTS:nc-${name}>)
endfunction()
