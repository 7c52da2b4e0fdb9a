// A batch as one model: shapes, names, shared parameters, images of seed + i, values and traffic of every image.
#include "workload/batch.h"

#include <catch2/catch.hpp>
#include <set>

#include "config/hardware_config_json.h"
#include "mapping/mapper.h"
#include "reference/model.h"
#include "workload/parameters.h"
#include "workload/workload_json.h"

using namespace vitality;

namespace {

VitModel tiny(const std::string& name) {
  return read_workload(std::string(VITALITY_SOURCE_DIR) + "/workloads/" + name + ".json");
}

bool same(const MatrixD& a, const MatrixD& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() && std::equal(a.data(), a.data() + a.size(), b.data());
}

Bytes loaded_weights(const Schedule& schedule) {
  Bytes bytes = 0;
  for (const Transfer& t : schedule.transfers)
    if (schedule.tensors[t.tensor].role == TensorRole::kWeight) bytes += t.bytes;
  return bytes;
}

Bytes moved(const Schedule& schedule) {
  Bytes bytes = 0;
  for (const Transfer& t : schedule.transfers) bytes += t.bytes;
  return bytes;
}

}  // namespace

TEST_CASE("batch: one image is the model itself") {
  const VitModel model = tiny("tiny_vit"), batch = batched(model, 1);
  CHECK(batch.images == 1);
  REQUIRE(batch.layers.size() == model.layers.size());
  CHECK(batch.layers[0].name == model.layers[0].name);
  CHECK(batch.layers[0].shared_parameters.empty());
}

TEST_CASE("batch: layers repeat, parameters count once, MACs for every image") {
  for (const char* name : {"tiny_vit", "tiny_levit", "tiny_mobilevit", "tiny_distilled"}) {
    INFO(name);
    const VitModel model = tiny(name), batch = batched(model, 3);
    const std::size_t count = model.layers.size();
    REQUIRE(batch.layers.size() == 3 * count);
    CHECK(parameter_count(batch) == parameter_count(model));
    CHECK(macs(batch) == 3 * macs(model));
    std::set<std::string> names;
    for (std::size_t i = 0; i < batch.layers.size(); ++i) {
      const Layer &layer = batch.layers[i], &original = model.layers[i % count];
      const int image = static_cast<int>(i / count), offset = image * static_cast<int>(count);
      CHECK(layer.name == "image" + std::to_string(image) + "/" + original.name);
      CHECK(names.insert(layer.name).second);
      REQUIRE(layer.inputs.size() == original.inputs.size());
      for (std::size_t k = 0; k < layer.inputs.size(); ++k)
        CHECK(layer.inputs[k] == (original.inputs[k] < 0 ? kModelInput - image : original.inputs[k] + offset));
      if (const auto* norm = std::get_if<BatchNorm>(&layer.parameters))
        CHECK(norm->folded_into == std::get<BatchNorm>(original.parameters).folded_into + offset);
    }
    const auto own = parameters_of(model), shared = parameters_of(batch);
    REQUIRE(shared.size() == own.size() + 2);
    CHECK(shared[1].name == "input.1");
    CHECK(shared[2].name == "input.2");
    for (std::size_t i = 1; i < own.size(); ++i) CHECK(shared[i + 2].name == own[i].name);
  }
}

TEST_CASE("batch: image i is the image of seed + i, and every image's outputs are those of its own run") {
  const VitModel model = tiny("tiny_levit"), batch = batched(model, 3);
  const SeededParameters parameters(7);
  const auto infos = parameters_of(batch);
  const auto outputs = reference::forward(batch, parameters, {}).outputs;
  const std::size_t count = model.layers.size();
  for (int image = 0; image < 3; ++image) {
    // The image of seed + i with the weights of the seed.
    struct OneImage : ParameterSource {
      SeededParameters weights{7}, pixels;
      explicit OneImage(std::uint64_t seed) : pixels(seed) {}
      MatrixD tensor(const ParameterInfo& info) const override {
        return (info.role == ParameterRole::kImage ? pixels : weights).tensor(info);
      }
    } const one(7 + static_cast<std::uint64_t>(image));
    CHECK(same(parameters.tensor(infos[static_cast<std::size_t>(image)]), one.tensor(parameters_of(model)[0])));
    const auto alone = reference::forward(model, one, {}).outputs;
    for (std::size_t i = 0; i < count; ++i) CHECK(same(outputs[static_cast<std::size_t>(image) * count + i], alone[i]));
  }
  CHECK_FALSE(same(outputs[count - 1], outputs[2 * count - 1]));
}

