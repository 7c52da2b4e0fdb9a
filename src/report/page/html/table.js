// A table that sorts by a click on a heading, filters by a word or a comparison a column, keeps only the rows in view in
// the document (10,000 rows scroll as fast as ten), and saves what it shows as CSV.
const ROW_HEIGHT = 27;
const PAPER_ROWS = 100;  // of a table, at most

// `text` as typed over a column: a part of the text, or for numbers >5, <=5, =5, 5..9 as well.
function columnFilter(text) {
  const wanted = text.trim();
  if (!wanted) return null;
  const range = /^(-?[\d.eE+-]+)\.\.(-?[\d.eE+-]+)$/.exec(wanted);
  if (range) return (value) => typeof value === "number" && value >= Number(range[1]) && value <= Number(range[2]);
  const compare = /^(<=|>=|<|>|=)\s*(-?[\d.]+(?:[eE][+-]?\d+)?)$/.exec(wanted);
  if (compare) {
    const limit = Number(compare[2]);
    const test = { "<": (v) => v < limit, "<=": (v) => v <= limit, ">": (v) => v > limit, ">=": (v) => v >= limit, "=": (v) => v === limit };
    return (value) => typeof value === "number" && test[compare[1]](value);
  }
  const lower = wanted.toLowerCase();
  return (value, shown) => shown.toLowerCase().includes(lower);
}

// columns: {label, get(row), show(value)?, numeric?}. onpick(row): a row was clicked.
class DataTable {
  constructor(columns, { name = "table", onpick = null, sort = null, controls = [] } = {}) {
    this.columns = columns.map((c) => ({ show: (v) => show(v), ...c }));
    this.name = name;
    this.onpick = onpick;
    this.sortColumn = sort === null ? -1 : Math.abs(sort) - 1;
    this.descending = sort !== null && sort < 0;
    this.filters = columns.map(() => "");
    this.rows = [];
    this.shown = [];
    this.chosen = null;
    this.controls = controls;
    this.build();
    DataTable.all.push(this);
  }

  build() {
    this.heads = this.columns.map((column, i) => {
      const sort = () => this.sortBy(i);
      return el("th", { class: column.numeric ? "num" : "", tabindex: 0, title: column.label, onclick: sort,
        onkeydown: (e) => { if (e.key === "Enter") sort(); } }, column.label);
    });
    this.inputs = this.columns.map((column, i) => el("input", {
      "aria-label": `filter ${column.label}`, placeholder: column.numeric ? "> < .." : "filter",
      oninput: (e) => { this.filters[i] = e.target.value; this.refresh(); } }));
    this.body = el("tbody");
    this.columnWidths = el("colgroup");
    this.table = el("table", {}, this.columnWidths, el("thead", {}, el("tr", {}, this.heads),
      el("tr", { class: "filters" }, this.inputs.map((input) => el("th", {}, input)))), this.body);
    this.box = el("div", { class: "tablebox", tabindex: 0 }, this.table);
    this.box.addEventListener("scroll", () => this.paint());
    this.count = el("span", { class: "caption" });
    this.element = el("div", {}, this.box, el("div", { class: "controls" }, this.count, this.controls,
      el("button", { onclick: () => this.save() }, "Save as CSV")));
    this.cutLine = el("p", { class: "caption onpaper" });
    this.element.append(this.cutLine);
  }

  setRows(rows) {
    this.rows = rows;
    this.measure();
    this.refresh();
  }
  measure() {
    const step = Math.max(1, Math.floor(this.rows.length / 200)), fitting = (letters, most = 44) => Math.min(Math.max(letters, 5), most);
    this.widths = [];
    this.paperWidths = [];
    for (const [i, column] of this.columns.entries()) {
      let longest = 0;
      for (let r = 0; r < this.rows.length; r += step) longest = Math.max(longest, this.text(this.rows[r], i).length);
      this.widths.push(Math.round(fitting(Math.max(longest, column.label.length + 2, 7)) * 7.6 + 22));
      this.paperWidths.push(Math.round(fitting(Math.max(longest, ...column.label.split(/[ _.]/).map((word) => word.length + 1)), 32) * 6 + 12));
    }
    this.setWidths(this.widths);
  }
  setWidths(widths) {
    this.columnWidths.replaceChildren(...widths.map((width) => el("col", { style: `width:${width}px` })));
    this.table.style.width = `${sum(widths, (width) => width)}px`;  // a table of no width would take its columns' from what is in them
  }
  text(row, i) { const column = this.columns[i]; return column.show(column.get(row)); }

