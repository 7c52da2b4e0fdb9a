#include "models/memory/dram_controller.h"

namespace vitality {

DramController::DramController(sc_core::sc_module_name name, const MachineContext& context)
    : sc_module(name), socket("socket"), context_(context), backend_(make_dram_model(context.config.dram, context.config.clock_mhz)) {
  socket.register_nb_transport_fw(this, &DramController::request);
  SC_HAS_PROCESS(DramController);
  SC_METHOD(step);
  dont_initialize();
  sensitive << event_;
}

tlm::tlm_sync_enum DramController::request(int id, tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
  if (phase == tlm::END_RESP) return tlm::TLM_COMPLETED;
  std::int64_t request_id = static_cast<std::int64_t>(outstanding_.size());
  if (free_ids_.empty()) {
    outstanding_.push_back(&payload);
  } else {
    request_id = free_ids_.back();
    free_ids_.pop_back();
    outstanding_[static_cast<std::size_t>(request_id)] = &payload;
  }
  auto* transfer = payload.get_extension<TransferExtension>();
  transfer->initiator = id;
  backend_->submit(request_id, static_cast<Bytes>(payload.get_address()), transfer->bytes, payload.is_write(), context_.now());
  wake();
  phase = tlm::END_REQ;
  return tlm::TLM_UPDATED;
}

void DramController::wake() {
  const Cycles next = backend_->next_event();
  if (next < 0) return;
  event_.cancel();
  event_.notify(context_.until(next));
}

void DramController::step() {
  completed_.clear();
  backend_->advance_to(context_.now(), completed_);
  for (const std::int64_t id : completed_) {
    tlm::tlm_generic_payload* payload = outstanding_[static_cast<std::size_t>(id)];
    free_ids_.push_back(id);
    payload->set_response_status(tlm::TLM_OK_RESPONSE);
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    socket[payload->get_extension<TransferExtension>()->initiator]->nb_transport_bw(*payload, phase, delay);
  }
  wake();
}

}  // namespace vitality
