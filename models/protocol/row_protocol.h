// Rows from unit to unit (pipeline.row_streaming), between the compute units and the chunk's FIFOs: interface method
// calls in zero time. A unit that has taken a job of a chain tells the FIFOs; they tell the unit when the job's times
// are final, which may be as late as the beginning of the chain's last job: until then a full FIFO can hold it.
#pragma once

#include <systemc>

#include "models/protocol/job_protocol.h"

namespace vitality {

class RowUnitIf : public sc_core::sc_interface {
 public:
  // The last row of the job that the unit began last leaves `wait` cycles, and entered `held` cycles, later than
  // without FIFOs.
  virtual void settle(Cycles wait, Cycles held) = 0;
};

class RowFifosIf : public sc_core::sc_interface {
 public:
  virtual bool in_chain(JobId job) const = 0;
  virtual bool gives_rows(JobId job) const = 0;  // to a job behind it
  // The unit has taken the job; order.times has its times without any waiting at FIFOs. May call settle() of this and
  // of other units.
  virtual void begin(const JobOrder& order, RowUnitIf& unit) = 0;
  // Of a job that has begun and is not settled: nothing holds it before this cycle.
  virtual Cycles certain_until(JobId job) const = 0;
};

}  // namespace vitality
