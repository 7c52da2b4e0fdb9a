#include "base/error.h"

#include <algorithm>

namespace vitality {
namespace {

constexpr std::size_t kMaxDistance = 2;

std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

// The only name that begins with the word: "latency" for latency_ms. "" if there is none, or several.
std::string begun_name(const std::string& word, const std::vector<std::string>& names) {
  std::string begun;
  for (const std::string& name : names) {
    if (word.size() < 3 || name.compare(0, word.size(), word) != 0) continue;
    if (!begun.empty()) return "";
    begun = name;
  }
  return begun;
}

}  // namespace

std::string nearest_name(const std::string& word, const std::vector<std::string>& names) {
  if (word.size() > 200) return "";
  std::string best;
  // Two wrong letters are a typing error in a long word, but they turn a word of two letters into any other word.
  std::size_t best_distance = std::min(kMaxDistance + 1, word.size());
  for (const std::string& name : names) {
    if (name.size() > word.size() + kMaxDistance || word.size() > name.size() + kMaxDistance) continue;
    const std::size_t distance = edit_distance(word, name);
    if (distance < best_distance) best_distance = distance, best = name;
  }
  return best;
}

std::string suggestion(const std::string& word, const std::vector<std::string>& names) {
  std::string near = nearest_name(word, names);
  if (near.empty()) near = begun_name(word, names);
  return near.empty() ? "" : " (did you mean \"" + near + "\"?)";
}

}  // namespace vitality
