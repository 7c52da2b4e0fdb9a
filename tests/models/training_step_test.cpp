// A training step on the machine: every gradient and new weight against the double reference, in every floating format,
// with batches and small scratchpads; operation counts against closed forms; the same statistics with and without
// values.
#include "workload/training_step.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "tests/support/machine_run.h"
#include "tests/support/race_check.h"
#include "tests/support/result_checks.h"
#include "workload/batch.h"
#include "workload/workload_json.h"

namespace vitality {
namespace {

using test::in_child;
using test::joined;

// `check` returns what it finds wrong in the result of a step, or "".
template <class Check>
std::string step(const std::vector<std::string>& overrides, int images, bool numerics, Check check,
                 const std::string& name = "tiny_vit") {
  return in_child([&]() -> std::string {
    try {
      const HardwareConfig config = test::machine(overrides, "vitality_training");
      const VitModel model = batched(test::workload(name), images);
      SimulationOptions options;
      options.numerics = numerics, options.training = true, options.seed = 5;
      return check(simulate(config, model, options), model);
    } catch (const std::exception& error) {
      return std::string("threw: ") + error.what();
    }
  });
}

std::string failures(const SimulationResult& r) {
  std::string text;
  if (!r.numerics.checked || !r.numerics.passed) text += "not passed; ";
  if (r.training.errors.size() != 4) text += "kinds of tensors missing; ";
  for (const GradientError& e : r.training.errors) {
    if (!(e.max_rel_error <= e.tolerance) || e.tensors == 0)
      text += e.kind + " " + e.worst + " " + std::to_string(e.max_rel_error) + "; ";
  }
  return text;
}

// Of a step of two images on the training machine.
std::string failures_of_step(const VitModel& model, const std::vector<std::string>& overrides) {
  return in_child([&] {
    SimulationOptions options;
    options.numerics = true, options.training = true, options.seed = 5;
    return failures(simulate(test::machine(overrides, "vitality_training"), batched(model, 2), options));
  });
}

const LayerResult& layer_of(const SimulationResult& r, const std::string& name) {
  for (const LayerResult& layer : r.layers)
    if (layer.name == name) return layer;
  throw std::runtime_error("no layer " + name);
}

std::string different(const std::string& what, Count got, Count want) {
  return got == want ? "" : what + ": " + std::to_string(got) + ", not " + std::to_string(want) + "; ";
}

}  // namespace

TEST_CASE("training step: every layer's memory traffic has an operand and a cause, gradients and moments included") {
  const std::string wrong = step({"precision=fp32"}, 2, false, [](const SimulationResult& r, const VitModel&) {
    std::string text;
    std::map<std::string, Bytes> fetched;
    for (const LayerResult& layer : r.layers) {
      Bytes read = 0, written = 0;
      for (const DramTraffic& t : layer.dram_traffic) {
        (t.cause == "write_back" ? written : read) += t.bytes;
        if (t.cause != "write_back") fetched[t.operand] += t.bytes;
      }
      text += different(layer.name + " read", read, layer.dram_read_bytes);
      text += different(layer.name + " written", written, layer.dram_write_bytes);
    }
    if (fetched["gradients"] == 0 || fetched["optimizer_state"] == 0) text += "no gradients or moments fetched";
    return text;
  });
  CHECK(wrong == "");
}

TEST_CASE("training step: gradients and new weights equal the double reference") {
  for (const char* kind : {"taylor", "softmax", "sparse", "unified", "unified_additive"}) {
    for (const char* precision : {"fp64", "fp32", "fp16", "int16"}) {
      for (const char* optimizer : {"adamw", "sgd"}) {
        const int images = precision == std::string("fp32") || precision == std::string("int16") ? 3 : 1;
        const std::vector<std::string> overrides{std::string("attention=") + kind,
                                                 std::string("precision=") + precision,
                                                 std::string("training.optimizer=") + optimizer};
        INFO(joined(overrides));
        CHECK(step(overrides, images, true, [](const SimulationResult& r, const VitModel&) { return failures(r); }) ==
              "");
      }
    }
  }
}

TEST_CASE("training step: a distillation token, two heads and their mean") {
  for (const char* kind : {"taylor", "softmax"}) {
    for (const char* precision : {"fp64", "fp32", "fp16", "int16"}) {
      for (const int images : {1, 3}) {
        const std::vector<std::string> overrides{std::string("attention=") + kind,
                                                 std::string("precision=") + precision};
        INFO(joined(overrides) << " " << images);
        CHECK(step(
                  overrides, images, true, [](const SimulationResult& r, const VitModel&) { return failures(r); },
                  "tiny_distilled") == "");
      }
    }
  }
}

TEST_CASE("training step: cross-attention to a second input, a causal layer and a mean") {
  for (const char* kind : {"taylor", "softmax", "unified"}) {
    for (const char* precision : {"fp64", "fp32", "fp16", "int16"}) {
      const std::vector<std::string> overrides{std::string("attention=") + kind, std::string("precision=") + precision};
      INFO(joined(overrides));
      CHECK(step(
                overrides, 2, true,
                [](const SimulationResult& r, const VitModel&) {
                  // Nothing is computed for the second input itself.
                  std::string text = failures(r);
                  int found = 0;
                  for (const LayerResult& l : r.layers) {
                    if (l.name.find("text.backward") == std::string::npos &&
                        l.name.find("text.update") == std::string::npos)
                      continue;
                    ++found;
                    text += different(l.name, l.macs + l.dram_read_bytes + l.dram_write_bytes, 0);
                  }
                  text += different("layers of the second input", found, 4);
                  return text;
                },
                "tiny_cross") == "");
    }
  }
}

TEST_CASE("training step: the mean over all tokens in place of a class token") {
  const VitModel model = parse_workload(
      R"({"name": "gap", "image": {"height": 16, "width": 16, "channels": 3}, "layers": [
          {"name": "patch_embed", "kind": "conv2d", "out_channels": 16, "kernel": 4, "stride": 4},
          {"name": "pos_embed", "kind": "position_embedding"},
          {"name": "qkv", "kind": "linear", "out_features": 48},
          {"name": "attn", "kind": "attention", "heads": 2, "d_qk": 8, "layout": "qkv"},
          {"name": "residual", "kind": "add", "inputs": ["previous", "pos_embed"]},
          {"name": "pool", "kind": "mean_pool"},
          {"name": "norm", "kind": "layer_norm"},
          {"name": "head", "kind": "linear", "out_features": 7}]})",
      "gap");
  for (const char* kind : {"taylor", "softmax", "unified"}) {
    for (const char* precision : {"fp64", "fp32", "fp16", "int16"}) {
      const std::vector<std::string> overrides{std::string("attention=") + kind, std::string("precision=") + precision};
      INFO(joined(overrides));
      CHECK(failures_of_step(model, overrides) == "");
    }
  }
}

