// Rooflines, the released cost models against their authors' logs, and the arithmetic that is timed on the host.
#include <catch2/catch.hpp>
#include <cmath>

#include "analytic/host.h"
#include "analytic/published_models.h"
#include "analytic/roofline.h"
#include "base/error.h"
#include "config/hardware_config_json.h"
#include "reference/attention.h"
#include "tests/support/random_matrix.h"
#include "workload/workload_json.h"

using namespace vitality;

namespace {

const std::string kRoot = VITALITY_SOURCE_DIR;
VitModel shipped_model(const std::string& name) {
  return read_workload(kRoot + "/workloads/" + name + ".json");
}
HardwareConfig shipped_machine(const std::string& name) {
  return read_hardware_config(kRoot + "/configs/" + name + ".json");
}

void check_closing(const SimulationResult& r) {
  Cycles spans = 0;
  Picojoules energy = 0;
  for (const LayerResult& layer : r.layers) {
    CHECK(layer.end_cycle >= layer.start_cycle);
    Cycles split = 0;
    for (const auto& [cause, cycles] : layer.time_split) split += cycles;
    CHECK(split == layer.end_cycle - layer.start_cycle);
    spans += layer.end_cycle - layer.start_cycle;
    energy += layer.energy.total();
  }
  CHECK(spans == r.totals.cycles);
  CHECK(energy == Approx(r.energy.total()));
  CHECK(r.energy.total() * 1e-9 == Approx(r.totals.energy_mj));
  for (const UnitResult& unit : r.units) {
    Cycles sum = unit.busy_cycles + unit.idle_cycles;
    for (const auto& [cause, cycles] : unit.stall_cycles) sum += cycles;
    CHECK(sum == r.totals.cycles);
    CHECK(unit.idle_cycles >= 0);
  }
  Cycles path = 0;
  for (const auto& [name, cycles] : r.critical_path) path += cycles;
  CHECK(path == r.totals.cycles);
}

}  // namespace

TEST_CASE(
    "roofline: every layer is the larger of its MACs at peak and its bytes at bandwidth, by hand for one linear "
    "layer") {
  HardwareConfig config;
  config.name = "device", config.machine = MachineKind::kRoofline, config.clock_mhz = 1000;
  config.precision = Precision::kFp16, config.attention = AttentionKind::kSoftmax;
  config.roofline = {1, 2, 0, 100, 50};  // 1e12 MAC/s in fp16 = 1000 a cycle; 100 bytes a cycle
  VitModel model;
  model.name = "one", model.image_height = 10, model.image_width = 20, model.image_channels = 30;
  model.layers.push_back({"head", {kModelInput}, Linear{200, 30, 40, true}});
  SimulationResult r = roofline(config, model);
  // 200 x 30 x 40 MACs = 240 cycles; 2 bytes x (6000 + 1240 + 8000) = 304.8 cycles.
  CHECK(r.totals.cycles == 305);
  CHECK(r.layers[0].bottleneck == "dram");
  CHECK(r.totals.energy_mj == Approx(50 * 305e-6));
  check_closing(r);
  config.roofline.bandwidth_gb_s = 200;
  r = roofline(config, model);
  CHECK(r.totals.cycles == 240);
  CHECK(r.layers[0].bottleneck == "compute");
  check_closing(r);
}

TEST_CASE("roofline: shipped devices on shipped models close, and Taylor counts follow the closed forms") {
  for (const char* name : {"gpu_rtx2080ti", "gpu_h100", "edge_gpu_tx2", "cpu_xeon6230"}) {
    HardwareConfig config = shipped_machine(name);
    const VitModel model = shipped_model("levit_128s");
    const SimulationResult softmax = roofline(config, model);
    check_closing(softmax);
    CHECK(softmax.totals.macs == macs(model));
    config.attention = AttentionKind::kTaylor;
    const SimulationResult taylor = roofline(config, model);
    check_closing(taylor);
    CHECK(std::llround(static_cast<double>(taylor.attention_totals.operations.mul) / 1000) ==
          6166);  // the golden layer table: 6.166 million
    CHECK(taylor.attention_totals.operations.exp == 0);
  }
  HardwareConfig config = shipped_machine("gpu_h100");
  config.attention = AttentionKind::kSparse;
  CHECK_THROWS_AS(roofline(config, shipped_model("tiny_vit")), InfeasibleError);
}

TEST_CASE("host: the timed heads compute softmax, Taylor and ReLU-linear attention") {
  const int m = 21, n = 33, d = 8, e = 12;
  const MatrixD q = test::random_matrix(m, d, 1), k = test::random_matrix(n, d, 2), v = test::random_matrix(n, e, 3);
  const auto floats = [](const MatrixD& x) { return std::vector<float>(x.data(), x.data() + x.size()); };
  const std::vector<float> qf = floats(q), kf = floats(k), vf = floats(v);
  std::vector<float> z(static_cast<std::size_t>(m) * e);
  const auto check = [&](const MatrixD& want) {
    for (std::size_t i = 0; i < z.size(); ++i) CHECK(z[i] == Approx(want.data()[i]).margin(2e-5));
  };
  host_softmax_head(m, n, d, e, qf.data(), kf.data(), vf.data(), z.data());
  check(softmax_attention(q, k, v));
  for (const bool elided : {false, true}) {
    host_taylor_head(m, n, d, e, qf.data(), kf.data(), vf.data(), z.data(), elided);
    check(taylor_attention(q, k, v).z);
  }
  host_relu_linear_head(m, n, d, e, 0.5F, qf.data(), kf.data(), vf.data(), z.data());
  check(relu_linear_attention(q, k, v, 0.5).z);
}

