// The sparse baselines through the command line: results, comparisons, released cost models on masks from every source,
// and what the machines refuse.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tensor/npy.h"
#include "tests/support/npy_files.h"
#include "tests/support/program.h"

using namespace vitality;
using namespace vitality::test;
using Catch::Contains;
using Json = nlohmann::json;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path = fs::temp_directory_path() / ("vitality_sparse_" + std::to_string(getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  std::string file(const std::string& name) const { return (path / name).string(); }
};

ProgramResult run(const std::string& machine, const std::string& model, const std::vector<std::string>& sets,
                  const std::string& result = "") {
  std::vector<std::string> words{
      "run", "--config", "configs/" + machine + ".json", "--workload", "workloads/" + model + ".json", "--quiet"};
  for (const std::string& set : sets) words.insert(words.end(), {"--set", set});
  if (!result.empty()) words.insert(words.end(), {"--result", result});
  return run_program(words);
}

Json result_of(const Folder& folder, const std::string& machine, const std::string& model,
               const std::vector<std::string>& sets = {}) {
  const std::string file = folder.file("r.json");
  const ProgramResult done = run(machine, model, sets, file);
  INFO(done.err);
  REQUIRE(done.exit_code == 0);
  return Json::parse(read_text(file));
}

Json unit(const Json& result, const std::string& name) {
  for (const Json& one : result["units"])
    if (one["name"] == name) return one;
  return {};
}

void refuses(const std::string& machine, const std::string& model, const std::vector<std::string>& sets, int code,
             const std::string& why) {
  const ProgramResult done = run(machine, model, sets);
  INFO(done.err);
  CHECK(done.exit_code == code);
  CHECK_THAT(done.err, Contains(why));
}

}  // namespace

TEST_CASE("run: sparse baselines compute their own attention, checked, with its error against softmax") {
  const Folder folder;
  for (const std::string machine : {"sanger", "vitcod", "salo"}) {
    INFO(machine);
    const Json r = result_of(folder, machine, "tiny_vit");
    CHECK(r["numerics"]["passed"] == true);
    CHECK(r["numerics"]["approximation"]["cosine_similarity"].get<double>() < 1 + 1e-12);
    const double density = r["mask_density"];
    CHECK(density > 0);
    CHECK(density <= 1);
    CHECK(r["mask_fallback_rows"] == 0);
    CHECK(unit(r, "sparse_engine").is_null());  // one array for everything
    CHECK(unit(r, "predictor").is_null() == (machine != "sanger"));
    CHECK(unit(r, "exp_unit").is_null() == (machine == "salo"));
    for (const Json& layer : r["layers"])
      if (layer["kind"] == "attention") CHECK(layer["mask"]["density"].get<double>() > 0);
  }
  // 17 tokens, a tenth of 289 entries in each head.
  CHECK(result_of(folder, "vitcod", "tiny_vit")["mask_density"] == 29.0 / 289);
}

TEST_CASE("run: density 0 falls back to dense rows, density 1 is softmax") {
  const Folder folder;
  const Json none = result_of(folder, "sanger", "tiny_vit", {"sparsity.source=density", "sparsity.density=0"});
  const Json all = result_of(folder, "sanger", "tiny_vit", {"sparsity.source=density", "sparsity.density=1"});
  CHECK(none["mask_density"] == 1);  // what the machine executed
  CHECK(none["mask_kept_density"] == 0);
  CHECK(all["mask_density"] == 1);
  CHECK(all["mask_kept_density"] == 1);
  for (const Json& layer : none["layers"]) {
    if (layer["kind"] != "attention") continue;
    CHECK(layer["mask"]["density"] == 1);
    CHECK(layer["mask"]["kept_density"] == 0);
  }
  CHECK(none["mask_fallback_rows"].get<int>() > 0);
  CHECK(all["mask_fallback_rows"] == 0);
  CHECK(none["totals"]["macs"] == all["totals"]["macs"]);
  CHECK(all["numerics"]["approximation"]["max_rel_error"].get<double>() < 1e-12);
}

TEST_CASE("run: ViTCoD's encoder moves fewer bytes of Q and K and costs products on the array") {
  const Folder folder;
  const Json coded = result_of(folder, "vitcod", "tiny_vit"),
             plain = result_of(folder, "vitcod", "tiny_vit", {"sparse_unit.encoded_share=1"});
  CHECK(coded["totals"]["macs"] == plain["totals"]["macs"]);
  // 17 tokens, 2 blocks, Q and K of 2 heads of 16 as one head: written once, read once.
  const auto bytes = [](const Json& r, const char* key) { return r["totals"][key].get<long>(); };
  const long saved = 2 * 2 * 17 * 16;
  CHECK(bytes(plain, "dram_write_bytes") - bytes(coded, "dram_write_bytes") == saved);
  CHECK(bytes(plain, "dram_read_bytes") - bytes(coded, "dram_read_bytes") == saved);
  const auto products = [](const Json& r) { return unit(r, "sa_general")["actions"]["mac"].get<long>(); };
  // Each of 17 x 32 elements is one product, encoded and decoded.
  CHECK(products(coded) - products(plain) == 2 * 2 * 2 * 17 * 32);
}

TEST_CASE("compare: sparse baselines side by side, with density and error") {
  const Folder folder;
  std::vector<std::string> words{"compare", "--workload", "workloads/tiny_vit.json", "--csv", folder.file("c.csv")};
  for (const char* machine : {"vitality", "sanger", "vitcod", "salo"})
    words.insert(words.end(), {"--config", std::string("configs/") + machine + ".json"});
  const ProgramResult done = run_program(words);
  INFO(done.err);
  CHECK(done.exit_code == 0);
  CHECK_THAT(done.out, Contains("sanger") && Contains("vitcod") && Contains("salo") && Contains("simulated"));
  CHECK_THAT(done.out, !Contains("infeasible") && !Contains("failed"));
}

