// Machines side by side on the same models: from comparisons, and from runs of one model on several machines.

const COMPARED = [
  ["speedup", "speedup", (p, ref) => ref.latency_ms / p.latency_ms], ["efficiency", "energy-efficiency gain", (p, ref) => ref.energy_mj / p.energy_mj],
  ["latency_ms", "latency (ms)", (p) => p.latency_ms], ["energy_mj", "energy (mJ)", (p) => p.energy_mj],
  ["gops", "throughput (GOP/s)", (p) => p.gops], ["gops_per_w", "efficiency (GOP/s/W)", (p) => p.gops_per_w],
];
const isRelative = (name) => name === "speedup" || name === "efficiency";

// Runs as a comparison: a column a machine, a row a model that at least two of them ran.
function comparisonOfRuns(runs) {
  const models = [...groupBy(runs, (r) => r.workload)].filter(([, members]) => members.length > 1);
  if (models.length === 0) return null;
  const names = new Map();  // the n-th run of a machine on a model is a machine of its own
  const scope = (t) => ({ latency_ms: t.latency_ms || null, energy_mj: t.energy_mj || null, gops: t.gops || null, gops_per_w: t.gops_per_w || null });
  const pairs = [];
  models.forEach(([, members], workload) => {
    const seen = new Map();
    for (const run of members) {
      const count = (seen.get(run.machine) || 0) + 1, name = count > 1 ? `${run.machine} (${count})` : run.machine;
      seen.set(run.machine, count);
      if (!names.has(name)) names.set(name, names.size);
      pairs.push({ machine: names.get(name), workload, status: "ok", reason: "", whole: scope(run.totals), attention: scope(run.attention) });
    }
  });
  return { file: "the runs of this page", command: "", machines: [...names.keys()].map((name) => ({ name, tag: "", how: "", notes: [] })), workloads: models.map(([name]) => name), pairs };
}

// Writes the value over each bar, in three digits or two, if there is room over all of them.
const barLabels = {
  id: "barLabels",
  afterDatasetsDraw(chart) {
    const context = chart.ctx;
    context.save();
    context.font = `11px ${Chart.defaults.font.family}`;
    context.fillStyle = Theme.css("--text");
    context.textAlign = "center";
    const bars = chart.data.datasets.flatMap((dataset, k) => (chart.getDatasetMeta(k).hidden ? [] : chart.getDatasetMeta(k).data.map((bar, i) => [bar, dataset.data[i]]).filter(([, value]) => value !== null)));
    const digits = [3, 2].find((number) => bars.every(([bar, value]) => context.measureText(show(value, number)).width <= bar.width + 6));
    if (digits) for (const [bar, value] of bars) context.fillText(show(value, digits), bar.x, bar.y - 5);
    context.restore();
  },
};

class CompareView {
  constructor(comparison, title, id) {
    this.c = comparison;
    this.metric = "speedup";
    this.scope = "whole";
    this.reference = 0;
    this.log = this.decadeApart();
    this.logBox = toggle("logarithmic", this.log, (value) => { this.log = value; this.draw(); });
    const update = (name) => (value) => {
      this[name] = value;
      this.log = this.logBox.querySelector("input").checked = this.decadeApart();
      this.draw();
    };
    const machines = this.c.machines.map((m, i) => [String(i), m.name + (m.tag ? ` (${m.tag})` : "")]);
    const controls = el("div", { class: "controls" }, choice("show", COMPARED.map(([name, label]) => [name, label]), this.metric, update("metric")),
      choice("of", [["whole", "the whole model"], ["attention", "attention layers"]], this.scope, update("scope")),
      choice("relative to", machines, "0", (value) => update("reference")(Number(value))), this.logBox);
    this.card = new ChartCard("Baselines", "", 400, { wide: true });
    this.table = new DataTable([
      { label: "workload", get: (p) => this.c.workloads[p.workload] }, { label: "machine", get: (p) => this.c.machines[p.machine].name },
      ...(this.c.machines.some((m) => m.tag) ? [{ label: "numbers are", get: (p) => this.c.machines[p.machine].tag }] : []), { label: "status", get: (p) => p.status },
      ...COMPARED.map(([name, label]) => ({ label, numeric: true, get: (p) => this.value(p, name) })), { label: "reason", get: (p) => p.reason },
    ], { name: "comparison" });
    const notes = this.c.machines.filter((m) => m.how || m.notes.length).map((m) => el("li", {}, el("b", {}, m.name), `: ${[m.how, ...m.notes].filter(Boolean).join("; ")}`));
    this.element = el("section", { id }, el("h2", {}, title), el("p", { class: "note" }, this.c.command ? el("code", {}, this.c.command) : this.c.file),
      el("div", { class: "grid" }, this.card.element, el("section", { class: "card wide rows" }, el("h3", {}, "Numbers"), this.table.element)),
      notes.length ? el("details", { open: true }, el("summary", {}, "Where the numbers come from"), el("ul", { class: "note" }, notes)) : null);
    this.card.element.insertBefore(controls, this.card.captionLine);
  }
  start() {
    this.table.setRows(this.c.pairs);
    this.draw();
  }

