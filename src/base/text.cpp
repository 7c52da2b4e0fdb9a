#include "base/text.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace vitality {
namespace {

struct Character {
  std::uint32_t code;
  std::size_t bytes;  // 0: no UTF-8
};

// Decodes the UTF-8 character at `at`: only the shortest form, no surrogates, at most U+10FFFF.
Character decode(const std::string& text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return {first, 1};
  const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + bytes > text.size()) return {first, 0};
  std::uint32_t code = first & (0xffU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return {first, 0};
    code = code << 6 | (byte(at + i) & 0x3fU);
  }
  const std::uint32_t least = bytes == 4 ? 0x10000 : bytes == 3 ? 0x800 : 0x80;
  if (code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return {first, 0};
  return {code, bytes};
}

// Whether the character makes a terminal or an editor do something other than show it.
bool acts(std::uint32_t code) {
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return true;  // C0, DEL, C1
  const auto in = [code](std::uint32_t first, std::uint32_t last) { return code >= first && code <= last; };
  return code == 0xad || code == 0x61c || code == 0x180e || in(0x200b, 0x200f) ||  // invisible, marks of direction
         in(0x2028, 0x202e) || in(0x2060, 0x206f) || code == 0xfeff ||             // line ends, embeddings, isolates
         in(0xfff9, 0xfffb) || in(0xe0000, 0xe0fff) || (code & 0xfffe) == 0xfffe;  // annotations, tags, no characters
}

void append_shown(std::string& out, const char* format, unsigned value) {
  char shown[16];
  std::snprintf(shown, sizeof shown, format, value);
  out += shown;
}

std::string shown(const std::string& text, bool keep_line_ends) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Character c = decode(text, at);
    if (c.bytes == 0) {
      append_shown(out, "\\x%02x", static_cast<unsigned char>(text[at++]));
      continue;
    }
    if (!acts(c.code) || (keep_line_ends && c.code == '\n'))
      out.append(text, at, c.bytes);
    else if (c.code == '\n')
      out += "\\n";
    else if (c.code == '\r')
      out += "\\r";
    else if (c.code == '\t')
      out += "\\t";
    else
      append_shown(out, c.code < 0x80 ? "\\x%02x" : "\\u{%x}", c.code);
    at += c.bytes;
  }
  return out;
}

bool is_number(const std::string& text) {
  // strtod also accepts hexadecimal numbers and words like "inf", which are not numbers to a spreadsheet.
  if (text.find_first_not_of("0123456789+-.eE") != std::string::npos) return false;
  char* end = nullptr;
  std::strtod(text.c_str(), &end);
  return end == text.c_str() + text.size();
}

}  // namespace

std::string harmless(const std::string& text) {
  return shown(text, false);
}

std::string harmless_lines(const std::string& text) {
  return shown(text, true);
}

std::string csv_cell(const std::string& text) {
  std::string cell = harmless(text);
  const std::size_t first = cell.find_first_not_of(' ');
  if (first != std::string::npos && std::string("=+-@").find(cell[first]) != std::string::npos && !is_number(cell))
    cell.insert(0, "'");
  if (cell.find_first_of(",\"") == std::string::npos) return cell;
  std::string out = "\"";
  for (const char c : cell) out.append(c == '"' ? 2 : 1, c);
  return out + "\"";
}

}  // namespace vitality
