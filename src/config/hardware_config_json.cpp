#include "config/hardware_config_json.h"

#include <algorithm>
#include <filesystem>
#include <memory>

#include "base/folder.h"
#include "base/json_settings.h"
#include "base/search_path.h"
#include "config/fields.h"

namespace vitality {
namespace {

namespace fs = std::filesystem;

// ---- Libraries: files of configs/memory and configs/energy ----

std::vector<fs::path> library_folders(const std::string& config_file, const std::string& folder) {
  const fs::path beside = fs::path(config_file).parent_path();
  std::vector<fs::path> out;
  for (const fs::path& base : {beside, beside / "configs", beside / ".." / "configs", fs::path("configs")})
    out.push_back((base / folder).lexically_normal());
  for (const std::string& base : shipped_folders()) out.push_back(fs::path(base) / "configs" / folder);
  return out;
}

// Loads the file that `name` stands for. When there is none, reports it and sets `path` to "".
JsonDocument load_library(const std::string& name, const char* folder, const std::string& pointer,
                          Diagnostics& diagnostics, std::string& path) {
  std::error_code ignored;
  std::vector<std::string> available;
  const bool is_path = name.size() > 5 && name.compare(name.size() - 5, 5, ".json") == 0;
  std::vector<fs::path> candidates;
  if (is_path) {
    candidates = {fs::path(diagnostics.file()).parent_path() / name, name};
  } else if (name.size() < 200 && name.find('/') == std::string::npos && name.find('\0') == std::string::npos) {
    for (const fs::path& base : library_folders(diagnostics.file(), folder)) {
      candidates.push_back(base / (name + ".json"));
      for (const fs::path& entry : entries_of(base, ignored))
        if (entry.extension() == ".json") available.push_back(entry.stem().string());
    }
  }
  path.clear();
  for (const fs::path& candidate : candidates) {
    if (!fs::exists(candidate, ignored)) continue;
    try {
      path = candidate.string();
      return read_json_file(path);
    } catch (const InputError& error) {
      path.clear();
      diagnostics.add(error);
      return {};
    }
  }
  std::sort(available.begin(), available.end());
  available.erase(std::unique(available.begin(), available.end()), available.end());
  diagnostics.add(pointer, is_path ? "no such file: " + quoted(name)
                                   : "no file " + std::string(folder) + "/NAME.json named " + quoted(name) +
                                         ", expected one of configs/" + folder + suggestion(name, available));
  return {};
}

// ---- Reading ----

class Reader : public FieldVisitor {
 public:
  Reader(const JsonValue& root, std::string pointer, Diagnostics& diagnostics) : diagnostics_(diagnostics) {
    stack_.emplace_back(root, std::move(pointer), diagnostics);
    ignore_schema_reference();
  }
  void finish() { stack_.front().finish(); }

  void integer(const char* key, int& value, int low, int high) override { top().integer(key, value, low, high); }
  void number(const char* key, double& value, double low, double high) override { top().number(key, value, low, high); }
  void boolean(const char* key, bool& value) override { top().boolean(key, value); }
  void text(const char* key, std::string& value) override { top().text(key, value); }
  void choice_index(const char* key, int& value, const std::vector<std::string>& names) override {
    top().choice(key, value, names);
  }
  void strings(const char* key, std::map<std::string, std::string>& value) override {
    const JsonValue* object = top().get(key);
    if (!object) return;
    const std::string pointer = top().pointer_to(key);
    if (object->type() != JsonValue::Type::kObject) {
      diagnostics_.add(pointer, "expected an object of strings, found " + describe(*object));
      return;
    }
    for (const auto& [name, item] : object->members()) {
      std::string text_value;
      if (read_text(item, {pointer, name}, diagnostics_, text_value)) value[std::string(name)] = text_value;
    }
  }
  void list(const char* key, std::size_t most, std::size_t, const std::function<void(std::size_t)>& resize,
            const std::function<void(std::size_t)>& fields) override {
    const JsonValue* rows = top().get(key);
    if (!rows) return;
    const std::string pointer = top().pointer_to(key);
    if (rows->type() != JsonValue::Type::kArray || rows->items().size() > most) {
      diagnostics_.add(pointer,
                       "expected an array of at most " + std::to_string(most) + " objects, found " + describe(*rows));
      return;
    }
    resize(rows->items().size());
    for (std::size_t i = 0; i < rows->items().size(); ++i)
      descend(rows->items()[i], pointer_of(pointer, i), [&] { fields(i); });
  }
  void group(const char* key, const std::function<void()>& fields) override {
    if (const JsonValue* object = top().get(key)) descend(*object, top().pointer_to(key), fields);
  }
  void library(const char* key, const char* folder, const std::function<void()>& fields) override {
    const JsonValue* value = top().get(key);
    if (!value) return;
    const std::string pointer = top().pointer_to(key);
    const auto file_fields = [&] {
      ignore_schema_reference();
      fields();
    };
    if (value->type() != JsonValue::Type::kString) {
      if (value->type() == JsonValue::Type::kObject) return descend(*value, pointer, file_fields);
      diagnostics_.add(pointer, "expected the name of a file in configs/" + std::string(folder) +
                                    " or an object, found " + describe(*value));
      return;
    }
    std::string path;
    const JsonDocument document = load_library(value->text(), folder, pointer, diagnostics_, path);
    if (path.empty()) return;
    diagnostics_.set_origin_file(pointer, path);
    descend(document, pointer, file_fields);
  }

