// Machines as JSON. Reads them with defaults, --set overrides and libraries of DRAM devices and energy tables; writes
// them resolved, that is, with every value.
//
// Keys are the member names of HardwareConfig, all optional, plus `description` and `sources` (dotted key -> source and
// mark). `dram.device` and `energy` are an object, a path that ends in .json, or the name of a file NAME.json in
// memory/ or energy/: it is searched beside the config, in configs/ and ../configs/ from there, and in configs/ of the
// working directory.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "config/hardware_config.h"

namespace vitality {

// overrides: "dotted.key=value", applied in order; the value is JSON, or else a string. Throws InputError.
HardwareConfig read_hardware_config(const std::string& path, const std::vector<std::string>& overrides = {});
// The same from text; `file` names it in errors, and libraries are searched beside it.
HardwareConfig parse_hardware_config(const std::string& text, const std::string& file,
                                     const std::vector<std::string>& overrides = {});
// The same from a document; errors go to the diagnostics (the result is only useful if there are none).
HardwareConfig read_hardware_config(JsonDocument document, const std::vector<std::string>& overrides,
                                    Diagnostics& diagnostics);
// A library's file on its own.
DramDevice read_dram_device(const JsonValue& document, Diagnostics& diagnostics);
EnergyTable read_energy_table(const JsonValue& document, Diagnostics& diagnostics);

// The whole resolved config, libraries inline, in one line with a fixed key order. Reading it gives the same config.
std::string write_json(const HardwareConfig& config);

// JSON Schema (draft 2020-12) of a config, and of the files in configs/energy and configs/memory.
std::string hardware_config_schema();
std::string energy_table_schema();
std::string dram_device_schema();

// Every dotted key that --set and the axes of a sweep may name.
std::vector<std::string> hardware_config_keys();
bool is_text_key(const std::string& dotted);  // takes any text (a name, a file): "64" is a string there, not a number

}  // namespace vitality
