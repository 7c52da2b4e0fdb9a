// Where files that users name are looked for: as given, beside the file that names them, in the folders of
// $VITALITY_PATH (separated by colons), and in what is installed with the program.
#pragma once

#include <string>
#include <vector>

namespace vitality {

// The folders of $VITALITY_PATH in its order, then the program's own: PREFIX/share/vitality where the program is
// PREFIX/bin/vitality, or the source tree that it was built in. Each holds configs/ and workloads/, or files.
const std::vector<std::string>& shipped_folders();

// The file that `name` means: a path, or the name of a shipped file ("vitality", "deit_tiny.json"). `folder` is
// "configs", "configs/sweeps" or "workloads"; `beside` is the file in which the name was written, or "". Throws
// InputError when there is no such file: the message lists the places that were searched, and the nearest name.
std::string find_file(const std::string& name, const std::string& folder, const std::string& beside = "");

// The folder of tensors that `name` means, in the same places: a path, or the name of a shipped one ("fashion_vit").
std::string find_folder(const std::string& name, const std::string& folder);

// The file of images or labels that `name` means: a path, or one below a folder of the search path
// ("examples/trained-model/ images.npy"). A name that means none is returned as it is: its reader says why.
std::string find_data(const std::string& name);

}  // namespace vitality
