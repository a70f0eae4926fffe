# SPDX-License-Identifier: LGPL-2.1-or-later
# What the build needs, with the names of the packages. Included before project(), which stops at the first
# program that is missing; the message here names everything at once.
#
# README.md has the same packages in its lines for each distribution; tests/lib/check-install compares them.

# nc_need(WHAT DEBIAN FEDORA ARCH): WHAT is a program, or NAME=MODULE of pkg-config, for
# nc_find_libraries(). What is missing is kept in a list for each distribution.
function(nc_need what debian fedora arch)
  if(what MATCHES "^([A-Z]+)=(.*)$")
    set(nc_libraries ${nc_libraries} ${what} PARENT_SCOPE)
    set(found 1)
    string(REPLACE ">=" " >= " modules ${CMAKE_MATCH_2})
    if(nc_pkg_config)
      execute_process(COMMAND ${nc_pkg_config} --exists ${modules} RESULT_VARIABLE found ERROR_QUIET)
    endif()
    if(found EQUAL 0)
      return()
    endif()
  else()
    find_program(path ${what} NO_CACHE)
    if(path)
      return()
    endif()
  endif()
  foreach(distribution debian fedora arch)
    set(nc_${distribution} ${nc_${distribution}} ${${distribution}} PARENT_SCOPE)
  endforeach()
endfunction()

# After project(): PkgConfig::NAME for each library.
macro(nc_find_libraries)
  find_package(PkgConfig REQUIRED)
  foreach(library IN LISTS nc_required_libraries)
    string(REGEX MATCH "^([A-Z]+)=(.*)$" library ${library})
    separate_arguments(modules UNIX_COMMAND ${CMAKE_MATCH_2})
    pkg_check_modules(${CMAKE_MATCH_1} REQUIRED IMPORTED_TARGET ${modules})
  endforeach()
endmacro()

if(PKG_CONFIG_EXECUTABLE)
  set(nc_pkg_config ${PKG_CONFIG_EXECUTABLE})
elseif(DEFINED ENV{PKG_CONFIG})
  separate_arguments(nc_pkg_config UNIX_COMMAND "$ENV{PKG_CONFIG}")
else()
  find_program(nc_pkg_config pkg-config NO_CACHE)
endif()

# what                          Debian            Fedora               Arch
if(NOT CMAKE_C_COMPILER AND NOT DEFINED ENV{CC})
  nc_need(cc                    "gcc;libc6-dev"   gcc                  gcc)
endif()
if(CMAKE_GENERATOR STREQUAL "Ninja")
  nc_need(ninja                 ninja-build       ninja-build          ninja)
endif()
if(NOT nc_pkg_config)
  nc_need(pkg-config            pkg-config        pkgconf-pkg-config   pkgconf)
endif()
nc_need(BSD=libbsd              libbsd-dev        libbsd-devel         libbsd)
nc_need(CRYPTO=libcrypto>=3.0   libssl-dev        openssl-devel        openssl)
nc_need(JSON=json-c>=0.16       libjson-c-dev     json-c-devel         json-c)
nc_need(SODIUM=libsodium>=1.0.18
                                libsodium-dev     libsodium-devel      libsodium)
nc_need(SYSTEMD=libsystemd>=252 libsystemd-dev    systemd-devel        systemd-libs)
nc_need("TSS=tss2-esys>=3.2 tss2-sys tss2-mu tss2-rc tss2-tctildr"
                                libtss2-dev       tpm2-tss-devel       tpm2-tss)
if(NOT DEFINED BUILD_TESTING OR BUILD_TESTING)
  nc_need(CMOCKA=cmocka>=1.1.5  libcmocka-dev     libcmocka-devel      cmocka)
endif()
set(required ${nc_debian})
set(nc_required_libraries ${nc_libraries})
# Without these, no courier and no manual pages are built, and that alone is no error.
nc_need(CURL=libcurl>=7.85      libcurl4-openssl-dev libcurl-devel   curl)
nc_need(scdoc                   scdoc             scdoc                scdoc)

# Whoever builds for another system, or names folders to CMake, has libraries where this does not look.
if(required AND NOT CMAKE_TOOLCHAIN_FILE AND NOT CMAKE_PREFIX_PATH AND NOT DEFINED ENV{CMAKE_PREFIX_PATH})
  foreach(distribution debian fedora arch)
    list(JOIN nc_${distribution} " " ${distribution})
  endforeach()
  message(FATAL_ERROR "These packages are missing, or too old. Install them, and configure again.\n"
    "  Debian, Ubuntu:  sudo apt-get install ${debian}\n"
    "  Fedora:          sudo dnf install ${fedora}\n"
    "  Arch:            sudo pacman -S ${arch}\n")
endif()
