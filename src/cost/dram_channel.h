// One DRAM channel at command level: ACT, PRE, RD, WR and REF under the timings of docs/hardware.md section 4. Times
// are device clocks.
//
// Policy. Requests (runs of bursts) wait in line before a read queue and a write queue of queue_depth bursts each, and
// enter them in turns of kTurnBursts, or one after the other (in_order). The order is first-ready, first-come
// first-served, with open rows: among the commands that can issue in a clock, requests older than the age cap (the time
// of kAgeCapBursts bursts) go first, then column commands, then row commands, each oldest first. A row with waiting
// hits stays open unless an older request to its bank is past the cap. Writes wait until no read is left, until seven
// eighths of their queue are full, or until the oldest is past the cap; then they drain to one eighth, but let waiting
// reads go first after 4 x queue_depth bursts. Reads keep a contested bus until they have had queue_depth bursts of it,
// or 4 x queue_depth if more reads wait to enter their queue. Neither direction gives up the bus before the rows that
// were opened for it are used. Rows for the waiting direction are opened ahead, on banks that the other direction does
// not need. Every tREFI all banks of a rank are precharged and refreshed; the ranks take turns.
//
// One command per clock. Not modelled: power-down, forwarding from the write queue (the machine never reads what it is
// still writing), commands of several clocks (LPDDR4). The scheduler jumps from command to command, but issues exactly
// the commands, and at the times, of a scheduler that looks at every clock.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <limits>
#include <vector>

#include "cost/dram_address.h"

namespace vitality {

enum class DramCommand : std::uint8_t { kActivate, kPrecharge, kPrechargeAll, kRead, kWrite, kRefresh };
const char* to_string(DramCommand command);

struct DramCommandRecord {
  std::int64_t clock;
  DramCommand command;
  DramLocation at;  // kPrechargeAll, kRefresh: the rank only
};

struct DramChannelCounts {
  Count activates = 0, precharges = 0, refreshes = 0, reads = 0, writes = 0;
  Count row_hits = 0, row_misses = 0, row_conflicts = 0;
  std::int64_t active_clocks = 0;  // clocks with any bank open, summed over ranks
};

class DramChannel {
 public:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
  static constexpr int kAgeCapBursts = 256;  // as many bursts as could have been served meanwhile
  static constexpr int kTurnBursts = 64;
  // What a burst found in its bank: its row open, the bank closed, another row open.
  enum class Outcome : std::uint8_t { kHit, kMiss, kConflict };
  struct Completion {
    std::int64_t id, clock;  // clock at which the run's last data has left the bus
    Outcome outcome;         // the worst of the run's bursts
  };
  using Observer = std::function<void(const DramCommandRecord&)>;

  // Throws InputError when the device's refresh would leave no time for anything else.
  DramChannel(const DramDevice& device, const DramAddressMap& map, int queue_depth);

  // Adds `bursts` > 0 channel bursts from `first` on, which arrive at clock `arrival`. Arrivals must not decrease, and
  // must not lie before a clock that has already run. in_order: no other run has a turn before it has entered its
  // queue. Returns the run's number, valid for remaining() until the run completes.
  int submit(std::int64_t id, std::int64_t first, std::int64_t bursts, bool write, std::int64_t arrival,
             bool in_order = false);
  // Issues every command due up to and including clock `limit`.
  void run_until(std::int64_t limit, std::vector<Completion>& done);
  // No command and no arrival happens before this clock: a lower bound, which run_until() makes exact.
  std::int64_t next_clock() const { return next_; }
  bool idle() const { return outstanding_ == 0; }
  std::int64_t remaining(int run) const { return runs_[run].to_issue; }
  // Whether another burst would enter its queue at once.
  bool can_accept(bool write) const {
    return queues_[write].turn.empty() && queues_[write].size < depth_ && arrivals_.empty();
  }
  // A lower bound of the clock at which a run that arrived at `arrival` can end if `bursts` of its bursts are left.
  std::int64_t earliest_end(std::int64_t bursts, bool write, std::int64_t arrival) const;

