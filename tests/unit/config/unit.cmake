chatd_unit(config)
target_compile_definitions(unit_config PRIVATE CHATD_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
