// A table that sorts by a click on a heading, filters by a word or a comparison a column, keeps only the rows in view in
// the document (10,000 rows scroll as fast as ten), and saves what it shows as CSV.
const ROW_HEIGHT = 27;

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
  constructor(columns, { name = "table", onpick = null, sort = null } = {}) {
    this.columns = columns.map((c) => ({ show: (v) => show(v), ...c }));
    this.name = name;
    this.onpick = onpick;
    this.sortColumn = sort === null ? -1 : Math.abs(sort) - 1;
    this.descending = sort !== null && sort < 0;
    this.filters = columns.map(() => "");
    this.rows = [];
    this.shown = [];
    this.chosen = null;
    this.build();
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
    this.element = el("div", {}, this.box, el("div", { class: "controls" }, this.count,
      el("button", { onclick: () => this.save() }, "Save as CSV")));
  }

  setRows(rows) {
    this.rows = rows;
    this.measure();
    this.refresh();
  }
  measure() {
    const step = Math.max(1, Math.floor(this.rows.length / 200));
    this.columnWidths.replaceChildren(...this.columns.map((column, i) => {
      let longest = column.label.length + 2;
      for (let r = 0; r < this.rows.length; r += step) longest = Math.max(longest, this.text(this.rows[r], i).length);
      return el("col", { style: `width:${Math.round(Math.min(Math.max(longest, 7), 44) * 7.6 + 22)}px` });
    }));
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
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW_HEIGHT) - 12);
    const last = Math.min(this.shown.length, first + 45);
    const space = (rows) => el("tr", { class: "space" }, el("td", { colspan: this.columns.length, style: `height:${rows * ROW_HEIGHT}px` }));
    const lines = [];
    for (let r = first; r < last; ++r) {
      const row = this.shown[r];
      lines.push(el("tr", { class: row === this.chosen ? "chosen" : "", onclick: () => this.pick(row) }, this.columns.map((column, i) => {
        const text = this.text(row, i);
        return el("td", { class: column.numeric ? "num" : "", title: text.length > 40 ? text : null }, text);
      })));
    }
    this.body.replaceChildren(space(first), ...lines, space(this.shown.length - last));
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
