#include "cli/training_checkpoint.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/environment_error.h"
#include "base/error.h"
#include "base/output_file.h"
#include "base/sha256.h"

namespace vitality::cli {
namespace {

constexpr char kFormat[] = "vitality training 1\n";
constexpr std::size_t kDigits = 64;  // of a SHA-256

// Numbers and matrices in the bytes of this computer, one after the other.
class Writer {
 public:
  void put(std::int64_t value) { bytes(&value, sizeof value); }
  void put(const std::string& text) {
    put(static_cast<std::int64_t>(text.size()));
    bytes(text.data(), text.size());
  }
  void put(const std::vector<double>& values) {
    put(static_cast<std::int64_t>(values.size()));
    bytes(values.data(), values.size() * sizeof(double));
  }
  void put(const MatrixD& matrix) {
    put(std::int64_t{matrix.rows()});
    put(std::int64_t{matrix.cols()});
    bytes(matrix.data(), matrix.size() * sizeof(double));
  }
  void put(const TrainingOutcome& outcome) {
    put(outcome.losses);
    for (const std::int64_t value : {std::int64_t{outcome.right}, std::int64_t{outcome.taylor_right},
                                     std::int64_t{outcome.kept}, std::int64_t{outcome.entries}})
      put(value);
  }
  const std::string& text() const { return text_; }

 private:
  void bytes(const void* from, std::size_t size) { text_.append(static_cast<const char*>(from), size); }
  std::string text_;
};

// Reads what a Writer wrote. The bytes are known to be whole by their SHA-256, so a size that does not fit them is a
// file made by hand: it ends the reading with false.
class Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {}
  std::int64_t integer() {
    std::int64_t value = 0;
    bytes(&value, sizeof value);
    return value;
  }
  std::string name() {
    std::string value(size(1), '\0');
    bytes(value.data(), value.size());
    return value;
  }
  std::vector<double> doubles() {
    std::vector<double> values(size(sizeof(double)));
    bytes(values.data(), values.size() * sizeof(double));
    return values;
  }
  MatrixD matrix() {
    const std::int64_t rows = integer(), cols = integer();
    constexpr std::int64_t kMost = 1 << 30;
    if (rows < 0 || cols < 0 || rows > kMost || cols > kMost ||
        static_cast<std::uint64_t>(rows) * static_cast<std::uint64_t>(cols) > left() / sizeof(double)) {
      good_ = false;
      return {};
    }
    MatrixD value(static_cast<int>(rows), static_cast<int>(cols));
    bytes(value.data(), value.size() * sizeof(double));
    return value;
  }
  TrainingOutcome outcome() {
    TrainingOutcome value;
    value.losses = doubles();
    value.right = static_cast<int>(integer()), value.taylor_right = static_cast<int>(integer());
    value.kept = integer(), value.entries = integer();
    return value;
  }
  // How many things follow, of `least` bytes or more each.
  std::size_t size(std::size_t least) {
    const std::int64_t count = integer();
    if (count >= 0 && static_cast<std::uint64_t>(count) <= left() / least) return static_cast<std::size_t>(count);
    good_ = false;
    return 0;
  }
  bool good() const { return good_; }

 private:
  std::size_t left() const { return text_.size() - at_; }
  void bytes(void* to, std::size_t size) {
    if (size > left()) good_ = false;
    if (!good_ || size == 0) return;
    std::memcpy(to, text_.data() + at_, size);
    at_ += size;
  }
  const std::string& text_;
  std::size_t at_ = 0;
  bool good_ = true;
};

bool parse(const std::string& contents, TrainingCheckpoint& checkpoint) {
  Reader reader(contents);
  for (std::size_t i = reader.size(1); i > 0 && reader.good(); --i) checkpoint.finished.push_back(reader.outcome());
  checkpoint.current = reader.outcome();
  for (std::size_t i = reader.size(1); i > 0 && reader.good(); --i) {
    const std::string name = reader.name();
    checkpoint.parameters[name] = reader.matrix();
  }
  for (std::size_t i = reader.size(1); i > 0 && reader.good(); --i) {
    reference::Optimizer::State& state = checkpoint.optimizer[reader.name()];
    state.steps = static_cast<int>(reader.integer());
    state.first = reader.matrix(), state.second = reader.matrix();
  }
  return reader.good();
}

// Whether the runs of the plan can go on from there.
bool fits(const TrainingPlan& plan, const TrainingCheckpoint& checkpoint) {
  const auto steps = static_cast<std::size_t>(plan.settings.steps);
  bool fit = checkpoint.finished.size() <= plan.runs() && checkpoint.current.losses.size() <= steps;
  for (const TrainingOutcome& outcome : checkpoint.finished) fit = fit && outcome.losses.size() == steps;
  return fit;
}

bool same_shape(const MatrixD& a, const MatrixD& b) {
  return a.rows() == b.rows() && a.cols() == b.cols();
}

[[noreturn]] void damaged(const std::string& path) {
  throw InputError(path, "", "a checkpoint that is damaged: remove it");
}

}  // namespace

