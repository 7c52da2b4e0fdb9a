#include "sim/child_simulation.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <deque>
#include <map>
#include <stdexcept>

#include "base/cores.h"
#include "base/error.h"
#include "base/signals.h"
#include "sim/simulate.h"

namespace vitality {

namespace {

struct Child {
  pid_t process;
  int answer;  // the reading end of a pipe
  std::size_t index;
};

Child start_child(const std::function<ChildTotals(int)>& simulate_one, int index) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("cannot open a pipe to a child simulation");
  const pid_t parent = getpid(), child = fork();
  if (child < 0) {
    close(ends[0]), close(ends[1]);
    throw std::runtime_error("cannot start a child simulation");
  }
  if (child > 0) {
    close(ends[1]);
    return {child, ends[0], static_cast<std::size_t>(index)};
  }
  follow_parent(parent);
  close(ends[0]);
  ChildTotals totals;
  try {
    totals = simulate_one(index);
  } catch (const InfeasibleError&) {
    totals = {};
  } catch (...) {
    _exit(1);
  }
  _exit(write(ends[1], &totals, sizeof totals) == static_cast<ssize_t>(sizeof totals) ? 0 : 1);
}

// Whether the child has answered.
bool take_answer(const Child& child, ChildTotals& totals) {
  ssize_t got;
  do got = read(child.answer, &totals, sizeof totals);
  while (got < 0 && errno == EINTR);
  close(child.answer);
  int status = 0;
  while (waitpid(child.process, &status, 0) < 0 && errno == EINTR) {
  }
  return got == static_cast<ssize_t>(sizeof totals);
}

}  // namespace

std::vector<ChildTotals> simulate_in_children(int count, const std::function<ChildTotals(int)>& simulate_one) {
  std::vector<ChildTotals> answers(static_cast<std::size_t>(count));
  std::deque<Child> running;
  bool died = false;
  const auto finish_one = [&] {
    died = !take_answer(running.front(), answers[running.front().index]) || died;
    running.pop_front();
  };
  for (int i = 0; i < count && !died; ++i) {
    if (static_cast<int>(running.size()) == available_cores()) finish_one();
    running.push_back(start_child(simulate_one, i));
  }
  while (!running.empty()) finish_one();
  if (died) throw std::runtime_error("a child simulation died");
  return answers;
}

Cycles cycles_in_child(const HardwareConfig& config, const VitModel& model, const std::vector<bool>& selected) {
  const auto run = [&](int) -> ChildTotals {
    HardwareConfig machine = config;
    machine.mapping.search = MappingSearch::kEstimate;
    SimulationOptions options;
    options.selected = selected;
    options.totals_only = true;
    return {simulate(machine, model, options).totals.cycles, 0};
  };
  return simulate_in_children(1, run)[0].cycles;
}

AutoAttention choose_attention(const HardwareConfig& config, const VitModel& model) {
  AutoAttention chosen;
  chosen.kinds.assign(model.layers.size(), AttentionKind::kTaylor);
  std::map<std::array<Count, 7>, AttentionKind> known;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const auto* a = std::get_if<Attention>(&model.layers[i].parameters);
    if (a == nullptr) continue;
    if (a->kind) {
      chosen.kinds[i] = *a->kind;
      continue;
    }
    const std::array<Count, 7> shape = {a->heads, a->instances, a->n_q, a->n_kv, a->d_qk, a->d_v, a->bias_params};
    const auto found = known.find(shape);
    if (found != known.end()) {
      chosen.kinds[i] = found->second;
      continue;
    }
    std::vector<bool> alone(model.layers.size(), false);
    alone[i] = true;
    HardwareConfig machine = config;
    machine.attention = AttentionKind::kTaylor;
    const Cycles taylor = cycles_in_child(machine, model, alone);
    machine.attention = AttentionKind::kSoftmax;
    const Cycles softmax = cycles_in_child(machine, model, alone);
    const bool prefer_softmax = softmax >= 0 && (taylor < 0 || softmax < taylor);
    chosen.kinds[i] = known[shape] = prefer_softmax ? AttentionKind::kSoftmax : AttentionKind::kTaylor;
    chosen.decisions.push_back({static_cast<int>(i), taylor, softmax});
  }
  return chosen;
}

std::vector<WhatIf> what_if(const HardwareConfig& config, const VitModel& model, const std::vector<bool>& selected) {
  struct Doubling {
    const char* resource;
    std::function<int&(HardwareConfig&)> value;
  };
  const std::vector<Doubling> doublings = {
      {"matrix_engine.rows", [](HardwareConfig& c) -> int& { return c.matrix_engine.rows; }},
      {"matrix_engine.cols", [](HardwareConfig& c) -> int& { return c.matrix_engine.cols; }},
      {"accumulators.lanes", [](HardwareConfig& c) -> int& { return c.accumulators.lanes; }},
      {"dividers.lanes", [](HardwareConfig& c) -> int& { return c.dividers.lanes; }},
      {"adders.lanes", [](HardwareConfig& c) -> int& { return c.adders.lanes; }},
      {"special_functions.lanes", [](HardwareConfig& c) -> int& { return c.special_functions.lanes; }},
      {"scratchpad.capacity_kib", [](HardwareConfig& c) -> int& { return c.scratchpad.capacity_kib; }},
      {"scratchpad.port_bytes", [](HardwareConfig& c) -> int& { return c.scratchpad.port_bytes; }},
      {"noc.link_bytes", [](HardwareConfig& c) -> int& { return c.noc.link_bytes; }},
      {"dram.channels", [](HardwareConfig& c) -> int& { return c.dram.channels; }},
  };
  std::vector<WhatIf> answers;
  for (const Doubling& doubling : doublings) {
    HardwareConfig machine = config;
    int& value = doubling.value(machine);
    const std::string before = std::to_string(value);
    value *= 2;
    answers.push_back(
        {doubling.resource, before + " -> " + std::to_string(value), cycles_in_child(machine, model, selected)});
  }
  if (!config.matrix_engine.stationary_prefetch) {
    HardwareConfig machine = config;
    machine.matrix_engine.stationary_prefetch = true;
    answers.push_back(
        {"matrix_engine.stationary_prefetch", "false -> true", cycles_in_child(machine, model, selected)});
  }
  return answers;
}

}  // namespace vitality
