// Rows from unit to unit (pipeline.row_streaming), between the compute units and the chunk's FIFOs: interface method
// calls in zero time. A unit that has taken a job of a chain tells the FIFOs; they tell the unit when the job's times
// are final, which may be as late as the beginning of the chain's last job: until then a full FIFO can hold it.
#pragma once

#include <systemc>

#include "schedule/schedule.h"

namespace vitality {

class RowUnitIf : public sc_core::sc_interface {
 public:
  // The job's last row leaves `wait` cycles, and entered `held` cycles, later than without FIFOs.
  virtual void settle(JobId job, Cycles wait, Cycles held) = 0;
};

class RowFifosIf : public sc_core::sc_interface {
 public:
  virtual bool in_chain(JobId job) const = 0;
  // The unit has taken the job; MachineContext::times has its times without any waiting at FIFOs. May call settle() of
  // this and of other units.
  virtual void begin(JobId job, RowUnitIf& unit) = 0;
  // Of a job that has begun and is not settled: nothing holds it before this cycle.
  virtual Cycles certain_until(JobId job) const = 0;
};

}  // namespace vitality
