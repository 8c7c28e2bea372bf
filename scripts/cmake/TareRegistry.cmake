# tare_registry(KIND DIR HEADER): every DIR/NAME.c must define
# `const struct KIND KIND_NAME`; writes KIND_table[] and sets KIND_SOURCES.
# A file that lacks its entry is a link error that names it.
function(tare_registry kind dir header)
  file(GLOB sources CONFIGURE_DEPENDS "${dir}/*.c")
  list(FILTER sources EXCLUDE REGEX "\\.bpf\\.c$")
  list(SORT sources)
  set(externs "")
  set(entries "")
  foreach(source IN LISTS sources)
    cmake_path(GET source STEM name)
    string(APPEND externs "extern const struct ${kind} ${kind}_${name};\n")
    string(APPEND entries "\t&${kind}_${name},\n")
  endforeach()
  set(table "${CMAKE_BINARY_DIR}/${kind}_table.c")
  file(CONFIGURE OUTPUT "${table}" @ONLY CONTENT [[
/* Made by TareRegistry.cmake from the files in @dir@. */
#include <stddef.h>
#include "@header@"

@externs@
const struct @kind@ *const @kind@_table[] = {
@entries@	NULL,
};
]])
  set(${kind}_SOURCES ${sources} "${table}" PARENT_SCOPE)
endfunction()
