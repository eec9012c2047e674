# Before project(): clang 19 when the caller names no compiler. An older GCC than 14 is refused below in flags.cmake,
# once CMake knows the version.
if(NOT DEFINED CMAKE_CXX_COMPILER AND "$ENV{CXX}" STREQUAL "")
    find_program(TALON_CLANGXX NAMES clang++-19)
    if(TALON_CLANGXX)
        set(CMAKE_CXX_COMPILER "${TALON_CLANGXX}" CACHE FILEPATH "C++ compiler")
    endif()
endif()

get_property(talon_generator_is_multi GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
if(NOT talon_generator_is_multi AND NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug" FORCE)
endif()

# ccache, when it is there. Precompiled headers need the sloppiness settings (and -fno-pch-timestamp, see flags.cmake).
find_program(TALON_CCACHE NAMES ccache)
if(TALON_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER
        env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime "${TALON_CCACHE}")
endif()