TrainingCheckpointFile::TrainingCheckpointFile(const TrainingPlan& plan) : plan_(plan) {
  const std::string& path = plan.checkpoint;
  if (path.empty()) return;
  std::error_code none;
  if (is_standard_output(path) ||
      (std::filesystem::exists(path, none) && !std::filesystem::is_regular_file(path, none)))
    throw InputError(path, "", "not a regular file");
  OutputSet().reserve(path);  // hours of training must not end at a file that cannot be written
  if (const std::optional<pid_t> holder = lock_.take(path + ".lock"))
    throw InputError(path, "",
                     "another training" + (*holder > 0 ? " (process " + std::to_string(*holder) + ")" : "") +
                         " is using this checkpoint; wait for it or name another file");
}

void TrainingCheckpointFile::write(const TrainingCheckpoint& checkpoint) const {
  Writer writer;
  writer.put(static_cast<std::int64_t>(checkpoint.finished.size()));
  for (const TrainingOutcome& outcome : checkpoint.finished) writer.put(outcome);
  writer.put(checkpoint.current);
  writer.put(static_cast<std::int64_t>(checkpoint.parameters.size()));
  for (const auto& [name, tensor] : checkpoint.parameters) writer.put(name), writer.put(tensor);
  writer.put(static_cast<std::int64_t>(checkpoint.optimizer.size()));
  for (const auto& [name, state] : checkpoint.optimizer) {
    writer.put(name);
    writer.put(std::int64_t{state.steps});
    writer.put(state.first), writer.put(state.second);
  }
  OutputSet files;
  files.add(plan_.checkpoint, kFormat + plan_.identity + "\n" + sha256_hex(writer.text()) + "\n" + writer.text());
  files.commit();
}

TrainingCheckpoint TrainingCheckpointFile::read() const {
  const std::string &path = plan_.checkpoint, &identity = plan_.identity;
  std::error_code none;
  if (path.empty() || !std::filesystem::exists(path, none)) return {};
  std::ifstream file(path, std::ios::binary);
  if (!file) throw_file_error(path, "can't be opened", errno);
  const std::size_t format = sizeof kFormat - 1, start = format + identity.size() + 1, contents = start + kDigits + 1;
  std::string head(contents, '\0');
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  if (head.compare(0, format, kFormat) != 0 || !file) throw InputError(path, "", "not a checkpoint of vitality train");
  if (head.compare(format, identity.size() + 1, identity + "\n") != 0)
    throw InputError(path, "",
                     "belongs to another training (workload, images or options differ), expected its own: remove it or "
                     "name another file");
  TrainingCheckpoint checkpoint;
  const std::string body{std::istreambuf_iterator<char>(file), {}};
  if (head.compare(start, kDigits, sha256_hex(body)) != 0 || !parse(body, checkpoint) || !fits(plan_, checkpoint))
    damaged(path);
  return checkpoint;
}

void TrainingCheckpointFile::check(const TrainingCheckpoint& checkpoint,
                                   const std::map<std::string, MatrixD>& model) const {
  if (checkpoint.parameters.size() != model.size()) damaged(plan_.checkpoint);
  for (const auto& [name, tensor] : checkpoint.parameters)
    if (model.count(name) == 0 || !same_shape(tensor, model.at(name))) damaged(plan_.checkpoint);
  for (const auto& [name, state] : checkpoint.optimizer) {
    if (model.count(name) == 0 || !same_shape(state.first, model.at(name))) damaged(plan_.checkpoint);
    const bool adamw = plan_.settings.optimizer.kind == reference::OptimizerKind::kAdamW;
    if (state.steps < 1 || (adamw && !same_shape(state.second, state.first))) damaged(plan_.checkpoint);
  }
}

}  // namespace vitality::cli
