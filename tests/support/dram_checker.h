// Checks a DRAM command trace against a device's timings, knowing nothing of the scheduler: it keeps every command's
// clock and compares each new command with the earlier ones, rule by rule, in the words of docs/hardware.md section 4.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cost/dram_channel.h"

namespace vitality::test {

class DramChecker {
 public:
  explicit DramChecker(const DramDevice& device) : d_(device) {}

  // Records the command and returns what it breaks: "" or the rules' names, space separated.
  std::string check(const DramCommandRecord& command) {
    broken_.clear();
    const std::int64_t t = command.clock;
    if (t <= last_) fail("command_bus");
    last_ = t;
    switch (command.command) {
      case DramCommand::kActivate:
        activate(command);
        break;
      case DramCommand::kPrecharge:
        precharge(command.at.rank, command.at.bank_group, command.at.bank, t, d_.trp);
        break;
      case DramCommand::kPrechargeAll:
        for (int g = 0; g < d_.bank_groups; ++g) {
          for (int b = 0; b < d_.banks_per_group; ++b) {
            if (bank(command.at.rank, g, b).row >= 0) precharge(command.at.rank, g, b, t, d_.precharge_all());
          }
        }
        break;
      case DramCommand::kRead:
      case DramCommand::kWrite:
        column(command);
        break;
      case DramCommand::kRefresh:
        refresh(command.at.rank, t);
        break;
    }
    return broken_;
  }
  // Refreshes that a rank is late at clock `t`, in whole intervals.
  std::int64_t refreshes_owed(int rank, std::int64_t t) const {
    const auto found = refreshes_.find(rank);
    return t / d_.trefi - (found == refreshes_.end() ? 0 : static_cast<std::int64_t>(found->second.size()));
  }

 private:
  struct Bank {
    std::int64_t row = -1, activated = kLongAgo, ready_after_precharge = kLongAgo;
    std::int64_t read = kLongAgo, written = kLongAgo;  // last column commands since the row was opened
  };
  struct Column {
    std::int64_t t;
    bool write;
    int rank, group;
  };
  struct Activate {
    std::int64_t t;
    int rank, group;
  };
  static constexpr std::int64_t kLongAgo = -1000000000;

  Bank& bank(int rank, int group, int index) { return banks_[{rank, {group, index}}]; }
  void fail(const std::string& rule) {
    if ((" " + broken_ + " ").find(" " + rule + " ") == std::string::npos)
      broken_ += (broken_.empty() ? "" : " ") + rule;
  }
  void need(bool ok, const char* rule) {
    if (!ok) fail(rule);
  }
  void in_refresh(int rank, std::int64_t t) {
    const auto& all = refreshes_[rank];
    need(all.empty() || t >= all.back() + d_.trfc, "trfc");
  }

  void activate(const DramCommandRecord& c) {
    const std::int64_t t = c.clock;
    Bank& b = bank(c.at.rank, c.at.bank_group, c.at.bank);
    need(b.row < 0, "bank_open");
    need(t >= b.activated + d_.trc, "trc");
    need(t >= b.ready_after_precharge, "trp");
    in_refresh(c.at.rank, t);
    int in_window = 0;
    for (const Activate& a : activates_) {
      if (a.rank != c.at.rank) continue;
      need(t >= a.t + d_.trrd_s, "trrd_s");
      if (a.group == c.at.bank_group) need(t >= a.t + d_.trrd_l, "trrd_l");
      in_window += t < a.t + d_.tfaw;
    }
    need(in_window < 4, "tfaw");
    activates_.push_back({t, c.at.rank, c.at.bank_group});
    if (activates_.size() > 256) activates_.erase(activates_.begin(), activates_.begin() + 128);
    b.row = c.at.row;
    b.activated = t;
    b.read = b.written = kLongAgo;
  }
  void precharge(int rank, int group, int index, std::int64_t t, int trp) {
    Bank& b = bank(rank, group, index);
    need(t >= b.activated + d_.tras, "tras");
    need(t >= b.read + d_.trtp, "trtp");
    need(t >= b.written + d_.cwl + d_.burst_cycles + d_.twr, "twr");
    in_refresh(rank, t);
    b.row = -1;
    b.ready_after_precharge = t + trp;
  }
  void column(const DramCommandRecord& c) {
    const std::int64_t t = c.clock;
    const bool write = c.command == DramCommand::kWrite;
    Bank& b = bank(c.at.rank, c.at.bank_group, c.at.bank);
    need(b.row == c.at.row && b.row >= 0, "row");
    need(t >= b.activated + d_.trcd, "trcd");
    in_refresh(c.at.rank, t);
    const std::int64_t data = t + (write ? d_.cwl : d_.cl);
    for (const Column& past : columns_) {
      const bool same_rank = past.rank == c.at.rank, same_group = same_rank && past.group == c.at.bank_group;
      if (same_rank) need(t >= past.t + d_.tccd_s, "tccd_s");
      if (same_group) need(t >= past.t + d_.tccd_l, "tccd_l");
      const std::int64_t past_end = past.t + (past.write ? d_.cwl : d_.cl) + d_.burst_cycles;
      need(data >= past_end, "data_bus");
      if (past.write != write || !same_rank) need(data >= past_end + d_.turnaround, "turnaround");
      if (past.write && !write && same_rank) need(t >= past_end + d_.twtr_s, "twtr_s");
      if (past.write && !write && same_group) need(t >= past_end + d_.twtr_l, "twtr_l");
    }
    columns_.push_back({t, write, c.at.rank, c.at.bank_group});
    if (columns_.size() > 256) columns_.erase(columns_.begin(), columns_.begin() + 128);
    (write ? b.written : b.read) = t;
  }
  void refresh(int rank, std::int64_t t) {
    in_refresh(rank, t);
    for (int g = 0; g < d_.bank_groups; ++g) {
      for (int i = 0; i < d_.banks_per_group; ++i) {
        const Bank& b = bank(rank, g, i);
        need(b.row < 0, "refresh_open");
        need(t >= b.ready_after_precharge, "trp");
        need(t >= b.activated + d_.trc, "trc");
      }
    }
    refreshes_[rank].push_back(t);
  }

  DramDevice d_;
  std::map<std::pair<int, std::pair<int, int>>, Bank> banks_;
  std::vector<Column> columns_;
  std::vector<Activate> activates_;
  std::map<int, std::vector<std::int64_t>> refreshes_;
  std::int64_t last_ = -1;
  std::string broken_;
};

}  // namespace vitality::test
