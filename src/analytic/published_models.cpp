#include "analytic/published_models.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"

namespace vitality {

SangerCycles sanger_cycles(SangerFormula formula, bool corrected, int tokens, int width, double density,
                           double load_balance) {
  constexpr double kPes = 64 * 16, kTile = 64, kPackedShare = 0.25;  // 16 of 64 columns in a sub-row
  const double n = tokens, h = width, sparse_rate = kPes / density * load_balance;
  SangerCycles cycles;
  cycles.linear = 3 * n * h * h / kPes;
  cycles.projection = n * h * h / (corrected ? kPes : sparse_rate);
  if (corrected) cycles.prediction = n * n * h / (kTile * kTile);
  if (formula == SangerFormula::kThroughput) {
    cycles.attention = 2 * n * n * h / sparse_rate;
    return cycles;
  }
  // The model's 128 GB/s are exactly 64 columns of 2 bytes per cycle, so transfers never stall it.
  const double sub_rows = density / load_balance / kPackedShare * n;
  const double tile = (h + kTile) + (sub_rows + kTile);
  cycles.attention = sub_rows / kTile * (tile * n / kTile);
  return cycles;
}

namespace {

// Cycles of one transfer, rounded up as the released code does. share: part of the bandwidth it gets.
double transfer(const VitcodMachine& machine, double bytes, double share = 1) {
  return std::ceil(bytes / (machine.bytes_per_cycle * share));
}
double whole(double value) {
  return std::floor(value);
}

}  // namespace

PolarisedHead polarised_head(const Mask& mask) {
  const Polarised columns = polarise(mask);
  return {mask.rows(), static_cast<int>(columns.tokens), columns.sparse};
}

VitcodAttention vitcod_attention(const VitcodMachine& machine, const PolarisedHead& head, int heads, int features) {
  const double n = head.tokens, g = head.global, d = features, s = static_cast<double>(head.sparse);
  const double encoded = heads * machine.ratio * d;
  const double vector = transfer(machine, encoded), weights = transfer(machine, heads * machine.ratio, 1.0 / heads);
  const double decode = std::ceil(encoded / whole(static_cast<double>(machine.lines) * machine.height / heads));
  VitcodAttention cycles;
  // Denser part: its own keys, and all queries once. Sparser part: the other keys; if there are no global tokens, also
  // the queries.
  if (g > 0) {
    cycles.preload += g * vector + weights + n * vector + weights;
    cycles.decode += (g + n) * decode;
  }
  if (n > g) {
    cycles.preload += (n - g) * vector + weights;
    cycles.decode += (n - g) * decode;
  }
  if (g == 0) {
    const double reload = s / n;
    cycles.preload += n * vector * reload + weights;
    cycles.decode += n * decode * reload;
  }
  cycles.preload += n * transfer(machine, heads * d);  // V
  // Lines are split in proportion to the work; each engine has at least one.
  const double share = g * n + s > 0 ? g * n / (g * n + s) : 0;
  const double most = g > 0 && s > 0 ? machine.lines - 1 : machine.lines;
  const double dense_lines = g > 0 ? std::clamp(whole(machine.lines * share), 1.0, most) : 0,
               sparse_lines = machine.lines - dense_lines;
  const double depth = std::ceil(d / (static_cast<double>(machine.height) / heads));
  const double dense_scores = g > 0 ? g * std::ceil(n / dense_lines) * depth : 0;
  const double sparse_scores = s > 0 ? std::ceil(s / sparse_lines) * depth : 0;
  const double dense_values = g > 0 ? std::ceil(n * d * g / whole(dense_lines * machine.height / heads)) : 0;
  const double sparse_values = s > 0 ? std::ceil(s * d / whole(sparse_lines * machine.height / heads)) : 0;
  cycles.compute = std::max(dense_scores, sparse_scores) + std::max(dense_values, sparse_values);
  return cycles;
}

VitcodLinear vitcod_projections(const VitcodMachine& machine, int tokens, int heads, int features, int embedding) {
  const double n = tokens, d = features, e = embedding,
               head_macs = whole(static_cast<double>(machine.lines) * machine.height / heads);
  VitcodLinear cycles;
  cycles.compute = 3 * n * whole(e * d / head_macs) + whole(n * e * d / head_macs);
  const double encoded_share = 1.0 / (heads * machine.ratio);
  cycles.compute +=
      2 * n *
      whole(heads * d /
            whole(static_cast<double>(machine.lines) * machine.height / (heads * machine.ratio)));  // encoder
  cycles.preload = 3 * d * transfer(machine, heads * e) + 2 * transfer(machine, heads, encoded_share) +
                   2 * n * transfer(machine, d, encoded_share) + n * transfer(machine, d, 1.0 / heads) +
                   whole(n / head_macs) * e * transfer(machine, d, 1.0 / heads);
  return cycles;
}

VitcodLinear vitcod_mlp(const VitcodMachine& machine, bool corrected, int tokens, int embedding) {
  const double n = tokens, e = embedding, peak = static_cast<double>(machine.lines) * machine.height;
  VitcodLinear cycles;
  cycles.compute = 2 * whole(n * e * e * 4 / peak);
  const double loads = corrected ? std::ceil(n / peak) : whole(n / peak);
  cycles.preload = loads * (e * 4 * transfer(machine, e) + e * transfer(machine, e * 4));
  return cycles;
}

SaloCycles salo_cycles(const SaloMachine& machine, bool corrected, int tokens, int window, int heads, int features) {
  const double n = tokens, d = features, width = d * heads;
  // Scores, exponential, its sum, the wait for the sum to cross a row, its inverse, values; one cycle to flush between
  // tiles.
  const double tile = d + 1 + 1 + machine.cols + 1 + d;
  const double tiles = std::ceil(n / machine.rows) * std::ceil(static_cast<double>(window) / machine.cols) * heads;
  SaloCycles cycles;
  cycles.attention = tile * tiles + (tiles - 1) + machine.cols + machine.global - 1;
  const double keys = window + 2 * machine.global;
  const double operations = n * keys * (4 * width + 2 + 1 + 1);
  const double peak = 2 * machine.peak_macs_per_cycle();
  cycles.utilization = operations / (cycles.attention * peak);
  const double factor = corrected ? 1 : 0.14;
  cycles.projection_in = n * width * width * 6 * factor / (peak * cycles.utilization);
  cycles.projection_out = n * width * width * 2 * factor / (peak * cycles.utilization);
  return cycles;
}

}  // namespace vitality
