#include "report/result_json.h"

#include <nlohmann/json.hpp>

#include "report/result_fields.h"

namespace vitality {
namespace {

using Json = nlohmann::ordered_json;

class Writer : public ResultVisitor {
 public:
  std::string text() const { return Json(members_).dump(2) + "\n"; }

  void count(const ResultField& field, std::int64_t& value) override { put(field, value); }
  void seed(const ResultField& field, std::uint64_t& value) override { put(field, value); }
  void number(const ResultField& field, double& value) override { put(field, value); }
  void boolean(const ResultField& field, bool& value) override { put(field, value); }
  void text(const ResultField& field, std::string& value) override { put(field, value); }
  void texts(const ResultField& field, std::vector<std::string>& value) override { put(field, value); }
  void counts(const ResultField& field, std::vector<std::pair<std::string, Count>>& value) override {
    put(field, object(value));
  }
  void numbers(const ResultField& field, std::vector<std::pair<std::string, double>>& value) override {
    put(field, object(value));
  }
  void values(const ResultField& field, std::vector<double>& value) override { put(field, value); }
  void traffic(const ResultField& field, std::vector<DramTraffic>& value) override {
    Json json = Json::object();
    for (const DramTraffic& t : value) json[t.operand][t.cause] = t.bytes;
    put(field, std::move(json));
  }
  void occupied(const ResultField& field, std::vector<UnitResult>& units, Cycles) override {
    Json json = Json::object();
    for (const UnitResult& unit : units)
      if (!unit.occupied.empty()) json[unit.name] = unit.occupied;
    put(field, std::move(json));
  }
  void json(const ResultField& field, std::string& text) override { put(field, Json::parse(text)); }
  void group(const ResultField& field, bool& present, const Fields& fields) override {
    if (present) put(field, nested(fields));
  }
  void together(bool present, const Fields& fields) override {
    if (present) fields();
  }
  void null_unless(bool known, const Fields& fields) override {
    known_ = known;
    fields();
    known_ = true;
  }
  void items(const ResultField& field, std::size_t size, const Element&, const Element& element) override {
    Json json = Json::array();
    for (std::size_t i = 0; i < size; ++i) json.push_back(nested([&] { element(i); }));
    put(field, std::move(json));
  }
  void expect(bool, const char*, const char*) override {}

 private:
  template <class Value>
  static Json object(const std::vector<std::pair<std::string, Value>>& members) {
    Json json = Json::object();
    for (const auto& [name, value] : members) json[name] = value;
    return json;
  }
  template <class Value>
  void put(const ResultField& field, Value&& value) {
    members_.emplace_back(field.name, known_ ? Json(std::forward<Value>(value)) : Json());
  }
  Json nested(const Fields& fields) {
    Json::object_t outer = std::exchange(members_, {});
    members_.reserve(16);
    fields();
    return Json(std::exchange(members_, std::move(outer)));
  }

  Json::object_t members_;
  bool known_ = true;
};

}  // namespace

std::string write_json(const SimulationResult& result) {
  Writer writer;
  SimulationResult copy = result;  // visitors take references, because the reader writes through them
  visit_fields(writer, copy);
  return writer.text();
}

}  // namespace vitality
