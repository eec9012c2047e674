# Flags of every target: language, warnings, hardening, sanitizers, linker. They live in one interface library,
# talon_flags, so that the precompiled header and everything that uses it are built alike.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
    message(FATAL_ERROR
        "GCC ${CMAKE_CXX_COMPILER_VERSION} miscompiles coroutines: temporaries inside a co_await expression are destroyed "
        "twice (seen with 12.2). Use clang 19 (apt install clang-19; it is picked when no compiler is named) or GCC 14.")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")

set(TALON_SANITIZE "" CACHE STRING "asan (address and undefined behaviour), tsan, or empty")
set_property(CACHE TALON_SANITIZE PROPERTY STRINGS "" asan tsan)

add_library(talon_flags INTERFACE)
target_include_directories(talon_flags INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_definitions(talon_flags INTERFACE _GLIBCXX_ASSERTIONS TALON_VERSION="${PROJECT_VERSION}")
target_compile_options(talon_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
    -fPIE -fstack-protector-strong
    "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=")
target_link_options(talon_flags INTERFACE -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # Without the timestamp in it, a precompiled header that ccache restores is accepted by its users.
    target_compile_options(talon_flags INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
    find_program(TALON_LLD NAMES ld.lld-19 ld.lld)
    if(TALON_LLD)
        target_link_options(talon_flags INTERFACE "--ld-path=${TALON_LLD}")
    endif()
endif()

if(TALON_SANITIZE STREQUAL "asan")
    target_compile_options(talon_flags INTERFACE
        -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(talon_flags INTERFACE -fsanitize=address,undefined)
elseif(TALON_SANITIZE STREQUAL "tsan")
    target_compile_options(talon_flags INTERFACE -fsanitize=thread -fno-omit-frame-pointer)
    target_link_options(talon_flags INTERFACE -fsanitize=thread)
elseif(TALON_SANITIZE)
    message(FATAL_ERROR "TALON_SANITIZE is \"${TALON_SANITIZE}\"; it can be asan, tsan or empty")
else()
    # Fortification needs an optimising build; the sanitizers bring their own checks.
    target_compile_options(talon_flags INTERFACE "$<$<CONFIG:Release>:SHELL:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>")
endif()

# One precompiled header for everything. Standard library only: a test framework or Asio in here would break or slow
# those that do not want it.
file(WRITE "${PROJECT_BINARY_DIR}/generated/pch.cpp.in" "// Owner of the precompiled header.\n")
configure_file("${PROJECT_BINARY_DIR}/generated/pch.cpp.in" "${PROJECT_BINARY_DIR}/generated/pch.cpp" COPYONLY)
add_library(talon_pch STATIC "${PROJECT_BINARY_DIR}/generated/pch.cpp")
target_link_libraries(talon_pch PRIVATE talon_flags)
target_precompile_headers(talon_pch PRIVATE
    <algorithm> <array> <atomic> <bit> <charconv> <chrono> <compare> <concepts> <condition_variable> <cstddef> <cstdint>
    <cstring> <deque> <expected> <filesystem> <fstream> <functional> <limits> <map> <memory> <mutex> <optional> <set>
    <span> <sstream> <string> <string_view> <thread> <tuple> <type_traits> <unordered_map> <utility> <variant> <vector>)