  sortBy(i) {
    this.descending = this.sortColumn === i ? !this.descending : this.columns[i].numeric === true;
    this.sortColumn = i;
    this.refresh();
  }
  refresh() {
    let rows = this.rows;
    this.filters.forEach((text, i) => {
      const test = columnFilter(text);
      if (test) rows = rows.filter((row) => test(this.columns[i].get(row), this.text(row, i)));
    });
    if (this.sortColumn >= 0) {
      const get = this.columns[this.sortColumn].get, sign = this.descending ? -1 : 1;
      const compare = (a, b) => {
        if (a === b) return 0;
        if (a === null || a === undefined || Number.isNaN(a)) return 1;  // unknown ones last, either way
        if (b === null || b === undefined || Number.isNaN(b)) return -1;
        if (typeof a === "number" && typeof b === "number") return sign * (a - b);
        return sign * String(a).localeCompare(String(b), "en", { numeric: true });
      };
      rows = rows.map((row) => [get(row), row]).sort((a, b) => compare(a[0], b[0])).map((pair) => pair[1]);
    }
    this.shown = rows;
    this.heads.forEach((head, i) => {
      if (i === this.sortColumn) head.setAttribute("aria-sort", this.descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    this.count.textContent = rows.length === this.rows.length ? `${show(rows.length)} rows` : `${show(rows.length)} of ${show(this.rows.length)} rows`;
    this.paint();
  }
  paint() {
    if (this.onPaper) return;
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW_HEIGHT) - 12);
    const last = Math.min(this.shown.length, first + 45);
    const space = (rows) => el("tr", { class: "space" }, el("td", { colspan: this.columns.length, style: `height:${rows * ROW_HEIGHT}px` }));
    this.body.replaceChildren(space(first), ...this.shown.slice(first, last).map((row) => this.line(row)), space(this.shown.length - last));
  }
  line(row) {
    return el("tr", { class: row === this.chosen ? "chosen" : "", onclick: () => this.pick(row) }, this.columns.map((column, i) => {
      const text = this.text(row, i);
      return el("td", { class: column.numeric ? "num" : "", title: text.length > 40 ? text : null }, text);
    }));
  }
  // On paper nothing scrolls: the columns that fit, the first rows, and a line that says what is left out.
  toPaper(width) {
    let columns = 0;
    for (let used = 0; columns < this.columns.length && (used += this.paperWidths[columns]) <= width;) ++columns;
    columns = Math.max(columns, 1);
    const rows = this.shown.slice(0, PAPER_ROWS), left = [], more = this.columns.slice(columns).map((c) => c.label);
    this.onPaper = true;
    this.setWidths(this.paperWidths.slice(0, columns));
    this.heads.forEach((head, i) => {
      head.classList.toggle("off", i >= columns);
      head.textContent = head.title.replace(/([._])/g, "$1\u200b");  // headings break there
    });
    const lines = rows.map((row) => this.line(row));
    for (const line of lines) [...line.children].slice(columns).forEach((cell) => cell.classList.add("off"));
    this.body.replaceChildren(...lines);
    if (rows.length < this.shown.length) left.push(`${show(this.shown.length - rows.length)} rows`);
    if (more.length) left.push(`${more.length} ${more.length > 1 ? "columns" : "column"} (${cut(more.join(", "), 240)})`);
    this.cutLine.textContent = left.length ? `Not on paper: ${left.join(", ")}.` : "";
  }
  toScreen() {
    this.onPaper = false;
    this.heads.forEach((head) => { head.classList.remove("off"); head.textContent = head.title; });
    this.setWidths(this.widths);
    this.paint();
  }
  pick(row) {
    this.chosen = row;
    this.paint();
    if (this.onpick) this.onpick(row);
  }
  save() {
    const field = (text) => (/[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
    const value = (row, column) => { const v = column.get(row); return v === null || v === undefined ? "" : field(String(v)); };
    const lines = [this.columns.map((c) => field(c.label)).join(","),
      ...this.shown.map((row) => this.columns.map((c) => value(row, c)).join(","))];
    download(`${this.name}.csv`, new Blob([lines.join("\n") + "\n"], { type: "text/csv" }));
  }
}
DataTable.all = [];
