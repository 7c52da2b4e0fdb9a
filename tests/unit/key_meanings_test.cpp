// The list of meanings has every key that the lists of fields have, and no other.
#include "config/key_meanings.h"

#include <catch2/catch.hpp>
#include <set>

#include "config/hardware_config_json.h"
#include "tensor/precision.h"

using namespace vitality;

namespace {

// The name that a key of the config has in the list of meanings.
std::string listed_name(const std::string& key) {
  if (key.find("dram.device.") == 0) return "memory:" + key.substr(12);
  if (key.find("energy.") != 0) return key;
  std::string name = "energy:" + key.substr(7);
  for (const Precision p : all_of_enum<Precision>()) {
    const std::string format = std::string("format.") + to_string(p) + ".";
    if (name.find("energy:" + format) == 0) name.replace(7, format.size(), "format.FORMAT.");
  }
  return name;
}

}  // namespace

TEST_CASE("key meanings: one for each key, a sentence, and none without a key") {
  std::set<std::string> known{"$schema", "memory:$schema", "energy:$schema", "energy:format.FORMAT"};
  for (const std::string& key : hardware_config_keys()) {
    std::string name = listed_name(key);
    known.insert(name);
    // The objects that the key stands in.
    for (std::size_t dot = name.rfind('.'); dot != std::string::npos; dot = name.rfind('.'))
      known.insert(name = name.substr(0, dot));
  }
  for (const char* name : {"energy:sources", "memory:sources", "sources"}) known.insert(name);
  // Of the objects of a list, which --set gives as a whole.
  for (const char* name : {"unit", "per", "kind", "number", "um2", "name", "source"})
    known.insert(std::string("parts.") + name);
  std::set<std::string> listed;
  for (const KeyMeaning& row : key_meanings()) {
    INFO(row.key);
    CHECK(known.count(row.key) == 1);
    CHECK(listed.insert(row.key).second);
    CHECK(std::string(row.meaning).back() == '.');
  }
  for (const std::string& name : known) {
    INFO(name);
    CHECK(listed.count(name) == 1);
  }
  CHECK_THROWS_AS(meaning_of("matrix_engine.row"), std::logic_error);
}
