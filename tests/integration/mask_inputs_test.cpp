// Masks and tensors that attention on a mask must not swallow: wrong shapes and values, thresholds and densities at and
// beyond their ends, NaN; in both modes of `run` and in `attention`.
#include <catch2/catch.hpp>
#include <limits>

#include "tensor/npy.h"
#include "tests/support/npy_files.h"
#include "tests/support/program.h"

using namespace vitality;
using namespace vitality::test;
using Catch::Contains;

namespace {

ProgramResult run_mode(const std::string& mode, const std::vector<std::string>& more) {
  std::vector<std::string> words{
      "run",    "--mode", mode, "--config", "configs/vitality_training.json", "--workload", "workloads/tiny_vit.json",
      "--quiet"};
  words.insert(words.end(), more.begin(), more.end());
  return run_program(words);
}

std::vector<double> filled(std::size_t count, double value) {
  return std::vector<double>(count, value);
}

}  // namespace

TEST_CASE("mask inputs: files that are no masks of the model exit with 2") {
  const ScratchFolder folder;
  const auto path = [&](const char* name) { return folder.path(name); };
  std::vector<double> two = filled(17 * 17, 0);
  two[40] = 2;
  write_npy(path("shape.npy"), {17, 16}, filled(17 * 16, 1), NpyType::kUint8);
  write_npy(path("heads.npy"), {3, 17, 17}, filled(3 * 17 * 17, 1), NpyType::kUint8);
  write_npy(path("layers.npy"), {5, 2, 17, 17}, filled(10 * 17 * 17, 1), NpyType::kUint8);
  write_npy(path("vector.npy"), {17}, filled(17, 1), NpyType::kUint8);
  write_npy(path("two.npy"), {17, 17}, two, NpyType::kUint8);
  write_npy(path("real.npy"), {17, 17}, filled(17 * 17, 1));
  write_npy(path("good.npy"), {2, 17, 17}, filled(2 * 17 * 17, 1), NpyType::kUint8);
  folder.write("text.npy", "1 0 1\n");
  struct Case {
    const char *file, *message;
  };
  for (const std::string mode : {"inference", "training"}) {
    for (const Case& c : {Case{"shape.npy", "mask of shape"}, Case{"heads.npy", "2 heads of 17 x 17"},
                          Case{"layers.npy", "2 attention layers"}, Case{"vector.npy", "expected 2 to 4 dimensions"},
                          Case{"two.npy", "expected 0 and 1 only"}, Case{"real.npy", "float64"},
                          Case{"text.npy", "not a .npy file"}, Case{"missing.npy", "No such file"}}) {
      const ProgramResult run =
          run_mode(mode, {"--set", "sparsity.source=file", "--set", std::string("sparsity.mask_file=") + path(c.file)});
      INFO(mode << " " << c.file << ": " << run.err);
      CHECK(run.exit_code == 2);
      CHECK_THAT(run.err, Contains(c.file) && Contains(c.message));
    }
    CHECK(run_mode(mode, {"--set", "sparsity.source=file", "--set", "sparsity.mask_file=" + path("good.npy")})
              .exit_code == 0);
  }
}

TEST_CASE("mask inputs: thresholds and densities work at their ends and are refused beyond") {
  for (const std::string mode : {"inference", "training"}) {
    for (const char* value : {"sparsity.threshold=1.01", "sparsity.threshold=-0.01", "sparsity.density=1.01",
                              "sparsity.density=-0.01", "sparsity.density=NaN"}) {
      const ProgramResult run = run_mode(mode, {"--set", value});
      INFO(run.err);
      CHECK(run.exit_code == 2);
      CHECK_THAT(run.err, Contains("expected a number from 0 to 1"));
    }
    for (const char* attention : {"attention=sparse", "attention=unified"}) {
      for (const char* end : {"0", "1"}) {
        CHECK(run_mode(mode, {"--set", attention, "--set", std::string("sparsity.threshold=") + end}).exit_code == 0);
        CHECK(run_mode(mode, {"--set", attention, "--set", "sparsity.source=density", "--set",
                              std::string("sparsity.density=") + end})
                  .exit_code == 0);
      }
    }
  }
}

TEST_CASE("mask inputs: NaN in a tensor exits with 2") {
  const ScratchFolder folder;
  std::vector<double> image = filled(32 * 32 * 3, 0.5);
  image[77] = std::numeric_limits<double>::quiet_NaN();
  write_npy(folder.path("input.npy"), {32 * 32, 3}, image);
  for (const std::string mode : {"inference", "training"}) {
    const ProgramResult run = run_mode(mode, {"--inputs", folder.path()});
    CHECK(run.exit_code == 2);
    CHECK_THAT(run.err, Contains("input.npy") && Contains("NaN"));
  }
  const ScratchFolder arrays;
  write_npy(arrays.path("x.npy"), {4, 2}, filled(8, 0.25));
  write_npy(arrays.path("nan.npy"), {4, 2}, {1, 2, std::numeric_limits<double>::quiet_NaN(), 4, 5, 6, 7, 8});
  const std::string x = arrays.path("x.npy"), nan = arrays.path("nan.npy");
  for (const char* kind : {"sparse", "unified", "taylor"}) {
    const auto backward = [&](const std::string& q, const std::string& dz) {
      return run_program({"attention", "--kind", kind, "--q", q, "--k", x, "--v", x, "--backward", "--dz", dz,
                          "--dq-out", arrays.path("dq.npy"), "--dk-out", arrays.path("dk.npy"), "--dv-out",
                          arrays.path("dv.npy")});
    };
    for (const ProgramResult& run : {backward(nan, x), backward(x, nan)}) {
      INFO(run.err);
      CHECK(run.exit_code == 2);
      CHECK_THAT(run.err, Contains("NaN"));
    }
    CHECK(backward(x, x).exit_code == 0);
  }
}