TEST_CASE("ViTCoD's three DeiT-Tiny totals from the program, as published, on a mask file") {
  // Masks like the twelve published ones where the formula looks: head 0's global tokens and entries outside them.
  constexpr int kTokens = 197, kHeads = 3;
  constexpr std::pair<int, int> kPublished[] = {{1, 2244},  {1, 392},  {70, 2479}, {1, 936}, {1, 1389},  {20, 1785},
                                                {17, 1333}, {1, 1551}, {1, 454},   {9, 771}, {10, 1039}, {31, 602}};
  std::vector<double> values;
  for (const auto& [global, sparse] : kPublished) {
    std::vector<double> head(kTokens * kTokens);
    for (int r = 0; r < kTokens; ++r) std::fill_n(&head[static_cast<std::size_t>(r) * kTokens], global, 1.0);
    for (int i = 0; i < sparse; ++i)  // at most 50 a column
      head[static_cast<std::size_t>(i % 50) * kTokens + static_cast<std::size_t>(global + i / 50)] = 1;
    for (int h = 0; h < kHeads; ++h) values.insert(values.end(), head.begin(), head.end());
  }
  const Folder folder;
  const std::string masks = folder.file("masks.npy");
  write_npy(masks, {12, kHeads, kTokens, kTokens}, values, NpyType::kUint8);
  const Json r = result_of(folder, "vitcod", "deit_tiny",
                           {"cost_model=as_published", "sparsity.source=file", "sparsity.mask_file=" + masks});
  long attention = 0, linear = 0, mlp = 0;
  for (const Json& layer : r["layers"]) {
    const long cycles = layer["end_cycle"].get<long>() - layer["start_cycle"].get<long>();
    const std::string name = layer["name"];
    if (layer["kind"] == "attention") {
      attention += cycles;
    } else if (name.find("mlp") != std::string::npos) {
      mlp += cycles;
    } else {
      linear += cycles;
    }
  }
  CHECK(std::abs(attention - 9492) <= 0.02 * 9492);
  CHECK(std::abs(linear - 681492) <= 0.02 * 681492);
  CHECK(std::abs(mlp - 1361664) <= 0.02 * 1361664);
  CHECK(r["mask_source"] == "file");
  // The same config simulates the same masks.
  CHECK(result_of(folder, "vitcod", "deit_tiny",
                  {"sparsity.source=file", "sparsity.mask_file=" + masks})["mask_density"] == r["mask_density"]);
}

TEST_CASE("released cost models take predicted masks and patterns") {
  const Folder folder;
  for (const char* cost_model : {"cost_model=as_published", "cost_model=corrected"}) {
    INFO(cost_model);
    const Json predicted = result_of(folder, "sanger", "tiny_vit", {cost_model});
    CHECK(predicted["mask_density"] == result_of(folder, "sanger", "tiny_vit")["mask_density"]);
    CHECK(predicted["numerics"]["approximation"]["cosine_similarity"].get<double>() < 1);
    CHECK(result_of(folder, "vitcod", "tiny_vit", {cost_model})["mask_density"] == 29.0 / 289);
    CHECK(result_of(folder, "salo", "tiny_vit", {cost_model})["totals"]["cycles"].get<long>() > 0);
  }
}

TEST_CASE("sparse baselines say what they cannot run") {
  const Folder folder;
  refuses("salo", "tiny_levit", {}, 4, "layer down0.attn: salo runs attention with as many queries as keys only");
  refuses("salo", "tiny_vit", {"sparsity.source=density"}, 4, "salo runs a sliding window with global tokens only");
  refuses("vitcod", "tiny_vit", {"sparsity.source=predicted"}, 4, "it has no predictor");
  refuses("vitcod", "tiny_vit", {"sparsity.source=predicted", "cost_model=as_published"}, 4, "it has no predictor");
  refuses("sanger", "tiny_vit", {"attention=taylor"}, 4, "sanger runs sparse attention only, not taylor");
  refuses("vitcod", "tiny_vit", {"sparsity.global_tokens=9"}, 2, "keep more entries than sparsity.density allows");
  refuses("sanger", "tiny_vit", {"machine=sangre"}, 2, "did you mean \"sanger\"?");
  refuses("sanger", "tiny_vit", {"sparsity.source=file"}, 2, "/sparsity/mask_file");
  refuses("vitcod", "tiny_vit", {"sparse_unit.encoded_share=0"}, 2, "encoded_share");
  const std::string masks = folder.file("m.npy");
  const std::vector<std::string> from_file{"sparsity.source=file", "sparsity.mask_file=" + masks};
  write_npy(masks, {16, 17}, std::vector<double>(16 * 17, 1), NpyType::kUint8);
  for (const char* machine : {"sanger", "vitcod"}) {
    refuses(machine, "tiny_vit", from_file, 2, "mask of shape (16, 17): layer blocks.0.attn has");
    std::vector<std::string> published = from_file;
    published.emplace_back("cost_model=corrected");
    refuses(machine, "tiny_vit", published, 2, "mask of shape (16, 17)");
  }
  write_npy(masks, {3, 2, 17, 17}, std::vector<double>(3 * 2 * 17 * 17, 1), NpyType::kUint8);
  refuses("vitcod", "tiny_vit", from_file, 2, "for the 2 attention layers of the model");
  write_npy(masks, {17, 17}, std::vector<double>(17 * 17, 2), NpyType::kUint8);
  refuses("sanger", "tiny_vit", from_file, 2, "expected 0 and 1 only");
  refuses("sanger", "tiny_vit", {"sparsity.source=file", "sparsity.mask_file=nowhere.npy"}, 2, "nowhere.npy");
}
