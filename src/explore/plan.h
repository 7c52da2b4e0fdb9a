// Makes a row from a design of the spec: the resolved machine and model, the key of the point, and, if there is nothing
// to simulate, the reason.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/hardware_config.h"
#include "explore/evaluate.h"
#include "explore/point_settings.h"
#include "explore/store.h"
#include "explore/sweep_spec.h"
#include "workload/model.h"

namespace vitality {

struct PreparedRow {
  PlannedRow planned;
  HardwareConfig config;                  // only valid if planned.refusal is empty
  std::shared_ptr<const VitModel> model;  // only valid if planned.refusal is empty
  bool training = false;                  // the point's mode
  JsonDocument mapping = {};              // null: the search maps all layers
  // Keeps references to this row.
  PointTask task(Shortcuts shortcuts) const {
    return {config, *model, training, shortcuts, mapping.type() == JsonValue::Type::kNull ? nullptr : &mapping};
  }
};

class Planner {
 public:
  // Reads the base config and the workloads. Throws InputError.
  explicit Planner(const SweepSpec& spec);

  // Together with the spec, this decides which rows a store holds. It is the same for shards on other computers, with
  // other paths.
  const std::string& identity() const { return identity_; }
  std::size_t workload_count() const { return workloads_.size(); }
  std::vector<std::string> workload_names() const;
  PreparedRow prepare(const Design& design, std::size_t workload, std::int64_t position);
  // Resolves only the machine and the model of a row that prepare() has accepted.
  PreparedRow resolve(const Design& design, std::size_t workload);

 private:
  struct Workload {
    std::string file, name, sha256;
    JsonDocument document;
  };
  struct Model {
    std::shared_ptr<const VitModel> model;
    std::string sha256;
    std::string refusal;
  };

  void load_models();
  void load_mapping(const std::vector<std::string>& settings);
  JsonDocument mapping_for(const PointSettings& settings, Diagnostics& diagnostics) const;
  bool changes_model(const Axis& axis) const;  // whether the model depends on the axis' value
  const Model& model_for(const PointSettings& settings, std::size_t workload);
  std::string mask_identity(const HardwareConfig& config);
  std::string variables(const PointSettings& settings, const std::string& workload,
                        const std::string& config_json) const;

  SweepSpec spec_;
  JsonDocument base_;                       // resolved, with the libraries inline
  std::vector<std::string> base_workload_;  // name=value that every design's model has
  JsonDocument mapping_;                    // with the base's settings; null: none
  std::string mapping_identity_;
  std::vector<Workload> workloads_;
  std::map<std::string, Model> models_;            // by what tells them apart
  std::map<std::string, std::string> mask_files_;  // contents by path, as SHA-256
  std::vector<std::string> config_names_;          // read by constraints and objectives
  std::string identity_;
};

// The outcome of a row under the spec: that of its point, or infeasible if a constraint is not met.
struct Judgement {
  PointStatus status = PointStatus::kFailed;
  std::string reason;
  int broken_constraints = 0;
  std::vector<double> objectives;  // minimised; only when ok and all known
};
// row.result must be set unless planned.refusal is.
Judgement judge(const StoredRow& row, const SweepSpec& spec);

}  // namespace vitality