TEST_CASE("training step: attention in windows and in shifted ones, unfolded patches, merged patches") {
  const VitModel model = parse_workload(
      R"({"name": "windows", "image": {"height": 24, "width": 16, "channels": 3}, "layers": [
          {"name": "patch_embed", "kind": "conv2d", "out_channels": 8, "kernel": 2, "stride": 2},
          {"name": "norm", "kind": "layer_norm"},
          {"name": "0.windows", "kind": "unfold", "patch": 4, "windows": true},
          {"name": "0.qkv", "kind": "linear", "out_features": 24},
          {"name": "0.attn", "kind": "attention", "heads": 2, "d_qk": 4, "layout": "qkv"},
          {"name": "0.fold", "kind": "fold"},
          {"name": "0.residual", "kind": "add", "inputs": ["previous", "norm"]},
          {"name": "1.windows", "kind": "unfold", "patch": 4, "windows": true, "shift": 2},
          {"name": "1.qkv", "kind": "linear", "out_features": 24},
          {"name": "1.attn", "kind": "attention", "heads": 2, "d_qk": 4, "layout": "qkv", "attention": "softmax", "mask": "shifted_windows"},
          {"name": "1.proj", "kind": "linear", "out_features": 8},
          {"name": "1.fold", "kind": "fold"},
          {"name": "1.residual", "kind": "add", "inputs": ["previous", "0.residual"]},
          {"name": "merge", "kind": "patch_merge", "patch": 2},
          {"name": "reduce", "kind": "linear", "out_features": 12},
          {"name": "2.patches", "kind": "unfold", "patch": 2},
          {"name": "2.qkv", "kind": "linear", "out_features": 36},
          {"name": "2.attn", "kind": "attention", "heads": 3, "d_qk": 4, "layout": "qkv"},
          {"name": "2.fold", "kind": "fold"},
          {"name": "pool", "kind": "mean_pool"},
          {"name": "head", "kind": "linear", "out_features": 7}]})",
      "windows");
  for (const char* kind : {"taylor", "softmax", "unified"}) {
    for (const char* precision : {"fp64", "fp32", "fp16", "int16"}) {
      for (const char* kib : {"200", "6"}) {
        const std::vector<std::string> overrides{std::string("attention=") + kind,
                                                 std::string("precision=") + precision,
                                                 std::string("scratchpad.capacity_kib=") + kib};
        if (kib == std::string("6") && precision == std::string("fp64")) continue;  // rows of wide numbers do not fit
        INFO(joined(overrides));
        CHECK(failures_of_step(model, overrides) == "");
      }
    }
  }
}

