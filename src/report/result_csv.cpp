#include "report/result_csv.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/json.h"
#include "base/text.h"
#include "report/result_fields.h"

namespace vitality {
namespace {

// The name of a field's column is its path in the JSON with "_" between the names. Columns that had other names before
// tables and JSON came from one list keep them: `path` at the beginning is replaced, and `suffix` added.
struct ColumnName {
  std::string_view path, replacement, suffix;
};
constexpr std::array<ColumnName, 13> kColumnNames{{
    {"operations_", "", ""},
    {"numerics_", "", ""},
    {"time_split_", "", "_cycles"},
    {"stall_cycles_", "stall_", "_cycles"},
    {"bytes_dram_by_operand_", "by_operand_", "_bytes"},
    {"bytes_dram_by_cause_", "dram_", "_bytes"},
    {"bytes_sram_by_cause_", "sram_", "_bytes"},
    {"bytes_noc_byte_hops", "noc_byte_hops", ""},
    {"bytes_", "", "_bytes"},
    {"roofline_a", "a", ""},  // attainable and achieved rates
    {"mask_pack", "pack", ""},
    {"mask_load", "load", ""},
    {"mask_fallback", "fallback", ""},
}};

std::string column_name(const std::string& path) {
  for (const ColumnName& name : kColumnNames)
    if (path.compare(0, name.path.size(), name.path) == 0)
      return std::string(name.replacement) + path.substr(name.path.size()) + std::string(name.suffix);
  return path;
}

struct Cell {
  std::string column, text;
  bool number_by_name;  // a member of an object of numbers; 0 in a row that lacks it
};
using Row = std::vector<Cell>;

// Rows may have columns that others lack. Such a column is placed behind the column that precedes it in the first row
// that has it.
std::string table_of(const std::vector<Row>& rows) {
  std::vector<std::pair<std::string, bool>> columns;
  for (const Row& row : rows) {
    auto next = columns.begin();
    for (const Cell& cell : row) {
      const auto same = [&](const auto& column) { return column.first == cell.column; };
      auto found = std::find_if(next, columns.end(), same);
      if (found == columns.end()) found = std::find_if(columns.begin(), next, same);
      if (found == columns.end() || !same(*found)) found = columns.insert(next, {cell.column, cell.number_by_name});
      next = found + 1;
    }
  }
  std::string out;
  for (std::size_t i = 0; i < columns.size(); ++i) out += (i > 0 ? "," : "") + csv_cell(columns[i].first);
  for (const Row& row : rows) {
    out += '\n';
    std::size_t guess = 0;  // cells are nearly always in the order of the columns
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto same = [&](const Cell& cell) { return cell.column == columns[i].first; };
      auto found = guess < row.size() && same(row[guess]) ? row.begin() + static_cast<std::ptrdiff_t>(guess)
                                                          : std::find_if(row.begin(), row.end(), same);
      if (i > 0) out += ',';
      if (found == row.end()) {
        out += columns[i].second ? "0" : "";
        continue;
      }
      out += csv_cell(found->text);
      guess = static_cast<std::size_t>(found - row.begin()) + 1;
    }
  }
  return out + '\n';
}

// Rows of the totals, the layers, the units and the phases of a training step; the rest of a result is not a table.
class TableVisitor : public ResultVisitor {
 public:
  explicit TableVisitor(bool is_device) : is_device_(is_device) {}

  std::vector<Row> totals, layers, units, phases;

