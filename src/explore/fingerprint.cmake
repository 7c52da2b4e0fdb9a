# cmake -DOUT=FILE.cpp -DROOT=SOURCES -P fingerprint.cmake: the SHA-256 over every source file that decides a point's outcome. A rebuilt
# program with other sources gives other results: they must not be mixed with those that a store has.
cmake_minimum_required(VERSION 3.25)
file(GLOB_RECURSE files RELATIVE ${ROOT} ${ROOT}/src/*.cpp ${ROOT}/src/*.h ${ROOT}/src/*.inc ${ROOT}/models/*.cpp ${ROOT}/models/*.h)
list(FILTER files EXCLUDE REGEX "^src/(cli|report|explore|import)/")
list(SORT files)
set(all "")
foreach(name IN LISTS files)
  file(SHA256 ${ROOT}/${name} one)
  string(APPEND all "${name} ${one}\n")
endforeach()
string(SHA256 sources "${all}")
file(CONFIGURE OUTPUT ${OUT} CONTENT "#include \"explore/program_identity.h\"

const char* const vitality::kProgramIdentity = \"vitality \" VITALITY_VERSION \" @sources@\";
" @ONLY)
