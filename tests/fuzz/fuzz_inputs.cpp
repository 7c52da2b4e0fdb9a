// Mutates the shipped configs and workloads and feeds them to the readers: whatever comes in, a reader returns a value
// or throws InputError, and a config that is accepted survives being written and read again. usage: fuzz_inputs ROUNDS
// [SEED] The same seed gives the same inputs. Built with the asan preset it also looks for memory errors.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "config/hardware_config_json.h"
#include "workload/workload_json.h"

using namespace vitality;

namespace {

struct Seed {
  std::string file, text;
  bool is_config;
};

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return n == 0 ? 0 : random_() % n; }

  void mutate(std::string& text) {
    static const std::vector<std::string> kPieces{"-1",
                                                  "0",
                                                  "1e300",
                                                  "1000000000000000000",
                                                  "1.5",
                                                  "null",
                                                  "true",
                                                  "[]",
                                                  "{}",
                                                  "\"\"",
                                                  "\"x\"",
                                                  "\"dim*dim*dim\"",
                                                  "\"{i}\"",
                                                  "\\u0000",
                                                  "\"{block}{block}{block}{block}\"",
                                                  ",",
                                                  "\"previous\"",
                                                  "4096",
                                                  "65536",
                                                  "NaN",
                                                  "[[",
                                                  "}}",
                                                  "\xff",
                                                  "\"block_input\""};
    const std::size_t at = below(text.size());
    switch (below(6)) {
      case 0:  // one byte
        if (!text.empty()) text[at] = static_cast<char>(random_());
        break;
      case 1:  // cut
        text.erase(at, 1 + below(40));
        break;
      case 2:  // doubled
        text.insert(at, text.substr(below(text.size()), below(80)));
        break;
      default:
        replace_value(text, at, kPieces[below(kPieces.size())]);
    }
  }

 private:
  // The value after the next colon or comma: mutations that stay JSON get further than broken bytes.
  static void replace_value(std::string& text, std::size_t from, const std::string& piece) {
    const std::size_t begin = text.find_first_of(":[,", from);
    if (begin == std::string::npos) return;
    const std::size_t end = text.find_first_of(",}]\n", begin + 1);
    if (end == std::string::npos) return;
    text.replace(begin + 1, end - begin - 1, piece);
  }

  std::mt19937_64 random_;
};

std::vector<Seed> shipped_inputs() {
  const std::filesystem::path root = VITALITY_SOURCE_DIR;
  std::vector<Seed> seeds;
  for (const char* name : {"configs/vitality.json", "configs/vitality_training.json", "workloads/tiny_vit.json",
                           "workloads/tiny_levit.json", "workloads/tiny_mobilevit.json"}) {
    const std::string file = (root / name).string();
    seeds.push_back({file, read_text_file(file), std::string(name).find("configs") == 0});
  }
  // A config with its libraries inline, so that these are mutated too.
  seeds.push_back({seeds[0].file, write_json(read_hardware_config(seeds[0].file)), true});
  return seeds;
}

// False when the reader did something else than return or throw InputError.
bool survives(const Seed& seed, const std::string& text, long& accepted) {
  try {
    if (seed.is_config) {
      const std::string written = write_json(parse_hardware_config(text, seed.file));
      if (write_json(parse_hardware_config(written, seed.file)) != written)
        throw std::runtime_error("round trip differs");
    } else {
      const VitModel model = parse_workload(text, seed.file);
      if (macs(model) < 0 || parameter_count(model) < 0) throw std::runtime_error("negative counts");
    }
    ++accepted;
  } catch (const InputError&) {
  } catch (const std::exception& error) {
    std::printf("%s\n---- %s: %s\n", text.c_str(), seed.file.c_str(), error.what());
    return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const long rounds = argc > 1 ? std::atol(argv[1]) : 2000;
  Mutator mutator(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
  const std::vector<Seed> seeds = shipped_inputs();
  long accepted = 0;
  for (long i = 0; i < rounds; ++i) {
    const Seed& seed = seeds[mutator.below(seeds.size())];
    std::string text = seed.text;
    for (std::size_t n = 1 + mutator.below(4); n > 0; --n) mutator.mutate(text);
    if (!survives(seed, text, accepted)) return 1;
  }
  std::printf("%ld inputs, %ld of them accepted, the rest refused with a message\n", rounds, accepted);
  return accepted > 0 && accepted < rounds ? 0 : 1;
}
