// Streams that read from the scratchpad's banks, clocked, lane by lane: what the rates of cost/rate_calendar.h are held
// against. Registers take their next values at the rising edge of the clock; requests and grants are combinational.
//
// Banks: lanes of 8 bytes, each with a port that reads one word a cycle (cost/scratchpad_lanes.h says which lane holds
// a word). Of several streams that want a lane in a cycle, the one that began first has it. Reader: a stream of steps;
// a step reads `words` words, one behind the other. Each cycle one step enters the queue of wanted words if it has room
// for `window` words; of each lane the oldest wanted word is requested. The unit behind takes the oldest step when all
// its words are there, one step a cycle.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <systemc>
#include <vector>

#include "cost/scratchpad_lanes.h"
#include "tests/support/fork_simulation.h"

namespace vitality::test {

struct BankStream {
  Cycles start;  // the first step enters in this cycle
  int steps, words;
  Bytes first;  // word
};

constexpr Bytes kNoWord = -1;
// What the memory holds.
inline Bytes content(Bytes word) {
  return 7 * word + 3;
}

struct ClockedReader : sc_core::sc_module {
  sc_core::sc_in<bool> clock;
  sc_core::sc_vector<sc_core::sc_out<Bytes>> wanted;  // of each lane: the word
  sc_core::sc_vector<sc_core::sc_in<Bytes>> given;    // its content, or kNoWord
  Cycles ended = -1;                                  // the end of the cycle in which the last step was taken
  int faults = 0;

  SC_HAS_PROCESS(ClockedReader);
  ClockedReader(const sc_core::sc_module_name& name, const BankStream& stream, const ScratchpadLanes& lanes, int window)
      : sc_module(name),
        clock("clock"),
        wanted("wanted", static_cast<std::size_t>(lanes.lanes)),
        given("given", static_cast<std::size_t>(lanes.lanes)),
        stream_(stream),
        lanes_(lanes),
        window_(window) {
    SC_METHOD(edge);
    sensitive << clock.pos();
  }

 private:
  void edge() {  // ends cycle now_ - 1 and begins cycle now_
    for (std::size_t lane = 0; now_ > 0 && lane < given.size(); ++lane) {
      if (given[lane].read() == kNoWord) continue;
      const Bytes word = requested_[lane];
      faults += given[lane].read() != content(word);
      for (std::size_t i = 0; i < queue_.size(); ++i) {
        if (queue_[i] != word) continue;
        queue_.erase(queue_.begin() + static_cast<std::ptrdiff_t>(i));
        break;
      }
      ++there_[static_cast<std::size_t>((word - stream_.first) / stream_.words)];
    }
    if (taken_ < entered_ && there_[static_cast<std::size_t>(taken_)] == stream_.words) ++taken_;
    if (taken_ == stream_.steps && ended < 0) ended = now_;
    if (now_ >= stream_.start && entered_ < stream_.steps &&
        static_cast<int>(queue_.size()) + stream_.words <= window_) {
      for (int w = 0; w < stream_.words; ++w) queue_.push_back(stream_.first + Bytes{entered_} * stream_.words + w);
      ++entered_;
    }
    requested_.assign(wanted.size(), kNoWord);
    for (const Bytes word : queue_) {
      Bytes& lane = requested_[static_cast<std::size_t>(lanes_.lane_of(word))];
      if (lane == kNoWord) lane = word;
    }
    for (std::size_t lane = 0; lane < wanted.size(); ++lane) wanted[lane].write(requested_[lane]);
    ++now_;
  }
  const BankStream stream_;
  const ScratchpadLanes lanes_;
  const int window_;
  std::deque<Bytes> queue_;
  std::vector<Bytes> requested_;
  std::vector<int> there_ = std::vector<int>(static_cast<std::size_t>(stream_.steps));  // words of each step
  int entered_ = 0, taken_ = 0;
  Cycles now_ = 0;
};

// The lanes: the first reader that wants a lane has it.
struct ClockedBanks : sc_core::sc_module {
  std::vector<std::unique_ptr<sc_core::sc_vector<sc_core::sc_signal<Bytes>>>> wanted, given;  // of each reader

  SC_HAS_PROCESS(ClockedBanks);
  ClockedBanks(const sc_core::sc_module_name& name, std::size_t readers, std::size_t lanes) : sc_module(name) {
    for (std::size_t r = 0; r < readers; ++r) {
      const std::string number = std::to_string(r);
      wanted.push_back(
          std::make_unique<sc_core::sc_vector<sc_core::sc_signal<Bytes>>>(("wanted" + number).c_str(), lanes));
      given.push_back(
          std::make_unique<sc_core::sc_vector<sc_core::sc_signal<Bytes>>>(("given" + number).c_str(), lanes));
    }
    SC_METHOD(read);
    for (const auto& of_reader : wanted)
      for (const auto& signal : *of_reader) sensitive << signal;
  }

 private:
  void read() {
    for (std::size_t lane = 0; lane < wanted[0]->size(); ++lane) {
      bool taken = false;
      for (std::size_t r = 0; r < wanted.size(); ++r) {
        const Bytes word = (*wanted[r])[lane].read();
        (*given[r])[lane].write(taken || word == kNoWord ? kNoWord : content(word));
        taken = taken || word != kNoWord;
      }
    }
  }
};

// Streams in the order of their begin. Returns the cycles that each takes; throws where a word is not what was read.
inline std::vector<Cycles> simulate_banks(const std::vector<BankStream>& streams, const ScratchpadLanes& lanes,
                                          int window) {
  return fork_simulation<Cycles>([&] {
           sc_core::sc_clock clock("clock", 2, sc_core::SC_NS, 0.5, 1, sc_core::SC_NS);
           ClockedBanks banks("banks", streams.size(), static_cast<std::size_t>(lanes.lanes));
           std::vector<std::unique_ptr<ClockedReader>> readers;
           Cycles longest = 1000;
           for (std::size_t r = 0; r < streams.size(); ++r) {
             readers.push_back(
                 std::make_unique<ClockedReader>(("reader" + std::to_string(r)).c_str(), streams[r], lanes, window));
             readers[r]->clock(clock);
             readers[r]->wanted.bind(*banks.wanted[r]);
             readers[r]->given.bind(*banks.given[r]);
             longest += streams[r].start + Cycles{streams[r].steps} * streams[r].words;
           }
           Simulated<Cycles> out;
           const auto all_ended = [&] {
             for (const auto& reader : readers)
               if (reader->ended < 0) return false;
             return true;
           };
           for (Cycles c = 0; c < longest && !all_ended(); ++c) sc_core::sc_start(sc_core::sc_time(2, sc_core::SC_NS));
           for (std::size_t r = 0; r < streams.size(); ++r) {
             if (readers[r]->faults > 0 || readers[r]->ended < 0) throw std::runtime_error("the banks lost a word");
             out.values.push_back(readers[r]->ended - streams[r].start);
           }
           return out;
         })
      .values;
}

}  // namespace vitality::test
