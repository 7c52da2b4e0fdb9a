#include "report/page/figures.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <set>
#include <utility>

namespace vitality {
namespace {

// The colours of Okabe and Ito, as on the page.
constexpr const char* kColors[] = {"#0072b2", "#e69f00", "#009e73", "#d55e00",
                                   "#56b4e9", "#cc79a7", "#8c7a00", "#5a6572"};
// After these eight, hues are turned by the golden angle, as on the page (theme.js): any number of machines, all
// different.
std::string color(std::size_t index) {
  if (index < std::size(kColors)) return kColors[index];
  const double hue = std::fmod(137.508 * static_cast<double>(index), 360.0) / 30;
  const double lightness = index % 2 == 0 ? 0.35 : 0.6, reach = 0.65 * std::min(lightness, 1 - lightness);
  char text[8];
  const auto part = [&](int offset) {
    const double k = std::fmod(offset + hue, 12.0);
    return static_cast<int>(std::lround(255 * (lightness - reach * std::max(-1.0, std::min({k - 3, 9 - k, 1.0})))));
  };
  std::snprintf(text, sizeof text, "#%02x%02x%02x", part(0) & 255, part(8) & 255, part(4) & 255);
  return text;
}
std::string named_color(const std::string& name, std::size_t index) {
  static const std::map<std::string, std::string> kNamed{
      {"compute", kColors[0]},    {"busy", kColors[0]},       {"stationary_load", kColors[4]},
      {"fill_drain", kColors[2]}, {"dram", kColors[3]},       {"buffer", kColors[1]},
      {"sram", kColors[1]},       {"dependency", kColors[5]}, {"scratchpad", kColors[6]},
      {"noc", color(8)},          {"idle", "#d9dee4"},        {"leakage", kColors[7]},
      {"controller", kColors[7]}};
  const auto found = kNamed.find(name);
  return found == kNamed.end() ? color(index) : found->second;
}

// How the bars of a part are filled: solid, then hatched, so that neighbours differ in grey print too.
std::string fill(std::size_t index, const std::string& colour) {
  static const int kPatterns[] = {3, 4, 5, 1, 7, 6, 2};
  return " fs pattern " + std::to_string(kPatterns[index % std::size(kPatterns)]) + " border lc rgb '" + colour + "'";
}

std::string plain(const std::string& text) {
  std::string out;
  for (const char c : text.substr(0, 200)) {
    const bool unsafe = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    out += unsafe || c == '\\' ? ' ' : c == '`' || c == '"' || c == '\'' ? '\'' : c == '_' ? ' ' : c;
  }
  while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xc0) == 0x80 && text.size() > 200) out.pop_back();
  return out;
}
// The label of a tic in a list: gnuplot formats it with the value of the tic.
std::string percents_doubled(const std::string& text) {
  std::string out;
  for (const char c : text) out.append(c == '%' ? 2 : 1, c);
  return out;
}
// "text" in a block of data, where gnuplot expands nothing.
std::string data_text(const std::string& text) {
  std::string out = plain(text);
  std::replace(out.begin(), out.end(), '\'', ' ');
  return "\"" + out + "\"";
}

std::string number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", value);
  return std::isfinite(value) ? text : "NaN";
}

std::string slug(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool good = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
    if (good)
      out += lower;
    else if (!out.empty() && out.back() != '-')
      out += '-';
  }
  out = out.substr(0, 60);
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out.empty() ? "x" : out;
}

std::string place_of(const std::string& name) {  // blocks.3.attn -> blocks.*.attn
  std::string out;
  for (std::size_t i = 0; i < name.size();) {
    const auto edge = [](char c) { return c == '.' || c == '_' || c == '/'; };
    std::size_t end = i;
    while (end < name.size() && std::isdigit(static_cast<unsigned char>(name[end]))) ++end;
    const bool whole = end > i && (i == 0 || edge(name[i - 1])) && (end == name.size() || edge(name[end]));
    if (whole) {
      out += '*', i = end;
    } else {
      out += name[i++];
    }
  }
  return out;
}

const char* const kFrame =
    "set border 3 lc rgb '#5a6572'\nset tics nomirror out\nset grid ytics lc rgb '#e6e9ed' lt 1\n"
    "set key outside top left horizontal Left reverse samplen 1.5\n";

