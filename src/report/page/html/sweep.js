// Sweeps: filters over the axes, the Pareto scatter, how much each axis matters, and every point as a row.
const STATUS = ["ok", "infeasible", "failed", "timeout"];

const at = (column, i) => (column.length === 1 ? column[0] : column[i]);

// The totals, the sweep's objectives first.
const inOrder = (s) => [...s.metrics].sort((p, q) => s.objectives.some((o) => o.name === q) - s.objectives.some((o) => o.name === p));

class SweepView {
  constructor(sweep, title, id) {
    this.s = sweep;
    this.id = id;
    this.axisIndex = (a, i) => at(sweep.axes[a].column, i);
    this.axisText = (a, i) => String(sweep.axes[a].values[this.axisIndex(a, i)]);
    this.status = (i) => at(sweep.status, i);
    this.workload = (i) => sweep.workloads[at(sweep.workload, i)];
    this.reason = (i) => sweep.reasons[at(sweep.reason, i)];
    this.pareto = (i) => at(sweep.pareto, i) === 1;
    this.totals = new Map(sweep.metrics.map((name, m) => [name, sweep.totals[m]]));
    this.total = (name, i) => { const column = this.totals.get(name); return column === undefined || column.length === 0 ? null : at(column, i); };
    this.points = Array.from({ length: sweep.points }, (_, i) => i);
    this.varying = sweep.metrics.filter((name) => { const c = this.totals.get(name); return c.length > 1; });
    if (this.varying.length === 0) this.varying = [...sweep.metrics];
    this.freeAxes = sweep.axes.map((_, a) => a).filter((a) => sweep.axes[a].values.length > 1);
    const wanted = [...sweep.objectives.map((o) => o.name), "latency_ms", "energy_mj", "area_mm2", "cycles"].filter((name) => this.varying.includes(name));
    this.x = wanted[0] || this.varying[0];
    this.y = wanted.find((name) => name !== this.x) || this.varying.find((name) => name !== this.x) || this.x;
    this.model = sweep.workloads[sweep.workloads.length - 1] || "";
    this.color = this.freeAxes.length ? `axis ${this.freeAxes[0]}` : "none";
    this.logX = this.logY = true;
    this.onlyPareto = false;
    this.allowed = sweep.axes.map((axis) => new Set(axis.values.map((_, v) => v)));
    this.chooseAxes(wanted);
    this.objective = this.x;
    this.build(title);
  }

  // The two of the objectives with the longest front: where there is something to trade.
  chooseAxes(names) {
    const ok = this.points.filter((i) => this.status(i) === 0 && this.workload(i) === this.model);
    let longest = 0;
    for (const [k, x] of names.slice(0, 4).entries()) {
      for (const y of names.slice(k + 1, 4)) {
        const before = [this.x, this.y];
        [this.x, this.y] = [x, y];
        const front = this.front(ok.map((i) => ({ x: this.total(x, i), y: this.total(y, i) }))).length;
        if (front > longest) longest = front;
        else [this.x, this.y] = before;
      }
    }
  }

  better(name) {
    const objective = this.s.objectives.find((o) => o.name === name);
    return objective ? (objective.max ? "max" : "min") : metric(name).better;
  }

