# SPDX-License-Identifier: Apache-2.0
# How this house builds its rooms: one static library a folder, one test binary a mirrored folder.

option(TIDEGATE_BENCH "Build the benchmarks in bench/" OFF)
option(TIDEGATE_FUZZ "Build the fuzz targets in tests/fuzz" OFF)
set(TIDEGATE_SANITIZE "" CACHE STRING "Sanitizers: address,undefined or thread")

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

# Flags of our own code. The SDK headers must also compile with a plugin author's flags, so nothing here is needed by them.
add_library(tidegate_house INTERFACE)
target_compile_options(tidegate_house INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough -Wextra-semi -Werror
  # A designated initializer names what differs from the defaults; that is its use.
  -Wno-missing-designated-field-initializers
  -fno-omit-frame-pointer)
target_compile_definitions(tidegate_house INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_DLL_USE_STD_FS SPDLOG_FMT_EXTERNAL)
target_include_directories(tidegate_house INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
if(TIDEGATE_SANITIZE)
  add_compile_options(-fsanitize=${TIDEGATE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TIDEGATE_SANITIZE})
endif()
if(TIDEGATE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  add_link_options(-fuse-ld=lld)
endif()

# What scripts/test.sh builds by name: the tests to run under TSan, and what linters need before they can parse.
add_custom_target(concurrent_tests)
add_custom_target(tidegate_generated)

# tidegate_room(NAME LINK a b …): the library tidegate_NAME from all *.cpp beside this CMakeLists.txt (main.cpp apart).
function(tidegate_room name)
  cmake_parse_arguments(ARG "" "" "LINK;SOURCES" ${ARGN})
  file(GLOB found CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  list(FILTER found EXCLUDE REGEX "/main\\.cpp$")
  if(NOT found AND NOT ARG_SOURCES)
    add_library(tidegate_${name} INTERFACE)
    target_link_libraries(tidegate_${name} INTERFACE tidegate_house ${ARG_LINK})
    return()
  endif()
  add_library(tidegate_${name} STATIC ${found} ${ARG_SOURCES})
  target_link_libraries(tidegate_${name} PUBLIC tidegate_house ${ARG_LINK})
endfunction()

# tidegate_program(NAME LINK …): an installed program from main.cpp beside this CMakeLists.txt. DAEMON: it lives long, its
# main.cpp includes core/sim/allocator.hpp.
function(tidegate_program name)
  cmake_parse_arguments(ARG "DAEMON" "MAIN" "LINK" ${ARGN})
  if(NOT ARG_MAIN)
    set(ARG_MAIN main.cpp)
  endif()
  add_executable(${name} ${ARG_MAIN})
  target_link_libraries(${name} PRIVATE tidegate_house ${ARG_LINK})
  if(ARG_DAEMON AND NOT TIDEGATE_SANITIZE)
    target_link_libraries(${name} PRIVATE ${JEMALLOC_LIBRARY})
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# tidegate_plugin(NAME LINK …): a loadable back-end, lib/tidegate/plugins/NAME.so, from all *.cpp beside this CMakeLists.txt.
function(tidegate_plugin name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB found CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  # The objects are a library of their own so that tests reach what the .so hides.
  add_library(tidegate_plugin_${name} STATIC ${found})
  target_link_libraries(tidegate_plugin_${name} PUBLIC tidegate_house ${ARG_LINK})
  add_library(${name}_plugin MODULE $<TARGET_OBJECTS:tidegate_plugin_${name}>)
  target_link_libraries(${name}_plugin PRIVATE tidegate_house ${ARG_LINK})
  target_link_options(${name}_plugin PRIVATE -Wl,--exclude-libs,ALL)
  set_target_properties(${name}_plugin PROPERTIES PREFIX "" OUTPUT_NAME ${name}
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/plugins)
  install(TARGETS ${name}_plugin LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/tidegate/plugins)
endfunction()

# tidegate_tests(NAME LABELS unit LINK …): one test program from all *_test.cpp beside this CMakeLists.txt.
function(tidegate_tests name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LINK;LABELS;SOURCES" ${ARGN})
  file(GLOB found CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp)
  if(NOT found)
    return()
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name}_test ${found} ${ARG_SOURCES})
  target_link_libraries(${name}_test PRIVATE tidegate_house ${ARG_LINK} GTest::gmock GTest::gtest_main)
  set_target_properties(${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name}_test WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  if("concurrent" IN_LIST ARG_LABELS)
    add_dependencies(concurrent_tests ${name}_test)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "TIDEGATE_BUILD=${PROJECT_BINARY_DIR};TIDEGATE_SOURCE=${PROJECT_SOURCE_DIR}")
endfunction()