  DramChannelCounts counts(std::int64_t now) const;
  void observe(Observer observer) { observer_ = std::move(observer); }

 private:
  struct Run {  // a request's bursts in this channel
    std::int64_t id, next, to_enter, to_issue;
    bool write, in_order;
    Outcome outcome = Outcome::kHit;
  };
  struct Arrival {
    std::int64_t clock;
    int run;
  };
  struct Entry {  // a burst in a queue
    std::int64_t sequence, arrival, row, column;
    int run, bank;
    int bank_next, age_next, age_previous;
    Outcome outcome;
    bool precharged;  // its bank was closed for it
  };
  struct BankQueue {
    int head = -1, tail = -1;
    int hit = -1;       // the oldest entry for the open row
    int position = -1;  // in Queue::active
  };
  struct Queue {
    std::vector<Entry> entries;
    std::vector<BankQueue> banks;
    std::vector<int> active;  // banks with entries, in no order
    std::vector<int> turn;    // runs with bursts that have not entered yet; it is the turn of turn_at
    std::size_t turn_at = 0;
    int turn_left = kTurnBursts;
    int free_head = 0, oldest = -1, newest = -1, size = 0;
  };
  struct Bank {
    std::int64_t row = -1;  // -1: closed
    bool fresh = false;     // opened, and no column command has used it yet
    std::int64_t next_activate = 0, next_precharge = 0, next_column = 0;
    int group, rank;  // group: index into groups_
  };
  struct Group {
    std::int64_t next_activate = 0, next_read = 0, next_write = 0;
  };
  struct Rank {
    std::int64_t next_activate = 0, next_read = 0, next_write = 0;
    std::array<std::int64_t, 4> activates;  // clocks at which the last four activations leave the tFAW window
    int oldest_activate = 0, open_banks = 0;
    std::int64_t refresh_due = 0, active_since = 0;
  };
  struct Choice {
    std::int64_t clock = kNever, sequence = 0;
    int priority = 0;
    DramCommand command = DramCommand::kRefresh;
    int entry = -1, target = -1;  // target: bank, or rank for refresh
    bool from_other = false;      // the entry waits in the queue of the direction that does not hold the bus
  };

  void admit(std::int64_t clock);
  void fill(Queue& queue, std::int64_t arrival);
  void enter(Queue& queue, int run, std::int64_t arrival);
  void remove_hit(Queue& queue, int index);
  void choose_direction();
  Queue& queue_of(const Choice& choice) { return queues_[writing_ != choice.from_other]; }
  Choice choose() const;
  void consider(const Queue& queue, int bank, bool ahead, Choice& best) const;
  Choice refresh_of(int rank) const;
  void skip_idle_refreshes(std::int64_t horizon);
  std::int64_t bus_ready(int rank, bool write) const;
  void issue(const Choice& choice, std::vector<Completion>& done);
  void issue_activate(const Choice& choice);
  void issue_column(const Choice& choice, std::vector<Completion>& done);
  void issue_refresh(const Choice& choice);
  void close_bank(int bank, std::int64_t clock);
  void close_rank(int rank, std::int64_t clock);

  DramDevice device_;
  DramAddressMap map_;
  int depth_, high_, low_, bank_count_;
  std::int64_t age_cap_;  // clocks
  std::vector<Bank> banks_;
  std::vector<Group> groups_;
  std::vector<Rank> ranks_;
  std::array<Queue, 2> queues_;  // reads, writes
  std::vector<Run> runs_;
  std::vector<int> free_runs_;
  std::deque<Arrival> arrivals_;
  bool writing_ = false;
  std::int64_t served_ = 0;  // bursts since the direction last changed
  std::int64_t bus_free_ = 0;
  int bus_rank_ = 0;
  bool bus_write_ = false;
  std::int64_t now_ = 0, next_ = 0, sequence_ = 0, outstanding_ = 0;
  DramChannelCounts counts_;
  Observer observer_;
};

}  // namespace vitality