 private:
  ObjectReader& top() { return stack_.back(); }
  // A file may name its JSON Schema, for editors.
  void ignore_schema_reference() {
    std::string ignored;
    top().text("$schema", ignored);
  }
  void descend(const JsonValue& object, const std::string& pointer, const std::function<void()>& fields) {
    stack_.emplace_back(object, pointer, diagnostics_);
    fields();
    top().finish();
    stack_.pop_back();
  }

  Diagnostics& diagnostics_;
  std::vector<ObjectReader> stack_;
};

// ---- The list of keys ----

class KeyLister : public FieldVisitor {
 public:
  struct Key {
    std::string name;
    bool is_text;
  };
  struct Library {
    std::string name, folder;
  };
  std::vector<Key> keys;
  std::vector<Library> libraries;

  void integer(const char* key, int&, int, int) override { add(key); }
  void number(const char* key, double&, double, double) override { add(key); }
  void boolean(const char* key, bool&) override { add(key); }
  void text(const char* key, std::string&) override { add(key, true); }
  void choice_index(const char* key, int&, const std::vector<std::string>&) override { add(key); }
  void strings(const char*, std::map<std::string, std::string>&) override {}
  void list(const char* key, std::size_t, std::size_t, const std::function<void(std::size_t)>&,
            const std::function<void(std::size_t)>&) override {
    add(key);
  }
  void group(const char* key, const std::function<void()>& fields) override {
    const std::string outer = prefix_;
    prefix_ += std::string(key) + ".";
    fields();
    prefix_ = outer;
  }
  void library(const char* key, const char* folder, const std::function<void()>& fields) override {
    add(key);
    libraries.push_back({prefix_ + key, folder});
    group(key, fields);
  }

 private:
  void add(const char* key, bool is_text = false) { keys.push_back({prefix_ + key, is_text}); }
  std::string prefix_;
};

const KeyLister& key_list() {
  static const KeyLister list = [] {
    KeyLister lister;
    HardwareConfig config;
    visit_fields(lister, config);
    return lister;
  }();
  return list;
}

std::string pointer_of_dotted(const std::string& dotted) {
  std::string pointer = "/" + dotted;
  std::replace(pointer.begin(), pointer.end(), '.', '/');
  return pointer;
}

// ---- --set ----

// The value at a dotted key; it is created, with its parents, when absent. nullptr when a parent is not an object.
JsonValue* place(JsonDocument& document, const std::string& dotted) {
  JsonValue* value = &document;
  for (std::size_t begin = 0; begin <= dotted.size();) {
    const std::size_t end = std::min(dotted.find('.', begin), dotted.size());
    const std::string key = dotted.substr(begin, end - begin);
    if (value->type() != JsonValue::Type::kObject) return nullptr;
    JsonValue* member = value->find(key);
    value = member ? member : &document.add_object(*value, key);
    begin = end + 1;
  }
  return value;
}

JsonDocument override_value(const std::string& text, bool is_text) {
  return is_text ? JsonDocument::of_text(text) : value_of_text(text);
}

void apply_override(JsonDocument& document, const std::string& option, Diagnostics& diagnostics) {
  const std::size_t equals = option.find('=');
  if (equals == std::string::npos || equals == 0) {
    return diagnostics.add(InputError("--set " + option, "", "expected dotted.key=value"));
  }
  const std::string dotted = option.substr(0, equals);
  const auto& keys = key_list().keys;
  const auto key = std::find_if(keys.begin(), keys.end(), [&](const auto& k) { return k.name == dotted; });
  if (key == keys.end()) {
    return diagnostics.add(
        InputError("--set " + option, "", "unknown key" + suggestion(dotted, hardware_config_keys())));
  }
  for (const auto& library : key_list().libraries) {
    // The key lies inside a library that is given by name: load the library, so that one of its values can be changed.
    if (dotted.compare(0, library.name.size() + 1, library.name + ".") != 0) continue;
    JsonValue* value = place(document, library.name);
    if (!value || value->type() != JsonValue::Type::kString) continue;
    const std::string pointer = pointer_of_dotted(library.name);
    std::string path;
    const JsonDocument loaded = load_library(value->text(), library.folder.c_str(), pointer, diagnostics, path);
    if (path.empty()) return;
    document.set(*value, loaded);
    diagnostics.set_origin_file(pointer, path);
  }
  if (JsonValue* value = place(document, dotted)) {
    document.set(*value, override_value(option.substr(equals + 1), key->is_text));
    diagnostics.set_origin_option(pointer_of_dotted(dotted), "--set " + option);
  }
}

// ---- Writing ----

class Writer : public FieldVisitor {
 public:
  std::string take() { return out_ + "}"; }

