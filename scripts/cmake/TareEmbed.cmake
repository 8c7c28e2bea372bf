# tare_embed(NAME FILE): BINARY_DIR/NAME.c defines `const char NAME_text[]` and
# `const unsigned long NAME_size` of the file, made anew when the file changes.
function(tare_embed name file)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
  file(READ "${file}" bytes HEX)
  string(REGEX REPLACE "(................................)" "\\1\n\t" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/${name}.c" @ONLY CONTENT [[
/* Made by TareEmbed.cmake from @file@. */
extern const char @name@_text[];
extern const unsigned long @name@_size;
const char @name@_text[] = {
	@bytes@0
};
const unsigned long @name@_size = sizeof(@name@_text) - 1;
]])
endfunction()
