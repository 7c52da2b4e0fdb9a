// DRAM bytes of linear layers against an exhaustive search over tilings and loop orders that shares nothing with the
// mapper: whole tiles, each fetched again whenever a loop outside comes back to it.
#include "mapping/forward/gemm_plans.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <random>

#include "base/random.h"
#include "config/hardware_config_json.h"
#include "mapping/forward/residency.h"
#include "mapping/mapper.h"
#include "workload/workload_json.h"

using namespace vitality;

namespace {

const std::string kSource = VITALITY_SOURCE_DIR;

int ceiling(int a, int b) {
  return (a + b - 1) / b;
}

struct Sizes {
  int m, k, n;
};

// Bytes that one order of the loops fetches of an operand that two of the loops move (bits of `moves`): once, times the
// iterations of every other loop that has one of its own loops inside.
double fetched(const std::array<int, 3>& order, const std::array<int, 3>& tiles, int moves, double once) {
  double bytes = once;
  for (int i = 0; i < 3; ++i) {
    if ((moves >> order[static_cast<std::size_t>(i)] & 1) != 0) continue;
    bool inner = false;
    for (int j = i + 1; j < 3; ++j) {
      const int loop = order[static_cast<std::size_t>(j)];
      inner = inner || ((moves >> loop & 1) != 0 && tiles[static_cast<std::size_t>(loop)] > 1);
    }
    if (inner) bytes *= tiles[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])];
  }
  return bytes;
}

// Operands and results of 2 bytes, sums of 6; double buffers, but one where an operand is a single tile.
double least_bytes(const Sizes& g, double capacity, int array) {
  constexpr int kM = 1, kK = 2, kN = 4;
  double best = 1e300;
  for (int pieces = 1; pieces <= 16; ++pieces) {
    const int m = ceiling(g.m, pieces);
    for (int k = std::min(array, g.k);; k = std::min(k + array, g.k)) {
      for (int n = std::min(array, g.n);; n = std::min(n + array, g.n)) {
        const std::array<int, 3> tiles{ceiling(g.m, m), ceiling(g.k, k), ceiling(g.n, n)};
        const double a = 2.0 * m * k * (tiles[0] * tiles[1] == 1 ? 1 : 2),
                     w = 2.0 * k * n * (tiles[1] * tiles[2] == 1 ? 1 : 2),
                     c = (tiles[1] > 1 ? 6.0 : 0) * m * n + 2.0 * m * n;
        std::array<int, 3> order{0, 1, 2};
        do {
          if (a + w + c > capacity) break;
          // Sums of tiles that a loop leaves before their contraction is done go to memory and come back.
          const double visits = fetched(order, tiles, kM | kN, 1);
          const double bytes = fetched(order, tiles, kM | kK, 2.0 * g.m * g.k) +
                               fetched(order, tiles, kK | kN, 2.0 * g.k * g.n) + 2.0 * g.m * g.n +
                               (visits - 1) * 12.0 * g.m * g.n;
          best = std::min(best, bytes);
        } while (std::next_permutation(order.begin(), order.end()));
        if (n == g.n) break;
      }
      if (k == g.k) break;
    }
  }
  return best;
}

double moved_by(const Schedule& schedule, const std::vector<int>& layers) {
  double bytes = 0;
  for (const Job& job : schedule.jobs) {
    if (std::find(layers.begin(), layers.end(), job.layer) == layers.end()) continue;
    if (job.kind != JobKind::kLoad && job.kind != JobKind::kStore) continue;
    for (const Transfer& t : schedule.transfers_of(job)) bytes += static_cast<double>(t.bytes);
  }
  return bytes;
}

int layer_named(const VitModel& model, const std::string& name) {
  for (std::size_t i = 0; i < model.layers.size(); ++i)
    if (model.layers[i].name == name) return static_cast<int>(i);
  FAIL("no layer " + name);
  return -1;
}

}  // namespace

TEST_CASE("GEMM plans: the exhaustive search of this test knows cases done by hand") {
  // Everything fits: each operand once, the results once.
  CHECK(least_bytes({100, 64, 64}, 1e6, 64) == 2.0 * (100 * 64 + 64 * 64 + 100 * 64));
  // 22,528 bytes hold two array tiles of W (16,384), two of A with 8 rows (2,048), their sums and results (4,096), and
  // no larger tile of anything. Rows innermost: W once, A for both columns, sums out and in again once; any other order
  // fetches W for each of the 16 row tiles.
  CHECK(least_bytes({128, 128, 128}, 22528, 64) == 2.0 * 128 * 128 * (1 + 2 + 1) + 12.0 * 128 * 128);
  // A is one tile (10 x 64), which stays; W passes by once.
  CHECK(least_bytes({10, 64, 6400}, 40000, 64) == 2.0 * (10 * 64 + 64 * 6400 + 10 * 6400));
}

