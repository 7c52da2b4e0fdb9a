// Which units a machine has, and how many full-precision multiply-accumulate units. The machine that is built, its
// parts, its peak and its bounds all ask this one place.
#pragma once

#include <string>
#include <vector>

#include "config/hardware_config.h"
#include "cost/job_cost.h"
#include "schedule/schedule.h"

namespace vitality {

// The units of one kind in a machine.
struct UnitRow {
  int count = 0;          // uncharged work has no unit; each direction always has a DMA channel
  LaneConfig lanes = {};  // of an array of lanes
  // What counts as the unit's work, and how much of it the unit does per cycle at full use.
  Count (*work)(const ActionCounts& actions) = nullptr;
  double rate = 0;
};
UnitRow unit_row(const HardwareConfig& config, UnitKind kind);
int unit_count(const HardwareConfig& config, UnitKind kind);
inline bool has_unit(const HardwareConfig& config, UnitKind kind) {
  return unit_count(config, kind) > 0;
}

// The units of a machine by UnitId: one kind after the other, units of one kind side by side.
struct MachineUnit {
  UnitKind kind;
  std::string name;  // the name of the kind; from the second unit of a kind on with its number: sa_general,
                     // sa_general1
};
class MachineUnits {
 public:
  explicit MachineUnits(const HardwareConfig& config);
  std::size_t size() const { return units_.size(); }
  const MachineUnit& operator[](UnitId id) const { return units_[static_cast<std::size_t>(id.value)]; }
  int count(UnitKind kind) const { return count_[kind]; }
  // The unit of a kind with a number from 0 on.
  UnitId id(UnitKind kind, int number = 0) const { return {first_[kind] + number}; }
  const std::vector<MachineUnit>& all() const { return units_; }

 private:
  std::vector<MachineUnit> units_;
  EnumArray<UnitKind, std::int32_t> first_{};
  EnumArray<UnitKind, int> count_{};
};

// PEs of an array that computes on masks: the training unit's own, or the matrix engine where a baseline has one array
// for everything.
struct ArrayShape {
  int rows, cols;
  Count pes() const { return Count{rows} * cols; }
};
ArrayShape sparse_array(const HardwareConfig& config);

// PEs of one matrix engine, including SALO's global row and column of PEs.
double matrix_engine_pes(const HardwareConfig& config);

// PEs of all arrays, none counted twice.
double processing_elements(const HardwareConfig& config);

}  // namespace vitality
