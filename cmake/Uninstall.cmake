# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs in a build directory, for the target "uninstall": removes the files that the last installation from it
# wrote, and the directories that only we have. What came to exist since stays: policies, credentials, keys.
cmake_minimum_required(VERSION 3.25)
set(list ${CMAKE_BINARY_DIR}/installed.txt)
if(NOT EXISTS ${list})
  message(FATAL_ERROR "Nothing was installed from ${CMAKE_BINARY_DIR}, or it has been uninstalled.")
endif()
file(STRINGS ${list} files)

# A unit that is enabled would leave links that lead nowhere, and a daemon without its program.
set(link /etc/systemd/system/sockets.target.wants/nspawn-creds-broker.socket)
if(IS_SYMLINK ${link})
  file(REAL_PATH ${link} unit) # systemd may have found it in /lib
  if(unit IN_LIST files)
    message(FATAL_ERROR "The broker is enabled. Disable it first:\n"
      "  sudo systemctl disable --now nspawn-creds-broker.socket nspawn-creds-control.socket nspawn-creds-broker.service\n")
  endif()
endif()

set(count 0)
foreach(file IN LISTS files)
  if(EXISTS ${file} OR IS_SYMLINK ${file})
    file(REMOVE ${file})
    if(EXISTS ${file} OR IS_SYMLINK ${file})
      message(FATAL_ERROR "Cannot remove ${file}. Run this as the user who installed it.")
    endif()
    math(EXPR count "${count} + 1")
  endif()
  # Of …/nspawn-creds/bin/NAME both directories.
  while(file MATCHES "/[^/]*nspawn[^/]*/")
    cmake_path(GET file PARENT_PATH file)
    file(GLOB content LIST_DIRECTORIES true ${file}/* ${file}/.*)
    if(NOT content AND IS_DIRECTORY ${file})
      file(REMOVE_RECURSE ${file})
    endif()
  endwhile()
endforeach()
file(REMOVE ${list})
message(STATUS "Removed ${count} files. Left, if they exist: the configuration and policies in /etc/nspawn-creds, the "
  "credentials in /var/lib/nspawn-creds, and the host key, /var/lib/systemd/credential.secret.")
message(STATUS "Run systemctl daemon-reload. Containers receive no credentials from then on.")
