// `vitality report`: results, comparisons, evaluations and sweeps as one HTML page, and as figures for papers.
#include <fmt/core.h>

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <string_view>

#include "base/error.h"
#include "base/output_file.h"
#include "base/text.h"
#include "cli/options.h"
#include "report/page/figures.h"
#include "report/page/gnuplot.h"
#include "report/page/html_page.h"

namespace vitality::cli {
namespace {

std::string summary(const ReportInput& input) {
  std::size_t points = 0;
  for (const ReportSweep& sweep : input.sweeps) points += sweep.points.size();
  std::string text;
  const auto add = [&](std::size_t count, const char* one, const char* many) {
    if (count > 0) text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + (count == 1 ? one : many);
  };
  add(input.results.size(), "result", "results");
  add(input.comparisons.size(), "comparison", "comparisons");
  add(input.evaluations.size(), "evaluation", "evaluations");
  add(input.sweeps.size(), "sweep", "sweeps");
  add(points, "point", "points");
  return text;
}

}  // namespace

int report_command(const Arguments& arguments) {
  namespace po = boost::program_options;
  po::options_description description("options");
  std::vector<std::string> inputs;
  std::string html, figures, title;
  bool quiet = false;
  // clang-format off
  description.add_options()
      ("html", po::value(&html), "writes the page: one file, no network needed")
      ("svg", po::value(&figures), "writes every chart into this folder, as SVG and as PDF (needs gnuplot and pdftocairo)")
      ("figure-width", number_option(0), "width of these charts in cm, with small letters: 8.4 fits a column of a two-column article; 0 = each one's own")
      ("title", po::value(&title)->default_value("ViTALiTy simulator report"), "headline of the page")
      ("quiet,q", po::bool_switch(&quiet), "prints errors only")
      ("input", po::value(&inputs), "results, comparisons, evaluations, results.json of sweeps, folders of sweeps (the words without a dash)");
  // clang-format on
  po::variables_map values;
  if (!parse_options(arguments, "usage: vitality report IN... --html F.html [--svg DIR]", description, "input", values))
    return kDone;
  if (inputs.empty())
    throw InputError("", "", "expected at least one result, comparison, evaluation or folder of a sweep");
  if (html.empty() && figures.empty()) throw InputError("", "", "nothing to write: expected --html FILE or --svg DIR");
  const double width = values["figure-width"].as<double>();
  if (!(width == 0 || (width >= 4 && width <= 100)))
    throw InputError("", "", "option --figure-width: expected 0 or centimetres from 4 to 100");
  for (const std::string& name : inputs) note_input(name);
  OutputSet files;
  if (!html.empty()) files.reserve(html);
  const ReportInput input = read_report_inputs(inputs);
  std::size_t written = 0;
  if (!figures.empty()) written = write_figures(figures_of(input), figures, width, files);
  double page_mb = 0;
  if (!html.empty()) {
    std::FILE* const page = files.add(html);
    write_html_page(input, title, [&](std::string_view text) {
      std::fwrite(text.data(), 1, text.size(), page);
      page_mb += static_cast<double>(text.size()) / 1e6;
    });
  }
  files.commit();
  if (quiet || is_standard_output(html)) return kDone;
  if (!html.empty()) std::cout << fmt::format("{}: {}, {:.2f} MB\n", harmless(html), summary(input), page_mb);
  if (written > 0) std::cout << fmt::format("{}: {} figures, each as SVG and PDF\n", harmless(figures), written);
  return kDone;
}

}  // namespace vitality::cli
