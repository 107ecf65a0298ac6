# The Debian package chatd-plugin-dev: the SDK (component sdk) under /usr, for authors of plugins. `./dev package` makes it in
# build/packages; it needs nothing of the daemon.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME chatd)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "the chatd developers <chatd@localhost>")
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL sdk)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_SDK_PACKAGE_NAME chatd-plugin-dev)
set(CPACK_DEBIAN_SDK_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_SDK_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_SDK_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_SDK_PACKAGE_RECOMMENDS "gcc | c-compiler, pkg-config")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_COMPONENT_SDK_DESCRIPTION "token-verification plugins for chatd: headers and checker
 A C header without dependencies, a thin C++ wrapper, link flags by pkg-config
 and CMake, and chatd-plugin-check, which runs a plugin as the daemon does and
 reports what it does wrong. Examples are in /usr/share/doc/chatd-plugin-dev.")

set(CHATD_SDK_DOC ${CMAKE_INSTALL_DATADIR}/doc/chatd-plugin-dev)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/plugins/examples DESTINATION ${CHATD_SDK_DOC} COMPONENT sdk)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CHATD_SDK_DOC} COMPONENT sdk RENAME copyright)
include(CPack)