// Rows of stacked parts, each with a name; parts are listed in the order of appearance.
class Stack {
 public:
  void add(const std::string& row, const std::string& part, double value) {
    index(rows_, row);
    index(parts_, part);
    values_[{row, part}] += value;
  }
  bool empty() const { return rows_.empty(); }
  std::size_t rows() const { return rows_.size(); }

  // top: end of the y axis, "*" where the values decide it.
  std::string commands(const std::string& title, const std::string& unit, const char* top) const {
    std::string out = "$d << EOD\n";
    for (const std::string& row : rows_) {
      out += data_text(row);
      for (const std::string& part : parts_) {
        const auto found = values_.find({row, part});
        out += " " + number(found == values_.end() ? 0 : found->second);
      }
      out += "\n";
    }
    out += "EOD\n" + std::string(kFrame) + "set title " + gnuplot_text(title) + "\nset ylabel " + gnuplot_text(unit) +
           "\nset style data histograms\nset style histogram rowstacked\n"
           "set boxwidth 0.8\nset yrange [0:" +
           top + "]\nset xtics rotate by -35 left\nplot";
    for (std::size_t p = 0; p < parts_.size(); ++p)
      out += (p ? ", $d using " : " $d using ") + std::to_string(p + 2) + (p == 0 ? ":xtic(1)" : "") + " title " +
             gnuplot_text(parts_[p]) + " lc rgb '" + named_color(parts_[p], p) + "'" +
             fill(p, named_color(parts_[p], p));
    return out + "\n";
  }

 private:
  static void index(std::vector<std::string>& names, const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  std::vector<std::string> rows_, parts_;
  std::map<std::pair<std::string, std::string>, double> values_;
};

double wide_enough(std::size_t rows) {
  return std::min(60.0, std::max(14.0, 4 + 0.9 * static_cast<double>(rows)));
}

class ResultFigures {
 public:
  ResultFigures(const ReportResult& item, const std::string& prefix, std::vector<Figure>& out)
      : item_(item), prefix_(prefix), out_(out) {}

  void draw() {
    roofline();
    stacks();
    occupancy();
    timeline();
  }

 private:
  double ms(Cycles cycles) const { return static_cast<double>(cycles) / item_.clock_mhz / 1e3; }
  bool drawn(const LayerResult& layer) const { return layer.executed && layer.end_cycle > layer.start_cycle; }
  void add(const char* name, std::string commands, double width, double height) {
    out_.push_back({prefix_ + "-" + name, std::move(commands), width, height});
  }

  void roofline() {
    std::map<std::string, std::string> points;
    double low = 1e300, high = 0;
    for (const LayerResult& layer : item_.result.layers) {
      if (!drawn(layer) || layer.macs == 0 || layer.macs_per_dram_byte <= 0 || item_.clock_mhz <= 0) continue;
      const double seconds = ms(layer.prefetch.cycles + layer.end_cycle - layer.start_cycle) / 1e3;
      points[layer.kind] +=
          number(layer.macs_per_dram_byte) + " " + number(2e-9 * static_cast<double>(layer.macs) / seconds) + "\n";
      low = std::min(low, layer.macs_per_dram_byte), high = std::max(high, layer.macs_per_dram_byte);
    }
    if (points.empty()) return;
    const double knee = item_.dram_gb_s > 0 ? item_.peak_gops / (2 * item_.dram_gb_s) : low;
    low = std::min(low, knee) / 2.5, high = std::max(high, knee) * 2.5;
    std::string script, plot;
    std::size_t k = 0;
    for (const auto& [kind, data] : points) {
      const std::string block = "$k" + std::to_string(k);
      script.append(block).append(" << EOD\n").append(data).append("EOD\n");
      plot += ", " + block + " using 1:2 with points pt " + std::to_string(5 + 2 * (k % 5)) + " ps 0.8 lc rgb '" +
              color(k) + "' title " + gnuplot_text(kind);
      ++k;
    }
    script += "$roof << EOD\n";
    if (item_.dram_gb_s > 0) script += number(low) + " " + number(2 * low * item_.dram_gb_s) + "\n";
    script +=
        number(knee) + " " + number(item_.peak_gops) + "\n" + number(high) + " " + number(item_.peak_gops) + "\nEOD\n";
    char roof[120];
    std::snprintf(roof, sizeof roof, "%.4g GB/s, %.4g GOP/s", item_.dram_gb_s, item_.peak_gops);
    script += std::string(kFrame) + "set grid xtics ytics lc rgb '#e6e9ed' lt 1\nset logscale xy\nset title " +
              gnuplot_text(item_.label) +
              "\nset xlabel 'MACs per DRAM byte'\nset ylabel 'GOP/s (1 MAC = 2 operations)'\nset xrange [" +
              number(low) + ":" + number(high) + "]\nset yrange [*:" + number(item_.peak_gops * 1.8) +
              "]\nplot $roof using 1:2 with lines lw 2 lc rgb '#1a2027' title " + gnuplot_text(roof) + plot + "\n";
    add("roofline", script, 14, 10);
  }

