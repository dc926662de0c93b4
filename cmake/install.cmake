# What `make install` puts where: headers, both libraries, pkg-config and CMake package files.
# Included at the end of the top CMakeLists.txt; apps install themselves.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/vlm)

set_target_properties(vlm_shared PROPERTIES EXPORT_NAME vlm)
install(TARGETS vlm_static vlm_shared EXPORT vlmTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${PROJECT_SOURCE_DIR}/include/vlm.h ${PROJECT_SOURCE_DIR}/include/vlm_tools.h
  ${PROJECT_SOURCE_DIR}/include/vlm_media.h ${PROJECT_SOURCE_DIR}/include/vlm_quantize.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT vlmTargets NAMESPACE vlm:: DESTINATION ${package_dir})

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/vlmConfig.cmake.in
  ${PROJECT_BINARY_DIR}/vlmConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/vlmConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/vlmConfig.cmake ${PROJECT_BINARY_DIR}/vlmConfigVersion.cmake
  DESTINATION ${package_dir})

# relative, so that a moved prefix still works
file(RELATIVE_PATH include_from_pc /x/${CMAKE_INSTALL_LIBDIR}/pkgconfig /x/${CMAKE_INSTALL_INCLUDEDIR})
configure_file(${CMAKE_CURRENT_LIST_DIR}/vlm.pc.in ${PROJECT_BINARY_DIR}/vlm.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/vlm.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
