#include "models/memory/dram_controller.h"

#include <algorithm>

namespace vitality {

DramController::DramController(sc_core::sc_module_name name, const MachineContext& context)
    : DramController(name, context.config.dram, context.config.clock_mhz, context.period) {}

DramController::DramController(sc_core::sc_module_name name, const DramConfig& config, double clock_mhz,
                               const sc_core::sc_time& period)
    : sc_module(name), socket("socket"), period_(period), backend_(make_dram_model(config, clock_mhz)) {
  socket.register_nb_transport_fw(this, &DramController::request);
  socket.register_b_transport(this, &DramController::blocking_request);
  SC_HAS_PROCESS(DramController);
  SC_METHOD(step);
  dont_initialize();
  sensitive << event_;
}

void DramController::submit(const Outstanding& outstanding) {
  std::int64_t id = static_cast<std::int64_t>(outstanding_.size());
  if (free_ids_.empty()) {
    outstanding_.push_back(outstanding);
  } else {
    id = free_ids_.back();
    free_ids_.pop_back();
    outstanding_[static_cast<std::size_t>(id)] = outstanding;
  }
  const tlm::tlm_generic_payload& payload = *outstanding.payload;
  const auto* transfer = payload.get_extension<TransferExtension>();
  const Bytes bytes = transfer ? transfer->bytes : static_cast<Bytes>(payload.get_data_length());
  backend_->submit(id, static_cast<Bytes>(payload.get_address()), bytes, payload.is_write(), now());
  if (transfer == nullptr || !transfer->more) wake();
}

tlm::tlm_sync_enum DramController::request(int initiator, tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                           sc_core::sc_time&) {
  if (phase == tlm::END_RESP) return tlm::TLM_COMPLETED;
  submit({&payload, initiator, nullptr});
  phase = tlm::END_REQ;
  return tlm::TLM_UPDATED;
}

void DramController::blocking_request(int initiator, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  if (delay != sc_core::SC_ZERO_TIME) sc_core::wait(delay);
  delay = sc_core::SC_ZERO_TIME;
  if (payload.get_byte_enable_ptr() != nullptr) {
    payload.set_response_status(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
    return;
  }
  if (payload.get_command() != tlm::TLM_IGNORE_COMMAND) {
    sc_core::sc_event finished;
    submit({&payload, initiator, &finished});
    sc_core::wait(finished);
  }
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
}

void DramController::wake() {
  const Cycles next = backend_->next_event();
  if (next < 0 || next == next_wake_) return;
  next_wake_ = next;
  event_.cancel();
  event_.notify(
      sc_core::sc_time::from_value(static_cast<sc_dt::uint64>(std::max<Cycles>(0, next - now())) * period_.value()));
}

void DramController::step() {
  completed_.clear();
  next_wake_ = -1;
  backend_->advance_to(now(), completed_);
  for (const std::int64_t id : completed_) {
    const Outstanding ended = outstanding_[static_cast<std::size_t>(id)];
    free_ids_.push_back(id);
    if (ended.finished != nullptr) {
      ended.finished->notify(sc_core::SC_ZERO_TIME);
      continue;
    }
    ended.payload->set_response_status(tlm::TLM_OK_RESPONSE);
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    socket[ended.initiator]->nb_transport_bw(*ended.payload, phase, delay);
  }
  wake();
}

}  // namespace vitality