  void stacks() {
    Stack time, energy, units, unit_energy;
    for (const LayerResult& layer : item_.result.layers) {
      if (!drawn(layer)) continue;
      const std::string row = place_of(layer.name);
      for (const auto& [cause, cycles] : layer.time_split)
        time.add(row, cause, item_.clock_mhz > 0 ? ms(cycles) : static_cast<double>(cycles));
      const EnergyBreakdown& e = layer.energy;
      for (const auto& [part, pj] : {std::pair<const char*, double>{"compute", e.compute},
                                     {"sram", e.sram},
                                     {"noc", e.noc},
                                     {"dram", e.dram},
                                     {"leakage", e.leakage}})
        if (e.total() > 0) energy.add(row, part, pj / 1e6);
    }
    for (const UnitResult& unit : item_.result.units) {
      // In double, because counts come from a file and their sum may not fit an integer.
      double total = static_cast<double>(unit.busy_cycles) + static_cast<double>(unit.idle_cycles);
      for (const auto& stall : unit.stall_cycles) total += static_cast<double>(stall.second);
      const auto share = [&](Cycles cycles) { return total > 0 ? 100.0 * static_cast<double>(cycles) / total : 0; };
      units.add(unit.name, "busy", share(unit.busy_cycles));
      for (const auto& [cause, cycles] : unit.stall_cycles) units.add(unit.name, cause, share(cycles));
      if (unit.energy_pj > 0) unit_energy.add(unit.name, "energy", unit.energy_pj / 1e6);
    }
    for (const UnitResult& unit : item_.result.units) {
      const Cycles total = std::max<Cycles>(1, item_.result.totals.cycles);
      units.add(unit.name, "idle", 100.0 * static_cast<double>(unit.idle_cycles) / static_cast<double>(total));
    }
    const auto put = [&](const Stack& stack, const char* name, const char* unit, const char* top = "*") {
      if (!stack.empty()) add(name, stack.commands(item_.label, unit, top), wide_enough(stack.rows()), 10);
    };
    put(time, "time", item_.clock_mhz > 0 ? "time (ms)" : "cycles");
    put(energy, "energy-layers", "energy (uJ)");
    put(units, "units", "share of all cycles (%)", "100");
    put(unit_energy, "energy-units", "energy (uJ)");
  }

  // One lane per unit, shaded by the share of each bin in which the unit held a job.
  void occupancy() {
    std::vector<std::string> units;
    std::string data;
    const SimulationResult& result = item_.result;
    for (const UnitResult& unit : result.units) {
      if (unit.occupied.empty() || item_.clock_mhz <= 0) continue;
      const auto lane = static_cast<double>(units.size());
      units.push_back(unit.name);
      for (std::size_t i = 0; i < unit.occupied.size(); ++i) {
        // Compares by a division, because the numbers come from a file and a product or sum might not fit.
        if (i > 0 && result.bin_cycles > result.totals.cycles / static_cast<Cycles>(i)) break;
        const Cycles from = static_cast<Cycles>(i) * result.bin_cycles;
        const Cycles to = from + std::min(result.bin_cycles, result.totals.cycles - from);
        if (unit.occupied[i] == 0 || to <= from) continue;
        data += number((ms(from) + ms(to)) / 2) + " " + number(lane) + " " + number(ms(from)) + " " + number(ms(to)) +
                " " + number(lane - 0.36) + " " + number(lane + 0.36) + " " +
                number(static_cast<double>(unit.occupied[i]) / static_cast<double>(to - from)) + "\n";
      }
    }
    if (data.empty()) return;
    std::string tics;
    for (std::size_t i = 0; i < units.size(); ++i)
      tics += (i ? ", " : "") + gnuplot_text(percents_doubled(units[i])) + " " + std::to_string(i);
    add("unit-timeline",
        "$o << EOD\n" + data + "EOD\n" + kFrame + "set title " + gnuplot_text(item_.label) +
            "\nset xlabel 'time (ms)'\nset ytics (" + tics + ")\nset yrange [" +
            number(static_cast<double>(units.size()) - 0.4) + ":-0.6]\nset xrange [0:" +
            number(ms(result.totals.cycles)) + "]\nset palette defined (0 '#ffffff', 1 '" + color(0) +
            "')\nset cbrange [0:1]\nset cblabel 'share of the time occupied'\nplot $o using 1:2:3:4:5:6:7 with "
            "boxxyerror fs "
            "solid 1 noborder fc palette notitle\n",
        24, 4 + 0.8 * static_cast<double>(units.size()));
  }