TEST_CASE("GEMM plans: objective energy moves at most a tenth more than the best tiling") {
  struct Case {
    const char* layer;
    const char* fused;  // the addition that it does on the way
  };
  for (const auto& [name, width] : {std::pair{"deit_tiny", 192}, {"deit_small", 384}, {"deit_base", 768}}) {
    const VitModel model = read_workload(kSource + "/workloads/" + name + ".json");
    for (const int kib : {170, 200, 330, 480, 1100}) {
      const HardwareConfig config =
          read_hardware_config(kSource + "/configs/vitality.json",
                               {"mapping.objective=energy", "scratchpad.capacity_kib=" + std::to_string(kib)});
      const Schedule schedule = map_model(model, config);
      for (const Case& c : {Case{"attn.qkv", nullptr}, Case{"attn.proj", "residual1"}, Case{"mlp.fc1", nullptr},
                            Case{"mlp.fc2", "residual2"}}) {
        const std::string block = "blocks.2.";
        std::vector<int> layers{layer_named(model, block + c.layer)};
        const auto& linear = std::get<Linear>(model.layers[static_cast<std::size_t>(layers[0])].parameters);
        double least = least_bytes({linear.rows, linear.in_features, linear.out_features}, 1024.0 * kib, 64) +
                       6.0 * linear.out_features;
        if (c.fused != nullptr) {
          layers.push_back(layer_named(model, block + c.fused));
          least += 2.0 * linear.rows * width;
        }
        INFO(name << " " << c.layer << ", " << kib << " KiB: " << moved_by(schedule, layers) << " of " << least);
        CHECK(moved_by(schedule, layers) <= 1.1 * least);
      }
    }
  }
}

namespace {

// A GEMM and a plan for it, fitting or not.
struct RandomPlan {
  GemmProblem problem{};
  GemmPlan plan{};
  Bytes capacity = 0;
};

RandomPlan random_plan(std::mt19937_64& dice) {
  const auto number = [&](int low, int high) {
    return low + static_cast<int>(dice() % static_cast<unsigned>(high - low + 1));
  };
  RandomPlan r;
  GemmProblem& p = r.problem;
  p.m = number(1, 300), p.k = number(1, 500), p.n = number(1, 500);
  p.contraction = cut_tiles({p.k}, 64), p.columns = cut_tiles({p.n}, 64);
  p.element = 2, p.partial = 6, p.result = 2, p.adds = number(0, 1), p.bias = number(0, 1) == 1;
  p.streamed_on_chip = number(0, 3) == 0;
  p.results_on_chip = number(0, 3) == 0;
  if (p.results_on_chip) {  // in tiles of their own, or several in one buffer
    p.column_cuts = false, p.results_in_memory = number(0, 1) == 1, p.adds = 0;
    p.shared_result_tiles = number(0, 1) == 1;
  }
  r.capacity = number(20, 400) * 1024;
  GemmPlan& plan = r.plan;
  plan.tile_rows = 64 >> number(0, 2), plan.tile_cols = 64 >> number(0, 2), plan.m_tile = number(1, p.m);
  std::array<GemmLoop, 3> order{GemmLoop::kRows, GemmLoop::kColumns, GemmLoop::kContraction};
  for (int i = 2; i > 0; --i)
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(number(0, i))]);
  plan.order = order;
  return r;
}

}  // namespace

