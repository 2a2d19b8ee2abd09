// Clips beside the loop: one clock for the frames, the ring on the loop and the cursor of the curve.

const clipFacts = document.getElementById("clip-facts");
if (clipFacts && circulationFacts) {
  const own = JSON.parse(clipFacts.textContent), heart = JSON.parse(circulationFacts.textContent);
  const find = (id) => document.getElementById(id), times = heart.times, last = times[times.length - 1];
  const loop = heart.loops[0], columns = 8;
  const films = own.clips.map((clip, index) => {
    const svg = find(`clip-${index}`), box = svg.viewBox.baseVal;
    return { ...clip, svg, width: box.width, height: box.height, image: svg.querySelector("image"), axis: svg.querySelector(".axis"), border: svg.querySelector(".border"), shown: -1 };
  });
  const turn = (phase) => ((phase % 1) + 1) % 1;
  let phase = 0, running = false, started = 0, plane = null, ring = null, curve = null;

  function drawCharts() {
    const unit = own.inMl ? "left ventricular volume (mL)" : "volume (mL; of the prior, not of the clip)";
    const lines = [
      ...heart.fan.map((one) => ({ ...one, color: "var(--accent)", width: 0.8, opacity: 0.3 })),
      { ...loop, label: undefined, color: "var(--accent)", width: 2.4 },
    ];
    plane = drawChart(find("clip-loop"), {
      x: loop.x, series: lines, xRange: heart.volumeRange, yRange: heart.pressureRange, legend: false,
      xLabel: unit, yLabel: "left ventricular pressure (mmHg)", title: "Most probable pressure–volume loop and draws",
    });
    ring = svgNode(plane.svg, "circle", { r: 7, style: "fill:none;stroke:var(--mark);stroke-width:3" });
    curve = drawChart(find("clip-volume"), {
      x: times, xRange: [0, last], legend: false, cursor: true, xLabel: "time since the start of the contraction (ms)",
      yLabel: own.inMl ? "volume (mL)" : "volume (% of the largest)", title: "Volume through the beat: frames and simulation",
      yRange: volumeRange(),
      series: [{ y: own.volume, color: "var(--accent)", width: 2.2 }],
      bands: own.band ? [{ low: own.band[0], high: own.band[1], color: "var(--accent)" }] : [],
      onPick: (time) => { stop(); show(time / last); },
    });
    films.forEach((film) => film.x.forEach((time, k) => svgNode(curve.inside, "circle", { cx: curve.px(time), cy: curve.py(film.y[k]), r: 2.6, style: `fill:${film.colour};opacity:.75` })));
    show(phase);
  }

  function volumeRange() {
    const every = [own.volume, ...(own.band || []), ...films.map((film) => film.y)].flat();
    return [0, 1.06 * Math.max(...every)];
  }

  // The frame whose place in the beat is the nearest, also across its end.
  function frameAt(film) {
    let best = 0, least = 2;
    film.phases.forEach((place, k) => {
      const apart = Math.abs(turn(place - phase + 0.5) - 0.5);
      if (apart < least) { least = apart; best = k; }
    });
    return best;
  }

  function showFrame(film) {
    const frame = frameAt(film);
    if (frame === film.shown) return;
    film.shown = frame;
    film.image.setAttribute("x", -(frame % columns) * film.width);
    film.image.setAttribute("y", -Math.floor(frame / columns) * film.height);
    film.border.setAttribute("d", film.outlines[frame]);
    film.border.classList.toggle("out", film.leftOut[frame]);
    const ends = film.axes[frame];
    film.axis.style.display = ends ? "" : "none";
    if (ends) ["x1", "y1", "x2", "y2"].forEach((name, k) => film.axis.setAttribute(name, ends[k]));
  }

  function show(at) {
    phase = turn(at);
    films.forEach(showFrame);
    const time = phase * last;
    let k = times.findIndex((one) => one >= time);
    if (k < 0) k = times.length - 1;
    ring.setAttribute("cx", plane.px(loop.x[k]));
    ring.setAttribute("cy", plane.py(loop.y[k]));
    curve.moveCursor(time);
    find("clip-slider").value = Math.round(999 * phase);
    find("clip-clock").textContent = `${time.toFixed(0)} ms`;
  }

  function step(now) {
    if (!running) return;
    show((now - started) / last);
    requestAnimationFrame(step);
  }

  function play() {
    running = true;
    started = performance.now() - phase * last;
    find("clip-play").textContent = "❚❚";
    find("clip-play").setAttribute("aria-label", "Stop");
    requestAnimationFrame(step);
  }

  function stop() {
    running = false;
    find("clip-play").textContent = "▶";
    find("clip-play").setAttribute("aria-label", "Play");
  }

  find("clip-play").addEventListener("click", () => (running ? stop() : play()));
  find("clip-slider").addEventListener("input", (event) => { stop(); show(event.target.value / 1000); });
  let widthDrawn = innerWidth;
  window.addEventListener("resize", () => { if (innerWidth !== widthDrawn) { widthDrawn = innerWidth; drawCharts(); } });
  drawCharts();
  // Who asked for less motion starts it alone.
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) stop();
  else play();
}
