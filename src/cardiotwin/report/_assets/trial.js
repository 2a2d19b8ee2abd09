// An in-silico trial: boxes before and after, loops with and without the pump, speed sweep.

const trialFacts = document.getElementById("trial-facts");
if (trialFacts) {
  const data = JSON.parse(trialFacts.textContent), page = document.documentElement;
  const place = (id) => document.getElementById(id);
  const palette = ["var(--accent)", "var(--mark)", "var(--green)", "var(--purple)", "var(--soft)"];

  function drawBoxes(element, spec) {
    element.textContent = "";
    const width = element.clientWidth || 600, row = 30, left = Math.min(210, 0.34 * width), right = 24;
    const height = row * spec.boxes.length + 48, base = height - 44;
    const svg = svgNode(element, "svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": spec.label });
    element.style.height = `${height}px`;
    const all = spec.boxes.filter((box) => box.values).flatMap((box) => box.values);
    const low = Math.min(0, ...all), high = 1.04 * Math.max(...all, low + 1);
    const px = (v) => left + ((v - low) / (high - low)) * (width - left - right);
    for (const tick of niceTicks(low, high, (width - left) / 80)) {
      svgNode(svg, "line", { x1: px(tick), x2: px(tick), y1: 0, y2: base, style: "stroke:var(--grid)" });
      svgNode(svg, "text", { x: px(tick), y: base + 16, "text-anchor": "middle" }, showNumber(tick));
    }
    spec.boxes.forEach((box, i) => {
      const y = row * i + row / 2, color = i ? palette[0] : "var(--soft)";
      const name = svgNode(svg, "text", { x: left - 10, y: y + 4, "text-anchor": "end" }, box.name.length > 30 ? `${box.name.slice(0, 29)}…` : box.name);
      svgNode(name, "title", {}, box.name);
      if (!box.values) { svgNode(svg, "text", { x: left + 6, y: y + 4 }, "nobody with a result"); return; }
      const [a, b, c, d, e] = box.values;
      svgNode(svg, "line", { x1: px(a), x2: px(e), y1: y, y2: y, style: `stroke:${color};stroke-width:1.6` });
      const shape = svgNode(svg, "rect", { x: px(b), width: Math.max(1, px(d) - px(b)), y: y - 8, height: 16, rx: 2, style: `fill:${color};fill-opacity:.3;stroke:${color}` });
      svgNode(shape, "title", {}, `median ${showNumber(c)}, half of the patients ${showNumber(b)} to ${showNumber(d)}, nine of ten ${showNumber(a)} to ${showNumber(e)}`);
      svgNode(svg, "line", { x1: px(c), x2: px(c), y1: y - 8, y2: y + 8, style: `stroke:${color};stroke-width:2.6` });
    });
    svgNode(svg, "text", { x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" }, spec.label);
  }

  function drawAll() {
    data.boxes.forEach((spec, i) => drawBoxes(place(`trial-box-${i}`), spec));
    if (data.loops) {
      const series = data.loops.flatMap((own, i) => [
        { ...own.without, color: palette[i], width: 1.8, dash: "5 4" },
        { ...own.supported, color: palette[i], width: 2.4, label: own.name },
      ]);
      const volumes = series.flatMap((own) => own.x), low = Math.min(...volumes), high = Math.max(...volumes), pad = 0.04 * (high - low);
      drawChart(place("trial-loops"), { x: volumes, xRange: [low - pad, high + pad], series, xLabel: "left ventricular volume (mL)", yLabel: "left ventricular pressure (mmHg)", title: "Loops without and with the pump" });
    }
    if (data.sweep) data.sweep.panels.forEach((own, i) => drawChart(place(`trial-sweep-${i}`), {
      x: data.sweep.speeds, series: [{ y: own.median, color: palette[0], width: 2.2 }],
      band: { low: own.low, high: own.high, color: palette[0] }, legend: false,
      xLabel: "pump speed (rpm)", yLabel: own.unit, title: own.label,
    }));
  }

  let drawnWidth = innerWidth;
  window.addEventListener("resize", () => { if (innerWidth !== drawnWidth) { drawnWidth = innerWidth; drawAll(); } });
  drawAll();
  place("theme").addEventListener("click", () => {
    const dark = page.dataset.theme ? page.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    page.dataset.theme = dark ? "light" : "dark";
  });
  page.dataset.rendered = "yes";
}