TEST_CASE("GEMM plans: no plan has a lower score than the bounds that the search leaves plans out by") {
  std::mt19937_64 dice(11);
  int fitting = 0, close = 0;
  for (const std::string objective : {"latency", "energy", "edp"}) {
    for (const std::string prefetch : {"false", "true"}) {
      const HardwareConfig config =
          read_hardware_config(kSource + "/configs/vitality.json",
                               {"mapping.objective=" + objective, "matrix_engine.stationary_prefetch=" + prefetch});
      const EnergyModel prices(config);
      for (int round = 0; round < 3000; ++round) {
        RandomPlan r = random_plan(dice);
        const GemmEstimator estimator(r.problem, config, prices, r.capacity, 150);
        GemmCut cut = estimator.cut(r.plan.tile_rows, r.plan.tile_cols, r.plan.m_tile);
        const double of_cut = estimator.least_score(cut);
        estimator.add_ports(cut);
        r.plan.n_group = 1 + static_cast<int>(dice() % static_cast<unsigned>(cut.columns));
        r.plan.k_group = 1 + static_cast<int>(dice() % static_cast<unsigned>(cut.contraction));
        const GemmLoops loops = estimator.loops(r.plan, cut);
        const double of_order = estimator.least_score(r.plan, cut, loops);
        const auto buffers = [&](int sweep) -> OperandBuffers {
          if (dice() % 3 == 0) return {sweep, 0};
          return {sweep > 1 ? static_cast<int>(dice() % static_cast<unsigned>(sweep)) : 0,
                  1 + static_cast<int>(dice() % 2)};
        };
        r.plan.streamed = r.problem.streamed_on_chip ? OperandBuffers{0, 0} : buffers(loops.streamed_sweep);
        r.plan.stationary = buffers(loops.stationary_sweep);
        r.plan.out_sets = 1 + static_cast<int>(dice() % 2);
        if (estimator.bytes_of(r.plan, loops) > r.capacity) continue;
        estimator.evaluate(r.plan, cut, loops);
        const double score = estimator.score(r.plan);
        INFO(objective << ", " << r.problem.m << " x " << r.problem.k << " x " << r.problem.n);
        REQUIRE(of_cut <= score);
        REQUIRE(of_order <= score);
        ++fitting;
        close += of_order > 0.9 * score ? 1 : 0;
      }
    }
  }
  CHECK(fitting > 2000);
  CHECK(close > fitting / 10);  // bounds that are far below would leave nothing out
}

namespace {

// "first+count" of each tile, and behind it the tile of the operand, or the groups.
std::string text_of(const std::vector<ContractionTile>& tiles) {
  std::string text;
  for (const ContractionTile& t : tiles)
    text += std::to_string(t.first) + "+" + std::to_string(t.count) + "@" + std::to_string(t.part) + " ";
  return text;
}
std::string text_of(const std::vector<ColumnTile>& tiles) {
  std::string text;
  for (const ColumnTile& t : tiles)
    text += std::to_string(t.first) + "+" + std::to_string(t.count) + "@" + std::to_string(t.first_group) + "x" +
            std::to_string(t.groups) + " ";
  return text;
}

}  // namespace

TEST_CASE("GEMM tiles: none reaches across a border of what lies in the scratchpad") {
  MatrixEngineConfig engine;
  engine.rows = 20, engine.cols = 8;
  Gemm dense{};  // 3 x 3 positions of 12 channels: 72 values of the first 8, 36 of the others
  dense.k = 108, dense.n = 10, dense.groups = 1, dense.group_channels = 12;
  const std::vector<ResidentTile> channels{{0, 8, kNone}, {8, 4, kNone}}, ten{{0, 8, kNone}, {8, 2, kNone}};
  const GemmTiles of_dense = tiles_in_place(dense, engine, &channels, ten);
  CHECK(text_of(of_dense.contraction) == "0+20@0 20+20@0 40+20@0 60+12@0 72+20@1 92+16@1 ");
  CHECK(text_of(of_dense.columns) == "0+8@0x1 8+2@0x1 ");
  Gemm depthwise{};  // two channels a pass, from tiles of 5 and 7 to tiles of 8 and 4
  depthwise.k = 9, depthwise.n = depthwise.groups = 12, depthwise.group_channels = 1, depthwise.groups_in_pass = 2;
  depthwise.contraction = {{0, 9}};
  const std::vector<ResidentTile> from{{0, 5, kNone}, {5, 7, kNone}};
  const GemmTiles of_depthwise = tiles_in_place(depthwise, engine, &from, channels);
  CHECK(text_of(of_depthwise.contraction) == "0+9@0 ");
  CHECK(text_of(of_depthwise.columns) == "0+2@0x2 2+2@2x2 4+1@4x1 5+2@5x2 7+1@7x1 8+2@8x2 10+2@10x2 ");
  Gemm grouped{};  // three groups of 4 columns, from memory to tiles of 6: the second group in two parts
  grouped.k = 5, grouped.n = 12, grouped.groups = 3, grouped.group_channels = 5, grouped.groups_in_pass = 2;
  grouped.contraction = {{0, 5}};
  const std::vector<ResidentTile> sixes{{0, 6, kNone}, {6, 6, kNone}};
  CHECK(text_of(tiles_in_place(grouped, engine, nullptr, sixes).columns) == "0+4@0x1 4+2@1x1 6+2@1x1 8+4@2x1 ");
}
