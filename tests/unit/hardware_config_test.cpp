#include <algorithm>
#include <catch2/catch.hpp>

#include "config/hardware_config_json.h"

using namespace vitality;

namespace {
const std::string kRoot = VITALITY_SOURCE_DIR;
const std::vector<std::string> kConfigs{"vitality",
                                        "vitality_overlapped",
                                        "vitality_g_stationary",
                                        "vitality_training",
                                        "dense_softmax",
                                        "sanger",
                                        "vitcod",
                                        "salo"};

std::string error_of(const std::string& text, const std::vector<std::string>& overrides = {}) {
  try {
    parse_hardware_config(text, kRoot + "/configs/x.json", overrides);
  } catch (const InputError& error) {
    const std::string what = error.what();
    const std::string prefix = kRoot + "/configs/";
    return what.compare(0, prefix.size(), prefix) == 0 ? what.substr(prefix.size()) : what;
  }
  return "";
}
}  // namespace

TEST_CASE("shipped configs: writing and reading back gives the same text") {
  for (const std::string& name : kConfigs) {
    INFO(name);
    const HardwareConfig config = read_hardware_config(kRoot + "/configs/" + name + ".json");
    CHECK(config.name == name);
    const std::string text = write_json(config);
    CHECK(write_json(parse_hardware_config(text, "copy")) == text);
  }
}

TEST_CASE("vitality.json is the struct's defaults, and carries a source for each of its values") {
  HardwareConfig config = read_hardware_config(kRoot + "/configs/vitality.json");
  CHECK(config.sources.count("matrix_engine.rows") == 1);
  for (const auto& [key, source] : config.sources) {
    INFO(key << ": " << source);
    const auto keys = hardware_config_keys();
    CHECK(std::find(keys.begin(), keys.end(), key) != keys.end());
    CHECK(source.size() > 3);
    CHECK(std::string("PQCAU").find(source[source.size() - 2]) != std::string::npos);
  }
  HardwareConfig defaults;
  config.sources.clear();
  config.description.clear();
  config.parts.clear();  // the usual ones, with their sources (parts_test.cpp)
  config.dram.device.sources = config.energy.sources = {};
  config.dram.device.source = config.energy.source = "";
  CHECK(write_json(config) == write_json(defaults));
}

TEST_CASE("DRAM libraries: peak bandwidth of a channel is the published one") {
  const auto peak = [](const std::string& device) {
    return parse_hardware_config("{\"dram\": {\"device\": \"" + device + "\"}}", kRoot + "/configs/x.json")
        .dram.device.peak_gb_s_per_channel();
  };
  CHECK(peak("ddr4_2400") == Approx(19.2).epsilon(0.001));
  CHECK(peak("lpddr4_3200") == Approx(6.4));
  CHECK(peak("hbm2") == Approx(16.0));
}

TEST_CASE("overrides") {
  const std::string file = kRoot + "/configs/vitality.json";
  CHECK(read_hardware_config(file, {"matrix_engine.rows=32", "matrix_engine.rows=16"}).matrix_engine.rows == 16);
  CHECK(read_hardware_config(file, {"precision=int8"}).precision == Precision::kInt8);
  CHECK(read_hardware_config(file, {"name=123"}).name == "123");
  CHECK(read_hardware_config(file, {"sparse_unit.enabled=true"}).sparse_unit.enabled);
  const HardwareConfig device =
      read_hardware_config(file, {"dram.device=hbm2", "dram.device.trcd=15", "energy.knob_sram=1.3"});
  CHECK(device.dram.device.name == "hbm2");
  CHECK(device.dram.device.trcd == 15);
  CHECK(device.energy.knob_sram == 1.3);
  CHECK(device.energy.name == "28nm");

  CHECK(error_of("{}", {"matrix_engine.rosw=3"}) ==
        "--set matrix_engine.rosw=3: unknown key (did you mean \"matrix_engine.rows\"?)");
  CHECK(error_of("{}", {"matrix_engine.rows=-1"}) ==
        "--set matrix_engine.rows=-1: /matrix_engine/rows: expected an integer from 1 to 4096, found -1");
  CHECK(error_of("{}", {"matrix_engine.rows=1e999"}) ==
        "--set matrix_engine.rows=1e999: /matrix_engine/rows: expected an integer from 1 to 4096, found \"1e999\"");
  CHECK(error_of("{}", {"nonsense"}) == "--set nonsense: expected dotted.key=value");
  CHECK(error_of("{}", {"machine=sanger", "cost_model=as_published", "matrix_engine.count=2"})
            .find("/matrix_engine/count: expected 1: the released cost models know one unit of a kind") !=
        std::string::npos);
  CHECK(error_of("{}", {"dram.device=ddr5"}).find("/dram/device: no file memory/NAME.json named \"ddr5\"") !=
        std::string::npos);
  CHECK(error_of("{}", {"dram.device=hbm2", "dram.device.trc=3"}) ==
        "--set dram.device.trc=3: /dram/device/trc: impossible timing: trc is shorter than tras + trp");
  CHECK(error_of("{\"noc\": 5}", {"noc.link_bytes=3"}) == "x.json: /noc: expected an object, found 5");
}

TEST_CASE("errors name the place, what was expected and the nearest key") {
  CHECK(error_of("{\"precison\": 1}") == "x.json: /precison: unknown key (did you mean \"precision\"?)");
  CHECK(error_of("{\"matrix_engine\": {\"rows\": 1.5}}") ==
        "x.json: /matrix_engine/rows: expected an integer from 1 to 4096, found 1.5");
  CHECK(error_of("{\"matrix_engine\": {\"dataflow\": \"input_stationery\"}}") ==
        "x.json: /matrix_engine/dataflow: expected one of input_stationary, output_stationary; found "
        "\"input_stationery\" "
        "(did you mean \"input_stationary\"?)");
  CHECK(error_of("{\"clock_mhz\": 1, \"clock_mhz\": 2}") ==
        "x.json: /clock_mhz: duplicate key, expected each key once");
  CHECK(error_of("{\"energy\": {\"sram_one_port\": {\"bit_um2\": -1}}}").find("/energy/sram_one_port/bit_um2") !=
        std::string::npos);
  CHECK(error_of("{\"dram\": {\"address_map\": \"row_row_bank_column\"}}").find("/dram/address_map") !=
        std::string::npos);
  CHECK(error_of("{\"scratchpad\": {\"capacity_kib\": 1, \"banks\": 64}}").find("/scratchpad/capacity_kib") !=
        std::string::npos);
}

TEST_CASE("collecting reports every error of a file") {
  Diagnostics diagnostics("x.json", Diagnostics::Mode::kCollect);
  read_hardware_config(
      parse_json("{\"clock_mhz\": 0, \"precision\": 3, \"nmae\": 1, \"noc\": {\"link_bytes\": null}}", "x.json"), {},
      diagnostics);
  CHECK(diagnostics.errors().size() == 4);
}
