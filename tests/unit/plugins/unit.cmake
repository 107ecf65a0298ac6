chatd_unit(plugins chatd_plugin_http chatd_base)
target_sources(unit_plugins PRIVATE ${CMAKE_CURRENT_LIST_DIR}/sdk_test.c)