  build(title) {
    const set = (name) => (value) => { this[name] = value; this.update(); };
    const metrics = this.varying.map((name) => [name, metric(name).title]);
    const colors = [["none", "one colour"], ...this.freeAxes.map((a) => [`axis ${a}`, this.s.axes[a].key]), ...metrics.map(([name, label]) => [`total ${name}`, label])];
    this.scatter = new ChartCard("Design points", "", 520, { wide: true });
    this.scatter.element.insertBefore(el("div", { class: "controls" }, choice("x", metrics, this.x, set("x")), choice("y", metrics, this.y, set("y")), choice("colour", colors, this.color, set("color")),
      toggle("log x", this.logX, set("logX")), toggle("log y", this.logY, set("logY")), toggle("only the sweep's Pareto points", false, set("onlyPareto"))), this.scatter.captionLine);
    this.convergence = new ChartCard("Convergence", "", 260, { wide: true });
    this.picked = el("section", { class: "card wide offpaper" }, el("p", { class: "note" }, "Click a point or a row for all of its numbers."));
    this.swing = new ChartCard("Which axis matters most", "", 200, { wide: true });
    this.swing.element.insertBefore(el("div", { class: "controls" }, choice("objective", metrics, this.objective, set("objective"))), this.swing.captionLine);
    this.lines = el("div", { class: "small wide" });
    this.lineCards = this.freeAxes.map((a) => new ChartCard(cut(this.s.axes[a].key, 40), "", 210, { small: true }));
    this.lines.append(...this.lineCards.map((card) => card.element));
    this.stats = el("div", { class: "cards" });
    this.table = new DataTable([
      { label: "point", numeric: true, get: (i) => i, show: (v) => String(v) }, ...this.s.axes.map((axis, a) => ({ label: axis.key, numeric: axis.values.every((v) => typeof v === "number"), get: (i) => axis.values[this.axisIndex(a, i)], show: (v) => String(v) })),
      { label: "workload", get: (i) => this.workload(i) }, { label: "status", get: (i) => STATUS[this.status(i)] }, { label: "Pareto", get: (i) => (this.pareto(i) ? "yes" : "") },
      ...inOrder(this.s).map((name) => ({ label: metric(name).title, numeric: true, get: (i) => this.total(name, i) })), { label: "reason", get: (i) => this.reason(i) },
    ], { name: "points", onpick: (i) => this.pick(i) });
    const reasons = [...groupBy(this.points.filter((i) => this.status(i) !== 0), (i) => this.reason(i))].sort((a, b) => b[1].length - a[1].length);
    this.element = el("section", { id: this.id }, el("h2", {}, title), el("p", { class: "note" }, this.s.file, this.s.constraints.length ? ` — constraints: ${this.s.constraints.join("; ")}` : "",
      ` — objectives: ${this.s.objectives.map((o) => `${metric(o.name).label} (${o.max ? "most" : "least"})`).join(", ") || "none"}`), this.stats, this.filters(),
    el("div", { class: "grid" }, this.scatter.element, this.picked, this.convergence.element, this.swing.element, this.lines, el("section", { class: "card wide rows" }, el("h3", {}, "Points"), this.table.element)),
    reasons.length ? el("details", {}, el("summary", {}, `Why ${show(sum(reasons, (r) => r[1].length))} points have no result`), el("ul", { class: "note" }, reasons.slice(0, 50).map(([reason, members]) => el("li", {}, `${show(members.length)} × ${STATUS[this.status(members[0])]}: ${reason}`)))) : null);
  }

  // A chip a value: click to leave it out, double-click for this one alone.
  filters() {
    const group = (a) => {
      const axis = this.s.axes[a], chips = axis.values.map((value, v) => el("button", { class: "chip", "aria-pressed": "true", title: "click: in or out; double-click: this one alone",
        onclick: () => { if (this.allowed[a].has(v)) this.allowed[a].delete(v); else this.allowed[a].add(v); paint(); },
        ondblclick: () => { this.allowed[a] = new Set([v]); paint(); } }, String(value)));
      const paint = () => { chips.forEach((chip, v) => chip.setAttribute("aria-pressed", String(this.allowed[a].has(v)))); this.update(); };
      const all = el("button", { class: "chip", title: "all values", onclick: () => { this.allowed[a] = new Set(axis.values.map((_, v) => v)); paint(); } }, "all");
      return el("div", {}, el("span", { class: "key" }, axis.key), chips, all);
    };
    const models = this.s.workloads.length > 1 ? choice("workload", this.s.workloads.map((w) => [w, w]), this.model, (value) => { this.model = value; this.update(); }) : null;
    return el("section", { class: "card offpaper" }, el("h3", {}, "Filters"), el("div", { class: "chips" }, models, this.freeAxes.filter((a) => this.s.axes[a].values.length <= 40).map(group)));
  }