TEST_CASE("training step: causal attention, whose queries do not see the keys behind them") {
  VitModel model = test::workload("tiny_vit");
  for (Layer& layer : model.layers)
    if (auto* const a = std::get_if<Attention>(&layer.parameters))
      a->kind = AttentionKind::kSoftmax, a->mask = ScoreMask::kCausal;
  for (const char* precision : {"fp64", "fp32", "fp16", "int16"}) {
    INFO(precision);
    CHECK(failures_of_step(model, {std::string("precision=") + precision}) == "");
  }
}

TEST_CASE("training step: masks from every source, full and empty") {
  for (const char* kind : {"sparse", "unified", "unified_additive"}) {
    for (const std::vector<std::string>& masks :
         std::vector<std::vector<std::string>>{{"sparsity.source=predicted", "sparsity.threshold=0.1"},
                                               {"sparsity.source=predicted", "sparsity.threshold=1"},
                                               {"sparsity.source=density", "sparsity.density=0.3"},
                                               {"sparsity.source=density", "sparsity.density=0"},
                                               {"sparsity.source=density", "sparsity.density=1"}}) {
      std::vector<std::string> overrides = masks;
      overrides.insert(overrides.end(), {std::string("attention=") + kind, "precision=fp64"});
      INFO(joined(overrides));
      CHECK(step(overrides, 2, true, [](const SimulationResult& r, const VitModel&) { return failures(r); }) == "");
    }
  }
}

TEST_CASE("training step: several units of a kind change no value") {
  for (const char* kind : {"taylor", "unified", "softmax"})
    for (const char* several : {"matrix_engine.count=2", "dividers.count=3", "sparse_unit.count=2"}) {
      const std::vector<std::string> overrides{several, std::string("attention=") + kind, "precision=fp64"};
      INFO(joined(overrides));
      CHECK(step(overrides, 2, true, [](const SimulationResult& r, const VitModel&) { return failures(r); }) == "");
    }
}

