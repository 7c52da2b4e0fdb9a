#include "report/result_csv.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"

namespace vitality {
namespace {

class Table {
 public:
  explicit Table(const std::vector<std::string>& columns) {
    for (const std::string& column : columns) cell(column);
    end_row();
  }
  Table& cell(const std::string& text) {
    if (!first_) out_ += ',';
    first_ = false;
    out_ += csv_cell(text);
    return *this;
  }
  Table& cell(Count value) { return cell(std::to_string(value)); }
  Table& cell(double value) { return cell(json_number(value)); }
  void end_row() {
    out_ += '\n';
    first_ = true;
  }
  const std::string& text() const { return out_; }

 private:
  std::string out_;
  bool first_ = true;
};

void operations(Table& table, const OperationCounts& counts) {
  table.cell(counts.mul).cell(counts.add).cell(counts.div).cell(counts.exp).cell(counts.cmp);
}

// Empty for a device: its cycles are time only.
std::string cycles(const SimulationResult& result, Cycles value) {
  return result.is_device ? "" : std::to_string(value);
}

std::string totals_table(const SimulationResult& result) {
  Table table({"part",
               "cycles",
               "latency_ms",
               "energy_mj",
               "average_power_w",
               "on_chip_power_w",
               "area_mm2",
               "macs",
               "gops",
               "gops_per_w",
               "utilization",
               "dram_read_bytes",
               "dram_write_bytes",
               "sram_read_bytes",
               "sram_write_bytes",
               "noc_byte_hops",
               "mul",
               "add",
               "div",
               "exp",
               "cmp"});
  const auto row = [&](const char* part, const Totals& t) {
    table.cell(std::string(part)).cell(cycles(result, t.cycles)).cell(t.latency_ms).cell(t.energy_mj);
    table.cell(t.average_power_w);
    for (const double value : {t.on_chip_power_w, t.area_mm2})
      table.cell(result.is_device ? std::string() : json_number(value));
    table.cell(t.macs).cell(t.gops).cell(t.gops_per_w).cell(t.utilization);
    table.cell(t.dram_read_bytes).cell(t.dram_write_bytes).cell(t.sram_read_bytes).cell(t.sram_write_bytes);
    table.cell(t.noc_byte_hops);
    operations(table, t.operations);
    table.end_row();
  };
  row("total", result.totals);
  row("attention", result.attention_totals);
  return table.text();
}

// Every name that stands in any of the lists, in the order of first appearance.
template <class Item, class Value>
std::vector<std::string> names_of(const std::vector<Item>& items,
                                  std::vector<std::pair<std::string, Value>> Item::*list) {
  std::vector<std::string> names;
  for (const Item& item : items) {
    for (const auto& member : item.*list) {
      if (std::find(names.begin(), names.end(), member.first) == names.end()) names.push_back(member.first);
    }
  }
  return names;
}

template <class Value>
void members(Table& table, const std::vector<std::pair<std::string, Value>>& list,
             const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    Value value = 0;
    for (const auto& member : list) value += member.first == name ? member.second : 0;
    table.cell(value);
  }
}

// A layer's DRAM bytes by operand and cause, as columns: weights_first_fetch.
std::vector<std::pair<std::string, Bytes>> named_moves(const LayerResult& layer) {
  std::vector<std::pair<std::string, Bytes>> moves;
  for (const DramTraffic& t : layer.dram_traffic) moves.emplace_back(t.operand + "_" + t.cause, t.bytes);
  return moves;
}

std::vector<std::string> dram_moves(const std::vector<LayerResult>& layers) {
  std::vector<std::string> names;
  for (const LayerResult& layer : layers) {
    for (const auto& move : named_moves(layer)) {
      if (std::find(names.begin(), names.end(), move.first) == names.end()) names.push_back(move.first);
    }
  }
  return names;
}

// Over 60 lines: the columns in their order, then the cells.
std::string layers_table(const SimulationResult& result) {
  std::vector<std::string> causes;
  if (!result.is_device) causes = names_of(result.layers, &LayerResult::time_split);
  std::vector<std::string> columns{"name",
                                   "kind",
                                   "charged",
                                   "executed",
                                   "start_cycle",
                                   "end_cycle",
                                   "prefetch_start_cycle",
                                   "prefetch_cycles",
                                   "prefetch_exposed_cycles",
                                   "prefetch_bytes",
                                   "latency_ms",
                                   "bound_cycles",
                                   "macs",
                                   "mul",
                                   "add",
                                   "div",
                                   "exp",
                                   "cmp",
                                   "energy_pj",
                                   "dram_read_bytes",
                                   "dram_write_bytes",
                                   "sram_read_bytes",
                                   "sram_write_bytes",
                                   "noc_byte_hops",
                                   "macs_per_dram_byte",
                                   "attainable_macs_per_cycle",
                                   "achieved_macs_per_cycle",
                                   "roofline_bound",
                                   "bottleneck"};
  for (const std::string& cause : causes) columns.push_back(cause + "_cycles");
  const std::vector<std::string> moves = dram_moves(result.layers),
                                 uses = names_of(result.layers, &LayerResult::scratchpad_traffic);
  for (const std::string& move : moves) columns.push_back("dram_" + move + "_bytes");
  for (const std::string& use : uses) columns.push_back("sram_" + use + "_bytes");
  for (const char* column : {"mask_density", "mask_kept_density", "pack_utilization", "load_balance", "fallback_rows",
                             "max_abs_error", "max_rel_error", "tolerance", "cosine_similarity", "mapping"})
    columns.emplace_back(column);
  Table table(columns);
  const double ms_per_cycle =
      result.totals.cycles > 0 ? result.totals.latency_ms / static_cast<double>(result.totals.cycles) : 0;
  for (const LayerResult& l : result.layers) {
    table.cell(l.name).cell(l.kind).cell(Count{l.charged}).cell(Count{l.executed});
    table.cell(cycles(result, l.start_cycle)).cell(cycles(result, l.end_cycle));
    for (const Cycles value : {l.prefetch.start_cycle, l.prefetch.cycles, l.prefetch.exposed_cycles})
      table.cell(cycles(result, value));
    table.cell(l.prefetch.bytes);
    table.cell(static_cast<double>(l.end_cycle - l.start_cycle) * ms_per_cycle);
    table.cell(cycles(result, l.bound_cycles)).cell(l.macs);
    operations(table, l.operations);
    table.cell(l.energy.total()).cell(l.dram_read_bytes).cell(l.dram_write_bytes).cell(l.sram_read_bytes);
    table.cell(l.sram_write_bytes).cell(l.noc_byte_hops).cell(l.macs_per_dram_byte).cell(l.attainable_macs_per_cycle);
    table.cell(l.achieved_macs_per_cycle).cell(l.roofline_bound).cell(l.bottleneck);
    members(table, l.time_split, causes);
    members(table, named_moves(l), moves);
    members(table, l.scratchpad_traffic, uses);
    for (const double value : {l.mask_density, l.mask_kept_density, l.pack_utilization, l.load_balance,
                               static_cast<double>(l.fallback_rows)})
      table.cell(l.has_mask ? json_number(value) : std::string());
    for (const double error : {l.max_abs_error, l.max_rel_error, l.tolerance, l.cosine_similarity})
      table.cell(l.has_error ? json_number(error) : std::string());
    table.cell(l.mapping).end_row();
  }
  return table.text();
}

std::string units_table(const SimulationResult& result) {
  std::vector<std::string> causes;
  if (!result.is_device) causes = names_of(result.units, &UnitResult::stall_cycles);
  const std::vector<std::string> actions = names_of(result.units, &UnitResult::actions);
  std::vector<std::string> columns{"name", "kind", "busy_cycles", "idle_cycles"};
  for (const std::string& cause : causes) columns.push_back("stall_" + cause + "_cycles");
  for (const char* column : {"utilization", "energy_pj", "area_um2"}) columns.emplace_back(column);
  for (const std::string& action : actions) columns.push_back("actions_" + action);
  Table table(columns);
  for (const UnitResult& u : result.units) {
    table.cell(u.name).cell(u.kind).cell(cycles(result, u.busy_cycles)).cell(cycles(result, u.idle_cycles));
    members(table, u.stall_cycles, causes);
    table.cell(u.utilization).cell(u.energy_pj).cell(result.is_device ? std::string() : json_number(u.area_um2));
    members(table, u.actions, actions);
    table.end_row();
  }
  return table.text();
}

std::string phases_table(const SimulationResult& result) {
  Table table({"phase", "start_cycle", "end_cycle", "cycles", "macs", "mul", "add", "div", "exp", "cmp", "energy_pj",
               "dram_read_bytes", "dram_write_bytes"});
  for (const PhaseResult& p : result.training.phases) {
    table.cell(p.name).cell(p.start_cycle).cell(p.end_cycle).cell(p.cycles).cell(p.macs);
    operations(table, p.operations);
    table.cell(p.energy.total()).cell(p.dram_read_bytes).cell(p.dram_write_bytes).end_row();
  }
  return table.text();
}

}  // namespace

std::vector<std::pair<std::string, std::string>> csv_tables(const SimulationResult& result) {
  std::vector<std::pair<std::string, std::string>> tables{
      {"totals.csv", totals_table(result)}, {"layers.csv", layers_table(result)}, {"units.csv", units_table(result)}};
  if (result.training.present) tables.emplace_back("phases.csv", phases_table(result));
  return tables;
}

}  // namespace vitality