  pair(machine, workload) { return this.c.pairs.find((p) => p.machine === machine && p.workload === workload); }
  value(pair, name) {
    const reference = this.pair(this.reference, pair.workload), compute = COMPARED.find(([n]) => n === name)[2];
    if (pair.status !== "ok" || (isRelative(name) && (!reference || reference.status !== "ok"))) return null;
    const value = compute(pair[this.scope], reference ? reference[this.scope] : null);
    return Number.isFinite(value) && value > 0 ? value : null;
  }

  // Bars more than a decade apart are told apart by their logarithm only.
  decadeApart() {
    const shown = this.c.pairs.map((p) => this.value(p, this.metric)).filter((v) => v !== null);
    return shown.length > 0 && Math.max(...shown) > 10 * Math.min(...shown);
  }

  draw() {
    const label = COMPARED.find(([name]) => name === this.metric)[1], relative = isRelative(this.metric);
    const at = (m, w) => { const pair = this.pair(m, w); return pair ? this.value(pair, this.metric) : null; };
    const workloads = this.c.workloads.map((name, w) => [name, w]), machines = this.c.machines.map((machine, m) => [machine, m]);
    const mean = (m) => {
      const values = workloads.map(([, w]) => at(m, w)).filter((v) => v !== null);
      return values.length === workloads.length ? Math.exp(sum(values, Math.log) / values.length) : null;
    };
    const withMean = relative && workloads.length > 1;
    const missing = machines.flatMap(([machine, m]) => workloads.filter(([, w]) => at(m, w) === null).map(([name]) => `${machine.name} on ${name}`));
    this.card.caption(`${relative ? `${this.c.machines[this.reference].name} = 1; higher is better.` : ""}${withMean ? " Geometric mean where a machine ran every model." : ""}${missing.length ? ` Not known: ${cut(missing.join(", "), 300)}.` : ""}`);
    const lowest = Math.min(...machines.flatMap(([, m]) => workloads.map(([, w]) => at(m, w))).filter((v) => v !== null));
    const labels = [...workloads.map(([name]) => cut(name, 24)), ...(withMean ? ["geometric mean"] : [])];
    this.card.show(() => ({
      type: "bar",
      data: { labels, datasets: machines.map(([machine, m]) => ({ label: machine.name + (machine.tag && machine.tag !== "simulated" ? ` (${machine.tag})` : ""), backgroundColor: Theme.color(m), categoryPercentage: labels.length === 1 ? Math.min(0.86, 0.11 * machines.length) : 0.86, barPercentage: 0.92, maxBarThickness: 90,
        data: [...workloads.map(([, w]) => at(m, w)), ...(withMean ? [mean(m)] : [])] })) },
      options: { layout: { padding: { top: 8 } }, scales: { x: categories("", { ticks: { autoSkip: false, maxRotation: 70, font: nameFont } }), y: axis(relative ? `${label} (×)` : label, { log: this.log, min: this.log ? lowest / 2 : 0, grace: "6%" }) },
        plugins: { legend: legend(), tooltip: tooltip({ label: (item) => `${item.dataset.label}: ${show(item.raw)}${relative ? " ×" : ""}` }) } },
      plugins: [barLabels],
    }));
    this.table.refresh();
  }
}