  void timeline() {
    std::vector<std::string> kinds;
    std::map<std::string, std::string> bars;  // by bottleneck
    for (const LayerResult& layer : item_.result.layers) {
      if (!drawn(layer) || item_.clock_mhz <= 0) continue;
      const auto found = std::find(kinds.begin(), kinds.end(), layer.kind);
      const auto lane = static_cast<double>(found - kinds.begin());
      if (found == kinds.end()) kinds.push_back(layer.kind);
      const double from = ms(layer.start_cycle), to = ms(layer.end_cycle);
      bars[layer.bottleneck.empty() ? "none" : layer.bottleneck] +=
          number((from + to) / 2) + " " + number(lane) + " " + number(from) + " " + number(to) + " " +
          number(lane - 0.36) + " " + number(lane + 0.36) + "\n";
    }
    if (kinds.empty()) return;
    std::string script, plot, tics;
    std::size_t k = 0;
    for (const auto& [cause, data] : bars) {
      const std::string block = "$b" + std::to_string(k);
      script.append(block).append(" << EOD\n").append(data).append("EOD\n");
      plot += std::string(k ? ", " : " ") + block +
              " using 1:2:3:4:5:6 with boxxyerror fs solid 1 border lc rgb '#ffffff' fc rgb '" + named_color(cause, k) +
              "' title " + gnuplot_text(cause);
      ++k;
    }
    for (std::size_t i = 0; i < kinds.size(); ++i)
      tics += (i ? ", " : "") + gnuplot_text(percents_doubled(kinds[i])) + " " + std::to_string(i);
    script += std::string(kFrame) + "set grid xtics lc rgb '#e6e9ed' lt 1\nset title " + gnuplot_text(item_.label) +
              "\nset xlabel 'time (ms)'\nset ytics (" + tics + ")\nset yrange [" +
              number(static_cast<double>(kinds.size()) - 0.4) +
              ":-0.6]\nset xrange [0:" + number(ms(item_.result.totals.cycles)) + "]\nplot" + plot + "\n";
    add("timeline", script, 24, 4 + 0.8 * static_cast<double>(kinds.size()));
  }