TEST_CASE("host: a measured result closes and claims no energy") {
  const SimulationResult r = measure_host(shipped_machine("host"), shipped_model("tiny_vit"));
  check_closing(r);
  CHECK(r.totals.cycles > 0);
  CHECK(r.totals.energy_mj == 0);
}

TEST_CASE("Sanger's released formulas: what its scripts print for BERT-base (bench_sanger.py, bench_sanger_v2.py)") {
  // 512 tokens, 768 features, 1 GHz: milliseconds that the two scripts print, recomputed apart from this code.
  struct Case {
    double density, balance, first, second;
  };
  for (const Case& c : {Case{0.2, 0.8, 1.056768, 1.048576}, Case{0.1, 0.6, 0.999424, 0.9866809}}) {
    const SangerCycles first = sanger_cycles(SangerFormula::kThroughput, false, 512, 768, c.density, c.balance);
    CHECK(first.total() * 1e-6 == Approx(c.first).epsilon(1e-5));
    CHECK(sanger_cycles(SangerFormula::kPipeline, false, 512, 768, c.density, c.balance).total() * 1e-6 ==
          Approx(c.second).epsilon(1e-5));
    // Corrected: the projection is dense, prediction costs something, the rest is as it was.
    const SangerCycles corrected = sanger_cycles(SangerFormula::kThroughput, true, 512, 768, c.density, c.balance);
    CHECK(corrected.attention == first.attention);
    CHECK(corrected.projection == Approx(512.0 * 768 * 768 / 1024));
    CHECK(corrected.prediction == Approx(512.0 * 512 * 768 / 4096));
  }
}

TEST_CASE(
    "ViTCoD's released simulator: the three totals of its DeiT-Tiny logs at 95 % sparsity, and the parts that they are "
    "made of") {
  // Head 0 of the twelve published masks, polarised: global tokens and entries outside their columns.
  constexpr PolarisedHead kHeads[] = {{197, 1, 2244}, {197, 1, 392},   {197, 70, 2479}, {197, 1, 936},
                                      {197, 1, 1389}, {197, 20, 1785}, {197, 17, 1333}, {197, 1, 1551},
                                      {197, 1, 454},  {197, 9, 771},   {197, 10, 1039}, {197, 31, 602}};
  VitcodMachine logged;
  logged.height = logged.lines;
  VitcodAttention sum, real;
  for (const PolarisedHead& head : kHeads) {
    const VitcodAttention cycles = vitcod_attention(logged, head, 3, 64);
    sum.preload += cycles.preload, sum.decode += cycles.decode, sum.compute += cycles.compute;
    real.compute += vitcod_attention(VitcodMachine(), head, 3, 64).compute;
  }
  CHECK(sum.preload == 9492);
  CHECK(sum.decode == 4728);
  CHECK(sum.compute == 4709);
  CHECK(std::max(sum.preload, sum.decode + sum.compute) == 9492);
  // With the 512 MACs of the paper instead of the log's 4,096, attention is bound by compute.
  CHECK(real.compute > 7 * sum.compute);
  const VitcodLinear linear = vitcod_projections(VitcodMachine(), 197, 3, 64, 192);
  CHECK(linear.compute * 12 == 681492);
  CHECK(linear.preload * 12 == 23304);
  const VitcodLinear mlp = vitcod_mlp(VitcodMachine(), false, 197, 192);
  CHECK(mlp.compute * 12 == 1361664);
  CHECK(mlp.preload == 0);
  CHECK(vitcod_mlp(VitcodMachine(), true, 197, 192).preload > 0);
}

TEST_CASE("ViTCoD: polarising finds the columns that more than a quarter of the rows attend to") {
  Mask mask(197, 197);
  for (int r = 0; r < 51; ++r) mask(r, 5) = 1;
  for (int r = 0; r < 50; ++r) mask(r, 7) = 1;
  const PolarisedHead head = polarised_head(mask);
  CHECK(head.global == 1);
  CHECK(head.sparse == 50);
}

TEST_CASE("SALO's released model: Longformer-base as its script prints it, and projections without the factor") {
  // 4,096 tokens, window 512, 12 heads of 64 on 32 x 32: (64 + 1 + 1 + 32 + 1 + 64) * 24,576 + 24,575 + 32 cycles.
  const SaloCycles cycles = salo_cycles(SaloMachine(), false, 4096, 512, 12, 64);
  CHECK(cycles.attention == 163.0 * 24576 + 24575 + 32);
  const SaloCycles corrected = salo_cycles(SaloMachine(), true, 4096, 512, 12, 64);
  CHECK(corrected.attention == cycles.attention);
  CHECK(cycles.projection_in == Approx(0.14 * corrected.projection_in));
  CHECK(cycles.projection_out == Approx(0.14 * corrected.projection_out));
}
