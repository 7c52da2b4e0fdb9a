// A mapping from a file in the place of the search's: what it says of a layer, and the laws that it has to keep. A
// value that breaks one is an InputError with the file and the JSON pointer; a mapping that is right and needs more
// scratchpad than there is, an InfeasibleError. Internal to the mapping room.
#pragma once

#include <optional>
#include <string>

#include "mapping/forward/layer_mapper.h"

namespace vitality {

// What the file says of this layer; null: nothing, the search decides.
const LayerMapping* given_mapping(const MappingContext& context, int layer);

// Throws InputError. key: in the layer's object; "a/b" is in a nested one.
[[noreturn]] void refuse_given(const MappingContext& context, int layer, const std::string& key,
                               const std::string& message);

// What the file says of this layer in this form; null: nothing, or another form.
template <class Form>
const Form* given_form(const MappingContext& context, int layer) {
  const LayerMapping* mapping = given_mapping(context, layer);
  return mapping == nullptr ? nullptr : std::get_if<Form>(mapping);
}

// The same, for a layer that can only be mapped in this form: others are refused.
template <class Form>
const Form* given_as(const MappingContext& context, int layer) {
  const LayerMapping* mapping = given_mapping(context, layer);
  if (mapping == nullptr) return nullptr;
  if (const Form* form = std::get_if<Form>(mapping)) return form;
  refuse_given(context, layer, "form",
               std::string("expected \"") + Form::kForm + "\", which is how this layer runs on this machine, found \"" +
                   form_name(*mapping) + "\"");
}

// Of layers in which nothing is to choose.
template <class Form>
void take_form(MappingContext& context, int layer) {
  given_as<Form>(context, layer);
  context.record(layer, Form{});
}

// A number of the layer's object and the most that it can be, with the reason.
struct GivenLimit {
  std::string key;
  int value;
  std::int64_t most;
  std::string reason;
};
void check_limits(const MappingContext& context, int layer, const std::vector<GivenLimit>& limits);
// More passes of the array than a schedule should hold are refused.
void check_passes(const MappingContext& context, int layer, double passes);
// needed: bytes of the mapping's buffers.
void check_room(const MappingContext& context, int layer, Bytes needed, Bytes capacity);
// An operand that lies in the scratchpad has no buffers of its own; one that comes from memory needs some.
void check_source(const MappingContext& context, int layer, const std::string& key, int buffers, bool on_chip);

// Tiles of results that cannot be cut are as wide as the widest of these columns.
void check_columns(const MappingContext& context, int layer, const std::vector<int>& columns, int given);

// The laws of a GEMM on an input stationary array.
void check_given(const MappingContext& context, int layer, const GemmProblem& problem,
                 const InputStationaryMapping& mapping);

// Refuses results in another place than they can have beside what else the file says, as the search found it.
void check_place(const MappingContext& context, int layer, ResultPlace given, const Residence& found);

// Where the file leaves the layer's results; none: it does not say.
struct GivenPlace {
  ResultPlace place;
  bool high_end;
};
std::optional<GivenPlace> given_place(const MappingContext& context, int layer);
// Whether the file takes the rows of this layer that is no attention from the scratchpad; none: the file leaves the
// layer out.
std::optional<bool> takes_resident_operand(const MappingContext& context, int layer);

// Whether the file has this layer run by itself, although the layer before could do it on its results.
bool leaves_epilogue(const MappingContext& context, int layer);

}  // namespace vitality
