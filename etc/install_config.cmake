# Runs at installation: writes the unit for this prefix and installs chatd.yaml, unless there is one already, which is the
# admin's. DESTDIR is added by file(INSTALL) itself.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(CHATD_CONFIG_DIR /etc/chatd)
else()
  set(CHATD_CONFIG_DIR "${CMAKE_INSTALL_PREFIX}/${CHATD_SYSCONFDIR}/chatd")
endif()
set(CHATD_PROGRAM "${CMAKE_INSTALL_PREFIX}/${CHATD_BINDIR}/chatd")
set(CHATD_CONFIG "${CHATD_CONFIG_DIR}/chatd.yaml")
configure_file("${CHATD_UNIT}" "${CHATD_UNIT_OUT}" @ONLY)

if(EXISTS "$ENV{DESTDIR}${CHATD_CONFIG}")
  message(STATUS "Kept: $ENV{DESTDIR}${CHATD_CONFIG}")
else()
  file(INSTALL "${CHATD_ETC}/chatd.yaml" DESTINATION "${CHATD_CONFIG_DIR}")
endif()
