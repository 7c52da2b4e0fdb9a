// Printing. The browser's own scaling would cut tables that scroll and squeeze charts that were drawn for a window: before printing, charts are drawn
// again at the width of their place on a sheet, in the light theme, and tables show what fits. style.css: :root.paper.
const PAPER_WIDTH = 690, PAPER_HALF = 333;  // px inside a card that spans the sheet, or one of two columns; fits A4 and US letter

const Paper = {
  screen: null,  // the theme to go back to
  begin() {
    if (this.screen !== null) return;
    this.screen = Theme.name;
    Theme.apply("light");
    document.documentElement.classList.add("paper");
    for (const card of ChartCard.all) if (card.element.isConnected && !card.element.hidden) card.toPaper(card.element.classList.contains("wide") ? PAPER_WIDTH : PAPER_HALF);
    for (const table of DataTable.all) if (table.element.isConnected) table.toPaper(PAPER_WIDTH);
  },
  end() {
    if (this.screen === null) return;
    document.documentElement.classList.remove("paper");
    for (const card of ChartCard.all) card.toScreen();
    for (const table of DataTable.all) if (table.element.isConnected) table.toScreen();
    Theme.apply(this.screen);
    this.screen = null;
  },
};
addEventListener("beforeprint", () => Paper.begin());
addEventListener("afterprint", () => Paper.end());
