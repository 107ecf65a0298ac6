chatd_unit(store)
target_sources(unit_store PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/postgres_server.cpp)
