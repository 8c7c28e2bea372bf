# tare_bpf_skeletons(TARGET DIR): for each DIR/NAME.bpf.c, the build makes NAME.skel.h in
# BINARY_DIR/bpf; TARGET is what depends on them.
function(tare_bpf_skeletons target dir)
  find_program(BPF_CLANG NAMES clang clang-14 REQUIRED)
  find_program(BPFTOOL NAMES bpftool PATHS /usr/sbin /sbin REQUIRED)
  file(GLOB sources CONFIGURE_DEPENDS "${dir}/*.bpf.c")
  file(GLOB headers CONFIGURE_DEPENDS "${dir}/*.h" "${dir}/*/*.h")
  set(out "${CMAKE_BINARY_DIR}/bpf")
  file(MAKE_DIRECTORY "${out}")
  set(skeletons "")
  foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME)
    string(REPLACE ".bpf.c" "" name "${name}")
    add_custom_command(
      OUTPUT "${out}/${name}.skel.h"
      COMMAND "${BPF_CLANG}" -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter -target bpf
              -mcpu=v3 -D__TARGET_ARCH_x86 -I "${dir}" -I "${CMAKE_SOURCE_DIR}/harness"
              -idirafter "/usr/include/${CMAKE_C_LIBRARY_ARCHITECTURE}"
              -c "${source}" -o "${out}/${name}.bpf.o"
      COMMAND "${BPFTOOL}" gen object "${out}/${name}.linked.o" "${out}/${name}.bpf.o"
      COMMAND "${BPFTOOL}" gen skeleton "${out}/${name}.linked.o" name "${name}_bpf"
              > "${out}/${name}.skel.h"
      DEPENDS "${source}" ${headers} "${CMAKE_SOURCE_DIR}/harness/base/loglin.h"
      VERBATIM)
    list(APPEND skeletons "${out}/${name}.skel.h")
  endforeach()
  add_custom_target(${target} DEPENDS ${skeletons})
endfunction()
