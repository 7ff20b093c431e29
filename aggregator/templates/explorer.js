"use strict";
// The interactive part of the dashboard. Amounts are added exactly, as whole numbers of 10^-18 (BigInt); only the chart
// and shares use floating point. Everything is written as text, never as markup.
(() => {
  const cube = JSON.parse(document.getElementById("cube").textContent);
  const at = (id) => document.getElementById(`x-${id}`);
  const UNIT = 10n ** 18n, LEVELS = ["provider", "account", "service"], MOST_ROWS = 100;
  const OTHERS = "(folded: many names)";
  const place = Object.fromEntries(cube.dimensions.map((name, index) => [name, index]));
  const PERIODS = { "31d": "Last 31 days", "92d": "Last 92 days", "month": "Newest month", "13m": "Thirteen months", "all": "All months" };
  const state = { currency: 1, period: "13m", cost: "billed", by: "provider", filter: "", path: {} };
  let shown = [], chart = null;

  const exact = (text) => {
    const [whole, part = ""] = text.replace("-", "").split(".");
    const value = BigInt(whole) * UNIT + BigInt(part.padEnd(18, "0"));
    return text.startsWith("-") ? -value : value;
  };
  const plain = (value) => {
    const size = value < 0n ? -value : value;
    const part = (size % UNIT).toString().padStart(18, "0").replace(/0+$/, "");
    return `${value < 0n ? "-" : ""}${size / UNIT}${part && `.${part}`}`;
  };
  const money = (value) => {
    const size = value < 0n ? -value : value, cents = (size + UNIT / 200n) / (UNIT / 100n);
    const text = `${(cents / 100n).toLocaleString("en-US")}.${(cents % 100n).toString().padStart(2, "0")}`;
    return value < 0n && cents ? `\u2212${text}` : text;
  };
  const nameOf = (dimension, index) => index ? cube.names[place[dimension]][index] : OTHERS;
  const element = (tag, text, more = {}) => Object.assign(document.createElement(tag), { textContent: text }, more);

  function window_() {
    const grain = state.period.endsWith("d") ? "day" : "month", all = cube.periods[grain];
    const size = { "31d": 31, "92d": 92, "month": 1, "13m": 13, "all": all.length }[state.period];
    return { grain, first: Math.max(0, all.length - size), all };
  }
  // Calls `seen` with the combination, the period's place and the amount of every cell of the view.
  function eachCell(grain, seen) {
    const cost = state.cost === "billed" ? 2 : 3, filter = state.filter.toLowerCase();
    const wanted = cube.combinations.map((names) => names[place.currency] === state.currency
      && Object.entries(state.path).every(([dimension, index]) => names[place[dimension]] === index)
      && (!filter || nameOf(state.by, names[place[state.by]]).toLowerCase().includes(filter)));
    for (const cell of cube.cells[grain]) {
      const amount = cell.length === 3 ? cell[2] : cell[cost];
      if (wanted[cell[0]] && amount !== null) seen(cube.combinations[cell[0]], cell[1], exact(amount));
    }
  }
  function show() {
    const { grain, first, all } = window_(), sums = new Map(), before = new Map();
    const totals = all.map(() => 0n), length = all.length - first;
    let total = 0n, folded = false;
    eachCell(grain, (names, period, amount) => {
      const key = names[place[state.by]], map = period >= first ? sums : period >= first - length ? before : null;
      if (map) map.set(key, (map.get(key) ?? 0n) + amount);
      if (period >= first) { totals[period] += amount; total += amount; folded ||= key === 0; }
    });
    const comparable = first >= length;
    shown = [...new Set([...sums.keys(), ...(comparable ? before.keys() : [])])].map((key) => {
      const now = sums.get(key) ?? 0n, then = comparable ? before.get(key) ?? 0n : null;
      return { key, name: nameOf(state.by, key), now, then, change: then === null ? null : now - then };
    }).sort((a, b) => a.now < b.now ? 1 : a.now > b.now ? -1 : 0);
    const currency = nameOf("currency", state.currency);
    at("total").textContent = `${money(total)} ${currency}, ${all[first]} to ${all.at(-1)}, by ${grain}`;
    at("note").textContent = (folded ? "Folded: smaller combinations of names are one line; the totals hold them. " : "")
      + (shown.length > MOST_ROWS ? `The ${MOST_ROWS} largest of ${shown.length} names are shown; the CSV has all. ` : "")
      + "The newest day and month may still grow.";
    names(total, comparable);
    periods(all.slice(first), totals.slice(first), currency, grain);
    path();
    command(all[first], grain);
    remember();
  }
  function row(cells, tag = "td") {
    const line = document.createElement("tr");
    cells.forEach((cell, index) => {
      const box = element(index || tag === "th" ? tag : "th", "", { className: index ? "n" : "who" });
      if (box.tagName === "TH") box.scope = tag === "th" ? "col" : "row";
      box.append(cell);
      line.append(box);
    });
    return line;
  }
  function table(target, caption, head, lines) {
    const top = document.createElement("thead"), body = document.createElement("tbody");
    top.append(row(head, "th"));
    body.append(...lines);
    target.replaceChildren(element("caption", caption), top, body);
  }
  function names(total, comparable) {
    table(at("names"), `By ${state.by}${comparable ? ", compared with as many periods before" : ""}`,
      [state.by, "Amount", "Share", "Before", "Change"],
      shown.slice(0, MOST_ROWS).map((entry) => {
        const button = element("button", entry.name, { type: "button" });
        button.addEventListener("click", () => drill(entry.key));
        return row([entry.key && !(state.by in state.path) ? button : entry.name, money(entry.now),
          total > 0n ? `${(Number(entry.now * 1000n / total) / 10).toFixed(1)} %` : "–",
          entry.then === null ? "–" : money(entry.then), entry.change === null ? "–" : money(entry.change)]);
      }));
  }
  function periods(labels, totals, currency, grain) {
    table(at("periods"), `${currency} by ${grain}`, [grain, currency], labels.map((label, index) => row([label, money(totals[index])])));
    const style = getComputedStyle(document.documentElement), color = (name) => style.getPropertyValue(name).trim();
    const axis = { stroke: color("--muted"), grid: { stroke: color("--line") } };
    chart?.destroy();
    chart = new uPlot({
      width: Math.max(200, at("chart").clientWidth), height: 240, legend: { show: false }, cursor: { show: false },
      scales: { x: { time: false, range: [-0.6, labels.length - 0.4] }, y: { range: (_, low, high) => low < 0 || high > 0 ? [Math.min(0, low * 1.05), Math.max(0, high * 1.05)] : [0, 1] } },
      axes: [{ ...axis, grid: { show: false }, space: 80, values: (_, ticks) => ticks.map((tick) => labels[tick] ? labels[tick].slice(0, grain === "day" ? 10 : 7) : "") },
        { ...axis, size: 70, values: (_, ticks) => ticks.map((tick) => Intl.NumberFormat("en", { notation: "compact" }).format(tick)) }],
      series: [{}, { fill: color("--accent"), stroke: color("--accent"), paths: uPlot.paths.bars({ size: [0.72] }), points: { show: false } }],
    }, [labels.map((_, index) => index), totals.map((value) => Number(plain(value)))], at("chart"));
  }
  function drill(key) {
    state.path[state.by] = key;
    state.filter = at("filter").value = "";
    state.by = LEVELS.find((level) => !(level in state.path)) ?? "region";
    show();
    at("by").value = state.by;
    at("path").querySelector("button")?.focus();
  }
  function path() {
    at("path").replaceChildren(...Object.entries(state.path).map(([dimension, index]) => {
      const name = `${dimension}: ${nameOf(dimension, index)}`;
      const button = element("button", `${name} ×`, { type: "button" });
      button.setAttribute("aria-label", `Remove ${name}`);
      button.addEventListener("click", () => {
        delete state.path[dimension];
        state.by = at("by").value = dimension;
        show();
        at("by").focus();
      });
      return button;
    }));
  }
  function command(first, grain) {
    const columns = { currency: "billing_currency", provider: "provider_name", account: "coalesce(sub_account_id, billing_account_id)",
      service: "service_name", region: "region_id", user: "x_user_id", category: "charge_category" };
    const wanted = Object.entries({ currency: state.currency, ...state.path }).map(([dimension, index]) => {
      const name = cube.raw[place[dimension]][index];
      return name === null ? `${columns[dimension]} IS NULL` : `${columns[dimension]} = '${name.replaceAll("'", "''")}'`;
    });
    const sql = `SELECT resource_id, load_id, count(*) AS charges, sum(${state.cost}_cost) AS ${state.cost}_cost FROM charges `
      + `WHERE charge_period_start >= TIMESTAMPTZ '${first} 00:00:00+00' AND ${wanted.join(" AND ")} GROUP BY ALL ORDER BY 4 DESC LIMIT 100`;
    at("rows").hidden = !("service" in state.path);
    // In single quotes a shell reads every sign as it is, except the single quote.
    at("sql").textContent = `billstream sql '${sql.replaceAll("'", "'\\''")}'`;
  }
  function csv() {
    // A spreadsheet would run a text that begins like a formula.
    const quoted = (text) => `"${(/^\s*[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
    const lines = [[state.by, "currency", "amount", "before", "change"].join(","), ...shown.map((entry) =>
      [quoted(entry.name), quoted(nameOf("currency", state.currency)), plain(entry.now),
        entry.then === null ? "" : plain(entry.then), entry.change === null ? "" : plain(entry.change)].join(","))];
    const link = element("a", "", { download: `costs-by-${state.by}.csv` });
    link.href = URL.createObjectURL(new Blob([`${lines.join("\r\n")}\r\n`], { type: "text/csv" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
  // Names, not places: a shared view means the same after the next refresh.
  function remember() {
    const told = { ...state, currency: cube.names[place.currency][state.currency],
      path: Object.fromEntries(Object.entries(state.path).map(([name, index]) => [name, cube.raw[place[name]][index]])) };
    history.replaceState(null, "", `#view=${encodeURIComponent(JSON.stringify(told))}`);
  }
  function recall() {
    if (!location.hash.startsWith("#view=")) return;
    try {
      const told = JSON.parse(decodeURIComponent(location.hash.slice(6)));
      if (Object.hasOwn(PERIODS, told.period)) state.period = told.period;
      if (["billed", "effective"].includes(told.cost)) state.cost = told.cost;
      if (Object.hasOwn(place, told.by) && told.by !== "currency") state.by = told.by;
      if (typeof told.filter === "string") state.filter = told.filter.slice(0, 200);
      const currency = cube.names[place.currency].indexOf(told.currency, 1);
      if (currency > 0) state.currency = currency;
      for (const [name, value] of Object.entries(told.path ?? {})) {
        const index = Object.hasOwn(place, name) ? cube.raw[place[name]].indexOf(value, 1) : -1;
        if (index > 0) state.path[name] = index;
      }
    } catch { /* A fragment that was cut or made by hand: the page shows its first view. */ }
  }
  recall();
  const options = (id, entries) => at(id).append(...entries.map(([value, text]) => element("option", text, { value })));
  options("currency", cube.names[place.currency].map((name, index) => [index, name]).slice(1));
  options("period", Object.entries(PERIODS));
  options("by", cube.dimensions.slice(1).map((name) => [name, name]));
  for (const id of ["currency", "period", "cost", "by", "filter"]) {
    at(id).value = state[id];
    at(id).addEventListener("input", () => { state[id] = id === "currency" ? Number(at(id).value) : at(id).value; show(); });
  }
  at("csv").addEventListener("click", csv);
  for (const part of document.querySelectorAll(".scripted")) part.hidden = false;
  if (location.hash.startsWith("#view=")) document.getElementById("explorer").scrollIntoView();
  const hash = location.hash;
  show();
  // A view in which nothing was chosen leaves the address as it was.
  if (!hash.startsWith("#view=")) history.replaceState(null, "", hash || location.pathname + location.search);
  addEventListener("resize", () => chart.setSize({ width: Math.max(200, at("chart").clientWidth), height: 240 }));
})();
