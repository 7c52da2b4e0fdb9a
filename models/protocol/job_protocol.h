// The job protocol: TLM-2.0 generic payloads that carry a JobExtension.
//
// Controller -> unit (b_transport, zero time): take this job; the unit has room for it. With kPhaseReleased the unit
// must report the release of the job's operands on its own; without it, the unit may report the release together with
// `free`. Unit -> controller (b_transport, zero time): any of these at once: the job has released its operands, the
// unit can take another job, the job's result is there, the first row of its result is in the FIFO (kPhaseFirstRow).
#pragma once

#include <cstdint>
#include <systemc>
#include <tlm>

#include "schedule/schedule.h"

namespace vitality {

enum JobPhase : std::uint8_t { kPhaseReleased = 1, kPhaseFree = 2, kPhaseDone = 4, kPhaseFirstRow = 8 };

struct JobExtension : tlm::tlm_extension<JobExtension> {
  JobId job;
  std::uint8_t phases = 0;

  tlm::tlm_extension_base* clone() const override { return new JobExtension(*this); }
  void copy_from(const tlm::tlm_extension_base& other) override { *this = static_cast<const JobExtension&>(other); }
};

// A payload with its extension, reused for every job of one socket.
class JobPayload {
 public:
  JobPayload() { payload_.set_extension(&extension_); }
  ~JobPayload() { payload_.clear_extension(&extension_); }
  JobPayload(const JobPayload&) = delete;
  JobPayload& operator=(const JobPayload&) = delete;

  tlm::tlm_generic_payload& fill(JobId job, std::uint8_t phases) {
    extension_.job = job;
    extension_.phases = phases;
    payload_.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    return payload_;
  }
  static const JobExtension& of(const tlm::tlm_generic_payload& payload) {
    return *payload.get_extension<JobExtension>();
  }

 private:
  tlm::tlm_generic_payload payload_;
  JobExtension extension_;
};

}  // namespace vitality
