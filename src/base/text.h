// Text that comes from files and goes to terminals, tables and spreadsheets.
#pragma once

#include <string>

namespace vitality {

// One line that shows what `text` holds and has no other effect: control characters, escape sequences, marks that turn
// the direction of writing, invisible characters and invalid UTF-8 are shown as \n, \x1b or \u{202e}. Printable UTF-8
// is unchanged.
std::string harmless(const std::string& text);

// The same for text of several lines: line ends stay.
std::string harmless_lines(const std::string& text);

// One cell of a CSV file (RFC 4180), harmless. A cell that a spreadsheet would run as a formula (=, +, - or @ at its
// start, but no number) starts with an apostrophe, which spreadsheets take as "this is text".
std::string csv_cell(const std::string& text);

}  // namespace vitality