  start() {
    const count = (status) => this.points.filter((i) => this.status(i) === status).length;
    this.stats.replaceChildren(stat("Points", show(this.s.points)), stat("With a result", show(count(0))), stat("Infeasible", show(count(1))),
      stat("Failed or timed out", show(count(2) + count(3)), "", "", count(2) + count(3) > 0), stat("Pareto points", show(this.points.filter(this.pareto).length), "", "of the sweep's objectives"), stat("Axes", show(this.s.axes.length)));
    this.drawConvergence();
    this.draw();
  }
  // Once a frame, however many clicks.
  update() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.draw(); });
  }

  draw() {
    const inside = (i) => this.workload(i) === this.model && this.freeAxes.every((a) => this.allowed[a].has(this.axisIndex(a, i)));
    this.selected = this.points.filter((i) => inside(i) && (!this.onlyPareto || this.pareto(i)));
    this.ok = this.selected.filter((i) => this.status(i) === 0);
    this.drawScatter();
    this.drawSensitivity();
    this.table.setRows(this.selected);
  }

  // The points that no other is better than in both directions, from left to right.
  front(points) {
    const signX = this.better(this.x) === "max" ? -1 : 1, signY = this.better(this.y) === "max" ? -1 : 1;
    const sorted = [...points].sort((a, b) => signX * (a.x - b.x) || signY * (a.y - b.y)), out = [];
    let best = Infinity;
    for (const point of sorted) if (signY * point.y < best) { best = signY * point.y; out.push(point); }
    return signX < 0 ? out.reverse() : out;
  }

  colorGroups(points) {
    const [kind, name] = [this.color.slice(0, this.color.indexOf(" ")), this.color.slice(this.color.indexOf(" ") + 1)];
    if (kind === "axis") {
      const axis = this.s.axes[Number(name)], numbers = axis.values.every((v) => typeof v === "number");
      const groups = groupBy(points, (p) => this.axisIndex(Number(name), p.i)), values = axis.values.map((_, v) => v).filter((v) => groups.has(v));
      if (values.length <= 12) return values.map((v, k) => ({ label: `${axis.values[v]}`, points: groups.get(v), color: () => (numbers && values.length > 2 ? Theme.ramp(k / (values.length - 1)) : Theme.color(k)), shape: numbers ? 0 : k }));
      return this.bins(points, (p) => (numbers ? axis.values[this.axisIndex(Number(name), p.i)] : this.axisIndex(Number(name), p.i)));
    }
    if (kind === "total") return this.bins(points, (p) => this.total(name, p.i));
    return [{ label: "designs", points, color: () => Theme.color(0), shape: 0 }];
  }
  // Eight groups of equal size by value.
  bins(points, value) {
    const sorted = points.filter((p) => value(p) !== null).sort((a, b) => value(a) - value(b)), n = Math.min(8, sorted.length), out = [];
    for (let b = 0; b < n; ++b) {
      const part = sorted.slice(Math.floor((b * sorted.length) / n), Math.floor(((b + 1) * sorted.length) / n));
      out.push({ label: `${show(value(part[0]), 3)}…${show(value(part[part.length - 1]), 3)}`, points: part, color: () => Theme.ramp(n > 1 ? b / (n - 1) : 0), shape: 0 });
    }
    return out;
  }

  drawScatter() {
    const usable = (v, log) => v !== null && Number.isFinite(v) && (!log || v > 0);
    const points = this.ok.map((i) => ({ x: this.total(this.x, i), y: this.total(this.y, i), i })).filter((p) => usable(p.x, this.logX) && usable(p.y, this.logY));
    const groups = this.colorGroups(points), front = this.front(points);
    const colored = this.color.startsWith("axis ") ? this.s.axes[Number(this.color.slice(5))].key : this.color.startsWith("total ") ? metric(this.color.slice(6)).title : "";
    this.scatter.caption(`${show(points.length)} of ${show(this.points.length)} points${colored ? `, coloured by ${colored}` : ""}. Line: Pareto front of these two (${this.better(this.x) === "min" ? "least" : "most"} ${metric(this.x).label}, ${this.better(this.y) === "min" ? "least" : "most"} ${metric(this.y).label}), ${show(front.length)} points. Drag to zoom, double-click for all, click a point for its numbers.`);
    const radius = points.length > 4000 ? 2.4 : points.length > 800 ? 3 : 4.5;
    this.scatter.show(() => ({
      type: "scatter",
      data: { datasets: [
        { label: "Pareto front", type: "line", data: front, parsing: false, borderColor: Theme.css("--text"), borderWidth: 1.6, stepped: this.better(this.x) === "min" ? "before" : "after", pointRadius: front.length > 300 ? 0 : radius + 1.5, pointStyle: "circle", backgroundColor: "transparent", pointBackgroundColor: "transparent", pointHoverRadius: radius + 5, order: 0 },
        ...groups.map((g) => ({ label: g.label, data: g.points, parsing: false, pointRadius: radius, pointHoverRadius: radius + 4, pointHitRadius: 2, pointBorderWidth: g.shape >= 4 ? 1.5 : 0, pointStyle: SHAPES[g.shape % SHAPES.length], backgroundColor: g.color(), borderColor: g.color(), order: 1 }))] },
      options: { scales: { x: axis(metric(this.x).title, { log: this.logX, ...(this.logX ? logRange(points.map((p) => p.x)) : {}) }), y: axis(metric(this.y).title, { log: this.logY, ...(this.logY ? logRange(points.map((p) => p.y)) : {}) }) }, interaction: { mode: "nearest", intersect: true },
        onClick: (event, items, chart) => { if (items.length && !this.scatter.justZoomed) this.pick(chart.data.datasets[items[0].datasetIndex].data[items[0].index].i); },
        plugins: { legend: legend({ title: { display: Boolean(colored), text: colored, color: Theme.css("--soft"), position: "start", padding: 0 }, labels: { usePointStyle: true, padding: 12, color: Theme.css("--text") } }), tooltip: tooltip({
          title: (items) => (items.length ? `point ${items[0].raw.i}${this.pareto(items[0].raw.i) ? ", Pareto" : ""}: ${this.workload(items[0].raw.i)}` : ""),
          label: (item) => [`${metric(this.x).title}: ${show(item.raw.x)}`, `${metric(this.y).title}: ${show(item.raw.y)}`, ...this.s.axes.slice(0, 16).map((axis, a) => `${axis.key} = ${this.axisText(a, item.raw.i)}`)],
        }, { filter: (item, i) => i === 0, usePointStyle: false, displayColors: false }) } },
      zoom: "xy",
    }));
  }

  // Of the whole sweep, whatever is filtered: what a search had found after so many designs.
  drawConvergence() {
    const steps = this.s.convergence || [];
    this.convergence.element.hidden = steps.length < 2;
    if (steps.length < 2) return;
    const near = steps.find(([, volume]) => volume >= 0.99 * steps[steps.length - 1][1]);
    this.convergence.caption(`Hypervolume of the front after so many designs, in the sweep's order, as a share of the box between the best and the worst value of each objective. 99 % of the last value after ${show(near[0])} of ${show(steps[steps.length - 1][0])} designs.`);
    const last = steps[steps.length - 1][0];
    this.convergence.show(() => ({
      type: "scatter",
      data: { datasets: [{ type: "line", label: "hypervolume", data: steps.map(([x, y]) => ({ x, y })), stepped: "before", borderColor: Theme.color(0), borderWidth: 2, pointRadius: 2.5, pointBackgroundColor: Theme.color(0), pointHitRadius: 5 }] },
      options: { scales: { x: axis("designs", { min: 0, max: last }), y: axis("hypervolume (share of the box)", { min: 0, max: 1 }) }, interaction: { mode: "nearest", intersect: false },
        plugins: { legend: { display: false }, tooltip: tooltip({ title: () => "", label: (item) => `${show(item.raw.y, 5)} after ${show(item.raw.x)} designs` }) } },
      zoom: "x",
    }));
  }

  // What the values of an axis do to a total, with everything else equal. Where points are missing (infeasible, filtered), a plain mean by value would
  // mix the axis with what else differs between the points that are left. So: the points whose other axes' values exist with every value of this
  // axis; where there are none (random samples), every point less the effects of its other axes by a least-squares fit of one effect a value.
  effects(a, known, value) {
    const others = this.freeAxes.filter((b) => b !== a), levels = new Set(known.map((i) => this.axisIndex(a, i)));
    const matched = [...groupBy(known, (i) => others.map((b) => this.axisIndex(b, i)).join()).values()].filter((group) => new Set(group.map((i) => this.axisIndex(a, i))).size === levels.size).flat();
    if (matched.length) return { points: matched, value, fitted: false };
    const fit = this.fit(known, value);
    return { points: known, value: (i) => value(i) - sum(others, (b) => fit.get(b)[this.axisIndex(b, i)]), fitted: true };
  }
  // One effect a value of each axis: Gauss-Seidel on the normal equations.
  fit(known, value) {
    if (this.fitted && this.fitted.known === known && this.fitted.name === this.objective) return this.fitted.effect;
    const effect = new Map(this.freeAxes.map((b) => [b, this.s.axes[b].values.map(() => 0)])), mean = sum(known, value) / known.length, rest = known.map((i) => value(i) - mean);
    for (let round = 0; round < 50; ++round)
      for (const b of this.freeAxes) {
        const total = effect.get(b).map(() => 0), count = effect.get(b).map(() => 0), at = known.map((i) => this.axisIndex(b, i));
        at.forEach((v, k) => { total[v] += rest[k]; ++count[v]; });
        const step = total.map((t, v) => (count[v] ? t / count[v] : 0));
        at.forEach((v, k) => { rest[k] -= step[v]; });
        step.forEach((d, v) => { effect.get(b)[v] += d; });
      }
    this.fitted = { known, name: this.objective, effect };
    return effect;
  }

  drawSensitivity() {
    const name = this.objective, values = (i) => this.total(name, i), known = this.ok.filter((i) => values(i) !== null), title = metric(name).title;
    const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
    const series = this.freeAxes.map((a) => {
      const { points, value: own, fitted } = this.effects(a, known, values), groups = groupBy(points, (i) => this.axisIndex(a, i));
      return { a, fitted, count: points.length, mean: points.length ? sum(points, values) / points.length : 0, rows: this.s.axes[a].values.map((value, v) => {
        const members = groups.get(v);
        if (!members) return null;
        const sorted = members.map(own).sort((p, q) => p - q);
        return { value, mean: sum(sorted, (x) => x) / sorted.length, low: quantile(sorted, 0.1), high: quantile(sorted, 0.9), count: sorted.length };
      }).filter(Boolean) };
    });
    const swing = (s) => (s.rows.length && s.mean ? (100 * (Math.max(...s.rows.map((r) => r.mean)) - Math.min(...s.rows.map((r) => r.mean)))) / Math.abs(s.mean) : 0);
    const ranked = [...series].sort((p, q) => swing(q) - swing(p));
    const fits = series.filter((s) => s.fitted), names = fits.map((s) => this.s.axes[s.a].key).join(", ");
    const how = (fits.length < series.length ? `Only points whose other axes' values have a result with every value of the axis (${show(Math.min(...series.filter((s) => !s.fitted).map((s) => s.count)))} or more of ${show(known.length)}).` : "") +
      (fits.length ? ` ${fits.length < series.length ? `For ${names} there are none: ` : "No points match in all other axes: "}effects of a least-squares fit, one effect a value and no interactions.` : "");
    this.swing.element.hidden = ranked.length === 0;
    this.swing.caption(`Main effect on ${title}: mean for each value of an axis, highest less lowest, over the mean. ${how}`);
    plainBars(this.swing, ranked.map((s) => [this.s.axes[s.a].key, swing(s)]), `change of the mean ${metric(name).label} (%)`, (v) => `${show(v, 3)} %`);
    const top = Math.max(0, ...series.flatMap((s) => s.rows.map((r) => r.high))), order = new Map(ranked.map((s, k) => [s.a, k]));
    this.lineCards.forEach((card, k) => {
      const s = series[k], labels = s.rows.map((r) => String(r.value));
      card.element.style.order = order.get(s.a);
      card.caption(s.fitted ? "fitted main effect, and 10th to 90th percentile of the points" : `mean, and 10th to 90th percentile, of ${show(s.count)} matched points`);
      const line = (key, more) => ({ label: key, data: s.rows.map((r) => r[key]), ...more });
      card.show(() => ({
        type: "line",
        data: { labels, datasets: [line("mean", { borderColor: Theme.color(0), backgroundColor: Theme.color(0), borderWidth: 2.2, pointRadius: 3.5, order: 0 }),
          line("low", { borderWidth: 0, pointRadius: 0, pointHitRadius: 0, fill: false, order: 2 }), line("high", { borderWidth: 0, pointRadius: 0, pointHitRadius: 0, fill: "-1", backgroundColor: Theme.color(0) + "28", order: 2 })] },
        options: { scales: { x: categories(cut(this.s.axes[s.a].key, 40), { ticks: { autoSkip: true, maxRotation: 0, callback(v) { return cut(this.getLabelForValue(v), 12); } } }), y: axis(title, { min: 0, max: niceAbove(top) }) }, interaction: { mode: "index", intersect: false },
          plugins: { legend: { display: false }, tooltip: tooltip({ label: (item) => { const r = s.rows[item.dataIndex]; return [`mean ${show(r.mean)}`, `10 % to 90 %: ${show(r.low)} to ${show(r.high)}`, `${show(r.count)} points`]; } }, { filter: (item) => item.datasetIndex === 0, displayColors: false }) } },
      }));
    });
  }

  // The command that runs a point again, in the folder of the sweep.
  command(i) {
    const word = (text) => (/^[\w\-./=:,+@%]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
    const option = (key, value) => (key === "batch" || key === "mode" ? `--${key} ${value}` : `--set ${word(`${key}=${value}`)}`);
    const axes = this.s.axes.flatMap((axis, a) => (axis.settings ? axis.settings[this.axisIndex(a, i)].map((setting) => `--set ${word(setting)}`) : [option(axis.key, this.axisText(a, i))]));
    const tied = this.s.tied.map((key) => option(key.key, at(key.column, i)));
    const file = this.s.workload_files[at(this.s.workload, i)];
    return ["vitality run --config", word(this.s.base || "BASE.json"), "--workload", word(file || this.workload(i)), ...(this.s.mapping ? ["--mapping", word(this.s.mapping)] : []), ...this.s.settings.map((setting) => `--set ${word(setting)}`), ...axes, ...tied,
      ...(this.s.numerics ? [] : ["--numerics off"])].join(" ");
  }

  pick(i) {
    const numbers = this.s.metrics.map((name) => [metric(name).title, show(this.total(name, i), 6)]);
    this.picked.replaceChildren(...[el("h3", {}, `Point ${i}: ${this.workload(i)}, ${STATUS[this.status(i)]}${this.pareto(i) ? ", on the sweep's Pareto front" : ""}`),
      this.reason(i) ? el("p", { class: "note" }, this.reason(i)) : null, el("p", { class: "note" }, "to run it: ", el("code", {}, this.command(i))),
      details([...this.s.axes.map((axis, a) => [axis.key, this.axisText(a, i)]), ...this.s.tied.map((key) => [key.key, String(at(key.column, i))]), ...numbers])].filter((part) => part !== null));
  }
}