  void count(const ResultField& field, std::int64_t& value) override { put(field, std::to_string(value)); }
  void seed(const ResultField& field, std::uint64_t& value) override { put(field, std::to_string(value)); }
  void number(const ResultField& field, double& value) override { put(field, json_number(value)); }
  void boolean(const ResultField& field, bool& value) override { put(field, value ? "1" : "0"); }
  void text(const ResultField& field, std::string& value) override { put(field, value); }
  void texts(const ResultField&, std::vector<std::string>&) override {}  // none in a row
  void counts(const ResultField& field, std::vector<std::pair<std::string, Count>>& value) override {
    for (const auto& [name, number] : value) put(field, name, std::to_string(number));
  }
  void numbers(const ResultField& field, std::vector<std::pair<std::string, double>>& value) override {
    for (const auto& [name, number] : value) put(field, name, json_number(number));
  }
  void values(const ResultField& field, std::vector<double>& value) override {
    const std::vector<std::string> ends{"low", "high"};  // no row has another list
    for (std::size_t i = 0; i < ends.size(); ++i) put(field, ends[i], i < value.size() ? json_number(value[i]) : "");
  }
  void traffic(const ResultField& field, std::vector<DramTraffic>& value) override {
    for (const DramTraffic& t : value) put(field, t.operand + "_" + t.cause, std::to_string(t.bytes));
  }
  void occupied(const ResultField&, std::vector<UnitResult>&, Cycles) override {}
  void json(const ResultField& field, std::string& text) override { put(field, text); }
  void group(const ResultField& field, bool& present, const Fields& fields) override {
    const std::string_view name = field.name;
    if (row_ == nullptr) {
      if (!present) return;
      if (name == "totals") begin(totals, fields, "total");
      if (name == "attention_totals") begin(totals, fields, "attention");
      if (name == "training") fields();  // its phases
      return;
    }
    // A row that lacks the group has empty cells, so that scripts find every column in every table.
    const std::size_t outer = path_.size();
    path_ += std::string(name) + "_";
    null_unless(present, fields);
    path_.resize(outer);
  }
  void together(bool present, const Fields& fields) override {
    if (present) fields();
  }
  void null_unless(bool known, const Fields& fields) override {
    const bool outer = known_;
    known_ = known_ && known;
    fields();
    known_ = outer;
  }
  void items(const ResultField& field, std::size_t size, const Element&, const Element& element) override {
    const std::string_view name = field.name;
    std::vector<Row>* table = name == "layers"   ? &layers
                              : name == "units"  ? &units
                              : name == "phases" ? &phases
                                                 : nullptr;
    for (std::size_t i = 0; table != nullptr && i < size; ++i) begin(*table, [&] { element(i); });
    for (Row& row : phases) row.front().column = "phase";
  }
  void expect(bool, const char*, const char*) override {}

 private:
  void begin(std::vector<Row>& table, const Fields& fields, const char* part = nullptr) {
    Row row;
    if (part != nullptr) row.push_back({"part", part, false});
    row_ = &row;
    fields();
    row_ = nullptr;
    table.push_back(std::move(row));
  }
  // The cycles of a device express time only, so its cells for cycles are empty.
  bool known(const ResultField& field) const {
    return known_ && !(is_device_ && std::string_view(field.unit) == "cycles");
  }
  void put(const ResultField& field, const std::string& text) {
    if (row_ == nullptr) return;
    row_->push_back({column_name(path_ + field.name), known(field) ? text : "", false});
  }
  void put(const ResultField& field, const std::string& member, const std::string& text) {
    if (row_ == nullptr || !known(field)) return;
    row_->push_back({column_name(path_ + field.name + "_" + member), text, true});
  }

  bool is_device_, known_ = true;
  std::string path_;
  Row* row_ = nullptr;
};

}  // namespace

std::vector<std::pair<std::string, std::string>> csv_tables(const SimulationResult& result) {
  TableVisitor visitor(result.is_device);
  SimulationResult copy = result;  // visitors take references, because the reader writes through them
  visit_fields(visitor, copy);
  std::vector<std::pair<std::string, std::string>> tables{{"totals.csv", table_of(visitor.totals)},
                                                          {"layers.csv", table_of(visitor.layers)},
                                                          {"units.csv", table_of(visitor.units)}};
  if (result.training.present) tables.emplace_back("phases.csv", table_of(visitor.phases));
  return tables;
}

}  // namespace vitality