  const ReportResult& item_;
  std::string prefix_;
  std::vector<Figure>& out_;
};

struct Bars {  // machines beside each other, one group per model
  std::vector<std::string> machines, workloads;
  std::function<double(std::size_t machine, std::size_t workload)> value;
};

std::string bars_commands(const Bars& bars, const std::string& title, const std::string& unit) {
  std::string out = "$d << EOD\n", plot;
  double low = INFINITY, high = 0;
  for (std::size_t w = 0; w < bars.workloads.size(); ++w) {
    out += data_text(bars.workloads[w]);
    for (std::size_t m = 0; m < bars.machines.size(); ++m) {
      const double value = bars.value(m, w);
      out += " " + number(value);
      if (value > 0 && std::isfinite(value)) low = std::min(low, value), high = std::max(high, value);
    }
    out += "\n";
  }
  for (std::size_t m = 0; m < bars.machines.size(); ++m)
    plot += (m ? ", $d using " : " $d using ") + std::to_string(m + 2) + (m == 0 ? ":xtic(1)" : "") + " title " +
            gnuplot_text(bars.machines[m]) + " lc rgb '" + color(m) + "'" + fill(m, color(m));
  return out + "EOD\n" + kFrame + "set title " + gnuplot_text(title) + "\nset ylabel " + gnuplot_text(unit) +
         "\nset style data histograms\nset style histogram clustered gap 1\n" +
         // If bars differ by more than a factor of ten, a logarithmic axis keeps the small ones visible.
         (high > 10 * low ? "set logscale y\nset yrange [" + number(low / 2) + ":*]" : "set yrange [0:*]") +
         "\nset xtics rotate by -20 left\nplot" + plot + "\n";
}

void comparison_figures(const ReportComparison& comparison, const std::string& prefix, std::vector<Figure>& out) {
  Bars bars{{}, comparison.workloads, {}};
  for (const auto& machine : comparison.machines)
    bars.machines.push_back(machine.name + (machine.tag.empty() ? "" : " (" + machine.tag + ")"));
  using Scope = ReportComparedPair::Scope;
  const auto draw = [&](const char* name, const char* unit, Scope ReportComparedPair::*scope, double Scope::*field) {
    bool known = false;
    bars.value = [&](std::size_t m, std::size_t w) {
      for (const ReportComparedPair& pair : comparison.pairs)
        if (pair.machine == m && pair.workload == w) return (pair.*scope).*field;
      return std::nan("");
    };
    for (std::size_t m = 0; m < bars.machines.size(); ++m)
      for (std::size_t w = 0; w < bars.workloads.size(); ++w) known = known || std::isfinite(bars.value(m, w));
    if (known)
      out.push_back({prefix + "-" + name, bars_commands(bars, "relative to " + comparison.machines[0].name, unit),
                     wide_enough(bars.machines.size() * bars.workloads.size()), 9});
  };
  draw("speedup", "speedup (x)", &ReportComparedPair::whole, &Scope::speedup);
  draw("efficiency", "energy-efficiency gain (x)", &ReportComparedPair::whole, &Scope::efficiency_gain);
  draw("attention-speedup", "speedup of attention (x)", &ReportComparedPair::attention, &Scope::speedup);
  draw("attention-efficiency", "energy-efficiency gain of attention (x)", &ReportComparedPair::attention,
       &Scope::efficiency_gain);
}

// The first run of every machine on every model, latency and energy side by side.
void run_figures(const std::vector<ReportResult>& results, std::vector<Figure>& out) {
  if (results.size() < 2) return;
  Bars bars;
  for (const ReportResult& item : results) {
    if (std::find(bars.machines.begin(), bars.machines.end(), item.machine) == bars.machines.end())
      bars.machines.push_back(item.machine);
    if (std::find(bars.workloads.begin(), bars.workloads.end(), item.result.workload_name) == bars.workloads.end())
      bars.workloads.push_back(item.result.workload_name);
  }
  if (bars.machines.size() < 2) return;
  const auto draw = [&](const char* name, const char* unit, double Totals::*field) {
    bars.value = [&](std::size_t m, std::size_t w) {
      for (const ReportResult& item : results)
        if (item.machine == bars.machines[m] && item.result.workload_name == bars.workloads[w])
          return item.result.totals.*field;
      return std::nan("");
    };
    out.push_back({std::string("runs-") + name, bars_commands(bars, "Machines side by side", unit),
                   wide_enough(bars.machines.size() * bars.workloads.size()), 9});
  };
  draw("latency", "latency (ms)", &Totals::latency_ms);
  draw("energy", "energy (mJ)", &Totals::energy_mj);
}

class SweepFigures {
 public:
  SweepFigures(const ReportSweep& sweep, const std::string& prefix, std::vector<Figure>& out)
      : sweep_(sweep), prefix_(prefix), out_(out) {
    for (const Objective& objective : sweep.objectives)
      if (const auto at = std::find(sweep.metrics.begin(), sweep.metrics.end(), objective.name);
          at != sweep.metrics.end())
        objectives_.push_back({static_cast<std::size_t>(at - sweep.metrics.begin()), objective.maximize});
  }

  void draw() {
    for (std::size_t w = 0; w < sweep_.workloads.size(); ++w) {
      for (std::size_t a = 0; a + 1 < objectives_.size(); ++a)
        for (std::size_t b = a + 1; b < objectives_.size(); ++b) pareto(w, objectives_[a], objectives_[b]);
      if (!objectives_.empty())
        for (std::size_t a = 0; a < sweep_.axes.size(); ++a) sensitivity(w, a, objectives_[0].metric);
    }
  }

