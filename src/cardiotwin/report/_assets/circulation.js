// The circulation: loops and Wiggers diagram of one beat, with one cursor for all of them.

const circulationFacts = document.getElementById("circulation-facts");
if (circulationFacts) {
  const data = JSON.parse(circulationFacts.textContent), page = document.documentElement;
  const place = (id) => document.getElementById(id), last = data.times[data.times.length - 1];
  const palette = ["var(--accent)", "var(--mark)", "var(--green)", "var(--purple)", "var(--soft)"];
  const tint = { rise: "var(--amber)", ejection: "var(--accent)", fall: "var(--purple)" };
  let charts = [], loop = null, at = data.endSystole;

  function drawLoops() {
    const lines = [
      ...data.fan.map((own) => ({ ...own, color: palette[0], width: 0.8, opacity: 0.3 })),
      ...data.relations.map((own) => ({ ...own, color: palette[own.user] || "var(--soft)", width: 1.2, dash: "6 5" })),
      ...data.loops.map((own, i) => ({ ...own, color: palette[i % palette.length], width: 2.4 })),
      ...data.measured.map((own) => ({ ...own, color: "var(--truth)", width: 1.8, dash: "2 4" })),
    ];
    const chart = drawChart(place("circulation-loops"), {
      x: lines.flatMap((own) => own.x), series: lines, xRange: data.volumeRange, yRange: data.pressureRange,
      xLabel: "left ventricular volume (mL)", yLabel: "left ventricular pressure (mmHg)", title: "Pressure–volume loops",
    });
    data.corners.forEach(([volume, pressure, kind, name]) => {
      const dot = svgNode(chart.inside, "circle", { cx: chart.px(volume), cy: chart.py(pressure), r: 4.6, style: `stroke:var(--ink);stroke-width:1.8;fill:${kind === "end systole" ? "var(--ink)" : "var(--card)"}` });
      svgNode(dot, "title", {}, `${name}, ${kind}: ${showNumber(volume)} mL, ${showNumber(pressure)} mmHg`);
    });
    data.arrows.forEach(([v0, p0, v1, p1, user]) => {
      const x = chart.px(v1), y = chart.py(p1), turn = Math.atan2(y - chart.py(p0), x - chart.px(v0)) * 180 / Math.PI;
      svgNode(chart.inside, "path", { d: "M6 0L-6 5L-6 -5Z", transform: `translate(${x} ${y}) rotate(${turn})`, style: `fill:${palette[user % palette.length]}` });
    });
    data.relationLabels.forEach(([volume, pressure, text, flat]) => {
      const x = chart.px(volume) + (flat ? 5 : 8), y = chart.py(pressure) + 4;
      const label = svgNode(chart.svg, "text", { x, y }, text);
      // On a narrow screen the label moves in, above its line.
      const over = x + label.getComputedTextLength() - chart.svg.viewBox.baseVal.width;
      if (over > 0) { label.setAttribute("x", x - over); label.setAttribute("y", y - 18); }
    });
    const dot = svgNode(chart.svg, "circle", { r: 6, style: "fill:none;stroke:var(--ink);stroke-width:2.2" });
    loop = { move(index) {
      dot.setAttribute("cx", chart.px(data.loops[0].x[index]));
      dot.setAttribute("cy", chart.py(data.loops[0].y[index]));
    } };
  }

  function drawStrips() {
    const element = place("circulation-valves");
    element.textContent = "";
    const width = element.clientWidth || 600, left = 58, right = 14;
    const px = (time) => left + (time / last) * (width - left - right);
    const svg = svgNode(element, "svg", { viewBox: `0 0 ${width} 92`, role: "img", "aria-label": "when the valves are open" });
    data.phases.forEach((phase) => { if (tint[phase.kind]) svgNode(svg, "rect", { x: px(phase.from), width: px(phase.to) - px(phase.from), y: 0, height: 50, style: `fill:${tint[phase.kind]};opacity:.13` }); });
    data.valves.forEach((valve, row) => {
      const y = 6 + 22 * row;
      svgNode(svg, "text", { x: left - 8, y: y + 12, "text-anchor": "end" }, valve.name);
      if (!valve.open.length) svgNode(svg, "text", { x: left + 6, y: y + 12 }, "never opens");
      valve.open.forEach(([from, to]) => svgNode(svg, "rect", { x: px(from), width: Math.max(1, px(to) - px(from)), y, height: 15, style: `fill:${palette[valve.color]}` }));
    });
    svgNode(svg, "line", { x1: left, x2: width - right, y1: 50, y2: 50, style: "stroke:var(--soft)" });
    for (const tick of niceTicks(0, last, width / 90)) {
      svgNode(svg, "line", { x1: px(tick), x2: px(tick), y1: 50, y2: 54, style: "stroke:var(--soft)" });
      svgNode(svg, "text", { x: px(tick), y: 68, "text-anchor": "middle" }, showNumber(tick));
    }
    svgNode(svg, "text", { x: (left + width - right) / 2, y: 88, "text-anchor": "middle" }, "time since the start of the contraction (ms)");
    const cursor = svgNode(svg, "line", { y1: 0, y2: 50, style: "stroke:var(--mark);stroke-width:1.4" });
    return { moveCursor(value) { cursor.setAttribute("x1", px(value)); cursor.setAttribute("x2", px(value)); } };
  }

  function move(index) {
    at = index;
    const time = data.times[index], phase = data.phases.find((own) => time <= own.to) || data.phases[0];
    charts.forEach((chart) => chart.moveCursor(time));
    loop.move(index);
    const readings = data.panels.flatMap((panel) => panel.curves.map((own) => `${own.short} ${own.y[index].toFixed(panel.digits).replace("-", "−")} ${panel.unit}`));
    place("circulation-clock").textContent = `${time.toFixed(0)} ms, ${phase.name}: ${readings.join(" · ")}`;
  }

  function nearest(time) {
    let best = 0;
    data.times.forEach((own, i) => { if (Math.abs(own - time) < Math.abs(data.times[best] - time)) best = i; });
    return best;
  }

  function drawCirculation() {
    drawLoops();
    const spans = data.phases.filter((phase) => tint[phase.kind]).map((phase) => ({ from: phase.from, to: phase.to, color: tint[phase.kind] }));
    charts = data.panels.map((panel) => drawChart(place(`circulation-${panel.id}`), {
      x: data.times, xRange: [0, last], hideX: true, yLabel: panel.label, spans, cursor: true, legend: panel.curves.length > 1 ? undefined : false,
      series: panel.curves.map((own) => ({ y: own.y, color: palette[own.color], label: own.name, width: 2 })),
      bands: panel.curves.filter((own) => own.band).map((own) => ({ low: own.band[0], high: own.band[1], color: palette[own.color] })),
      onPick: (time) => move(nearest(time)),
    }));
    charts.push(drawStrips());
    move(at);
  }

  let drawnWidth = innerWidth;
  window.addEventListener("resize", () => { if (innerWidth !== drawnWidth) { drawnWidth = innerWidth; drawCirculation(); } });
  window.addEventListener("keydown", (event) => {
    if (document.activeElement !== place("circulation-wiggers") || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    event.preventDefault();
    move(Math.min(data.times.length - 1, Math.max(0, at + (event.key === "ArrowRight" ? 4 : -4))));
  });
  drawCirculation();
  // On its own page nobody else does the rest.
  if (!document.getElementById("facts")) {
    place("theme").addEventListener("click", () => {
      const dark = page.dataset.theme ? page.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      page.dataset.theme = dark ? "light" : "dark";
    });
    page.dataset.rendered = "yes";
  }
}
