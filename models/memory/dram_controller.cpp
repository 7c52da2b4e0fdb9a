#include "models/memory/dram_controller.h"

#include <algorithm>
#include <cstring>

namespace vitality {
namespace {

sc_dt::uint64 capacity_of(const DramConfig& config) {
  const DramDevice& d = config.device;
  return static_cast<sc_dt::uint64>(d.rows) * static_cast<sc_dt::uint64>(d.row_bytes) *
         static_cast<sc_dt::uint64>(d.bank_groups) * static_cast<sc_dt::uint64>(d.banks_per_group) *
         static_cast<sc_dt::uint64>(d.ranks) * static_cast<sc_dt::uint64>(config.channels);
}

}  // namespace

DramController::DramController(sc_core::sc_module_name name, const DramConfig& config, double clock_mhz)
    : sc_module(name),
      socket("socket"),
      clock_(clock_mhz),
      capacity_(capacity_of(config)),
      backend_(make_dram_model(config, clock_mhz)),
      late_("late") {
  socket.register_nb_transport_fw(this, &DramController::request);
  socket.register_b_transport(this, &DramController::blocking_request);
  socket.register_transport_dbg(this, &DramController::debug_request);
  SC_HAS_PROCESS(DramController);
  SC_METHOD(step);
  dont_initialize();
  sensitive << event_;
  SC_METHOD(submit_late);
  dont_initialize();
  sensitive << late_.get_event();
}

tlm::tlm_response_status DramController::check(const tlm::tlm_generic_payload& payload) const {
  if (payload.get_byte_enable_ptr() != nullptr) return tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE;
  if (payload.get_command() == tlm::TLM_IGNORE_COMMAND) return tlm::TLM_OK_RESPONSE;
  if (payload.get_extension<TimingOnly>() != nullptr) return tlm::TLM_OK_RESPONSE;
  if (payload.get_address() > capacity_ || payload.get_data_length() > capacity_ - payload.get_address())
    return tlm::TLM_ADDRESS_ERROR_RESPONSE;
  if (payload.get_data_ptr() == nullptr || payload.get_streaming_width() < payload.get_data_length())
    return tlm::TLM_BURST_ERROR_RESPONSE;
  return tlm::TLM_OK_RESPONSE;
}

void DramController::move_data(tlm::tlm_generic_payload& payload) {
  if (payload.get_extension<TimingOnly>() != nullptr || payload.get_command() == tlm::TLM_IGNORE_COMMAND) return;
  unsigned char* data = payload.get_data_ptr();
  sc_dt::uint64 address = payload.get_address();
  for (std::size_t left = payload.get_data_length(); left > 0;) {
    const std::size_t offset = address % sizeof(Page), part = std::min(left, sizeof(Page) - offset);
    const auto page = pages_.find(address / sizeof(Page));
    if (payload.is_write()) {
      std::unique_ptr<Page>& target = page != pages_.end() ? page->second : pages_[address / sizeof(Page)];
      if (target == nullptr) target = std::make_unique<Page>(Page{});
      std::memcpy(target->data() + offset, data, part);
    } else if (page == pages_.end()) {
      std::memset(data, 0, part);
    } else {
      std::memcpy(data, page->second->data() + offset, part);
    }
    address += part, data += part, left -= part;
  }
}

unsigned int DramController::debug_request(int, tlm::tlm_generic_payload& payload) {
  if (check(payload) != tlm::TLM_OK_RESPONSE) return 0;
  move_data(payload);
  return payload.get_data_length();
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
  const auto* const hint = payload.get_extension<TimingOnly>();
  backend_->submit(id, static_cast<Bytes>(payload.get_address()), static_cast<Bytes>(payload.get_data_length()),
                   payload.is_write(), clock_.now(),
                   hint != nullptr && hint->in_order ? outstanding.initiator : DramBackend::kNoLine);
  if (hint == nullptr || !hint->more) wake();
}

tlm::tlm_sync_enum DramController::request(int initiator, tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                           sc_core::sc_time& delay) {
  if (responses_.size() <= static_cast<std::size_t>(initiator))
    responses_.resize(static_cast<std::size_t>(initiator) + 1);
  if (phase == tlm::END_RESP) {
    Responses& own = responses_[static_cast<std::size_t>(initiator)];
    own.open = false;
    if (!own.waiting.empty()) {
      tlm::tlm_generic_payload& next = *own.waiting.front();
      own.waiting.pop_front();
      respond(initiator, next);
    }
    return tlm::TLM_COMPLETED;
  }
  const tlm::tlm_response_status status = check(payload);
  if (status != tlm::TLM_OK_RESPONSE || payload.get_command() == tlm::TLM_IGNORE_COMMAND) {
    payload.set_response_status(status);
    return tlm::TLM_COMPLETED;
  }
  if (payload.has_mm()) payload.acquire();
  if (delay == sc_core::SC_ZERO_TIME) {
    submit({&payload, initiator, nullptr});
  } else {
    late_initiator_[&payload] = initiator;
    late_.notify(payload, delay);
    delay = sc_core::SC_ZERO_TIME;
  }
  phase = tlm::END_REQ;
  return tlm::TLM_UPDATED;
}

void DramController::submit_late() {
  while (tlm::tlm_generic_payload* const payload = late_.get_next_transaction()) {
    const auto initiator = late_initiator_.find(payload);
    submit({payload, initiator->second, nullptr});
    late_initiator_.erase(initiator);
  }
}

void DramController::blocking_request(int initiator, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  if (delay != sc_core::SC_ZERO_TIME) sc_core::wait(delay);
  delay = sc_core::SC_ZERO_TIME;
  const tlm::tlm_response_status status = check(payload);
  if (status == tlm::TLM_OK_RESPONSE && payload.get_command() != tlm::TLM_IGNORE_COMMAND) {
    sc_core::sc_event finished;
    submit({&payload, initiator, &finished});
    sc_core::wait(finished);
    move_data(payload);
  }
  payload.set_response_status(status);
}

void DramController::respond(int initiator, tlm::tlm_generic_payload& payload) {
  Responses& own = responses_[static_cast<std::size_t>(initiator)];
  if (own.open) {
    own.waiting.push_back(&payload);
    return;
  }
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
  tlm::tlm_phase phase = tlm::BEGIN_RESP;
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  own.open = true;
  const bool managed = payload.has_mm();
  const tlm::tlm_sync_enum status = socket[initiator]->nb_transport_bw(payload, phase, delay);
  if (status == tlm::TLM_COMPLETED || (status == tlm::TLM_UPDATED && phase == tlm::END_RESP))
    responses_[static_cast<std::size_t>(initiator)].open = false;
  if (managed) payload.release();
}

void DramController::wake() {
  const Cycles next = backend_->next_event();
  if (next < 0 || next == next_wake_) return;
  next_wake_ = next;
  event_.cancel();
  event_.notify(clock_.until(next));
}

void DramController::step() {
  completed_.clear();
  next_wake_ = -1;
  backend_->advance_to(clock_.now(), completed_);
  for (const std::int64_t id : completed_) {
    const Outstanding ended = outstanding_[static_cast<std::size_t>(id)];
    free_ids_.push_back(id);
    if (ended.finished != nullptr) {
      ended.finished->notify(sc_core::SC_ZERO_TIME);
      continue;
    }
    move_data(*ended.payload);
    respond(ended.initiator, *ended.payload);
  }
  wake();
}

}  // namespace vitality
