# SPDX-License-Identifier: LGPL-2.1-or-later
# The language, the warnings, and what the presets turn on: one interface target that every layer and
# every program links.
include(CheckCCompilerFlag)
include(CheckCSourceCompiles)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")

add_library(nc-options INTERFACE)
target_compile_definitions(nc-options INTERFACE
  _GNU_SOURCE NC_VERSION="${PROJECT_VERSION}")
target_compile_options(nc-options INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wmissing-prototypes
  -Wformat=2 -Wimplicit-fallthrough -Wpointer-arith -Wwrite-strings
  # Callbacks do not name the parameters that they do not use: C23, and gcc since 11 in every mode.
  $<$<C_COMPILER_ID:Clang>:-Wno-c2x-extensions>
  # Assertions are about our own bugs. They stay on in programs that hold secrets, whatever build type a
  # distribution chooses: Release, which nixpkgs takes, defines NDEBUG.
  -UNDEBUG)

if(NC_WERROR)
  target_compile_options(nc-options INTERFACE -Werror)
endif()

if(NC_SANITIZE)
  target_compile_options(nc-options INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(nc-options INTERFACE -fsanitize=address,undefined)
  if(NC_FUZZ)
    target_compile_options(nc-options INTERFACE -fsanitize=fuzzer-no-link)
  endif()
endif()

if(NC_COVERAGE)
  target_compile_options(nc-options INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(nc-options INTERFACE --coverage)
endif()

if(NC_HARDENING)
  # Level 3 needs gcc 12 or clang 12, and a glibc that knows it; with less, level 2.
  set(CMAKE_REQUIRED_FLAGS "-O2 -Werror -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3")
  check_c_source_compiles("#include <stdio.h>\nint main(void) { return puts(\"\") < 0; }" HAVE_FORTIFY_3)
  unset(CMAKE_REQUIRED_FLAGS)
  set(fortify $<IF:$<BOOL:${HAVE_FORTIFY_3}>,3,2>)
  target_compile_options(nc-options INTERFACE
    -fPIE -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=${fortify})
  # clang takes flags of other processors and warns that it does not use them.
  set(CMAKE_REQUIRED_FLAGS -Werror)
  foreach(flag -fcf-protection=full -fstack-clash-protection -ftrivial-auto-var-init=zero
               -mbranch-protection=standard)
    string(MAKE_C_IDENTIFIER have${flag} variable)
    check_c_compiler_flag(${flag} ${variable})
    if(${variable})
      target_compile_options(nc-options INTERFACE ${flag})
    endif()
  endforeach()
  unset(CMAKE_REQUIRED_FLAGS)
  target_link_options(nc-options INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
