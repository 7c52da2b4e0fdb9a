// Times of one simulation, for scripts/bench: simulation_bench CONFIG WORKLOAD off|check [RUNS] [dotted.key=value...].
//
// Prints one JSON object: the fastest run's seconds from the mapping to the result tree (wall clock and CPU time) and,
// for checked runs, the CPU seconds of the raw matrix products that the values cannot avoid: every product of the model
// once in the machine's format and once in double, by the kernels that the simulation ran (manifest.kernels), on the
// same CPU in the same process; and, apart from these, Q K^T and P V in double, which the report of Taylor attention's
// distance from softmax takes.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <systemc>
#include <vector>

#include "base/vectorised.h"
#include "config/hardware_config_json.h"
#include "sim/simulate.h"
#include "tensor/gemm.h"
#include "workload/workload_json.h"

using namespace vitality;

namespace {

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Product {
  int m, k, n;
  Count times;
};

// The products of a model as the machine forms them: convolutions by im2col, Taylor attention as G and Q G.
std::vector<Product> products(const VitModel& model) {
  std::vector<Product> list;
  for (const Layer& layer : model.layers) {
    if (const auto* linear = std::get_if<Linear>(&layer.parameters)) {
      list.push_back({linear->rows, linear->in_features, linear->out_features, 1});
    } else if (const auto* conv = std::get_if<Conv2d>(&layer.parameters)) {
      list.push_back({conv->out_height * conv->out_width,
                      conv->kernel * conv->kernel * conv->in_channels / conv->groups, conv->out_channels / conv->groups,
                      conv->groups});
    } else if (const auto* a = std::get_if<Attention>(&layer.parameters)) {
      const Count heads = static_cast<Count>(a->heads) * a->instances;
      list.push_back({a->d_qk, a->n_kv, a->d_v, heads});
      list.push_back({a->n_q, a->d_qk, a->d_v, heads});
    }
  }
  return list;
}

// What the reference multiplies besides, in double, where attention is Taylor's: softmax of the same Q, K and V.
std::vector<Product> softmax_products(const VitModel& model) {
  std::vector<Product> list;
  for (const Layer& layer : model.layers)
    if (const auto* a = std::get_if<Attention>(&layer.parameters)) {
      const Count heads = static_cast<Count>(a->heads) * a->instances;
      list.push_back({a->n_q, a->d_qk, a->n_kv, heads});
      list.push_back({a->n_q, a->n_kv, a->d_v, heads});
    }
  return list;
}

template <class In, class Out, class Multiply>
double raw_seconds(const std::vector<Product>& list, Multiply multiply) {
  std::size_t a = 1, b = 1, c = 1;
  for (const Product& p : list) {
    a = std::max(a, static_cast<std::size_t>(p.m) * static_cast<std::size_t>(p.k));
    b = std::max(b, static_cast<std::size_t>(p.k) * static_cast<std::size_t>(p.n));
    c = std::max(c, static_cast<std::size_t>(p.m) * static_cast<std::size_t>(p.n));
  }
  std::vector<In> left(a, In{3}), right(b, In{5});
  std::vector<Out> out(c);
  const double begin = cpu_seconds();
  for (const Product& p : list)
    for (Count i = 0; i < p.times; ++i) multiply(p.m, p.n, p.k, left.data(), p.k, right.data(), p.n, out.data(), p.n);
  return cpu_seconds() - begin;
}

double raw_machine_seconds(const std::vector<Product>& list, Precision precision) {
  switch (precision) {
    case Precision::kFp64:
      return raw_seconds<double, double>(list, [](auto... x) { gemm(x..., GemmStart::kZero); });
    case Precision::kFp32:
    case Precision::kFp16:
      return raw_seconds<float, float>(list, [](auto... x) { gemm(x..., GemmStart::kZero); });
    case Precision::kInt16:
      return raw_seconds<std::int16_t, std::int64_t>(list, [](auto... x) { gemm_i16(x..., GemmStart::kZero); });
    case Precision::kInt8:
      return raw_seconds<std::int16_t, std::int64_t>(list,
                                                     [](auto... x) { gemm_i16(x..., GemmStart::kZero, 255, 127); });
  }
  return 0;
}

struct Times {
  double wall = 0, cpu = 0;
  long peak_kib = 0;
  int ok = 0;
};

// One simulation a process (SystemC): measured in a child, handed back over a pipe.
Times measure(const HardwareConfig& config, const VitModel& model, bool numerics) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) {
    Times times;
    try {
      SimulationOptions options;
      options.numerics = numerics;
      const double begin = cpu_seconds();
      const SimulationResult result = simulate(config, model, options);
      times.cpu = cpu_seconds() - begin;
      times.wall = result.simulation_seconds;
      times.ok = result.numerics.passed ? 1 : 0;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "error: %s\n", error.what());
    }
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    times.peak_kib = usage.ru_maxrss;
    if (write(ends[1], &times, sizeof times) != static_cast<ssize_t>(sizeof times)) _exit(1);
    _exit(0);
  }
  Times times;
  if (read(ends[0], &times, sizeof times) != static_cast<ssize_t>(sizeof times)) times.ok = 0;
  close(ends[0]), close(ends[1]);
  waitpid(child, nullptr, 0);
  return times;
}

int run(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: simulation_bench CONFIG WORKLOAD off|check [RUNS] [dotted.key=value...]\n");
    return 2;
  }
  const bool numerics = std::strcmp(argv[3], "check") == 0;
  const int runs = argc > 4 ? std::max(1, std::atoi(argv[4])) : 5;
  const std::vector<std::string> overrides(argv + std::min(argc, 5), argv + argc);
  const HardwareConfig config = read_hardware_config(argv[1], overrides);
  const VitModel model = read_workload(argv[2]);
  Times best;
  for (int i = 0; i < runs; ++i) {
    const Times times = measure(config, model, numerics);
    if (times.ok == 0) return 1;
    if (i == 0 || times.cpu < best.cpu) best = times;
  }
  double machine = 0, reference = 0, softmax = 0;
  if (numerics) {
    const auto fastest = [runs](const std::vector<Product>& list, Precision precision) {
      double seconds = raw_machine_seconds(list, precision);
      for (int i = 1; i < runs; ++i) seconds = std::min(seconds, raw_machine_seconds(list, precision));
      return seconds;
    };
    machine = fastest(products(model), config.precision);
    reference = fastest(products(model), Precision::kFp64);
    softmax = fastest(softmax_products(model), Precision::kFp64);
  }
  std::printf(
      "{\"wall_seconds\": %.6f, \"cpu_seconds\": %.6f, \"peak_mib\": %.1f, \"raw_machine_seconds\": %.6f, "
      "\"raw_double_seconds\": %.6f, \"raw_softmax_seconds\": %.6f, \"kernels\": \"%s\"}\n",
      best.wall, best.cpu, static_cast<double>(best.peak_kib) / 1024, machine, reference, softmax,
      to_string(instruction_set()));
  return 0;
}

}  // namespace

int sc_main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
