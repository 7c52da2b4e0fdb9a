#include "base/text.h"

#include <catch2/catch.hpp>

namespace vitality {

TEST_CASE("text: what acts on a terminal is shown and does nothing") {
  CHECK(harmless("blocks.0 \"x\" \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80") ==
        "blocks.0 \"x\" \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  CHECK(harmless("\x1b[31mred\x1b[0m") == "\\x1b[31mred\\x1b[0m");
  CHECK(harmless("a\nb\tc\rd\x7f") == "a\\nb\\tc\\rd\\x7f");
  CHECK(harmless(std::string("nul\0", 4)) == "nul\\x00");
  CHECK(harmless("\xc2\x9b"
                 "31m") == "\\u{9b}31m");  // the one-byte escape of C1
  CHECK(harmless("\xe2\x80\xae"
                 "gnp.exe") == "\\u{202e}gnp.exe");  // right to left
  CHECK(harmless("\xe2\x81\xa6x\xe2\x81\xa9") == "\\u{2066}x\\u{2069}");
  CHECK(harmless("\xe2\x80\x8b\xef\xbb\xbf\xe2\x80\xa8") == "\\u{200b}\\u{feff}\\u{2028}");
  CHECK(harmless_lines("one\ntwo\x1b\n") == "one\ntwo\\x1b\n");
}

TEST_CASE("text: bytes that are no UTF-8 are shown one by one") {
  CHECK(harmless("\xff") == "\\xff");
  CHECK(harmless("a\xc3") == "a\\xc3");         // cut short
  CHECK(harmless("\xc3z") == "\\xc3z");         // no continuation
  CHECK(harmless("\xc0\xaf") == "\\xc0\\xaf");  // longer than need be
  CHECK(harmless("\xe0\x80\xaf") == "\\xe0\\x80\\xaf");
  CHECK(harmless("\xed\xa0\x80") == "\\xed\\xa0\\x80");           // a surrogate
  CHECK(harmless("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
}

TEST_CASE("text: a CSV cell is quoted where it must be and never a formula") {
  CHECK(csv_cell("vitality") == "vitality");
  CHECK(csv_cell("a,b") == "\"a,b\"");
  CHECK(csv_cell("say \"hi\"") == "\"say \"\"hi\"\"\"");
  CHECK(csv_cell("two\nlines") == "two\\nlines");
  CHECK(csv_cell("=1+2") == "'=1+2");
  CHECK(csv_cell("=HYPERLINK(\"http://x\",\"y\")") == "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"");
  CHECK(csv_cell("@SUM(A1)") == "'@SUM(A1)");
  CHECK(csv_cell("+cmd|' /C calc'!A0") == "'+cmd|' /C calc'!A0");
  CHECK(csv_cell("-x") == "'-x");
  CHECK(csv_cell(" =1") == "' =1");
  CHECK(csv_cell("\t=1") == "\\t=1");
  for (const char* number : {"-1", "+2.5e-3", "-0", "-.5", "1e300"}) CHECK(csv_cell(number) == number);
  CHECK(csv_cell("-1+cmd") == "'-1+cmd");
  CHECK(csv_cell("-1-2") == "'-1-2");
  CHECK(csv_cell("") == "");
}

}  // namespace vitality
