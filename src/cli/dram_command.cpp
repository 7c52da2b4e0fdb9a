// `vitality dram`: replays a memory trace on the config's DRAM, JSON on stdout, the command trace as CSV on request.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/output_file.h"
#include "cli/options.h"
#include "config/hardware_config_json.h"
#include "config/memory_trace.h"
#include "cost/dram_replay.h"
#include "report/trace/dram_commands.h"

namespace vitality::cli {
namespace {

namespace po = boost::program_options;

nlohmann::ordered_json to_json(const HardwareConfig& config, const DramReplayResult& result) {
  const DramStatistics& s = result.statistics;
  nlohmann::ordered_json json;
  json["cycles"] = result.cycles;
  json["bytes"] = result.bytes;
  json["bandwidth_gb_s"] = result.bandwidth_gb_s;
  json["row_hits"] = s.row_hits;
  json["row_misses"] = s.row_misses;
  json["row_conflicts"] = s.row_conflicts;
  // The bandwidth model has no rows and no commands: an error is better than counts of zero.
  if (config.dram.model == DramModel::kBandwidth)
    json["not_modelled"] = {"row_hits",
                            "row_misses",
                            "row_conflicts",
                            "commands",
                            "energy_breakdown_pj.activate",
                            "energy_breakdown_pj.refresh",
                            "energy_breakdown_pj.background"};
  json["requests"] = s.requests;
  json["energy_pj"] = result.energy.total();
  json["energy_breakdown_pj"] = {{"activate", result.energy.activate},
                                 {"read", result.energy.read},
                                 {"write", result.energy.write},
                                 {"refresh", result.energy.refresh},
                                 {"background", result.energy.background}};
  json["read_bytes"] = s.read_bytes;
  json["write_bytes"] = s.write_bytes;
  json["commands"] = {
      {"act", s.activates}, {"pre", s.precharges}, {"rd", s.read_bursts}, {"wr", s.write_bursts}, {"ref", s.refreshes}};
  json["bus_busy_cycles"] = s.bus_busy_clocks;
  json["device"] = config.dram.device.name;
  json["channels"] = config.dram.channels;
  json["model"] = to_string(config.dram.model);
  json["address_map"] = config.dram.address_map;
  return json;
}

// commands: a stream for the commands, or null.
DramReplayResult replay(const HardwareConfig& config, const std::string& trace, std::FILE* commands) {
  DramReplay memory(config.dram);
  if (commands) {
    write_dram_command_heading(commands);
    memory.observe([commands](int channel, const DramCommandRecord& c) { write_dram_command(commands, channel, c); });
  }
  MemoryTraceReader reader(trace, memory.capacity());
  MemoryRequest request{};
  std::int64_t requests = 0;
  for (; reader.next(request); ++requests) memory.request(request.cycle, request.write, request.address);
  if (requests == 0) throw InputError(trace, "", "the trace holds no request, expected lines [CYCLE] R|W HEX_ADDRESS");
  return memory.finish();
}

}  // namespace

int dram_command(const Arguments& arguments) {
  po::options_description options("options");
  options.add_options()("config", po::value<std::string>(), "the machine (its dram part is used)")(
      "trace", po::value<std::string>(), "lines [CYCLE] R|W HEX_BYTE_ADDRESS, one 64-byte request each")(
      "set", po::value<std::vector<std::string>>()->composing(), "dotted.key=value: another config value (repeatable)")(
      "commands", po::value<std::string>(),
      "writes every DRAM command as CSV (dram.model banked); cycle 0 is the first request")(
      "result", po::value<std::string>()->default_value("-"), "writes the JSON here and not to stdout (-)");
  po::variables_map values;
  if (!parse_options(
          arguments,
          "usage: vitality dram --config C.json --trace T.txt [OPTIONS]\n\n"
          "Replays a memory trace in order, JSON on stdout. A line's CYCLE is the DRAM clock of its arrival; "
          "lines without one\nenter one after the other as soon as their channel's queue has room.\n"
          "  cycles          DRAM clocks from the first request to the last data on the bus: tRCD + CL + "
          "burst for a lone read\n"
          "  bandwidth_gb_s  bytes (64 a request) / (cycles x tCK)\n"
          "  row_hits, row_misses, row_conflicts  requests that found their row open, their bank closed, "
          "another row open;\n"
          "                  they add up to the requests (of several bursts the worst counts; model banked "
          "only)\n"
          "  commands        rd and wr count bursts: two a request on lpddr4_3200 and hbm2 (32 bytes a "
          "burst)\n"
          "  energy_pj       of commands and background (banked), or all_in_pj_per_bit (bandwidth)",
          options, "", values)) {
    return kDone;
  }
  for (const char* name : {"config", "trace"}) {
    if (!values.count(name)) throw InputError("", "", std::string("option --") + name + " is required; see --help");
  }
  const auto overrides =
      values.count("set") ? values["set"].as<std::vector<std::string>>() : std::vector<std::string>();
  const HardwareConfig config = read_hardware_config(values["config"].as<std::string>(), overrides);
  note_input(values["trace"].as<std::string>());
  OutputSet files;
  const auto result_file = values["result"].as<std::string>();
  files.reserve(result_file);
  std::FILE* commands = nullptr;
  if (values.count("commands")) {
    if (config.dram.model != DramModel::kBanked)
      throw InputError("", "", "option --commands: only dram.model banked issues commands");
    commands = files.add(values["commands"].as<std::string>());
  }
  const DramReplayResult result = replay(config, values["trace"].as<std::string>(), commands);
  files.add(result_file, to_json(config, result).dump(2) + "\n");
  files.commit();
  return kDone;
}

}  // namespace vitality::cli
