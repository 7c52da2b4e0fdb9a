#include "models/memory/dma.h"

namespace vitality {

Dma::Dma(sc_core::sc_module_name name, MachineContext& context)
    : sc_module(name),
      job_socket("job_socket"),
      phase_socket("phase_socket"),
      memory_socket("memory_socket"),
      dram_socket("dram_socket"),
      context_(context),
      slots_(kDepth) {
  job_socket.register_b_transport(this, &Dma::take);
  dram_socket.register_nb_transport_bw(this, &Dma::respond);
}

Dma::Request& Dma::request() {
  if (free_.empty()) {
    requests_.push_back(std::make_unique<Request>());
    free_.push_back(requests_.back().get());
  }
  Request& taken = *free_.back();
  free_.pop_back();
  return taken;
}

void Dma::take(tlm::tlm_generic_payload& payload, sc_core::sc_time&) {
  const JobId index = JobPayload::of(payload).job;
  const Job& job = context_.schedule.jobs[index];
  JobTimes& times = context_.times[index];
  times.start = times.stream = context_.now();
  std::size_t slot = 0;
  while (slots_[slot].job) ++slot;
  const TransferSpan transfers = context_.schedule.transfers_of(job);
  slots_[slot] = {index, static_cast<int>(transfers.last - transfers.first)};
  for (const Transfer& transfer : transfers) {
    Request& next = request();
    next.slot = static_cast<std::int32_t>(slot);
    next.transfer.bytes = transfer.bytes;
    next.transfer.more = &transfer + 1 != transfers.last;
    next.set_address(static_cast<sc_dt::uint64>(transfer.dram_address));
    next.set_command(job.kind == JobKind::kLoad ? tlm::TLM_READ_COMMAND : tlm::TLM_WRITE_COMMAND);
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    dram_socket->nb_transport_fw(next, phase, delay);
  }
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
}

tlm::tlm_sync_enum Dma::respond(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay) {
  auto& answered = static_cast<Request&>(payload);  // no other payloads leave here
  free_.push_back(&answered);
  Slot& slot = slots_[static_cast<std::size_t>(answered.slot)];
  if (--slot.waiting == 0) finish(slot, delay);
  phase = tlm::END_RESP;
  return tlm::TLM_COMPLETED;
}

void Dma::finish(Slot& slot, sc_core::sc_time& delay) {
  const JobId index = slot.job;
  slot.job = kNone;
  JobTimes& times = context_.times[index];
  times.released = times.free = times.done = context_.now();
  if (context_.executor != nullptr) context_.executor->execute(context_.schedule.jobs[index], times.unit);
  const JobCost& cost = context_.costs.of(index);
  StreamExtension moved;
  moved.read_bytes = cost.scratchpad_read, moved.write_bytes = cost.scratchpad_write;
  memory_socket->b_transport(access_.fill(moved), delay);
  phase_socket->b_transport(report_.fill(index, kPhaseReleased | kPhaseFree | kPhaseDone), delay);
}

}  // namespace vitality
