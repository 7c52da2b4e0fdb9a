// libsystemc owns main() and calls sc_main(): Catch2's session runs inside it.
#include <systemc>
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

int sc_main(int argc, char* argv[]) {
  return Catch::Session().run(argc, argv);
}
