chatd_unit(plugins chatd_plugins_bundled chatd_plugin_common chatd_plugin_host chatd_base)
target_sources(unit_plugins PRIVATE ${CMAKE_CURRENT_LIST_DIR}/sdk_test.c)
add_dependencies(unit_plugins test_plugins)
target_compile_definitions(unit_plugins PRIVATE CHATD_TEST_PLUGINS="${CMAKE_BINARY_DIR}/test-plugins")
# The checker is a program; this part of it stands alone.
target_sources(unit_plugins PRIVATE ${PROJECT_SOURCE_DIR}/plugins/check/elf.cpp)
