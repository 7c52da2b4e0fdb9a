// Mappings as JSON: what a layer's mapping is in a result, and files that hold those of a model's layers. One list of
// fields (mapping_json.cpp) is the reader's, the writer's and the schema's.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "mapping/forward/mapping_options.h"
#include "workload/model.h"

namespace vitality {

// One layer's object, on one line; "" for a layer that does not run.
std::string write_json(const LayerMapping& mapping);

// A file with the objects of these layers.
struct MappingFile {
  std::string machine, workload;                            // names, for people: the layers are what is checked
  std::vector<std::pair<std::string, std::string>> layers;  // name and object
  std::string batch_order = {};                             // of a batch: BatchOrder's name; "" of one image
  int scratchpad_kib = 0;                                   // GivenMapping's
};
std::string write_json(const MappingFile& file);

// Reads a file's document. Layers may be left out; those that are there must be the model's (an image of a batch: by
// the layer's name, for all images, or by that of the image's layer). What a layer's sizes and the machine allow is
// checked when the model is mapped. model may be null: any name is right then.
GivenMapping read_mapping(const JsonValue& document, const VitModel* model, Diagnostics& diagnostics);

// JSON Schema (draft 2020-12).
std::string mapping_schema();

}  // namespace vitality
