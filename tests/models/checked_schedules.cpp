// Every schedule that a test simulates is checked before it runs (schedule/check_schedule.h).
#include <catch2/catch.hpp>

#include "sim/simulate.h"

static const bool kChecked = (vitality::schedules_are_checked = true);

TEST_CASE("simulations of the tests check their schedules") {
  CHECK(kChecked);
  CHECK(vitality::SimulationOptions().check);
}