 private:
  struct Goal {
    std::size_t metric;
    bool maximize;
  };
  bool counts(const ReportSweep::Point& point, std::size_t workload, std::size_t metric) const {
    return point.workload == workload && point.status == PointStatus::kOk && std::isfinite(point.totals[metric]);
  }
  std::string file(std::size_t workload, const std::string& what) const {
    return prefix_ + "-" + slug(sweep_.workloads[workload]) + "-" + what;
  }

  void pareto(std::size_t workload, Goal x, Goal y) {
    std::vector<std::pair<double, double>> points, front;
    bool positive = true;
    for (const ReportSweep::Point& point : sweep_.points) {
      if (!counts(point, workload, x.metric) || !counts(point, workload, y.metric)) continue;
      points.emplace_back(point.totals[x.metric], point.totals[y.metric]);
      positive = positive && points.back().first > 0 && points.back().second > 0;
    }
    if (points.empty()) return;
    const double sx = x.maximize ? -1 : 1, sy = y.maximize ? -1 : 1;
    std::vector<std::pair<double, double>> sorted = points;
    std::sort(sorted.begin(), sorted.end(), [&](const auto& a, const auto& b) {
      return std::make_pair(sx * a.first, sy * a.second) < std::make_pair(sx * b.first, sy * b.second);
    });
    for (const auto& point : sorted)
      if (front.empty() || sy * point.second < sy * front.back().second) front.push_back(point);
    if (x.maximize) std::reverse(front.begin(), front.end());
    const auto block = [](const char* name, const std::vector<std::pair<double, double>>& data) {
      std::string text = std::string(name) + " << EOD\n";
      for (const auto& [a, b] : data) text += number(a) + " " + number(b) + "\n";
      return text + "EOD\n";
    };
    const std::string& x_name = sweep_.metrics[x.metric];
    const std::string& y_name = sweep_.metrics[y.metric];
    out_.push_back(
        {file(workload, "pareto-" + slug(x_name) + "-" + slug(y_name)),
         block("$p", points) + block("$f", front) + kFrame + "set grid xtics ytics lc rgb '#e6e9ed' lt 1\n" +
             (positive ? "set logscale xy\n" : "") + "set title " + gnuplot_text(sweep_.workloads[workload]) +
             "\nset xlabel " + gnuplot_text(x_name) + "\nset ylabel " + gnuplot_text(y_name) +
             "\nplot $p using 1:2 with points pt 7 ps 0.3 lc rgb '#8056b4e9' title 'designs', $f using 1:2 with " +
             (x.maximize ? "fillsteps fs empty" : "steps") +
             " lw 1.5 lc rgb '#1a2027' notitle, $f using 1:2 with points pt 7 ps 0.5 lc rgb '#d55e00' title 'Pareto "
             "front'\n",
         14, 10});
  }

  using Level = std::uint32_t;
  struct MainEffect {
    std::vector<std::pair<Level, double>> values;  // of the axis, with the metric
    bool fitted = false;
  };

  // As on the page (sweep.js, effects): uses the designs whose other values have a result with every value of this
  // axis. If there are none, uses all designs, minus the fitted effects of their other axes.
  MainEffect main_effect(std::size_t workload, std::size_t axis, std::size_t metric) const {
    std::vector<const ReportSweep::Point*> known;
    std::map<std::vector<Level>, std::map<Level, double>> groups;
    std::set<Level> levels;
    for (const ReportSweep::Point& point : sweep_.points) {
      if (!counts(point, workload, metric)) continue;
      known.push_back(&point);
      std::vector<Level> others(point.design.begin(), point.design.end());
      const Level level = std::exchange(others[axis], 0);
      groups[others][level] = point.totals[metric];
      levels.insert(level);
    }
    MainEffect out;
    for (const auto& group : groups)
      if (group.second.size() == levels.size())
        out.values.insert(out.values.end(), group.second.begin(), group.second.end());
    if (!out.values.empty()) return out;
    out.fitted = true;
    const std::vector<std::vector<double>> effects = fit(known, metric);
    for (const ReportSweep::Point* point : known) {
      double value = point->totals[metric];
      for (std::size_t a = 0; a < effects.size(); ++a)
        if (a != axis) value -= effects[a][point->design[a]];
      out.values.emplace_back(point->design[axis], value);
    }
    return out;
  }