TEST_CASE("batch: weights lie in DRAM once") {
  const HardwareConfig config = read_hardware_config(std::string(VITALITY_SOURCE_DIR) + "/configs/vitality.json");
  for (const char* name : {"tiny_vit", "tiny_levit"}) {
    const VitModel model = tiny(name);
    const Schedule one = map_model(model, config), four = map_model(batched(model, 4), config);
    Bytes weights = 0;
    for (const ScheduledTensor& t : one.tensors)
      if (t.role == TensorRole::kWeight) weights += ceil_div(t.bytes, 4096) * 4096;
    REQUIRE(weights > 0);
    CHECK(four.dram_footprint == 4 * (one.dram_footprint - weights) + weights);
  }
}

TEST_CASE("batch: the images' rows share the weights of linear layers and convolutions") {
  HardwareConfig config = read_hardware_config(std::string(VITALITY_SOURCE_DIR) + "/configs/vitality.json");
  const VitModel model = tiny("tiny_vit"), four = batched(model, 4);
  for (const MappingResidency residency : {MappingResidency::kLayer, MappingResidency::kChip}) {
    config.mapping.residency = residency;
    const Bytes one = loaded_weights(map_model(model, config));
    // Every weight once and, for each further image, the position embedding of 17 x 32 and the class token of 32.
    CHECK(loaded_weights(map_model(four, config)) == one + 3 * 2 * (17 * 32 + 32));
    GivenMapping given;
    given.batch_order = BatchOrder::kImageByImage;
    MappingOptions options;
    options.given = &given;
    CHECK(loaded_weights(map_model(four, config, options)) == 4 * one);
  }
  config.mapping.residency = MappingResidency::kLayer;
  config.matrix_engine.dataflow = Dataflow::kOutputStationary;
  CHECK(loaded_weights(map_model(batched(model, 4), config)) == 4 * loaded_weights(map_model(model, config)));
}

// DeiT-Tiny has 5,717,416 parameters; biases are as wide as partial sums, 6 bytes, weights and the image 2.
TEST_CASE("batch: with room for the activations of all images, little more than weights, images and logits moves") {
  HardwareConfig config = read_hardware_config(std::string(VITALITY_SOURCE_DIR) + "/configs/vitality.json",
                                               {"scratchpad.capacity_kib=3200"});
  const Bytes biases = 192 + 12 * (3 * 192 + 192 + 768 + 192) + 1000, norms = (12 * 2 + 1) * 2 * 192;
  const Bytes weights = 2 * (5717416 - biases - norms) + 6 * biases, image = 2 * (224 * 224 * 3 + 1000),
              read_again = 2 * (197 * 192 + 192);  // position embedding and class token of each further image
  const Bytes bytes = moved(map_model(batched(tiny("deit_tiny"), 4), config));
  CHECK(bytes >= weights + 4 * image + 3 * read_again);
  CHECK(static_cast<double>(bytes) <= 1.01 * static_cast<double>(weights + 4 * image + 3 * read_again));
}

TEST_CASE("batch: where the scratchpad is small, an image of a batch moves no more bytes than one alone") {
  HardwareConfig config = read_hardware_config(std::string(VITALITY_SOURCE_DIR) + "/configs/vitality.json");
  config.mapping.objective = MappingObjective::kEnergy;
  for (const int kib : {10, 24, 200}) {
    config.scratchpad.capacity_kib = kib;
    for (const char* name : {"tiny_vit", "tiny_levit", "tiny_mobilevit", "tiny_distilled"}) {
      INFO(name << " " << kib);
      // What is made small is the estimated energy; bytes are most of it, and not all.
      const double allowed = kib < 200 ? 1.07 : 1;
      CHECK(static_cast<double>(moved(map_model(batched(tiny(name), 3), config))) <=
            3 * allowed * static_cast<double>(moved(map_model(tiny(name), config))));
    }
  }
}