TEST_CASE("training step: small scratchpads and little parallelism change no value") {
  for (const char* kind : {"taylor", "softmax", "sparse", "unified"}) {
    for (const std::vector<std::string>& machine : std::vector<std::vector<std::string>>{
             {"scratchpad.capacity_kib=16", "matrix_engine.rows=8", "matrix_engine.cols=8"},
             {"scratchpad.capacity_kib=24", "matrix_engine.rows=8", "matrix_engine.cols=8",
              "diagonal_engine.enabled=false"},
             {"matrix_engine.stationary_prefetch=true"},
             {"pipeline.intra_layer=false"},
             {"dram.model=banked", "dram.channels=1"}}) {
      std::vector<std::string> overrides = machine;
      overrides.insert(overrides.end(), {std::string("attention=") + kind, "precision=fp64"});
      INFO(joined(overrides));
      CHECK(step(overrides, 2, true, [](const SimulationResult& r, const VitModel&) { return failures(r); }) == "");
    }
  }
}

TEST_CASE("training step: the schedule orders everything that conflicts") {
  for (const char* kind : {"taylor", "softmax", "sparse", "unified"}) {
    for (const char* capacity : {"200", "12"}) {
      CHECK(in_child([&]() -> std::string {
              const HardwareConfig config =
                  test::machine({std::string("attention=") + kind, std::string("scratchpad.capacity_kib=") + capacity,
                                 "matrix_engine.rows=16", "matrix_engine.cols=16"},
                                "vitality_training");
              std::string text;
              SimulationOptions options;
              options.training = true;
              options.observe = [&](const FinishedRun& run) {
                text = test::find_races(run.schedule, run.times) + test::OrderCheck(run.schedule).run();
              };
              simulate(config, batched(test::workload("tiny_vit"), 2), options);
              return text;
            }) == "");
    }
  }
}

TEST_CASE("training step: a wrong gradient would be found") {
  // A step without a loss scale in a format that needs one loses small gradients.
  CHECK(step({"attention=taylor", "precision=fp16", "training.loss_scale=16777216"}, 1, true,
             [](const SimulationResult& r, const VitModel&) { return failures(r); }) != "");
}

TEST_CASE("training step: statistics are the same without values") {
  for (const char* kind : {"taylor", "softmax", "sparse", "unified"}) {
    std::string text[2];
    for (const bool numerics : {false, true})
      text[numerics ? 1 : 0] = step({std::string("attention=") + kind}, 2, numerics,
                                    [](const SimulationResult& r, const VitModel&) { return test::result_text(r); });
    CHECK(text[0].size() > 1000);
    CHECK(text[0] == text[1]);
  }
}

TEST_CASE("training step: linear layers cost twice their forward pass, the patch embedding once") {
  CHECK(step({"attention=taylor"}, 2, false, [](const SimulationResult& r, const VitModel& model) {
          std::string text;
          // Gradients of weights belong to the first image's layers, those of inputs to each image's.
          const std::size_t per_image = model.layers.size() / 2;
          for (std::size_t i = 0; i < per_image; ++i) {
            const Layer& layer = model.layers[i];
            const bool linear = std::holds_alternative<Linear>(layer.parameters);
            if (!linear && !std::holds_alternative<Conv2d>(layer.parameters)) continue;
            const Count forward = macs(layer);
            text += different(layer.name, r.layers[model.layers.size() + i].macs, (linear ? 3 : 2) * forward);
            text += different(layer.name + " second image", r.layers[model.layers.size() + per_image + i].macs,
                              linear ? forward : 0);
          }
          return text;
        }) == "");
}

