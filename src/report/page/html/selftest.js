// With #selftest behind its address the page uses itself as a reader would (draws, hovers, sorts, filters) and leaves
// what it found in the element #selftest, for a test in a headless browser to read.
const frame = () => new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(resolve)); });

class SelfTest {
  constructor() { this.failed = []; this.passed = 0; this.milliseconds = {}; }
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
  // Nothing is wider than the window, and no heading or number of a card is cut.
  fits() {
    const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
    this.check(!wide, `the page is ${document.documentElement.scrollWidth} wide in a window of ${document.documentElement.clientWidth}`);
    for (const node of document.querySelectorAll(".stat .value, .stat .name, .card h3, label, button"))
      this.check(node.scrollWidth <= node.clientWidth + 1 || node.clientWidth === 0, `cut: ${node.textContent.slice(0, 40)}`);
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
      if (view instanceof ResultView) this.everything(view);
      if (view instanceof CompareView) this.colors(view);
      if (view.table) this.table(view.table, view.element.id);
    }
    this.fits();
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
  const verdict = { ok: test.failed.length === 0, passed: test.passed, failed: test.failed, milliseconds: test.milliseconds };
  console.log(`selftest: ${JSON.stringify(verdict.milliseconds)} ${verdict.ok}`);
  document.body.append(el("pre", { id: "selftest" }, JSON.stringify(verdict, null, 1)));
}
