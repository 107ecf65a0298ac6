chatd_unit(cli Poco::Net Poco::NetSSL yaml-cpp util)
target_compile_definitions(unit_cli PRIVATE CHATCTL_BINARY="$<TARGET_FILE:chatctl>")
add_dependencies(unit_cli chatctl)
