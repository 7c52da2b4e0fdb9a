// With #selftest behind its address the page uses itself as a reader would (draws, hovers, sorts, filters) and leaves
// what it found in the element #selftest, for a test in a headless browser to read.
const frame = () => new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(resolve)); });

class SelfTest {
  constructor() { this.failed = []; this.passed = 0; this.milliseconds = {}; this.commands = []; }
  check(good, what) { if (good) ++this.passed; else this.failed.push(what); }

  // Anything but one flat colour.
  drawn(card) {
    const { width, height } = card.canvas;
    if (!width || !height) return false;
    const pixels = new Uint32Array(card.canvas.getContext("2d").getImageData(0, 0, width, height).data.buffer);
    let painted = 0;
    for (const pixel of pixels) if (pixel !== 0) ++painted;
    return painted > pixels.length / 500;
  }
  async hover(card) {
    const chart = card.chart;
    for (let k = 0; k < chart.data.datasets.length; ++k) {
      const elements = chart.getDatasetMeta(k).data, inside = elements.findIndex((e, i) => {
        const p = e.getCenterPoint(), a = chart.chartArea, raw = chart.data.datasets[k].data[i];
        return raw !== null && raw !== 0 && p.x >= a.left && p.x <= a.right && p.y >= a.top && p.y <= a.bottom;
      });
      if (inside < 0) continue;
      const point = elements[inside].getCenterPoint(), box = card.canvas.getBoundingClientRect();
      card.canvas.dispatchEvent(new MouseEvent("mousemove", { clientX: box.left + point.x, clientY: box.top + point.y, bubbles: true }));
      await frame();
      if (chart.tooltip.opacity > 0 && chart.tooltip.body && chart.tooltip.body.length) return [...chart.tooltip.title, ...chart.tooltip.body.flatMap((b) => b.lines)].join("\n");
    }
    return "";
  }
  table(table, name) {
    const column = table.columns.findIndex((c) => c.numeric && new Set(table.rows.map(c.get)).size > 1);
    if (column < 0) return;
    const get = table.columns[column].get, known = () => table.shown.map(get).filter((v) => v !== null && v !== undefined);
    table.heads[column].click();
    this.check(table.heads[column].getAttribute("aria-sort") === "descending" && known().every((v, i, all) => i === 0 || all[i - 1] >= v), `${name}: sorted downwards`);
    table.heads[column].click();
    this.check(known().every((v, i, all) => i === 0 || all[i - 1] <= v), `${name}: sorted upwards`);
    const middle = known()[Math.floor(known().length / 2)], input = table.inputs[column];
    const type = (text) => { input.value = text; input.dispatchEvent(new Event("input")); };
    type(`>=${middle}`);
    this.check(table.shown.length === table.rows.filter((row) => get(row) !== null && get(row) >= middle).length && table.shown.length > 0, `${name}: filtered`);
    type("no row has this");
    this.check(table.shown.length === 0, `${name}: filtered to nothing`);
    type("");
    this.check(table.shown.length === table.rows.length && table.body.querySelectorAll("tr").length > 2, `${name}: rows in the document`);
  }
  // Every value of every run can be read on the page: in a table, or by its name in the list of the rest.
  everything(view) {
    for (const run of view.runs.slice(0, 8)) {
      view.select(run);
      const listed = new Set([...view.config.querySelectorAll(".others .detail span:first-child")].map((span) => span.textContent));
      const columns = new Set([view.layers, view.unitRows].flatMap((table) => table.columns.map((c) => c.label)));
      const shown = (name) => listed.has(name) || SHOWN_ELSEWHERE.some((part) => name === part || name.startsWith(`${part}.`)) || (run.is_device && OF_NO_DEVICE.test(name));
      const missing = leaves(run.result).map(([path]) => path.join(".")).filter((name) => !shown(name));
      const below = (rows, fields) => rows.flatMap((row) => leaves(row.raw).map(([path]) => path.join("."))).filter((name) => !columns.has(name) && !fields.some((f) => name === f || name.startsWith(`${f}.`)) && !(run.is_device && OF_NO_DEVICE.test(name)));
      missing.push(...below(run.layers, LAYER_FIELDS), ...below(run.units, UNIT_FIELDS));
      const configRows = view.config.querySelectorAll(".detail")[1].children.length;
      this.check(run.config.length > 10 && configRows === run.config.length, `${run.label}: ${configRows} of ${run.config.length} values of the configuration`);
      this.check(missing.length === 0, `${run.label}: not on the page: ${missing.slice(0, 5).join(", ")}`);
    }
  }
  // Every value of an evaluation is on the page, intervals hold their shares, and each measure of the layers can be drawn.
  async evaluation(view) {
    const listed = new Set([...view.element.querySelectorAll(".others .detail span:first-child")].map((span) => span.textContent)), { evaluation: { kinds, machine, ...own }, ...rest } = view.document;
    const below = (rows, columns, fields) => rows.flatMap((row) => leaves(row.raw).map(([path]) => path.join("."))).filter((name) => !columns.some((c) => c.label === name) && !fields.some((f) => name === f || name.startsWith(`${f}.`)));
    const missing = [...leaves({ ...rest, evaluation: own }).map(([path]) => path.join(".")).filter((name) => !listed.has(name)), ...below(view.rows, view.table.columns, ACCURACY_FIELDS), ...below(view.layers, view.layerTable.columns, ATTENTION_FIELDS)];
    this.check(missing.length === 0, `${view.element.id}: not on the page: ${missing.slice(0, 5).join(", ")}`);
    if (view.layers.length) this.table(view.layerTable, `${view.element.id}: layers`);
    for (const { data, intervals } of view.accuracy.chart ? view.accuracy.chart.data.datasets : [])
      if (intervals) this.check(intervals.every((ends, i) => (ends === null) === (data[i] === null) && (!ends || (ends[0] <= data[i] && data[i] <= ends[1]))), `${view.element.id}: an interval around every share`);
    const select = view.byLayer.element.querySelector("select");
    for (const option of select ? [...select.options] : []) {
      select.value = option.value;
      select.dispatchEvent(new Event("change"));
      await frame();
      this.check(this.drawn(view.byLayer) && view.byLayer.chart.data.datasets.every((d) => d.data.some((v) => v !== null)), `${view.element.id}: ${option.value} by layer`);
    }
  }
  // Nothing is wider than the window, no heading, number or word of a chart is cut or squeezed, nothing lies over its neighbour.
  fits(where) {
    const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
    this.check(!wide, `${where}: the page is ${document.documentElement.scrollWidth} wide in a window of ${document.documentElement.clientWidth}`);
    this.laidOut(where);
  }
  laidOut(where) {
    for (const node of document.querySelectorAll(".stat .value, .stat .name, .card, .card h3, label, button"))
      this.check(node.scrollWidth <= node.clientWidth + 1 || node.clientWidth === 0, `${where}: cut: ${node.textContent.slice(0, 40)}`);
    for (const parent of document.querySelectorAll("header, section, .cards, .grid, .small, .stack, .chips, .controls, .head"))
      this.check(this.apart([...parent.children]) === "", `${where}: ${this.apart([...parent.children])}`);
    for (const card of ChartCard.all) if (card.chart && !card.element.hidden) this.lettersFit(card, where);
  }
  // The first two of these that share more than a pixel, or nothing.
  apart(nodes) {
    const boxes = nodes.map((node) => [node, node.getBoundingClientRect()]).filter(([, box]) => box.width > 0 && box.height > 0);
    for (const [i, [node, a]] of boxes.entries())
      for (const [other, b] of boxes.slice(i + 1))
        if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1) return `${node.textContent.slice(0, 30)} lies over ${other.textContent.slice(0, 30)}`;
    return "";
  }
  lettersFit(card, where) {
    const { chart } = card, name = `${where}: ${card.canvas.getAttribute("aria-label")}`, context = chart.ctx, area = chart.chartArea;
    this.check(Math.abs(card.canvas.getBoundingClientRect().width - card.plot.clientWidth) <= 1, `${name}: ${card.canvas.getBoundingClientRect().width} wide in a place of ${card.plot.clientWidth}`);
    this.check(area.width > 60 && area.height > 40, `${name}: ${Math.round(area.width)} x ${Math.round(area.height)} left for the drawing`);
    if (chart.legend && chart.legend.height > 0) this.check(chart.legend.bottom <= area.top + 1, `${name}: the legend lies over the drawing`);
    context.save();
    for (const scale of Object.values(chart.scales)) {
      if (!scale.options.title.display) continue;
      context.font = `${Chart.defaults.font.size}px ${Chart.defaults.font.family}`;
      const room = scale.isHorizontal() ? scale.width : scale.height;
      for (const line of [scale.options.title.text].flat()) this.check(context.measureText(line).width <= room + 1, `${name}: no room for "${line}"`);
    }
    context.restore();
    const y = chart.scales.y;
    if (y && y.type === "category" && y.ticks.length > 1) {
      const lines = Math.max(...y.ticks.map((tick) => [tick.label].flat().length)), row = y.height / y.ticks.length;
      this.check(lines * nameFont({ chart }).size * 1.2 <= row + 1, `${name}: names of ${lines} lines in rows of ${Math.round(row)}`);
    }
  }
  // The sheet that a printer gets.
  async paper() {
    Paper.begin();
    document.body.style.width = `${PAPER_WIDTH}px`;
    await frame();
    this.laidOut("on paper");
    const over = [...document.querySelectorAll("section, table")].filter((node) => node.getBoundingClientRect().right > document.body.getBoundingClientRect().right + 1);
    this.check(over.length === 0, `on paper: beyond the sheet: ${over.map((node) => node.textContent.slice(0, 40)).join("; ")}`);
    // A card that ends with "no break behind me" is bound to the next one, and a printer cuts that one instead.
    const last = (node) => { const child = [...node.children].filter((c) => c.getClientRects().length > 0).pop(); return child ? last(child) : node; };
    const bound = [...document.querySelectorAll(".card")].map(last).filter((node) => getComputedStyle(node).breakAfter === "avoid");
    this.check(bound.length === 0, `on paper: bound to what follows: ${bound.map((node) => node.textContent.slice(0, 40)).join("; ")}`);
    const controls = [...document.querySelectorAll("button, select, input")].filter((node) => node.getClientRects().length > 0);
    this.check(controls.length === 0, `on paper: ${controls.length} controls`);
    for (const table of DataTable.all)
      if (table.element.isConnected && table.shown.length)
        this.check(table.body.children.length === Math.min(PAPER_ROWS, table.shown.length) && table.box.scrollHeight <= table.box.clientHeight + 1, `on paper: ${table.name}: ${table.body.children.length} rows`);
    document.body.style.width = "";
    Paper.end();
    await frame();
  }
  // Layers of equal blocks share a row: what the rows stand for adds up, and one click gives every layer.
  folding(view) {
    for (const run of view.runs.slice(0, 8)) {
      view.select(run);
      const box = view.layerTable.querySelector(".controls input"), total = sum(view.layers.rows, (l) => l.times);
      this.check(total === run.layers.length, `${run.label}: rows for ${total} of ${run.layers.length} layers`);
      if (!box) continue;
      const folded = view.layers.rows.length;
      box.click();
      this.check(view.layers.rows.length === run.layers.length && folded < run.layers.length, `${run.label}: unfolded`);
      box.click();
      this.check(view.layers.rows.length === folded, `${run.label}: folded again`);
    }
  }
  // Charts of parts have a colour a part.
  partColors() {
    for (const card of ChartCard.all) {
      if (!card.chart || card.element.hidden || card.chart.config.type !== "bar") continue;
      const colors = card.chart.data.datasets.map((d) => d.backgroundColor);
      this.check(new Set(colors).size === colors.length, `${card.canvas.getAttribute("aria-label")}: a colour for every part`);
    }
  }
  colors(view) {
    const colors = view.card.chart.data.datasets.map((d) => d.backgroundColor);
    this.check(new Set(colors).size === colors.length, `${view.element.id}: a colour for every machine`);
  }
  async sweep(view) {
    const text = await this.hover(view.scatter);
    this.check(view.s.axes.slice(0, 16).every((axis) => text.includes(`${axis.key} = `)), `${view.id}: hover names the design point (${text})`);
    const chip = view.element.querySelector(".chip"), before = view.selected.length;
    if (chip) {
      chip.click();
      await frame();
      this.check(view.selected.length < before, `${view.id}: a value filtered out`);
      chip.click();
      await frame();
      this.check(view.selected.length === before, `${view.id}: and in again`);
    }
    const brute = view.scatter.chart.data.datasets.slice(1).flatMap((d) => d.data);
    const sx = view.better(view.x) === "max" ? -1 : 1, sy = view.better(view.y) === "max" ? -1 : 1;
    const front = view.scatter.chart.data.datasets[0].data.slice(0, 50);
    this.check(front.every((p) => !brute.some((q) => sx * q.x <= sx * p.x && sy * q.y <= sy * p.y && (q.x !== p.x || q.y !== p.y))), `${view.id}: nothing dominates the front`);
    const started = performance.now();
    view.draw();
    view.scatter.chart.draw();
    this.milliseconds[`${view.id} filter and redraw`] = Math.round(performance.now() - started);
    view.pick(view.selected[0]);
    this.check(/to run it: vitality run --config \S+ --workload \S+/.test(view.picked.textContent) && (view.picked.textContent.includes("--set ") || view.s.axes.length === 0), `${view.id}: a picked point`);
    this.commands.push(view.command(view.selected[0]));
    this.check(![...view.picked.childNodes].some((node) => node.nodeType === Node.TEXT_NODE), `${view.id}: a picked point has no stray text (${view.picked.textContent.slice(0, 200)})`);
  }

  async run() {
    this.milliseconds.build = Math.round(buildMilliseconds);
    await frame();
    for (const card of ChartCard.all) {
      const name = card.canvas.getAttribute("aria-label");
      if (!card.chart || card.element.hidden) continue;
      this.check(this.drawn(card), `${name}: drawn`);
      if (card.chart.data.datasets.some((d) => d.data.some((v) => v !== null))) this.check((await this.hover(card)) !== "", `${name}: hover`);
    }
    for (const view of views) {
      if (view instanceof SweepView) await this.sweep(view);
      if (view instanceof ResultView) { this.table(view.layers, "layers"); this.table(view.unitRows, "units"); }
      if (view instanceof ResultView) { this.everything(view); this.folding(view); }
      if (view instanceof CompareView) this.colors(view);
      if (view instanceof EvaluationView) await this.evaluation(view);
      if (view.table) this.table(view.table, view.element.id);
    }
    this.partColors();
    this.fits("on the screen");
    await this.paper();
    this.fits("after printing");
    Theme.apply(Theme.name === "dark" ? "light" : "dark");
    await frame();
    this.check(ChartCard.all.every((card) => !card.chart || card.element.hidden || this.drawn(card)), "drawn in the other theme");
    this.check(performance.getEntriesByType("resource").filter((r) => !r.name.startsWith("data:")).length === 0, "nothing loaded from elsewhere");
    for (const problem of problems) this.failed.push(`console: ${problem}`);
  }
}

async function selfTest() {
  const test = new SelfTest();
  try { await test.run(); } catch (error) { test.failed.push(`stopped: ${error && error.stack}`); }
  const verdict = { ok: test.failed.length === 0, passed: test.passed, width: innerWidth, failed: test.failed, commands: test.commands, milliseconds: test.milliseconds };
  console.log(`selftest: ${JSON.stringify(verdict.milliseconds)} ${verdict.ok}`);
  document.body.append(el("pre", { id: "selftest" }, JSON.stringify(verdict, null, 1)));
  if (parent !== window) parent.postMessage(JSON.stringify(verdict, null, 1), "*");  // a test's frame, as wide as a telephone: no window is that narrow
}
