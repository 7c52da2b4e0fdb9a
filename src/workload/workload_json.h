// Vision transformers as JSON: a compact description that resolves to a VitModel with every shape checked.
//
//   { "name": "...", "description": "...", "source": "...",
//     "image": {"height": 224, "width": 224, "channels": 3},
//     "dims": {"dim": 192, "hidden": "4*dim"},                  named sizes; each may use the ones before it
//     "blocks": {"encoder": [ items ]},                         pieces to use more than once
//     "layers": [ items ] }
// An item is one of
//   a layer      {"name": "head", "kind": "linear", "out_features": 1000, ...}
//   a block      {"block": "encoder", "name": "blocks.{i}", "repeat": 12, "dims": {...}}
//   a group      {"layers": [ items ], "name": ..., "repeat": ..., "dims": ...}
// In names and inputs {i} is the index of the innermost repeat, {block} the name of the innermost block or group. A
// layer's `inputs` name layers, or "previous" (the default), "block_input" (what the innermost block or group got),
// "image". Sizes are integers or expressions ("4*dim"). Keys of each kind of layer: layer_json.cpp; `vitality list
// operators` prints them.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "workload/model.h"

namespace vitality {

// overrides: "name=value" of top-level dims, image.height or image.width. Throws InputError.
VitModel read_workload(const std::string& path, const std::vector<std::string>& overrides = {});
std::string workload_schema();  // JSON Schema of such a file

VitModel parse_workload(const std::string& text, const std::string& file,
                        const std::vector<std::string>& overrides = {});
// The same from a document; errors go to the diagnostics (the model is only useful if there are none).
VitModel read_workload(JsonDocument document, const std::vector<std::string>& overrides, Diagnostics& diagnostics);

}  // namespace vitality
