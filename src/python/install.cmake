# Run by `cmake --install`. The package goes where Debian's python3 looks: in one folder of /usr, and in one with the version
# of Python in its name of /usr/local.
set(python_folder python3)
if(NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  execute_process(COMMAND /usr/bin/python3 -c "import sys; print('python%d.%d' % sys.version_info[:2])" OUTPUT_VARIABLE versioned
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(failed)
    message(STATUS "There is no /usr/bin/python3, so it is not known where it would look: install python3, then install again for the Python package")
    return()
  endif()
  set(python_folder ${versioned})
endif()
file(INSTALL ${CMAKE_CURRENT_LIST_DIR}/vitality DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/${python_folder}/dist-packages
  FILES_MATCHING PATTERN "*.py" PATTERN py.typed PATTERN __pycache__ EXCLUDE)
