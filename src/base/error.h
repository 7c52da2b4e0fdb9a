// Errors that reach the user. Pure rooms throw; cli turns them into `error: FILE: /pointer: ...` and an exit code.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace vitality {

// Bad input: command line, JSON, tensor, trace. Exit code 2.
class InputError : public std::runtime_error {
 public:
  // file: the input's name as the user gave it ("" for the command line); pointer: JSON pointer or "" where none
  // applies; message: what is wrong and what was expected.
  InputError(std::string file, std::string pointer, std::string message)
      : std::runtime_error(format(file, pointer, message)),
        file_(std::move(file)),
        pointer_(std::move(pointer)),
        message_(std::move(message)) {}
  const std::string& file() const { return file_; }
  const std::string& pointer() const { return pointer_; }
  const std::string& message() const { return message_; }

 private:
  static std::string format(const std::string& file, const std::string& pointer, const std::string& message) {
    std::string text;
    if (!file.empty()) text += file + ": ";
    if (!pointer.empty()) text += pointer + ": ";
    return text + message;
  }
  std::string file_, pointer_, message_;
};

// The workload does not fit the machine. Exit code 4.
class InfeasibleError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The nearest name within edit distance 2 of `word` (less for words of one or two letters), or "" when there is none.
std::string nearest_name(const std::string& word, const std::vector<std::string>& names);
// ` (did you mean "x"?)` or "".
std::string suggestion(const std::string& word, const std::vector<std::string>& names);

}  // namespace vitality
