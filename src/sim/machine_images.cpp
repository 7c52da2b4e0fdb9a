#include "sim/machine_images.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "base/signals.h"
#include "sim/attention_masks.h"
#include "sim/simulate.h"
#include "sim/values/value_executor.h"

namespace vitality {
namespace {

constexpr std::int64_t kPart = -1;  // the machine's part of the checkpoint

struct ComputedJob {
  const Job* job;
  UnitId unit;
};

// The numbers of one image in a fixed order, as the checkpoint and a child process store them.
std::vector<double> numbers_of(const MachineImage& image) {
  std::vector<double> numbers{image.cycles, image.latency_ms, image.energy_mj, image.mask_density,
                              image.mask_kept_density};
  numbers.insert(numbers.end(), image.logits.begin(), image.logits.end());
  numbers.insert(numbers.end(), image.reference.begin(), image.reference.end());
  for (const Count count : image.saturated) numbers.push_back(static_cast<double>(count));
  return numbers;
}

std::size_t numbers_in(const VitModel& model) {
  return 5 + 2 * static_cast<std::size_t>(output_shape(model.layers.back()).cols) + model.layers.size();
}

MachineImage image_of(const double* numbers, const VitModel& model) {
  MachineImage image;
  image.cycles = numbers[0], image.latency_ms = numbers[1], image.energy_mj = numbers[2];
  image.mask_density = numbers[3], image.mask_kept_density = numbers[4];
  const double* at = numbers + 5;
  const int classes = output_shape(model.layers.back()).cols;
  image.logits.assign(at, at + classes);
  image.reference.assign(at + classes, at + 2 * classes);
  at += 2 * classes;
  for (std::size_t i = 0; i < model.layers.size(); ++i) image.saturated.push_back(static_cast<Count>(at[i]));
  return image;
}

reference::Calibration calibrate(const MachineRequest& request, const ForwardOptionsSource& options) {
  reference::Calibration calibration;
  if (!is_scaled(request.config.precision)) return calibration;
  std::mutex mutex;
  for_each_index(request.jobs, request.calibrated, [&](std::size_t i) {
    const MatrixD image = request.images.image(request.first_calibrated + i);
    const ImageParameters parameters(request.weights, image);
    const auto given = options();  // holds the masks that its functions refer to
    reference::ForwardOptions used = *given;
    used.weights = &request.weights.of_layers();
    const reference::ForwardResult result = reference::forward(request.model, parameters, used);
    const std::lock_guard<std::mutex> lock(mutex);
    calibration.add(result.ranges, image);
  });
  return calibration;
}

void set_totals(const SimulationResult& result, MachineImage& image) {
  image.cycles = static_cast<double>(result.totals.cycles);
  image.latency_ms = result.totals.latency_ms, image.energy_mj = result.totals.energy_mj;
  image.mask_density = result.mask_density, image.mask_kept_density = result.mask_kept_density;
}

std::vector<double> values_of(const MatrixD& matrix) {
  return {matrix.data(), matrix.data() + matrix.size()};
}

class MachineRun {
 public:
  MachineRun(const MachineRequest& request, Checkpoint& checkpoint)
      : request_(request),
        checkpoint_(checkpoint),
        options_(machine_options(request.model, request.config, request.attention)),
        calibration_(calibrate(request, options_)),
        images_(request.count) {
    for (std::size_t i = 0; i < request.count; ++i) {
      if (!checkpoint.has(kPart, i)) {
        missing_.push_back(i);
        continue;
      }
      const std::string bytes = checkpoint.read(kPart, i);
      std::vector<double> numbers(numbers_in(request.model));
      if (bytes.size() != numbers.size() * sizeof(double))
        throw std::runtime_error("a record of the checkpoint has another size");
      std::memcpy(numbers.data(), bytes.data(), bytes.size());
      images_[i] = image_of(numbers.data(), request.model);
    }
  }

  std::vector<MachineImage> run() {
    if (!missing_.empty()) depends_on_data(request_.config, request_.model) ? simulate_each() : replay_all();
    return std::move(images_);
  }

