// `vitality import`: turns a checkpoint into a workload and its weights.
#include <cstdio>
#include <filesystem>

#include "base/error.h"
#include "base/output_file.h"
#include "base/search_path.h"
#include "cli/options.h"
#include "import/import_model.h"
#include "tensor/npy.h"
#include "workload/workload_json.h"

namespace vitality::cli {
namespace {

namespace po = boost::program_options;
namespace fs = std::filesystem;

void write_weights(const importing::Imported& imported, const fs::path& folder, OutputSet& files) {
  files.make_folder(folder.string());
  for (const auto& [name, tensor] : imported.weights) {
    const std::string path = (folder / (name + ".npy")).string();
    const std::vector<double> values(tensor.data(), tensor.data() + tensor.size());
    write_npy(files.add(path), {tensor.rows(), tensor.cols()}, values,
              imported.float32 ? NpyType::kFloat32 : NpyType::kFloat64);
    files.finish(path);
  }
}

}  // namespace

int import_command(const Arguments& arguments) {
  bool resize = false;
  po::options_description options("options");
  // clang-format off
  options.add_options()
      ("model", po::value<std::string>(), "MODEL.onnx or MODEL.safetensors (also without --model)")
      ("out", po::value<std::string>(), "the folder to write: workload.json, weights/NAME.npy, import.json")
      ("as", po::value<std::string>(), "of .safetensors: the workload that these weights are for")
      ("resize-positions", po::bool_switch(&resize), "of .safetensors: position embeddings for another grid are resized (bicubic), not refused");
  // clang-format on
  po::variables_map values;
  if (!parse_options(
          arguments,
          "usage: vitality import MODEL.onnx --out DIR\n"
          "       vitality import MODEL.safetensors --as WORKLOAD.json [--resize-positions] --out DIR\n\n"
          "Makes a workload and its weights of a trained model. The logits of the workload are compared with\n"
          "the graph's on random images before anything is written; docs/import.md says what is known.",
          options, "model", values)) {
    return kDone;
  }
  const std::string model = required(values, "model"), out = required(values, "out");
  const bool safetensors = fs::path(model).extension() == ".safetensors";
  if (safetensors != (values.count("as") > 0)) {
    throw InputError("", "",
                     safetensors ? "option --as: weights alone need the workload that they are for"
                                 : "option --as is for .safetensors: an ONNX graph says its own form");
  }
  if (resize && !safetensors)
    throw InputError("", "",
                     "option --resize-positions is for .safetensors: an ONNX graph has the grid that it was made for");
  OutputSet files;
  const fs::path folder(out);
  const importing::Imported imported =
      safetensors ? importing::import_safetensors(model, find_file(values["as"].as<std::string>(), "workloads"), resize)
                  : importing::import_onnx(model);
  files.make_folder(out);
  files.add((folder / "workload.json").string(), imported.workload);
  files.add((folder / "import.json").string(), imported.report);
  write_weights(imported, folder / "weights", files);
  files.commit();
  const VitModel read = parse_workload(imported.workload, out);
  std::printf("%s: %zu layers, %lld parameters, %lld MACs\n", read.name.c_str(), read.layers.size(),
              static_cast<long long>(parameter_count(read)), static_cast<long long>(macs(read)));
  return kDone;
}

}  // namespace vitality::cli