TEST_CASE("training step: Taylor backward has the operations of its closed form") {
  for (const char* capacity : {"scratchpad.capacity_kib=200", "scratchpad.capacity_kib=6"}) {
    const bool small = std::string(capacity) != "scratchpad.capacity_kib=200";
    std::vector<std::string> overrides{"attention=taylor", capacity};
    if (small) overrides.insert(overrides.end(), {"matrix_engine.rows=8", "matrix_engine.cols=8"});
    CHECK(step(overrides, 1, false, [small](const SimulationResult& r, const VitModel&) {
            const LayerResult& l = layer_of(r, "blocks.1.attn.backward");
            const Count heads = 2, n = 17, m = 17, d = 16, e = 16;
            std::string text;
            // dQ, dG, dV, dK_hat: 2 (n + m) d e; dt^T Q: m d.
            text += different("macs", l.macs, heads * (2 * (n + m) * d * e + m * d));
            // dZ . Z, dt k_hat_sum, sqrt(d) dv_sum.
            text += different("mul", l.operations.mul, l.macs + heads * (m * e + m * d + e));
            text += different("div", l.operations.div, heads * (m * e + m + d));
            text += different("exp", l.operations.exp, 0);
            const Count products = m * d * (e - 1) + d * e * (m - 1) + n * e * (d - 1) + n * d * (e - 1);
            const Count sums = e * (m - 1) + d * (m - 1) + d * (n - 1);  // dv_sum, dk_hat_sum, mean of dK_hat
            const Count additions = m * (e - 1) + m * d + n * d + n * e + 2 * n * d;  // dt, dQ, K_hat, dV, dK_hat, dK
            text += different("add", l.operations.add, heads * (products + sums + additions));
            if (small && l.mapping_text.find("1 query chunks") != std::string::npos) text += "not chunked";
            return text;
          }) == "");
  }
}

TEST_CASE("training step: softmax backward is four dense products") {
  CHECK(step({"attention=softmax"}, 1, false, [](const SimulationResult& r, const VitModel&) {
          const LayerResult& l = layer_of(r, "blocks.0.attn.backward");
          const Count heads = 2, n = 17, m = 17, d = 16, e = 16;
          return different("macs", l.macs, heads * 2 * m * n * (d + e)) +
                 different("mul", l.operations.mul, l.macs + heads * 3 * m * n);
        }) == "");
}

TEST_CASE("training step: the mask's backward passes have the products of their closed forms") {
  const std::vector<std::string> half{"sparsity.source=density", "sparsity.density=0.5"};
  const Count heads = 2, n = 17, m = 17, d = 16, e = 16, kept = 145;  // round(0.5 * 17 * 17)
  const auto macs_of = [&](const char* kind) {
    std::vector<std::string> overrides = half;
    overrides.push_back(std::string("attention=") + kind);
    return step(overrides, 1, false, [](const SimulationResult& r, const VitModel&) {
      return std::to_string(layer_of(r, "blocks.1.attn.backward").macs);
    });
  };
  // dA, dV, dQ, dK on the mask.
  CHECK(macs_of("sparse") == std::to_string(heads * kept * 2 * (d + e)));
  // Taylor's; dA, the scores and dV on the mask; the dense scores, and their gradient's way into dQ and dK_hat.
  const Count unified = heads * (2 * (n + m) * d * e + m * d + kept * (d + 2 * e) + 3 * m * n * d);
  CHECK(macs_of("unified") == std::to_string(unified));
  CHECK(macs_of("unified_additive") == std::to_string(unified));
}

