# What is installed beside the programs: configuration, unit, account and manuals. Included by the top CMakeLists.txt.
# Every destination is relative to the prefix; with prefix /usr the configuration belongs into /etc, as GNUInstallDirs says.
# The prefix may be given as late as `cmake --install --prefix`, so what depends on it is worked out then.
set(CHATD_ETC ${CMAKE_CURRENT_LIST_DIR})

install(CODE "set(CHATD_ETC \"${CHATD_ETC}\")
set(CHATD_UNIT \"${PROJECT_SOURCE_DIR}/systemd/chatd.service.in\")
set(CHATD_UNIT_OUT \"${PROJECT_BINARY_DIR}/chatd.service\")
set(CHATD_BINDIR \"${CMAKE_INSTALL_BINDIR}\")
set(CHATD_SYSCONFDIR \"${CMAKE_INSTALL_SYSCONFDIR}\")
include(\"${CHATD_ETC}/install_config.cmake\")")

install(FILES ${PROJECT_BINARY_DIR}/chatd.service DESTINATION lib/systemd/system)
install(FILES ${PROJECT_SOURCE_DIR}/systemd/chatd.sysusers DESTINATION lib/sysusers.d RENAME chatd.conf)
install(FILES ${CHATD_ETC}/man/chatd.8 ${CHATD_ETC}/man/chatd-store.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES ${CHATD_ETC}/man/chatd.yaml.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
# As the package has it, to compare with after an upgrade.
install(FILES ${CHATD_ETC}/chatd.yaml DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

include(${CMAKE_CURRENT_LIST_DIR}/package.cmake)
