chatd_unit(auth)
# Foreign plugins run in the real host process.
add_dependencies(unit_auth test_plugins chatd-plugin-host)
target_compile_definitions(unit_auth PRIVATE CHATD_TEST_PLUGINS="${CMAKE_BINARY_DIR}/test-plugins"
  CHATD_PLUGIN_HOST="$<TARGET_FILE:chatd-plugin-host>")