  // One effect per value of each axis, by least squares: Gauss-Seidel on the normal equations.
  std::vector<std::vector<double>> fit(const std::vector<const ReportSweep::Point*>& known, std::size_t metric) const {
    std::vector<std::vector<double>> effects;
    for (const auto& axis : sweep_.axes) effects.emplace_back(axis.values.size(), 0.0);
    std::vector<double> rest;
    rest.reserve(known.size());
    double mean = 0;
    for (const ReportSweep::Point* point : known) mean += point->totals[metric] / static_cast<double>(known.size());
    for (const ReportSweep::Point* point : known) rest.push_back(point->totals[metric] - mean);
    for (int round = 0; round < 50; ++round)
      for (std::size_t a = 0; a < effects.size(); ++a) {
        std::vector<double> step(effects[a].size(), 0.0), count(effects[a].size(), 0.0);
        for (std::size_t i = 0; i < known.size(); ++i)
          step[known[i]->design[a]] += rest[i], count[known[i]->design[a]] += 1;
        for (std::size_t v = 0; v < step.size(); ++v) {
          step[v] = count[v] > 0 ? step[v] / count[v] : 0;
          effects[a][v] += step[v];
        }
        for (std::size_t i = 0; i < known.size(); ++i) rest[i] -= step[known[i]->design[a]];
      }
    return effects;
  }

  void sensitivity(std::size_t workload, std::size_t axis, std::size_t metric) {
    const MainEffect effect = main_effect(workload, axis, metric);
    std::vector<std::vector<double>> by_value(sweep_.axes[axis].values.size());
    for (const auto& [level, value] : effect.values) by_value[level].push_back(value);
    std::string data;
    std::size_t rows = 0;
    for (std::size_t v = 0; v < by_value.size(); ++v) {
      std::vector<double>& values = by_value[v];
      if (values.empty()) continue;
      std::sort(values.begin(), values.end());
      double total = 0;
      for (const double value : values) total += value;
      const auto at = [&](double q) {
        return values[std::min(values.size() - 1, static_cast<std::size_t>(q * static_cast<double>(values.size())))];
      };
      data += data_text(to_string(sweep_.axes[axis].values[v])) + " " + std::to_string(rows++) + " " +
              number(total / static_cast<double>(values.size())) + " " + number(at(0.1)) + " " + number(at(0.9)) + "\n";
    }
    if (rows < 2) return;
    out_.push_back({file(workload, "by-" + slug(sweep_.axes[axis].key)),
                    "$d << EOD\n" + data + "EOD\n" + kFrame + "set title " + gnuplot_text(sweep_.workloads[workload]) +
                        "\nset xlabel " + gnuplot_text(sweep_.axes[axis].key) + "\nset ylabel " +
                        gnuplot_text(sweep_.metrics[metric]) +
                        "\nset yrange [0:*]\nset xrange [-0.5:" + number(static_cast<double>(rows) - 0.5) +
                        "]\nplot $d using 2:4:5 with filledcurves fc rgb '#c056b4e9' title '10th to 90th percentile', "
                        "$d using 2:3:xtic(1) with linespoints pt 7 lw 2 lc rgb '#0072b2' title '" +
                        (effect.fitted ? "fitted main effect" : "mean of matched designs") + "'\n",
                    12, 8});
  }

  const ReportSweep& sweep_;
  std::string prefix_;
  std::vector<Figure>& out_;
  std::vector<Goal> objectives_;
};

}  // namespace

std::string gnuplot_text(const std::string& text) {
  std::string out = plain(text);
  std::replace(out.begin(), out.end(), '\'', ' ');
  return "'" + out + "'";
}

std::vector<Figure> figures_of(const ReportInput& input) {
  std::vector<Figure> out;
  run_figures(input.results, out);
  for (std::size_t i = 0; i < input.results.size(); ++i)
    ResultFigures(input.results[i], "run" + std::to_string(i + 1) + "-" + slug(input.results[i].label), out).draw();
  for (std::size_t i = 0; i < input.comparisons.size(); ++i)
    comparison_figures(input.comparisons[i], "comparison" + std::to_string(i + 1), out);
  for (std::size_t i = 0; i < input.sweeps.size(); ++i)
    SweepFigures(input.sweeps[i], "sweep" + std::to_string(i + 1), out).draw();
  std::set<std::string> names;  // different names may give the same file name
  for (Figure& figure : out)
    for (int n = 2; !names.insert(figure.name).second; ++n) figure.name += "-" + std::to_string(n);
  return out;
}

}  // namespace vitality
