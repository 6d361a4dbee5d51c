"use strict";
/* Draws the charts of the page, answers the pointer, and keeps charts over time in step. Uses no network. */
(() => {
  const page = JSON.parse(document.getElementById("data").textContent);
  const tip = document.getElementById("tip");
  const hidden = new Set();
  const chosen = {};
  const drawn = [];

  const unfold = (blocks) => blocks.flatMap(({ fixed, columns }) => {
    const names = Object.keys(columns);
    return columns[names[0]].map((_, row) => {
      const values = { ...fixed };
      for (const name of names) values[name] = columns[name][row];
      return values;
    });
  });

  const short = (value, units) => {
    for (const [size, unit] of units) if (Math.abs(value) >= size) return `${Number((value / size).toPrecision(3))}${unit}`;
    return String(Number(value.toPrecision(3)));
  };
  const formats = {
    latency: (v) => short(v, [[1e9, " s"], [1e6, " ms"], [1e3, " us"], [0, " ns"]]),
    iops: (v) => `${short(v, [[1e6, " M"], [1e3, " K"]])} IOPS`,
    bandwidth: (v) => short(v, [[1e9, " GB/s"], [1e6, " MB/s"], [1e3, " kB/s"], [0, " B/s"]]),
    percent: (v) => `${short(v, [])}%`,
    ratio: (v) => `${v.toFixed(2)}×`,
    number: (v) => short(v, [[1e12, " T"], [1e9, " G"], [1e6, " M"], [1e3, " K"]]),
    seconds: (v) => `${Number(v.toPrecision(4))} s`,
    percentile: (v) => `p${Number((100 - 100 / v).toPrecision(Math.max(3, Math.ceil(Math.log10(v)) + 2)))}`,
  };

  const visible = (figure) => figure.rows.filter((row) =>
    !hidden.has(row.key) && !hidden.has(row.style) && (!figure.choice || row.step === chosen[figure.choice]));

  const plotOf = (figure) => figure.chart.querySelector(".root > g > .background").getBoundingClientRect();

  function valuesAt(figure, event) {
    const plot = plotOf(figure);
    const scale = figure.view.scale("x");
    const half = scale.bandwidth ? scale.bandwidth() / 2 : 0;
    const factor = plot.width / figure.view.width();
    const wanted = (event.clientX - plot.left) / factor;
    if (wanted < -8 || wanted > figure.view.width() + 8 || event.clientY > plot.bottom + 12) return null;
    let nearest = Infinity;
    const rows = visible(figure).filter((row) => row[figure.y] != null);
    const places = rows.map((row) => scale(row.x) + half);
    let place = 0;
    for (const one of places) if (Math.abs(one - wanted) < nearest) { nearest = Math.abs(one - wanted); place = one; }
    if (nearest > Math.max(40, figure.view.width() / 6)) return null;
    // Samples of different runs are not taken at the same moment; elsewhere only the very same place counts.
    const reach = figure.x_format === "seconds" ? 6 : 0.5;
    const best = new Map();
    rows.forEach((row, index) => {
      const away = Math.abs(places[index] - place);
      const line = `${row.key} ${row.style} ${row.run}`;
      if (away <= reach && (!best.has(line) || best.get(line).away > away)) best.set(line, { row, away });
    });
    const found = [...best.values()].map(({ row }) => row).sort((a, b) => b[figure.y] - a[figure.y]);
    return found.length ? { left: plot.left + place * factor, plot, rows: found } : null;
  }

  function element(name, text, style) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (style) made.className = style;
    return made;
  }

  const most = 12;
  function show(figure, event) {
    const found = valuesAt(figure, event);
    if (!found) return hide(figure);
    const box = figure.element.getBoundingClientRect();
    Object.assign(figure.cursor.style, {
      left: `${found.left - box.left}px`, top: `${found.plot.top - box.top}px`, height: `${found.plot.height}px`,
    });
    figure.cursor.hidden = false;
    const first = found.rows[0];
    const x = formats[figure.x_format] ? formats[figure.x_format](first.x) : figure.xName(first.x);
    const head = element("p", figure.x_format === "seconds" && first.step ? `${x}, ${first.step}` : x);
    const list = element("div");
    for (const row of found.rows.slice(0, most)) {
      const key = page.keys[row.key];
      const name = [row.run || (key ? key.name : ""), page.styles[row.style] || ""].filter(Boolean).join(", ");
      list.append(element("i", "", key ? key.color : ""), element("span", name));
      list.append(element("b", row.text || formats[figure.y_format](row[figure.y])));
    }
    tip.replaceChildren(head, list);
    if (found.rows.length > most) tip.append(element("p", `and ${found.rows.length - most} more`));
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    const right = event.clientX + 16 + width > window.innerWidth ? event.clientX - 16 - width : event.clientX + 16;
    const below = event.clientY + 16 + height > window.innerHeight ? event.clientY - 16 - height : event.clientY + 16;
    tip.style.left = `${Math.max(4, Math.min(right, window.innerWidth - width - 4))}px`;
    tip.style.top = `${Math.max(4, below)}px`;
  }
  function hide(figure) {
    tip.hidden = true;
    figure.cursor.hidden = true;
  }

  function refresh() {
    for (const figure of drawn) {
      figure.element.hidden = Boolean(figure.choice) && !figure.rows.some((row) => row.step === chosen[figure.choice]);
      figure.view.signal("hidden", [...hidden]);
      if (figure.choice) figure.view.signal("chosen", chosen[figure.choice]);
      figure.view.runAsync();
    }
  }

  /** Charts over time pan and zoom together. */
  function follow(figure) {
    const name = "view_x";
    figure.view.addSignalListener(name, (_, domain) => {
      for (const other of drawn) {
        if (other === figure || other.group !== figure.group) continue;
        const now = other.view.signal(name);
        if (JSON.stringify(now) !== JSON.stringify(domain)) other.view.signal(name, domain).runAsync();
      }
    });
  }

  async function draw(figure) {
    figure.element = document.getElementById(figure.id);
    figure.chart = figure.element.querySelector(".chart");
    figure.group = figure.x_format === "seconds" ? figure.element.closest("section").id : "";
    const select = figure.element.closest("section").querySelector("select");
    const own = figure.spec.params.find((param) => param.name === "chosen");
    if (own) {
      figure.choice = figure.element.closest("section").id;
      chosen[figure.choice] = select ? select.value : own.value;
    }
    const datasets = {};
    for (const [name, source] of Object.entries(figure.data)) datasets[name] = unfold(page.datasets[source]);
    figure.rows = datasets.rows;
    figure.spec.datasets = { ...figure.spec.datasets, ...datasets };
    const names = figure.names || {};
    figure.xName = (value) => names[value] || String(value);
    const result = await vegaEmbed(figure.chart, figure.spec, {
      ast: true, renderer: "svg", actions: false, defaultStyle: false, tooltip: false,
    });
    figure.view = result.view;
    figure.cursor = element("div", "", "cursor");
    figure.cursor.hidden = true;
    figure.element.append(figure.cursor);
    figure.chart.addEventListener("pointermove", (event) => show(figure, event));
    figure.chart.addEventListener("pointerdown", (event) => show(figure, event));
    figure.chart.addEventListener("pointerleave", () => hide(figure));
    drawn.push(figure);
    if (figure.group) follow(figure);
  }

  for (const button of document.querySelectorAll("[data-switch]")) {
    button.addEventListener("click", () => {
      const name = button.dataset.switch;
      if (!hidden.delete(name)) hidden.add(name);
      for (const same of document.querySelectorAll(`[data-switch="${CSS.escape(name)}"]`))
        same.setAttribute("aria-pressed", String(!hidden.has(name)));
      refresh();
    });
  }
  for (const select of document.querySelectorAll("select[data-section]")) {
    select.addEventListener("change", () => {
      chosen[select.dataset.section] = select.value;
      refresh();
    });
  }
  window.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

  (async () => {
    for (const figure of page.figures) {
      try {
        await draw(figure);
      } catch (error) {
        console.error(error);
        figure.chart.textContent = "This chart could not be drawn. Its numbers are in the tables.";
      }
    }
    refresh();
    document.documentElement.dataset.charts = "drawn";
  })();
})();