  void integer(const char* key, int& value, int, int) override { put(key, std::to_string(value)); }
  void number(const char* key, double& value, double, double) override { put(key, json_number(value)); }
  void boolean(const char* key, bool& value) override { put(key, value ? "true" : "false"); }
  void text(const char* key, std::string& value) override { put(key, json_string(value)); }
  void choice_index(const char* key, int& value, const std::vector<std::string>& names) override {
    put(key, json_string(names[static_cast<std::size_t>(value)]));
  }
  void strings(const char* key, std::map<std::string, std::string>& value) override {
    put(key, "{");
    for (const auto& [name, item] : value) {
      separate();
      out_ += json_string(name) + ":" + json_string(item);
    }
    out_ += "}";
  }
  void list(const char* key, std::size_t, std::size_t count, const std::function<void(std::size_t)>&,
            const std::function<void(std::size_t)>& fields) override {
    put(key, "[");
    for (std::size_t i = 0; i < count; ++i) {
      out_ += i == 0 ? "{" : ",{";
      fields(i);
      out_ += "}";
    }
    out_ += "]";
  }
  void group(const char* key, const std::function<void()>& fields) override {
    put(key, "{");
    fields();
    out_ += "}";
  }
  void library(const char* key, const char*, const std::function<void()>& fields) override { group(key, fields); }

 private:
  void separate() {
    if (out_.back() != '{') out_ += ',';
  }
  void put(const char* key, const std::string& value) {
    separate();
    out_ += '"';
    out_ += key;
    out_ += "\":";
    out_ += value;
  }
  std::string out_ = "{";
};

template <class Struct>
Struct read_part(const JsonValue& document, Diagnostics& diagnostics) {
  Struct out;
  Reader reader(document, "", diagnostics);
  visit_fields(reader, out);
  reader.finish();
  return out;
}

}  // namespace

HardwareConfig read_hardware_config(JsonDocument document, const std::vector<std::string>& overrides,
                                    Diagnostics& diagnostics) {
  for (const std::string& option : overrides) apply_override(document, option, diagnostics);
  HardwareConfig config = read_part<HardwareConfig>(document, diagnostics);
  if (!diagnostics.ok()) return config;
  const ReportKey report = [&](const std::string& dotted, const std::string& message) {
    diagnostics.add(pointer_of_dotted(dotted), message);
  };
  check_consistency(config, report);
  check_consistency(config.dram.device,
                    [&](const std::string& key, const std::string& message) { report("dram.device." + key, message); });
  return config;
}

HardwareConfig parse_hardware_config(const std::string& text, const std::string& file,
                                     const std::vector<std::string>& overrides) {
  Diagnostics diagnostics(file);
  return read_hardware_config(parse_json(text, file), overrides, diagnostics);
}

HardwareConfig read_hardware_config(const std::string& path, const std::vector<std::string>& overrides) {
  const std::string file = find_file(path, "configs");
  return parse_hardware_config(read_text_file(file), file, overrides);
}

DramDevice read_dram_device(const JsonValue& document, Diagnostics& diagnostics) {
  DramDevice device = read_part<DramDevice>(document, diagnostics);
  if (diagnostics.ok()) {
    check_consistency(device,
                      [&](const std::string& key, const std::string& message) { diagnostics.add("/" + key, message); });
  }
  return device;
}

EnergyTable read_energy_table(const JsonValue& document, Diagnostics& diagnostics) {
  return read_part<EnergyTable>(document, diagnostics);
}

std::string write_json(const HardwareConfig& config) {
  Writer writer;
  HardwareConfig copy = config;  // visitors take references, because the reader writes through them
  visit_fields(writer, copy);
  return writer.take();
}

bool is_text_key(const std::string& dotted) {
  const auto& keys = key_list().keys;
  return std::any_of(keys.begin(), keys.end(), [&](const auto& key) { return key.is_text && key.name == dotted; });
}

std::vector<std::string> hardware_config_keys() {
  std::vector<std::string> out;
  for (const auto& key : key_list().keys) out.push_back(key.name);
  return out;
}

}  // namespace vitality
