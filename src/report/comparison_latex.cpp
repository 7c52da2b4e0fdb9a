#include <algorithm>
#include <cmath>
#include <map>

#include "report/comparison_tables.h"
#include "report/significant.h"

namespace vitality {
namespace {

constexpr std::size_t kOneColumn = 6;  // columns of a table that fits a column of a page
const std::vector<std::string> kFitting{"latency_ms", "speedup", "energy_mj", "gain"};

const char* const kHead =
    "% Packages: booktabs, graphicx. A table that is wider than its place is scaled down to it.\n"
    "\\makeatletter\n"
    "\\providecommand{\\vitalityfit}[1]{\\sbox0{#1}\\ifdim\\wd0>\\linewidth"
    "\\resizebox{\\linewidth}{!}{\\usebox0}\\else\\usebox0\\fi}\n"
    "\\makeatother\n\n";

std::string escaped(const std::string& text) {
  static const std::map<char, std::string> special{{'\\', "\\textbackslash{}"},
                                                   {'~', "\\textasciitilde{}"},
                                                   {'^', "\\textasciicircum{}"},
                                                   {'<', "\\textless{}"},
                                                   {'>', "\\textgreater{}"},
                                                   {'|', "\\textbar{}"},
                                                   {'"', "''"}};
  std::string out;
  for (const char c : text) {
    if (const auto found = special.find(c); found != special.end())
      out += found->second;
    else
      out += (std::string("_%&#${}").find(c) == std::string::npos ? "" : "\\") + std::string(1, c);
  }
  return out;
}

// A heading of two lines: what, and its unit.
std::pair<std::string, std::string> heading(const std::string& head) {
  if (head == "speedup" || head == "gain" || head == "chip gain") return {head, "$\\times$"};
  for (const char* const unit : {" ms", " mJ", " %"})
    if (const std::size_t at = head.rfind(unit);
        at != std::string::npos && at + std::string(unit).size() == head.size())
      return {head.substr(0, at), escaped(unit + 1)};
  return {escaped(head), ""};
}

// 4.21x -> 4.21, as the unit stands in the heading; a dash for what is not known.
std::string cell(const std::string& text) {
  if (text == "-") return "--";
  const std::size_t end = std::min(text.find(' '), text.size());  // of the number; a range may follow
  const bool ratio = end > 1 && text[end - 1] == 'x' && std::isdigit(static_cast<unsigned char>(text[end - 2]));
  return escaped(ratio ? text.substr(0, end - 1) + text.substr(end) : text);
}

std::string label_of(const std::string& title) {
  std::string out;
  for (const char c : title) {
    const bool good = std::isalnum(static_cast<unsigned char>(c));
    if (good) out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (!good && !out.empty() && out.back() != '-') out += '-';
  }
  return out;
}

const std::map<std::string, std::string>& tag_meanings() {
  static const std::map<std::string, std::string> meanings{
      {"simulated", "simulated"},
      {"scaled", "simulated, resized to the budget of the reference"},
      {"published", "the authors' released cost model"},
      {"corrected", "the authors' released cost model, corrected"},
      {"analytic", "roofline of data-sheet peaks"},
      {"measured", "wall clock"}};
  return meanings;
}

// Footnotes a, b, ... in the order of appearance.
class Notes {
 public:
  std::string mark(const std::string& text) {
    auto at = std::find(texts_.begin(), texts_.end(), text);
    if (at == texts_.end()) at = texts_.insert(at, text);
    return "\\textsuperscript{" + sign(static_cast<std::size_t>(at - texts_.begin())) + "}";
  }
  std::string write() const {
    std::string out;
    for (std::size_t i = 0; i < texts_.size(); ++i)
      out += (i ? "; " : "") + ("\\textsuperscript{" + sign(i) + "}\\,") + escaped(texts_[i]);
    return out;
  }

