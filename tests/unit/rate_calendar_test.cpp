#include "cost/rate_calendar.h"

#include <catch2/catch.hpp>

using vitality::RateCalendar;

TEST_CASE("streams that fit together do not slow each other") {
  RateCalendar ports(100, 100);
  CHECK(ports.reserve(0, 0, 50, 60, 10) == 50);
  CHECK(ports.reserve(0, 10, 50, 40, 90) == 50);
}

TEST_CASE("a newcomer gets what is left until the first stream ends") {
  RateCalendar ports(100, 100);
  CHECK(ports.reserve(0, 0, 50, 80, 0) == 50);
  // From cycle 10 to 50 a fifth of its demand of 100 is free: 8 of 30 cycles' work; the other 22 at full rate.
  CHECK(ports.reserve(10, 10, 30, 100, 0) == 40 + 22);
}

TEST_CASE("a full resource makes the newcomer wait") {
  RateCalendar ports(100, 100);
  CHECK(ports.reserve(0, 0, 50, 100, 0) == 50);
  CHECK(ports.reserve(0, 20, 10, 1, 0) == 30 + 10);
  // The writes' port is another one.
  CHECK(ports.reserve(0, 20, 10, 0, 100) == 10);
}

TEST_CASE("a stream that starts later keeps what it was granted") {
  RateCalendar ports(100, 100);
  CHECK(ports.reserve(0, 40, 20, 100, 0) == 20);  // a prefetched pass: begins at 40
  CHECK(ports.reserve(0, 0, 50, 50, 0) == 40 + 20 + 10);
}

TEST_CASE("ended streams are forgotten") {
  RateCalendar ports(100, 100);
  CHECK(ports.reserve(0, 0, 50, 100, 0) == 50);
  CHECK(ports.reserve(50, 50, 10, 100, 0) == 10);
}

TEST_CASE("what rounding leaves of a taken capacity is nothing") {
  RateCalendar ports(0.8, 0.8);
  CHECK(ports.reserve(0, 0, 50, 0.7, 0) == 50);
  CHECK(ports.reserve(0, 0, 50, 0.1, 0) == 50);  // 0.8 - 0.7 - 0.1 is 8e-17 in binary
  CHECK(ports.reserve(0, 20, 10, 0.8, 0) == 30 + 10);
}

TEST_CASE("streams get nothing of what others than streams have taken, and keep what they have") {
  RateCalendar ports(100, 100);
  CHECK(ports.reserve(0, 0, 50, 80, 0) == 50);
  ports.set_taken(20, 0);
  CHECK(ports.reserve(0, 0, 20, 100, 0) == 50 + 25);  // nothing until 50, then 80 of 100 bytes a cycle
  CHECK(ports.reserve(0, 100, 10, 80, 100) == 10);
  CHECK(ports.reserve(0, 200, 8, 120, 0) == 10);  // its cost has the limit of 100
  ports.set_taken(0, 0);
  CHECK(ports.reserve(0, 300, 10, 100, 100) == 10);
}
