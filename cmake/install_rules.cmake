# Where Debian expects things. The default prefix is /usr, so that a unit file, /etc and the tmpfiles entries agree.
if(CMAKE_INSTALL_PREFIX_INITIALIZED_TO_DEFAULT)
    set(CMAKE_INSTALL_PREFIX /usr CACHE PATH "Installation prefix" FORCE)
endif()
include(GNUInstallDirs)

# Installs the files that exist; a tree without man pages yet still configures.
function(talon_install destination)
    foreach(file IN LISTS ARGN)
        if(EXISTS "${PROJECT_SOURCE_DIR}/${file}")
            install(FILES ${file} DESTINATION ${destination})
        endif()
    endforeach()
endfunction()

if(TARGET talon)
    install(TARGETS talon RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
foreach(section 1 5 7)
    file(GLOB pages CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/man/*.${section}")
    install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()

if(EXISTS "${PROJECT_SOURCE_DIR}/completions/talon.bash")
    install(FILES completions/talon.bash DESTINATION share/bash-completion/completions RENAME talon)
endif()
talon_install(share/zsh/vendor-completions completions/_talon)
talon_install(share/fish/vendor_completions.d completions/talon.fish)

talon_install(lib/systemd/system packaging/talon.service)
if(EXISTS "${PROJECT_SOURCE_DIR}/packaging/sysusers.conf")
    install(FILES packaging/sysusers.conf DESTINATION lib/sysusers.d RENAME talon.conf)
    install(FILES packaging/tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME talon.conf)
endif()
talon_install(${CMAKE_INSTALL_FULL_SYSCONFDIR}/talon packaging/talon.yaml)
talon_install(share/doc/talon README.md CHANGELOG.md LICENSE SECURITY.md)
if(IS_DIRECTORY "${PROJECT_SOURCE_DIR}/examples")
    install(DIRECTORY examples DESTINATION share/doc/talon USE_SOURCE_PERMISSIONS
        PATTERN __pycache__ EXCLUDE PATTERN node_modules EXCLUDE
        PATTERN quickstart EXCLUDE) # it builds from the source tree
endif()