 private:
  SimulationOptions simulation_options(const ParameterSource& parameters) const {
    SimulationOptions options;
    options.numerics = true;
    options.parameters = &parameters;
    options.attention = request_.attention;
    options.calibration = &calibration_;
    return options;
  }

  void finish(std::size_t i, MachineImage image) {
    const std::vector<double> numbers = numbers_of(image);
    checkpoint_.add(kPart, i,
                    std::string(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(double)));
    images_[i] = std::move(image);
    if (request_.progress) request_.progress(static_cast<double>(++done_) / static_cast<double>(missing_.size()));
  }

  // Simulates once for the order of the jobs, the time and the energy; then computes the values of every image.
  void replay_all() {
    const ImageParameters first(request_.weights, request_.images.image(missing_.front()));
    SimulationOptions options = simulation_options(first);
    std::vector<ComputedJob> order;
    options.computed = [&](const Job& job, UnitId unit) { order.push_back({&job, unit}); };
    options.observe = [&](const FinishedRun& run) { replay(run, order); };
    const SimulationResult result = simulate(request_.config, request_.model, options);
    for (const std::size_t i : missing_) {
      MachineImage image = std::move(images_[i]);
      set_totals(result, image);
      finish(i, std::move(image));
    }
  }

  void replay(const FinishedRun& run, const std::vector<ComputedJob>& order) {
    std::mutex mutex;
    for_each_index(request_.jobs, missing_.size(), [&](std::size_t item) {
      MachineImage image = replayed(run, order, missing_[item]);
      const std::lock_guard<std::mutex> lock(mutex);
      images_[missing_[item]] = std::move(image);
    });
  }

  MachineImage replayed(const FinishedRun& run, const std::vector<ComputedJob>& order, std::size_t i) const {
    const VitModel& model = request_.model;
    const MatrixD pixels = request_.images.image(i);
    const ImageParameters parameters(request_.weights, pixels);
    reference::ForwardResult calibrated;
    calibrated.ranges = calibration_.ranges;
    const ValuePlan plan(model, request_.config, calibrated, calibration_);
    const std::vector<MatrixD> given(model.layers.size());
    ValueExecutor executor(run.schedule, model, request_.config, plan, parameters, given);
    executor.count_saturated();
    executor.take_weights([this](int layer) { return request_.weights.of_layers()[static_cast<std::size_t>(layer)]; });
    MachineImage image;
    const TensorId logits = run.schedule.layer_output.back();
    executor.observe_written([&](TensorId tensor) {
      if (tensor == logits) image.logits = values_of(executor.real_values(tensor));
    });
    std::vector<double> scratchpad(static_cast<std::size_t>(request_.config.scratchpad.capacity_kib) * 1024);
    executor.attach(scratchpad.data());
    for (const ComputedJob& computed : order) executor.execute(*computed.job, computed.unit);
    image.saturated = executor.saturated();
    image.reference = evaluate_image(model, request_.weights, *options_(), pixels).logits;
    return image;
  }

  // Where a child stores the numbers of its image, in memory shared by parent and child.
  struct Slot {
    int status;  // an exit code of the program; kDied until the child has ended well
    char reason[600];
  };
  static constexpr int kDied = -1;

