// One list of the fields of every struct that JSON can set, with their ranges: the reader, the writer and the list of
// dotted keys all walk it, so they cannot disagree.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "config/hardware_config.h"

namespace vitality {

class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;
  virtual void integer(const char* key, int& value, int low, int high) = 0;
  virtual void number(const char* key, double& value, double low, double high) = 0;
  virtual void boolean(const char* key, bool& value) = 0;
  virtual void text(const char* key, std::string& value) = 0;
  virtual void choice_index(const char* key, int& value, const std::vector<std::string>& names) = 0;
  virtual void strings(const char* key, std::map<std::string, std::string>& value) = 0;
  // A nested object with these fields.
  virtual void group(const char* key, const std::function<void()>& fields) = 0;
  // A nested object with these fields, or a string: the name of a file in configs/`folder`/.
  virtual void library(const char* key, const char* folder, const std::function<void()>& fields) = 0;

  // A list of objects. `resize` sets how many there are, `fields` visits those of one of them.
  virtual void list(const char* key, std::size_t most, std::size_t count,
                    const std::function<void(std::size_t)>& resize, const std::function<void(std::size_t)>& fields) = 0;
  template <class Item>
  void items(const char* key, std::size_t most, std::vector<Item>& items, void (*fields)(FieldVisitor&, Item&)) {
    list(
        key, most, items.size(), [&](std::size_t count) { items.resize(count); },
        [&](std::size_t index) { fields(*this, items[index]); });
  }

  template <class Enum>
  void choice(const char* key, Enum& value) {
    int index = static_cast<int>(value);
    choice_index(key, index, enum_names<Enum>());
    value = static_cast<Enum>(index);
  }
};

void visit_fields(FieldVisitor& visitor, HardwareConfig& config);
void visit_fields(FieldVisitor& visitor, DramDevice& device);
void visit_fields(FieldVisitor& visitor, EnergyTable& table);

// Finds values that are valid alone but not together. Calls `report` with a dotted key and what is wrong.
using ReportKey = std::function<void(const std::string& dotted_key, const std::string& message)>;
void check_consistency(const HardwareConfig& config, const ReportKey& report);
void check_consistency(const DramDevice& device, const ReportKey& report);

}  // namespace vitality
