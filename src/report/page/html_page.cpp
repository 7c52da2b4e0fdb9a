#include "report/page/html_page.h"

#include <stdexcept>

#include "report/page/page_data.h"

namespace vitality {

std::string html_page(const ReportInput& input, const std::string& title) {
  const std::string page = kHtmlAssets.page;
  const std::pair<const char*, std::string> parts[] = {{"{{style}}", kHtmlAssets.style},
                                                       {"{{data}}", page_data(input, title)},
                                                       {"{{library}}", kHtmlAssets.library},
                                                       {"{{script}}", kHtmlAssets.script}};
  std::string out;
  std::size_t from = 0;
  for (const auto& [mark, text] : parts) {  // in the page's order; what is put in is not looked at again
    const std::size_t at = page.find(mark, from);
    if (at == std::string::npos) throw std::logic_error(std::string("page.html: no ") + mark);
    out.append(page, from, at - from).append(text);
    from = at + std::string(mark).size();
  }
  return out.append(page, from, std::string::npos);
}

}  // namespace vitality