TEST_CASE("training step: phases and units account for every cycle, every byte and all energy") {
  for (const char* optimizer : {"adamw", "sgd"}) {
    CHECK(step({"attention=taylor", std::string("training.optimizer=") + optimizer}, 2, false,
               [&](const SimulationResult& r, const VitModel& model) {
                 std::string text;
                 Cycles cycles = 0;
                 Count macs = 0;
                 Bytes read = 0, written = 0;
                 double energy = 0;
                 for (const PhaseResult& p : r.training.phases) {
                   cycles += p.cycles, macs += p.macs, energy += p.energy.total();
                   read += p.dram_read_bytes, written += p.dram_write_bytes;
                   if (p.start_cycle < 0 || p.end_cycle <= p.start_cycle || p.cycles <= 0) text += p.name + " empty; ";
                 }
                 text += different("phases", static_cast<Count>(r.training.phases.size()), 3);
                 text += different("cycles", cycles, r.totals.cycles) + different("macs", macs, r.totals.macs);
                 text += different("read", read, r.totals.dram_read_bytes);
                 text += different("written", written, r.totals.dram_write_bytes);
                 if (std::fabs(energy - r.energy.total()) > 1e-9 * energy) text += "energy; ";
                 for (const UnitResult& u : r.units) {
                   Cycles sum = u.busy_cycles + u.idle_cycles;
                   for (const auto& [cause, stalled] : u.stall_cycles) sum += stalled;
                   text += different(u.name, sum, r.totals.cycles);
                 }
                 for (const LayerResult& l : r.layers) {
                   Cycles split = 0;
                   for (const auto& [name, part] : l.time_split) split += part;
                   text += different(l.name, split, l.end_cycle - l.start_cycle);
                   if (l.executed && l.end_cycle - l.start_cycle < l.bound_cycles)
                     text += l.name + " beats its bound; ";
                 }
                 // The update reads weights, moments and gradients, and writes weights, moments and the fp16 copy:
                 // the gradients of the position embedding are summed in fp16, all others in 32 bits.
                 const Count parameters = parameter_count(model), embedded = 17 * 32 + 32;
                 const Count states = optimizer == std::string("adamw") ? 3 : 2;
                 text += different("update reads", r.training.phases[2].dram_read_bytes,
                                   4 * (states + 1) * parameters - 2 * embedded);
                 text +=
                     different("update writes", r.training.phases[2].dram_write_bytes, (4 * states + 2) * parameters);
                 return text;
               }) == "");
  }
}

TEST_CASE("training step: saved activations are what the backward pass reads again") {
  CHECK(step({"attention=taylor"}, 1, false, [](const SimulationResult& r, const VitModel&) {
          const Count tokens = 17, dim = 32, heads = 2, d = 16, blocks = 2;
          // A block: inputs of norm1, qkv, attention, proj, norm2, fc1, gelu, fc2 (the attention's output is proj's
          // input); G, K_bar (2 bytes an element), k_hat_sum, t_D (4 bytes) of each head.
          const Count rows = tokens * (dim + dim + 3 * dim + dim + dim + dim + 4 * dim + 4 * dim);
          const Count block = 2 * rows + heads * (2 * d * d + 2 * d + 4 * d + 4 * tokens);
          // The last norm's input and output, and the logits.
          return different("bytes", r.training.saved_activation_bytes, blocks * block + 2 * 2 * tokens * dim + 2 * 10);
        }) == "");
}

TEST_CASE("training step: what has no backward pass is refused by name") {
  const auto refused = [](const std::vector<std::string>& overrides, const std::string& name) {
    return step(
        overrides, 1, false, [](const SimulationResult&, const VitModel&) { return std::string("ran"); }, name);
  };
  using Catch::Contains;
  CHECK_THAT(refused({"attention=taylor"}, "tiny_levit"), Contains("layer stem") && Contains("conv2d"));
  CHECK_THAT(refused({"attention=taylor"}, "tiny_mobilevit"), Contains("conv2d"));
  CHECK_THAT(refused({"attention=taylor_elided"}, "tiny_vit"), Contains("taylor_elided") && Contains("blocks.0.attn"));
  CHECK_THAT(refused({"attention=taylor", "special_functions.charge=not_charged"}, "tiny_vit"),
             Contains("special_functions.charge"));
  CHECK_THAT(refused({"attention=taylor", "precision=int8"}, "tiny_vit"), Contains("int8"));
  CHECK_THAT(refused({"attention=taylor", "matrix_engine.dataflow=output_stationary"}, "tiny_vit"),
             Contains("matrix_engine.dataflow"));
  CHECK_THAT(refused({"attention=auto"}, "tiny_vit"), Contains("auto"));
}

}  // namespace vitality