  void simulate_each() {
    const std::size_t slot_bytes = sizeof(Slot) + numbers_in(request_.model) * sizeof(double);
    const auto slots = static_cast<std::size_t>(request_.jobs);
    void* const memory = mmap(nullptr, slots * slot_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    const std::shared_ptr<void> owner(memory, [&](void* m) { munmap(m, slots * slot_bytes); });
    std::deque<pid_t> running;  // their images are in ascending order; image i uses slot i % slots
    std::size_t started = 0, ended = 0;
    const auto slot = [&](std::size_t item) { return static_cast<char*>(memory) + item % slots * slot_bytes; };
    while (ended < missing_.size()) {
      for (; started < missing_.size() && running.size() < slots; ++started)
        running.push_back(start(missing_[started], slot(started)));
      waitpid(running.front(), nullptr, 0);
      running.pop_front();
      finish(missing_[ended], take(slot(ended)));
      ++ended;
    }
  }

  pid_t start(std::size_t i, char* slot) {
    auto* const head = new (slot) Slot{kDied, ""};
    const pid_t parent = getpid(), child = fork();
    if (child < 0) throw std::runtime_error("cannot start a child simulation");
    if (child > 0) return child;
    follow_parent(parent);
    const auto fail = [&](int status, const char* reason) {
      std::strncpy(head->reason, reason, sizeof head->reason - 1);
      head->status = status;
    };
    try {
      const std::vector<double> numbers = numbers_of(simulated(i));
      std::memcpy(slot + sizeof(Slot), numbers.data(), numbers.size() * sizeof(double));
      head->status = 0;
    } catch (const InfeasibleError& error) {
      fail(4, error.what());
    } catch (const InputError& error) {
      fail(2, error.what());
    } catch (const std::exception& error) {
      fail(1, error.what());
    }
    _exit(0);
  }

  MachineImage take(const char* slot) const {
    Slot head;
    std::memcpy(&head, slot, sizeof head);
    if (head.status == 4) throw InfeasibleError(head.reason);
    if (head.status == 2) throw InputError("", "", head.reason);
    if (head.status != 0)
      throw std::runtime_error(head.status == kDied ? "a child simulation died" : std::string(head.reason));
    std::vector<double> numbers(numbers_in(request_.model));
    std::memcpy(numbers.data(), slot + sizeof(Slot), numbers.size() * sizeof(double));
    return image_of(numbers.data(), request_.model);
  }

  MachineImage simulated(std::size_t i) const {
    const ImageParameters parameters(request_.weights, request_.images.image(i));
    SimulationOptions options = simulation_options(parameters);
    MachineImage image;
    options.observe = [&](const FinishedRun& run) {
      image.logits = values_of(run.values->real_values(run.schedule.layer_output.back()));
      image.reference = values_of(run.reference->back());
      image.saturated = run.values->saturated();
    };
    set_totals(simulate(request_.config, request_.model, options), image);
    return image;
  }

  const MachineRequest& request_;
  Checkpoint& checkpoint_;
  ForwardOptionsSource options_;
  reference::Calibration calibration_;
  std::vector<MachineImage> images_;
  std::vector<std::size_t> missing_;  // not in the checkpoint
  std::size_t done_ = 0;
};

// A forward pass's options and the masks that they refer to.
struct OptionsWithMasks {
  MaskSource masks;
  reference::ForwardOptions forward;
  OptionsWithMasks(const VitModel& model, const HardwareConfig& config, const std::vector<AttentionKind>& attention)
      : masks(model, config, 1), forward(reference_options(model, config)) {
    forward.attention = attention;
    forward.mask = masks.chooser();
    forward.values = masks.values(), forward.attended = masks.observer();
  }
};

}  // namespace

bool depends_on_data(const HardwareConfig& config, const VitModel& model) {
  return any_mask(model, config.attention) && config.sparsity.source == SparsitySource::kPredicted;
}

ForwardOptionsSource machine_options(const VitModel& model, const HardwareConfig& config,
                                     const std::vector<AttentionKind>& attention) {
  if (!any_mask(model, config.attention)) {
    auto options = std::make_shared<reference::ForwardOptions>(reference_options(model, config));
    options->attention = attention;
    return [options] { return options; };
  }
  const auto make = [&model, &config, attention] {
    const auto both = std::make_shared<OptionsWithMasks>(model, config, attention);
    return std::shared_ptr<const reference::ForwardOptions>(both, &both->forward);
  };
  if (depends_on_data(config, model))
    return make;  // predicted masks are stored in their source, so each source serves one
                  // pass
  return [options = make()] { return options; };
}

std::vector<MachineImage> evaluate_on_machine(const MachineRequest& request, Checkpoint& checkpoint) {
  return MachineRun(request, checkpoint).run();
}

}  // namespace vitality
