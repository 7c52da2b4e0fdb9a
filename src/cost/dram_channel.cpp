#include "cost/dram_channel.h"

#include <algorithm>

#include "base/error.h"

namespace vitality {

const char* to_string(DramCommand command) {
  static constexpr const char* kNames[] = {"ACT", "PRE", "PREA", "RD", "WR", "REF"};
  return kNames[static_cast<std::size_t>(command)];
}

DramChannel::DramChannel(const DramDevice& device, const DramAddressMap& map, int queue_depth)
    : device_(device),
      map_(map),
      depth_(queue_depth),
      high_(std::max(1, queue_depth * 7 / 8)),
      low_(queue_depth / 8),
      bank_count_(device.bank_groups * device.banks_per_group),
      age_cap_(std::int64_t{kAgeCapBursts} * device.burst_cycles) {
  if (depth_ < 1) throw InputError("", "/dram/queue_depth", "expected at least 1, found " + std::to_string(depth_));
  // After a refresh a bank must have time to open, serve and close before the next refresh; otherwise nothing would
  // ever be transferred.
  if (device.trefi <= device.trfc + 2 * device.one_access()) {
    throw InputError(
        "", "/dram/device/trefi",
        "impossible timing: refresh every " + std::to_string(device.trefi) + " clocks leaves no time for an access");
  }
  for (int rank = 0; rank < device.ranks; ++rank) {
    Rank fresh;
    fresh.activates.fill(0);
    fresh.refresh_due = std::int64_t{device.trefi} * (rank + 1) / device.ranks;
    ranks_.push_back(fresh);
    for (int group = 0; group < device.bank_groups; ++group) {
      Bank bank;
      bank.rank = rank, bank.group = static_cast<int>(groups_.size());
      banks_.insert(banks_.end(), static_cast<std::size_t>(device.banks_per_group), bank);
      groups_.emplace_back();
    }
  }
  for (Queue& queue : queues_) {
    queue.banks.resize(banks_.size());
    queue.entries.resize(static_cast<std::size_t>(depth_));
    for (int i = 0; i < depth_; ++i) queue.entries[i].age_next = i + 1 < depth_ ? i + 1 : -1;
  }
}

int DramChannel::submit(std::int64_t id, std::int64_t first, std::int64_t bursts, bool write, std::int64_t arrival,
                        bool in_order) {
  int run = static_cast<int>(runs_.size());
  if (free_runs_.empty()) {
    runs_.emplace_back();
  } else {
    run = free_runs_.back();
    free_runs_.pop_back();
  }
  runs_[run] = {id, first, bursts, bursts, write, in_order, Outcome::kHit};
  arrivals_.push_back({arrival, run});
  next_ = std::min(next_, arrival);
  outstanding_ += bursts;
  return run;
}

std::int64_t DramChannel::earliest_end(std::int64_t bursts, bool write, std::int64_t arrival) const {
  const int data = (write ? device_.cwl : device_.cl) + device_.burst_cycles;
  return std::max(next_, arrival) + (bursts - 1) * device_.burst_cycles + data;
}

DramChannelCounts DramChannel::counts(std::int64_t now) const {
  DramChannelCounts counts = counts_;
  for (const Rank& rank : ranks_) {
    if (rank.open_banks > 0) counts.active_clocks += now - rank.active_since;
  }
  return counts;
}

// --- queues

void DramChannel::admit(std::int64_t clock) {
  while (!arrivals_.empty() && arrivals_.front().clock <= clock) {
    const Arrival arrival = arrivals_.front();
    arrivals_.pop_front();
    Queue& queue = queues_[runs_[arrival.run].write];
    queue.turn.push_back(arrival.run);
    fill(queue, arrival.clock);
  }
}

void DramChannel::fill(Queue& queue, std::int64_t arrival) {
  while (queue.size < depth_ && !queue.turn.empty()) {
    const int index = queue.turn[queue.turn_at];
    enter(queue, index, arrival);
    if (runs_[index].to_enter == 0) {
      queue.turn.erase(queue.turn.begin() + static_cast<std::ptrdiff_t>(queue.turn_at));
    } else if (!runs_[index].in_order && --queue.turn_left == 0) {
      ++queue.turn_at;
    } else {
      continue;
    }
    queue.turn_left = kTurnBursts;
    if (queue.turn_at >= queue.turn.size()) queue.turn_at = 0;
  }
}

void DramChannel::enter(Queue& queue, int run, std::int64_t arrival) {
  const int index = queue.free_head;
  Entry& entry = queue.entries[index];
  queue.free_head = entry.age_next;
  ++queue.size;
  const DramLocation at = map_.locate(runs_[run].next++);
  --runs_[run].to_enter;
  entry = {sequence_++, arrival, at.row, at.column, run, at.flat_bank, -1, -1, queue.newest, Outcome::kHit, false};
  (queue.newest < 0 ? queue.oldest : queue.entries[queue.newest].age_next) = index;
  queue.newest = index;
  BankQueue& bank = queue.banks[at.flat_bank];
  if (bank.tail < 0) {
    bank.head = index;
    bank.position = static_cast<int>(queue.active.size());
    queue.active.push_back(at.flat_bank);
  } else {
    queue.entries[bank.tail].bank_next = index;
  }
  bank.tail = index;
  if (bank.hit < 0 && banks_[at.flat_bank].row == at.row) bank.hit = index;
}

// Removes the bank's oldest hit from a queue.
void DramChannel::remove_hit(Queue& queue, int index) {
  Entry& entry = queue.entries[index];
  BankQueue& bank = queue.banks[entry.bank];
  int before = -1;
  if (bank.head != index) {
    for (before = bank.head; queue.entries[before].bank_next != index;) before = queue.entries[before].bank_next;
  }
  (before < 0 ? bank.head : queue.entries[before].bank_next) = entry.bank_next;
  if (bank.tail == index) bank.tail = before;
  for (bank.hit = entry.bank_next; bank.hit >= 0 && queue.entries[bank.hit].row != entry.row;) {
    bank.hit = queue.entries[bank.hit].bank_next;
  }
  if (bank.head < 0) {
    const int last = queue.active.back();
    queue.active[bank.position] = last;
    queue.banks[last].position = bank.position;
    queue.active.pop_back();
  }
  (entry.age_previous < 0 ? queue.oldest : queue.entries[entry.age_previous].age_next) = entry.age_next;
  (entry.age_next < 0 ? queue.newest : queue.entries[entry.age_next].age_previous) = entry.age_previous;
  entry.age_next = queue.free_head;
  queue.free_head = index;
  --queue.size;
}

// --- which command, and when

void DramChannel::choose_direction() {
  const Queue& reads = queues_[0];
  const Queue& writes = queues_[1];
  const bool capped = writes.size > 0 && writes.entries[writes.oldest].arrival + age_cap_ <= now_;
  // A turn of several queues' worth of bursts pays for the cost of turning the bus; reads get it if more reads wait
  // than the queue holds.
  const std::int64_t hold = reads.turn.empty() ? depth_ : 4 * depth_;
  bool writing = writing_;
  if (!writing_ && writes.size > 0) {
    writing = reads.size == 0 || ((writes.size >= high_ || capped) && served_ >= hold);
  } else if (writing_ && reads.size > 0) {
    writing = writes.size > 0 && (writes.size > low_ || capped) && served_ < 4 * depth_;
  }
  if (writing == writing_) return;
  const Queue& leaving = queues_[writing_];
  for (const int bank : leaving.active) {  // rows opened for this direction and not used yet
    if (leaving.banks[bank].hit >= 0 && banks_[bank].fresh) return;
  }
  writing_ = writing, served_ = 0;
}

// First clock at which a column command may put its data on the bus.
std::int64_t DramChannel::bus_ready(int rank, bool write) const {
  const bool turn = rank != bus_rank_ || write != bus_write_;
  return bus_free_ + (turn ? device_.turnaround : 0) - (write ? device_.cwl : device_.cl);
}

// Compares a bank's next command with the best choice so far; it wins if it is earlier, or more urgent, or older.
// `ahead`: a row command for the direction that gets the bus next.
void DramChannel::consider(const Queue& queue, int index, bool ahead, Choice& best) const {
  const Bank& bank = banks_[index];
  const BankQueue& waiting = queue.banks[index];
  const Rank& rank = ranks_[bank.rank];
  const Group& group = groups_[bank.group];
  const auto latest = [](std::int64_t a, std::int64_t b) { return a > b ? a : b; };
  std::int64_t clock;
  int priority, chosen = waiting.head;
  DramCommand command;
  if (waiting.hit >= 0) {
    chosen = waiting.hit;
    command = writing_ ? DramCommand::kWrite : DramCommand::kRead;
    const std::int64_t bus = bus_ready(bank.rank, writing_);
    clock = latest(latest(now_, bus), latest(bank.next_column, writing_ ? latest(group.next_write, rank.next_write)
                                                                        : latest(group.next_read, rank.next_read)));
    priority = clock == bus ? 1 : 3;
    if (waiting.hit != waiting.head) {
      const std::int64_t capped = queue.entries[waiting.head].arrival + age_cap_;
      if (capped <= clock) {  // an older request to another row has waited long enough
        chosen = waiting.head;
        command = DramCommand::kPrecharge;
        clock = latest(now_, latest(bank.next_precharge, capped));
      }
    }
  } else if (bank.row >= 0) {
    command = DramCommand::kPrecharge;
    priority = 3;
    clock = latest(now_, bank.next_precharge);
  } else {
    command = DramCommand::kActivate;
    priority = 2;
    clock = latest(latest(now_, latest(bank.next_activate, group.next_activate)),
                   latest(rank.next_activate, rank.activates[rank.oldest_activate]));
  }
  // Once the refresh is due, the rank does nothing but prepare its refresh.
  if (clock > best.clock || clock >= rank.refresh_due) return;
  const Entry& entry = queue.entries[chosen];
  if (entry.arrival + age_cap_ <= clock) priority = 0;
  if (ahead) priority = 4;
  if (clock == best.clock &&
      (priority > best.priority || (priority == best.priority && entry.sequence >= best.sequence)))
    return;
  best = {clock, entry.sequence, priority, command, chosen, index, ahead};
}

DramChannel::Choice DramChannel::refresh_of(int rank) const {
  Choice choice;
  choice.target = rank;
  choice.priority = -1;
  choice.clock = std::max(now_, ranks_[rank].refresh_due);
  const Bank* bank = &banks_[static_cast<std::size_t>(rank) * bank_count_];
  const bool open = ranks_[rank].open_banks > 0;
  choice.command = open ? DramCommand::kPrechargeAll : DramCommand::kRefresh;
  for (int i = 0; i < bank_count_; ++i, ++bank) {
    if (!open) choice.clock = std::max(choice.clock, bank->next_activate);
    if (open && bank->row >= 0) choice.clock = std::max(choice.clock, bank->next_precharge);
  }
  return choice;
}

DramChannel::Choice DramChannel::choose() const {
  const auto before = [](const Choice& a, const Choice& b) {
    if (a.clock != b.clock) return a.clock < b.clock;
    if (a.priority != b.priority) return a.priority < b.priority;
    return a.sequence < b.sequence;
  };
  const Queue& queue = queues_[writing_];
  Choice best;
  for (const int bank : queue.active) consider(queue, bank, false, best);
  const Queue& other = queues_[!writing_];
  for (const int bank : other.active) {
    if (queue.banks[bank].head < 0 && other.banks[bank].hit < 0) consider(other, bank, true, best);
  }
  for (int rank = 0; rank < static_cast<int>(ranks_.size()); ++rank) {
    if (ranks_[rank].refresh_due > best.clock) continue;
    const Choice next = refresh_of(rank);
    if (before(next, best)) best = next;
  }
  return best;
}

void DramChannel::skip_idle_refreshes(std::int64_t horizon) {
  if (observer_ || queues_[0].size + queues_[1].size > 0) return;
  for (const Rank& rank : ranks_) {
    if (rank.open_banks > 0) return;
  }
  for (Rank& rank : ranks_) {
    const std::int64_t skipped = std::max<std::int64_t>(0, (horizon - rank.refresh_due) / device_.trefi);
    counts_.refreshes += skipped;
    rank.refresh_due += skipped * device_.trefi;
  }
}

void DramChannel::run_until(std::int64_t limit, std::vector<Completion>& done) {
  while (true) {
    admit(now_);
    choose_direction();
    const std::int64_t arrival = arrivals_.empty() ? kNever : arrivals_.front().clock;
    Choice choice = choose();
    if (choice.command == DramCommand::kRefresh && std::min(limit, arrival) - choice.clock > device_.trefi) {
      skip_idle_refreshes(std::min(limit, arrival));
      choice = choose();
    }
    next_ = std::min(arrival, choice.clock);
    if (next_ > limit) return;
    if (arrival <= choice.clock) {
      now_ = std::max(now_, arrival);
    } else {
      issue(choice, done);
      now_ = choice.clock + 1;
    }
  }
}

// --- what a command does

void DramChannel::issue(const Choice& choice, std::vector<Completion>& done) {
  if (observer_) {
    DramLocation at;
    if (choice.entry >= 0) {
      const Entry& entry = queue_of(choice).entries[choice.entry];
      at.flat_bank = entry.bank;
      at.rank = entry.bank / bank_count_;
      at.bank_group = entry.bank % bank_count_ / device_.banks_per_group;
      at.bank = entry.bank % device_.banks_per_group;
      at.row = choice.command == DramCommand::kPrecharge ? banks_[entry.bank].row : entry.row;
      at.column = entry.column;
    } else {
      at.rank = choice.target;
    }
    observer_({choice.clock, choice.command, at});
  }
  switch (choice.command) {
    case DramCommand::kActivate:
      return issue_activate(choice);
    case DramCommand::kPrecharge:
      queue_of(choice).entries[choice.entry].precharged = true;
      ++counts_.precharges;
      return close_bank(choice.target, choice.clock);
    case DramCommand::kPrechargeAll:
      return close_rank(choice.target, choice.clock);
    case DramCommand::kRefresh:
      return issue_refresh(choice);
    case DramCommand::kRead:
    case DramCommand::kWrite:
      return issue_column(choice, done);
  }
}

void DramChannel::issue_activate(const Choice& choice) {
  const std::int64_t t = choice.clock;
  Entry& entry = queue_of(choice).entries[choice.entry];
  Bank& bank = banks_[choice.target];
  Rank& rank = ranks_[bank.rank];
  entry.outcome = entry.precharged ? Outcome::kConflict : Outcome::kMiss;
  ++counts_.activates;
  bank.row = entry.row, bank.fresh = true;
  bank.next_column = t + device_.trcd;
  bank.next_precharge = t + device_.tras;
  bank.next_activate = t + device_.trc;
  groups_[bank.group].next_activate = t + device_.trrd_l;
  rank.next_activate = t + device_.trrd_s;
  rank.activates[rank.oldest_activate] = t + device_.tfaw;
  rank.oldest_activate = (rank.oldest_activate + 1) % 4;
  if (rank.open_banks++ == 0) rank.active_since = t;
  for (Queue& queue : queues_) {
    BankQueue& waiting = queue.banks[choice.target];
    for (waiting.hit = waiting.head; waiting.hit >= 0 && queue.entries[waiting.hit].row != bank.row;) {
      waiting.hit = queue.entries[waiting.hit].bank_next;
    }
  }
}

void DramChannel::issue_column(const Choice& choice, std::vector<Completion>& done) {
  const std::int64_t t = choice.clock;
  const bool write = choice.command == DramCommand::kWrite;
  Queue& queue = queues_[write];
  const Entry entry = queue.entries[choice.entry];
  Bank& bank = banks_[choice.target];
  Group& group = groups_[bank.group];
  Rank& rank = ranks_[bank.rank];
  const std::int64_t end = t + (write ? device_.cwl : device_.cl) + device_.burst_cycles;
  bank.fresh = false;
  bus_free_ = end, bus_rank_ = bank.rank, bus_write_ = write;
  group.next_read = std::max(group.next_read, write ? end + device_.twtr_l : t + device_.tccd_l);
  rank.next_read = std::max(rank.next_read, write ? end + device_.twtr_s : t + device_.tccd_s);
  group.next_write = std::max(group.next_write, t + device_.tccd_l);
  rank.next_write = std::max(rank.next_write, t + device_.tccd_s);
  bank.next_precharge = std::max(bank.next_precharge, write ? end + device_.twr : t + device_.trtp);
  ++(write ? counts_.writes : counts_.reads);
  ++(entry.outcome == Outcome::kHit    ? counts_.row_hits
     : entry.outcome == Outcome::kMiss ? counts_.row_misses
                                       : counts_.row_conflicts);
  ++served_;
  --outstanding_;
  remove_hit(queue, choice.entry);
  Run& run = runs_[entry.run];
  run.outcome = std::max(run.outcome, entry.outcome);
  if (--run.to_issue == 0) {
    done.push_back({run.id, end, run.outcome});
    free_runs_.push_back(entry.run);
  }
  fill(queue, t + 1);
}

void DramChannel::issue_refresh(const Choice& choice) {
  Rank& rank = ranks_[choice.target];
  ++counts_.refreshes;
  rank.refresh_due += device_.trefi;
  for (int i = 0; i < bank_count_; ++i)
    banks_[static_cast<std::size_t>(choice.target) * bank_count_ + i].next_activate = choice.clock + device_.trfc;
}

void DramChannel::close_bank(int index, std::int64_t clock) {
  Bank& bank = banks_[index];
  Rank& rank = ranks_[bank.rank];
  bank.row = -1;
  bank.next_activate = std::max(bank.next_activate, clock + device_.trp);
  if (--rank.open_banks == 0) counts_.active_clocks += clock - rank.active_since;
  for (Queue& queue : queues_) queue.banks[index].hit = -1;
}

void DramChannel::close_rank(int rank, std::int64_t clock) {
  for (int i = 0; i < bank_count_; ++i) {
    const int bank = rank * bank_count_ + i;
    if (banks_[bank].row < 0) continue;
    ++counts_.precharges;
    close_bank(bank, clock);
    banks_[bank].next_activate = std::max(banks_[bank].next_activate, clock + device_.precharge_all());
  }
}

}  // namespace vitality
