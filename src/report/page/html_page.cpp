#include "report/page/html_page.h"

#include <stdexcept>
#include <string_view>

namespace vitality {

void write_html_page(const ReportInput& input, const std::string& title, const TextSink& out) {
  std::string_view rest = kHtmlAssets.page;
  const auto up_to = [&](std::string_view mark) {  // in the order of the page; inserted text is not searched
    const std::size_t at = rest.find(mark);
    if (at == std::string_view::npos) throw std::logic_error("page.html: no " + std::string(mark));
    out(rest.substr(0, at));
    rest.remove_prefix(at + mark.size());
  };
  up_to("{{style}}");
  out(kHtmlAssets.style);
  up_to("{{data}}");
  write_page_data(input, title, out);
  up_to("{{library}}");
  out(kHtmlAssets.library);
  up_to("{{script}}");
  out(kHtmlAssets.script);
  out(rest);
}

}  // namespace vitality
