# talon_room(NAME [USES ROOM] [EXCEPT FILE...] PRIVATE LIBRARY...): the static library talon_NAME from NAME/**.cpp.
# USES is the one room below; what lies deeper is reached through it. PRIVATE libraries stay invisible to the rooms above.
# The room's headers form a header set, so that the target all_verify_interface_header_sets compiles each on its own.
set(CMAKE_VERIFY_INTERFACE_HEADER_SETS ON)

function(talon_room name)
    cmake_parse_arguments(ARG "" "USES" "EXCEPT;PRIVATE" ${ARGN})
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/${name}/*.cpp")
    file(GLOB_RECURSE headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${name}/*.h")
    list(REMOVE_ITEM sources ${ARG_EXCEPT})
    if(NOT sources) # a room of headers alone, or one not yet furnished
        set(sources "${PROJECT_BINARY_DIR}/generated/pch.cpp")
    endif()
    add_library(talon_${name} STATIC ${sources})
    target_link_libraries(talon_${name} PUBLIC talon_flags)
    if(ARG_USES)
        target_link_libraries(talon_${name} PUBLIC talon_${ARG_USES})
    endif()
    target_link_libraries(talon_${name} PRIVATE ${ARG_PRIVATE})
    target_precompile_headers(talon_${name} REUSE_FROM talon_pch)
    if(headers)
        target_sources(talon_${name} PUBLIC FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}" FILES ${headers})
    endif()
endfunction()

# talon_executable(NAME SOURCE...): with the common flags and the precompiled header.
function(talon_executable name)
    add_executable(${name} ${ARGN})
    target_link_libraries(${name} PRIVATE talon_flags)
    target_precompile_headers(${name} REUSE_FROM talon_pch)
endfunction()
