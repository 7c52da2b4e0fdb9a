// Builds the page: what there is, in the order machines, sweeps, evaluations, runs.
const problems = [];
addEventListener("error", (event) => problems.push(String(event.message)));
addEventListener("unhandledrejection", (event) => problems.push(String(event.reason)));
const consoleError = console.error;
console.error = (...words) => { problems.push(words.map(String).join(" ")); consoleError(...words); };

const data = JSON.parse(document.getElementById("data").textContent);
const views = [];

function build() {
  Theme.start();
  document.title = data.title;
  data.results = data.results.map(runOf);
  const links = [];
  const add = (view, label) => {
    views.push(view);
    document.getElementById("main").append(view.element);
    view.start();
    links.push(el("a", { href: `#${view.element.id}` }, label));
  };
  const runs = comparisonOfRuns(data.results);
  if (runs) add(new CompareView(runs, "Machines side by side", "machines"), "machines");
  data.comparisons.forEach((c, k) => add(new CompareView(c, data.comparisons.length > 1 ? `Comparison ${k + 1}` : "Comparison", `comparison${k + 1}`), data.comparisons.length > 1 ? `comparison ${k + 1}` : "comparison"));
  data.sweeps.forEach((s, k) => add(new SweepView(s, data.sweeps.length > 1 ? `Sweep ${k + 1}` : "Sweep", `sweep${k + 1}`), data.sweeps.length > 1 ? `sweep ${k + 1}` : "sweep"));
  data.evaluations.forEach((e, k) => add(new EvaluationView(e, `accuracy${k + 1}`), data.evaluations.length > 1 ? `accuracy ${k + 1}` : "accuracy"));
  if (data.results.length) add(new ResultView(data.results), data.results.length > 1 ? "runs" : "run");
  document.getElementById("top").append(el("h1", {}, data.title), links.length > 1 ? el("nav", {}, links) : "",
    el("button", { onclick: () => Theme.apply(Theme.name === "dark" ? "light" : "dark") }, "light / dark"));
  document.getElementById("foot").append(`Made by vitality ${data.version}. This file holds all of its data and needs no network. Charts: Chart.js ${Chart.version} (MIT).`);
}

const started = performance.now();
build();
const buildMilliseconds = performance.now() - started;
if (location.hash.startsWith("#selftest")) selfTest();
