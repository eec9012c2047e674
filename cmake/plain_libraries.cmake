# Imported targets for the libraries that bring no CMake package on Debian 12, and Asio.
function(talon_plain_library target header library package)
    find_path(${target}_INCLUDE NAMES ${header})
    find_library(${target}_LIBRARY NAMES ${library})
    mark_as_advanced(${target}_INCLUDE ${target}_LIBRARY)
    if(NOT ${target}_INCLUDE OR NOT ${target}_LIBRARY)
        message(FATAL_ERROR "${header} or lib${library} not found: apt install ${package}")
    endif()
    add_library(${target}::${target} UNKNOWN IMPORTED)
    set_target_properties(${target}::${target} PROPERTIES
        IMPORTED_LOCATION "${${target}_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${${target}_INCLUDE}")
endfunction()

talon_plain_library(lmdb lmdb.h lmdb liblmdb-dev)
talon_plain_library(sodium sodium.h sodium libsodium-dev)
talon_plain_library(sqlite3 sqlite3.h sqlite3 libsqlite3-dev)
talon_plain_library(systemd systemd/sd-daemon.h systemd libsystemd-dev)

add_library(talon_asio INTERFACE)
target_link_libraries(talon_asio INTERFACE Boost::headers OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
target_compile_definitions(talon_asio INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ERROR_CODE_HEADER_ONLY)
