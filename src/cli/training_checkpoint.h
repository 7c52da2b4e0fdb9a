// The file in which `vitality train --checkpoint` keeps what is done: the outcomes of finished runs, and of the run in
// progress its parameters, the optimiser's state and the losses so far. It is replaced as a whole after every pass over
// the images, so a kill at any moment leaves the one before.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/file_lock.h"
#include "cli/training_run.h"

namespace vitality::cli {

struct TrainingCheckpoint {
  std::vector<TrainingOutcome> finished;
  // Of the run after them; losses and parameters are empty where it has not begun.
  TrainingOutcome current;
  std::map<std::string, reference::Optimizer::State> optimizer;
  std::map<std::string, MatrixD> parameters;
};

// The file of one command, which no other process may use meanwhile.
class TrainingCheckpointFile {
 public:
  // "": nothing is kept. InputError: it cannot be written, it is no regular file, another process is using it.
  TrainingCheckpointFile(const TrainingPlan& plan);
  bool kept() const { return !plan_.checkpoint.empty(); }
  // Nothing is done yet where there is no file. InputError: it is no whole checkpoint, or one of another command.
  TrainingCheckpoint read() const;
  // InputError: the tensors of the run in progress are not those of the model.
  void check(const TrainingCheckpoint& checkpoint, const std::map<std::string, MatrixD>& model) const;
  // Replaces the file. EnvironmentError: it cannot be written; the old one stays.
  void write(const TrainingCheckpoint& checkpoint) const;

 private:
  const TrainingPlan& plan_;
  FileLock lock_;  // on a file beside it: the checkpoint itself is replaced by a new file every time
};

}  // namespace vitality::cli
