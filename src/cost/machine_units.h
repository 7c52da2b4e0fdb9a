// Which units a machine has, and how many full-precision multiply-accumulate units: one answer for the machine that is
// built, its leakage, its area, its peak and its bounds.
#pragma once

#include "config/hardware_config.h"
#include "schedule/schedule.h"

namespace vitality {

// Uncharged work has no unit; memories and DMA are always there.
bool has_unit(const HardwareConfig& config, UnitKind unit);

// PEs of the array that computes on masks: the training unit's own, or the matrix engine where a baseline has one array
// for everything.
struct ArrayShape {
  int rows, cols;
  Count pes() const { return Count{rows} * cols; }
};
ArrayShape sparse_array(const HardwareConfig& config);

// PEs of the matrix engine, SALO's global row and column of PEs with it.
double matrix_engine_pes(const HardwareConfig& config);

// PEs of all arrays, none counted twice.
double processing_elements(const HardwareConfig& config);

}  // namespace vitality
