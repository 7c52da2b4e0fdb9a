// The program's entry. libsystemc owns main() and calls sc_main().
#include <cstdlib>
#include <systemc>

#include "cli/cli.h"

namespace {
// libsystemc prints its banner before it calls sc_main, so it must be silenced while static variables are initialised.
const bool banner_silenced = setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 1) == 0;
}  // namespace

int sc_main(int argc, char* argv[]) {
  (void)banner_silenced;
  return vitality::cli::run_program(vitality::cli::Arguments(argv + (argc > 0 ? 1 : 0), argv + argc));
}
