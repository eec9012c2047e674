# talon_embed(ROOM FILE NAMESPACE NAME): the file's text becomes `extern const std::string_view NAMESPACE::NAME` in
# talon_ROOM. The text must not contain the closing mark `)talon"`.
function(talon_embed room file namespace name)
    set_property(DIRECTORY "${PROJECT_SOURCE_DIR}" APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${file}")
    file(READ "${PROJECT_SOURCE_DIR}/${file}" TALON_EMBEDDED_TEXT)
    set(TALON_EMBEDDED_FILE "${file}")
    set(TALON_EMBEDDED_NAMESPACE "${namespace}")
    set(TALON_EMBEDDED_NAME "${name}")
    set(source "${PROJECT_BINARY_DIR}/generated/${name}.cpp")
    configure_file("${PROJECT_SOURCE_DIR}/cmake/embed.cpp.in" "${source}" @ONLY)
    target_sources(talon_${room} PRIVATE "${source}")
endfunction()
