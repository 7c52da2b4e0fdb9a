// One list of the fields of a result JSON (docs/interface.md): the writer, the reader and `vitality schema result` walk
// it, so that a field that is written is read and described. The page of `vitality report` embeds the whole document.
//
// The order is that of the file. A visitor is called for each field with a reference to its value: the writer reads the
// value, the reader replaces it if the file has the field. Values that a result computes from others are visited as
// local variables: they are written, and checked when read, but not kept.
#pragma once

#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "report/result.h"

namespace vitality {

struct ResultField {
  const char* name;
  const char* unit;         // "cycles", "pJ"; "1": a plain number, "": no number
  const char* description;  // one sentence
  double least = 0;         // of numbers
  bool required = false;    // a file without it is not read
};

class ResultVisitor {
 public:
  using Fields = std::function<void()>;

  virtual ~ResultVisitor() = default;
  virtual void count(const ResultField& field, std::int64_t& value) = 0;
  virtual void seed(const ResultField& field, std::uint64_t& value) = 0;
  virtual void number(const ResultField& field, double& value) = 0;
  virtual void boolean(const ResultField& field, bool& value) = 0;
  virtual void text(const ResultField& field, std::string& value) = 0;
  virtual void texts(const ResultField& field, std::vector<std::string>& value) = 0;
  // An object of numbers by name.
  virtual void counts(const ResultField& field, std::vector<std::pair<std::string, Count>>& value) = 0;
  virtual void numbers(const ResultField& field, std::vector<std::pair<std::string, double>>& value) = 0;
  // A list of numbers: the ends of a range, or a value for each bin of time.
  virtual void values(const ResultField& field, std::vector<double>& value) = 0;
  // An object of objects: bytes by operand, then by cause.
  virtual void traffic(const ResultField& field, std::vector<DramTraffic>& value) = 0;
  // An object of lists: the units' occupied cycles; at most `most` each.
  virtual void occupied(const ResultField& field, std::vector<UnitResult>& units, Cycles most) = 0;
  // An object whose fields another list has (the resolved config, a layer's mapping). Not read.
  virtual void json(const ResultField& field, std::string& text) = 0;
  // A nested object. present: whether a result has it; the reader sets it.
  virtual void group(const ResultField& field, bool& present, const Fields& fields) = 0;
  // Fields of this object that are either all there or all missing.
  virtual void together(bool present, const Fields& fields) = 0;
  // Fields whose values are null unless `known`.
  virtual void null_unless(bool known, const Fields& fields) = 0;
  // A list of objects. append(n): adds one, of n in all; element: visits the fields of one.
  using Element = std::function<void(std::size_t)>;
  virtual void items(const ResultField& field, std::size_t size, const Element& append, const Element& element) = 0;
  // A rule that the values must obey; the reader reports a violation at the field.
  virtual void expect(bool holds, const char* name, const char* message) = 0;

  void group(const ResultField& field, const Fields& fields) {
    bool present = true;
    group(field, present, fields);
  }
};

void visit_fields(ResultVisitor& visitor, SimulationResult& result);

}  // namespace vitality