 private:
  static std::string sign(std::size_t i) { return std::string(1, static_cast<char>('a' + i % 26)); }
  std::vector<std::string> texts_;
};

// The float around rows; `body` are the lines of the tabular.
std::string float_of(const std::string& caption, const std::string& label, std::size_t columns, const std::string& body,
                     const std::string& notes) {
  const std::string environment = columns > kOneColumn ? "table*" : "table";
  return "\\begin{" + environment + "}[t]\n\\centering\n\\caption{" + caption + "}\n\\label{tab:" + label +
         "}\n\\footnotesize\n\\setlength{\\tabcolsep}{3pt}\n\\vitalityfit{\\begin{tabular}{@{}l" +
         std::string(columns - 1, 'r') + "@{}}\n\\toprule\n" + body + "\\bottomrule\n\\end{tabular}}\n" +
         "\\par\\smallskip\\parbox{\\linewidth}{\\raggedright\\scriptsize " + notes + ".}\n\\end{" + environment +
         "}\n\n";
}

std::string caption_of(const TableView& view, const std::string& what) {
  return (view.caption.empty() ? "" : escaped(view.caption) + ": ") + escaped(what);
}

std::string scope_float(const Comparison& comparison, std::size_t workload, bool attention, const TableView& view) {
  const ComparisonTable table =
      scope_table(comparison, workload, attention, view.columns.empty() ? kFitting : view.columns, true);
  Notes notes;
  std::string first, second, body;
  const std::size_t columns = table.head.size() - 1;  // the tag is a footnote
  for (std::size_t c = 1; c < columns; ++c) {
    const auto [what, unit] = heading(table.head[c]);
    first += " & " + what, second += " & " + unit;
  }
  body = "machine" + first + " \\\\\n" + second + " \\\\\n\\midrule\n";
  for (const auto& row : table.rows) {
    const auto meaning = tag_meanings().find(row.back());
    body += escaped(row[0]) + notes.mark(meaning == tag_meanings().end() ? row.back() : meaning->second);
    for (std::size_t c = 1; c < columns; ++c) body += " & " + cell(row[c]);
    body += " \\\\\n";
  }
  return float_of(
      caption_of(view, table.title), label_of(table.title), columns, body,
      "Speedup, gain (inferences a joule): against " + escaped(comparison.reference) + ". " +
          (body.find(" (") == std::string::npos ? "" : "In brackets: as far as energy prices may be off. ") +
          notes.write());
}

// The mean of a ratio over the models, and its range where there are several: 1.23 (0.98--1.51).
std::string with_range(const Comparison& comparison, std::size_t machine, double mean,
                       ComparedScope ComparedPair::*scope, double ComparedScope::*ratio) {
  if (!std::isfinite(mean)) return "--";
  double low = INFINITY, high = 0;
  std::size_t count = 0;
  for (std::size_t w = 0; w < comparison.workloads.size(); ++w) {
    const double value = comparison.pair(machine, w).*scope.*ratio;
    if (!std::isfinite(value)) continue;
    low = std::min(low, value), high = std::max(high, value), ++count;
  }
  return significant(mean, 3) + (count > 1 ? " (" + significant(low, 3) + "--" + significant(high, 3) + ")" : "");
}

std::string mean_float(const Comparison& comparison, const TableView& view) {
  Notes notes;
  std::string body =
      " & \\multicolumn{2}{c}{end to end} & \\multicolumn{2}{c}{attention} \\\\\n"
      "machine & speedup & gain & speedup & gain \\\\\n\\midrule\n";
  for (std::size_t m = 0; m < comparison.machines.size(); ++m) {
    const ComparedMachine& machine = comparison.machines[m];
    const auto meaning = tag_meanings().find(machine.tag);
    body += escaped(machine.name) + notes.mark(meaning == tag_meanings().end() ? machine.tag : meaning->second);
    const auto add = [&](double mean, ComparedScope ComparedPair::*scope, double ComparedScope::*ratio) {
      body += " & " + with_range(comparison, m, mean, scope, ratio);
    };
    add(machine.speedup, &ComparedPair::whole, &ComparedScope::speedup);
    add(machine.efficiency_gain, &ComparedPair::whole, &ComparedScope::efficiency_gain);
    add(machine.attention_speedup, &ComparedPair::attention, &ComparedScope::speedup);
    add(machine.attention_efficiency_gain, &ComparedPair::attention, &ComparedScope::efficiency_gain);
    body += " \\\\\n";
  }
  return float_of(caption_of(view, "geometric means over models, with smallest and largest"), "means", 5, body,
                  "Against " + escaped(comparison.reference) + ". " + notes.write());
}

}  // namespace

std::string comparison_latex(const Comparison& original, const TableView& view) {
  const Comparison comparison = shown(original, view);
  std::string out = kHead;
  for (std::size_t w = 0; w < comparison.workloads.size(); ++w)
    out += scope_float(comparison, w, true, view) + scope_float(comparison, w, false, view);
  out += mean_float(comparison, view);
  for (const std::string& remark : remarks_of(comparison)) out += "% " + remark + "\n";
  return out;
}

}  // namespace vitality
