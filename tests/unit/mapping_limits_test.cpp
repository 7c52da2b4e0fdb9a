// Mapping under scratchpads of every size: a schedule stays inside the scratchpad, or the refusal names the layer and
// the bytes.
#include <algorithm>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "config/hardware_config_json.h"
#include "mapping/mapper.h"
#include "workload/training_step.h"
#include "workload/workload_json.h"

using namespace vitality;

namespace {

const std::string kSource = VITALITY_SOURCE_DIR;

// 1: mapped; 0: refused as it should be.
int map_within(const VitModel& model, const std::vector<std::string>& overrides) {
  const HardwareConfig config = read_hardware_config(kSource + "/configs/vitality.json", overrides);
  const Bytes capacity = Bytes{1024} * config.scratchpad.capacity_kib;
  try {
    const Schedule schedule = map_model(model, config);
    CHECK(schedule.scratchpad_high_water <= capacity);
    for (const Buffer& buffer : schedule.buffers) {
      if (buffer.address < 0 || buffer.bytes < 0 || buffer.address + buffer.bytes > capacity)
        FAIL_CHECK("a buffer outside the scratchpad");
    }
    // A transfer stays inside its buffer.
    for (const Transfer& t : schedule.transfers) {
      const ScheduledTensor& tensor = schedule.tensors[t.tensor];
      const Bytes element = tensor.bytes / (Bytes{tensor.rows} * tensor.cols);
      // A bias lies behind operands of the storage format: what is before it counts in their size.
      const Bytes before = storage_bytes(config.precision) * (t.buffer_offset + Bytes{t.rows - 1} * t.buffer_stride);
      const Bytes end = before + element * t.cols;
      if (end > schedule.buffers[t.buffer].bytes)
        FAIL_CHECK("a transfer past its buffer's end, of tensor " + tensor.name);
    }
    return 1;
  } catch (const InfeasibleError& error) {
    const std::string text = error.what();
    INFO(text);
    CHECK(text.find("layer ") != std::string::npos);
    CHECK(text.find(std::to_string(capacity) + " bytes") + text.find("has " + std::to_string(capacity)) !=
          2 * std::string::npos);
    CHECK(text.find("scratchpad.capacity_kib") != std::string::npos);
    const bool named = std::any_of(model.layers.begin(), model.layers.end(),
                                   [&](const Layer& layer) { return text.find(layer.name) != std::string::npos; });
    CHECK(named);
    return 0;
  }
}

}  // namespace

TEST_CASE("mapping: scratchpads from 1 KiB to 1 MiB, every dataflow and attention") {
  for (const char* name :
       {"tiny_vit", "tiny_levit", "tiny_mobilevit", "tiny_distilled", "deit_tiny", "levit_128s", "mobilevit_xxs"}) {
    const VitModel model = read_workload(kSource + "/workloads/" + name + ".json");
    for (const char* dataflow : {"input_stationary", "output_stationary"}) {
      for (const char* attention : {"taylor", "taylor_elided", "softmax"}) {
        int mapped = 0, refused = 0;
        for (const int kib : {1, 2, 4, 8, 16, 50, 200, 1024}) {
          INFO(name << ", " << dataflow << ", " << attention << ", " << kib << " KiB");
          (map_within(model, {std::string("matrix_engine.dataflow=") + dataflow, std::string("attention=") + attention,
                              "scratchpad.port_bytes=64", "scratchpad.capacity_kib=" + std::to_string(kib)})
               ? mapped
               : refused)++;
        }
        INFO(name << ", " << dataflow << ", " << attention);
        CHECK(mapped >= 2);  // 200 KiB and more always do
        // 1 KiB does only where attention works tile by tile and the results of narrow tiles lie where their sums were,
        // or stay in the PEs, and image strips are small.
        const bool tiny = name == std::string("tiny_vit") || name == std::string("tiny_distilled") ||
                          (name == std::string("tiny_levit") && dataflow == std::string("output_stationary")) ||
                          (name == std::string("deit_tiny") && dataflow == std::string("input_stationary"));
        if (!tiny || attention != std::string("softmax")) CHECK(refused >= 1);
      }
    }
  }
}

TEST_CASE("mapping: what does not fit is refused before there are masks, in the words of the mapper") {
  // 56 x 56 patches: the bits of one head's mask are 3137 * 393 bytes, twice; a scratchpad of 200 KiB has 204,800.
  const VitModel model = read_workload(kSource + "/workloads/deit_tiny.json", {"image.height=896", "image.width=896"});
  for (const char* machine : {"sanger", "vitcod", "spatten", "elsa", "dota"}) {
    const HardwareConfig config =
        read_hardware_config(kSource + "/configs/" + machine + ".json", {"scratchpad.capacity_kib=200"});
    INFO(machine);
    CHECK_THROWS_AS(check_fits(model, config, {}), InfeasibleError);
    CHECK_THROWS_WITH(check_fits(model, config, {}), Catch::Contains("attn") && Catch::Contains("204800"));
  }
}

TEST_CASE("mapping: a machine that fits is not refused for want of masks") {
  const VitModel model = read_workload(kSource + "/workloads/tiny_vit.json");
  for (const char* machine : {"vitality", "dense_softmax", "sanger", "vitcod", "salo", "spatten", "elsa", "dota"}) {
    INFO(machine);
    CHECK_NOTHROW(check_fits(model, read_hardware_config(kSource + "/configs/" + machine + ".json"), {}));
  }
  MappingOptions training;
  training.training = true;
  const HardwareConfig config = read_hardware_config(kSource + "/configs/vitality_training.json");
  CHECK_NOTHROW(check_fits(training_step_model(model), config, training));
}
