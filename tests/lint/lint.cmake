# The layer check is part of every build: an include against the table breaks it.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_custom_target(layers ALL
  COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/layers.py ${PROJECT_SOURCE_DIR}
  COMMENT "Checking the layers"
  VERBATIM)
