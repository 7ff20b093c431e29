"use strict";
// The interactive part of the dashboard. Amounts are added exactly, as whole numbers of 10^-18 (BigInt); only the chart
// and shares use floating point. Everything is written as text, never as markup.
(() => {
  const cube = JSON.parse(document.getElementById("cube").textContent);
  const at = (id) => document.getElementById(`x-${id}`);
  const DIGITS = 18n, UNIT = 10n ** DIGITS, LEVELS = ["provider", "account", "service"], MOST_ROWS = 100;
  const OTHERS = "(folded: many names)", TAG = "tag ";
  const place = Object.fromEntries(cube.dimensions.map((name, index) => [name, index]));
  const PERIODS = { "30d": "30 complete days", "90d": "90 complete days", "mtd": "Month so far", "month": "Last whole month",
    "13m": "Thirteen months", "year": "Year on year", "all": "All months" };
  const DIMENSIONS = [...cube.dimensions.slice(1), ...Object.keys(cube.tags).map((key) => TAG + key)];
  const state = { currency: 1, period: "13m", cost: "billed", by: "provider", order: "amount", filter: "", path: {} };
  let view = null, shown = [], chart = null;

  // -- numbers ---------------------------------------------------------------------------------------------
  const exact = (text) => {
    const [whole, part = ""] = text.replace("-", "").split(".");
    const value = BigInt(whole) * UNIT + BigInt(part.padEnd(18, "0"));
    return text.startsWith("-") ? -value : value;
  };
  const sizeOf = (value) => value < 0n ? -value : value;
  const digits = (size, count) => {
    const text = size.toString().padStart(count + 1, "0");
    return [text.slice(0, text.length - count), count ? `.${text.slice(-count)}` : ""];
  };
  const plain = (value) => {
    const [whole, part] = digits(sizeOf(value), 18);
    return `${value < 0n ? "-" : ""}${whole}${part.replace(/\.?0+$/, "")}`;
  };
  const rounded = (size, step) => {
    const half = size % step * 2n, down = size / step;
    return half > step || (half === step && down % 2n) ? down + 1n : down;
  };
  // As the rest of the page: the smallest unit of the currency; of a smaller amount, two significant digits.
  const money = (value, signed = false) => {
    const size = sizeOf(value), decimals = cube.spans[state.currency].decimals;
    const count = size === 0n || size >= 10n ** BigInt(18 - decimals) ? decimals : Math.min(18, 20 - size.toString().length);
    const [whole, part] = digits(rounded(size, 10n ** BigInt(18 - count)), count);
    return `${value < 0n ? "\u2212" : signed && value > 0n ? "+" : ""}${BigInt(whole).toLocaleString("en-US")}${part}`;
  };
  const percent = (part, whole, signed = false) => {
    if (whole <= 0n) return "\u2013";
    const value = Number(part * 1000n / whole) / 10;
    return `${signed && value > 0 ? "+" : ""}${value.toFixed(1)}\u202f%`.replace("-", "\u2212");
  };

  // -- time: a day is its number since 1970, a month its number since the year 0 -----------------------------
  const DAY = {
    of: (text) => Date.parse(`${text}T00:00:00Z`) / 864e5,
    text: (number) => new Date(number * 864e5).toISOString().slice(0, 10),
    first: (number) => DAY.text(number), last: (number) => DAY.text(number),
  };
  const MONTH = {
    of: (text) => Number(text.slice(0, 4)) * 12 + Number(text.slice(5, 7)) - 1,
    text: (number) => `${Math.floor(number / 12)}-${String(number % 12 + 1).padStart(2, "0")}`,
    first: (number) => `${MONTH.text(number)}-01`, last: (number) => DAY.text(DAY.of(MONTH.first(number + 1)) - 1),
  };
  const GRAINS = { day: DAY, month: MONTH };
  const keysOf = Object.fromEntries(Object.entries(GRAINS).map(([grain, kind]) => [grain, cube.periods[grain].map(kind.of)]));
  const range = (first, last) => Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);

  // The periods of the view, and those that each is compared with: whole months, or days that every source has completed.
  function window_() {
    const span = cube.spans[state.currency], known = span.complete !== null;
    const end = DAY.of(span.complete ?? span.last), month = MONTH.of(DAY.text(end));
    const begin = { day: Math.max(DAY.of(span.first), DAY.of(cube.from.day)) };
    begin.month = Math.max(MONTH.of(span.first), MONTH.of(cube.from.month));
    const firstWhole = Math.max(MONTH.of(span.first) + (span.first.endsWith("-01") ? 0 : 1), MONTH.of(cube.from.month));
    const lastWhole = known && MONTH.last(month) === DAY.text(end) ? month : month - 1;
    const made = (grain, keys, before, note = "") => {
      const whole = known && before.length > 0 && before[0] >= (grain === "month" ? firstWhole : begin.day);
      return { grain, keys: keys.filter((key) => key >= begin[grain]), before: whole ? before : [], note, lastWhole, span };
    };
    const newest = MONTH.of(span.last);
    const rest = known && span.last > span.complete ? `Days after ${span.complete} may still grow and are left out. ` : "";
    const open = newest > lastWhole ? `${MONTH.text(newest)} is so far, up to ${span.last}. ` : "";
    const days = (count) => range(end - count + 1, end);
    if (state.period === "30d") return made("day", days(30), range(end - 59, end - 30), rest);
    if (state.period === "90d") return made("day", days(90), [], rest);
    if (state.period === "mtd") {
      const first = DAY.of(MONTH.first(month)), before = DAY.of(MONTH.first(month - 1));
      return made("day", range(first, end), range(before, Math.min(before + end - first, first - 1)), rest);
    }
    if (state.period === "month") return made("month", [lastWhole], [lastWhole - 1]);
    if (state.period === "year") {
      const keys = known ? range(Math.max(lastWhole - 11, firstWhole + 12), lastWhole) : [];
      return made("month", keys, keys.map((key) => key - 12), keys.length ? "Whole months alone are compared. " : "There is no whole month with the same month a year before. ");
    }
    return made("month", range(state.period === "13m" ? newest - 12 : begin.month, newest), [], open);
  }

  // -- sums --------------------------------------------------------------------------------------------------
  // The cells that have the dimension: those of all names, or those of one tag key, which have no other name.
  const tagged = () => state.by.startsWith(TAG) ? cube.tags[state.by.slice(TAG.length)] : null;
  const nameOf = (dimension, index) => {
    const names = dimension.startsWith(TAG) ? cube.tags[dimension.slice(TAG.length)].names : cube.names[place[dimension]];
    return index ? names[index] : OTHERS;
  };
  // Calls `seen` with the name's place, the period and the amount of every cell of the view.
  function eachCell(grain, seen) {
    const source = tagged() ?? cube, by = source === cube ? place[state.by] : 1;
    const cost = state.cost === "billed" ? 2 : 3, filter = state.filter.toLowerCase();
    const wanted = source.combinations.map((names) => names[place.currency] === state.currency
      && (source !== cube || Object.entries(state.path).every(([dimension, index]) => names[place[dimension]] === index))
      && (!filter || nameOf(state.by, names[by]).toLowerCase().includes(filter)));
    for (const cell of source.cells[grain]) {
      const amount = cell.length === 3 ? cell[2] : cell[cost];
      if (wanted[cell[0]] && amount !== null) seen(source.combinations[cell[0]][by], keysOf[grain][cell[1]], exact(amount));
    }
  }
  function show() {
    view = window_();
    const now = new Set(view.keys), then = new Set(view.before);
    const sums = new Map(), before = new Map(), byPeriod = new Map();
    let total = 0n, totalBefore = 0n, folded = false;
    eachCell(view.grain, (name, period, amount) => {
      byPeriod.set(period, (byPeriod.get(period) ?? 0n) + amount);
      if (now.has(period)) { sums.set(name, (sums.get(name) ?? 0n) + amount); total += amount; folded ||= name === 0; }
      if (then.has(period)) { before.set(name, (before.get(name) ?? 0n) + amount); totalBefore += amount; }
    });
    const compared = view.before.length > 0;
    shown = [...new Set([...sums.keys(), ...before.keys()])].map((key) => {
      const amount = sums.get(key) ?? 0n, old = compared ? before.get(key) ?? 0n : null;
      return { key, name: nameOf(state.by, key), amount, old, change: old === null ? null : amount - old };
    });
    const weight = (entry) => state.order === "change" && compared ? sizeOf(entry.change) : entry.amount;
    // What is folded has no name of its own, so it is no first.
    shown.sort((a, b) => !a.key !== !b.key ? (a.key ? -1 : 1) : weight(a) < weight(b) ? 1 : weight(a) > weight(b) ? -1 : 0);
    const currency = nameOf("currency", state.currency);
    at("total").textContent = view.keys.length ? `${money(total)} ${currency}, ${spanText(view.keys)}` + (compared
      ? `; ${money(total - totalBefore, true)} (${percent(total - totalBefore, totalBefore, true)}) compared with ${money(totalBefore)}, ${spanText(view.before)}` : "") : "";
    at("note").textContent = view.note
      + (folded ? "Folded: smaller combinations of names are one line; the totals hold them. " : "")
      + (tagged() && Object.keys(state.path).length ? "Tags are told over all providers. " : "")
      + (shown.length > MOST_ROWS ? `The first ${MOST_ROWS} of ${shown.length} names are shown; the CSV has all. ` : "");
    nameTable(total, compared);
    periodTable(byPeriod, currency);
    pathButtons();
    command();
    remember();
  }
  function spanText(keys) {
    const kind = GRAINS[view.grain], first = kind.text(keys[0]), last = kind.text(keys.at(-1));
    return first === last ? first : `${first} to ${last}`;
  }

  // -- tables and chart ----------------------------------------------------------------------------------------
  const element = (tag, text, more = {}) => Object.assign(document.createElement(tag), { textContent: text }, more);
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
  function nameTable(total, compared) {
    table(at("names"), `By ${state.by}${compared ? `, compared with ${spanText(view.before)}` : ""}`,
      [state.by, "Amount", "Share", ...(compared ? ["Before", "Change", "Change in %"] : [])],
      shown.slice(0, MOST_ROWS).map((entry) => {
        const button = element("button", entry.name, { type: "button" });
        button.addEventListener("click", () => drill(entry.key));
        return row([entry.key && !tagged() && !(state.by in state.path) ? button : entry.name, money(entry.amount), percent(entry.amount, total),
          ...(compared ? [money(entry.old), money(entry.change, true), percent(entry.change, entry.old, true)] : [])]);
      }));
  }
  function periodTable(sums, currency) {
    const kind = GRAINS[view.grain], compared = state.period === "year" && view.before.length > 0;
    const amounts = view.keys.map((key) => sums.get(key) ?? 0n), old = compared ? view.before.map((key) => sums.get(key) ?? 0n) : [];
    const unfinished = view.keys.map((key) => view.grain === "month" && key > view.lastWhole);
    const labels = view.keys.map((key, index) => kind.text(key) + (unfinished[index] ? " so far" : ""));
    table(at("periods"), `${currency} by ${view.grain}`, [view.grain, currency, ...(compared ? ["A year before", "Change"] : [])],
      labels.map((label, index) => row([label, money(amounts[index]), ...(compared ? [money(old[index]), money(amounts[index] - old[index], true)] : [])])));
    at("key-before").hidden = !compared;
    at("key-open").hidden = !unfinished.includes(true);
    draw(labels, amounts.map(Number18), unfinished, compared ? old.map(Number18) : null);
  }
  const Number18 = (value) => Number(plain(value));
  function draw(labels, amounts, unfinished, old) {
    chart?.destroy();
    chart = null;
    at("figure").hidden = labels.length < 2;
    if (labels.length < 2) return;
    const style = getComputedStyle(document.documentElement), color = (name) => style.getPropertyValue(name).trim();
    const axis = { stroke: color("--muted"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } };
    // A year and the year before stand side by side: neither has to be told from the other's colour behind it.
    const bars = uPlot.paths.bars(old ? { size: [0.38], align: 1 } : { size: [0.72] });
    const some = (keep) => amounts.map((amount, index) => keep(index) ? amount : null);
    chart = new uPlot({
      width: Math.max(200, at("chart").clientWidth), height: 240, legend: { show: false }, cursor: { show: false },
      scales: { x: { time: false, range: [-0.6, labels.length - 0.4] },
        y: { range: (_, low, high) => low < 0 || high > 0 ? [Math.min(0, low * 1.05), Math.max(0, high * 1.05)] : [0, 1] } },
      axes: [{ ...axis, grid: { show: false }, size: 28, space: 80, incrs: [1, 2, 3, 7, 14, 30], values: (_, ticks) => ticks.map((tick) => labels[tick]?.slice(0, 10).replace(" so", "") ?? "") },
        { ...axis, size: 60, values: (_, ticks) => ticks.map((tick) => Intl.NumberFormat("en", { notation: "compact" }).format(tick)) }],
      series: [{}, { fill: color("--accent"), stroke: color("--accent"), paths: bars, points: { show: false } },
        { fill: color("--card"), stroke: color("--accent"), width: 2, paths: bars, points: { show: false } },
        { fill: color("--soft"), stroke: color("--soft"), paths: uPlot.paths.bars({ size: [0.38], align: -1 }), points: { show: false } }],
    }, [labels.map((_, index) => index), some((index) => !unfinished[index]), some((index) => unfinished[index]), old ?? amounts.map(() => null)], at("chart"));
  }

  // -- what a reader does --------------------------------------------------------------------------------------
  function drill(key) {
    state.path[state.by] = key;
    state.filter = at("filter").value = "";
    const open = (level) => !(level in state.path);
    state.by = LEVELS.slice(LEVELS.indexOf(state.by) + 1).find(open) ?? LEVELS.find(open) ?? "region";
    show();
    at("by").value = state.by;
    at("path").querySelector("button:last-child")?.focus();
  }
  function pathButtons() {
    at("path").replaceChildren(...Object.entries(state.path).map(([dimension, index]) => {
      const name = `${dimension}: ${nameOf(dimension, index)}`;
      const button = element("button", `${name} \u00d7`, { type: "button" });
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
  const LINEAGE = ["currency", "provider", "account", "service", "region", "user"];
  // A text as a literal of SQL in which every character can be seen.
  const literal = (text) => text.split(/([\p{C}\p{Zl}\p{Zp}])/u).filter((part) => part).map((part) => /^[\p{C}\p{Zl}\p{Zp}]$/u.test(part)
    ? `chr(${part.codePointAt(0)})` : `'${part.replaceAll("'", "''")}'`).join(" || ") || "''";
  function command() {
    const columns = { currency: "billing_currency", provider: "coalesce(provider_name, service_provider_name, invoice_issuer_name, publisher_name)",
      account: "coalesce(sub_account_id, billing_account_id)", service: "service_name", region: "region_id", user: "x_user_id", category: "charge_category" };
    const wanted = Object.entries({ currency: state.currency, ...state.path }).map(([dimension, index]) => {
      const name = cube.raw[place[dimension]][index];
      return name === null ? `${columns[dimension]} IS NULL` : `${columns[dimension]} = ${literal(name)}`;
    });
    const kind = GRAINS[view.grain], ready = "service" in state.path && view.keys.length > 0;
    at("rows").hidden = !ready;
    if (!ready) return;
    const end = DAY.text(DAY.of(kind.last(view.keys.at(-1))) + 1);
    const sql = `SELECT c.resource_id, l.bucket, l.key, count(*) AS charges, sum(c.${state.cost}_cost) AS ${state.cost}_cost `
      + `FROM charges AS c LEFT JOIN active_loads AS l ON l.load_id = c.load_id WHERE c.charge_period_start >= TIMESTAMPTZ '${kind.first(view.keys[0])} 00:00:00+00' `
      + `AND c.charge_period_start < TIMESTAMPTZ '${end} 00:00:00+00' AND ${wanted.join(" AND ")} GROUP BY ALL ORDER BY 5 DESC NULLS LAST LIMIT 100`;
    // In single quotes a shell reads every sign as it is, except the single quote.
    const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
    at("sql").textContent = `billstream sql ${quoted(sql)}`;
    // `lineage` is of one day, the last one here. It knows no categories and tags; signs that nobody sees are not copied.
    const span = cube.spans[state.currency], day = [kind.last(view.keys.at(-1)), span.complete ?? span.last].sort()[0];
    const options = Object.entries({ currency: state.currency, ...state.path }).map(([dimension, index]) => [dimension, cube.raw[place[dimension]][index] ?? ""]);
    const traced = options.every(([dimension, name]) => LINEAGE.includes(dimension) && !/[\p{C}\p{Zl}\p{Zp}]/u.test(name));
    at("lines").hidden = !traced;
    at("lineage").textContent = traced ? `billstream lineage ${day} ${options.map(([dimension, name]) => `--${dimension}=${quoted(name)}`).join(" ")}` : "";
  }
  function csv() {
    // A spreadsheet would run a text that begins like a formula.
    const quoted = (text) => `"${(/^\s*[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
    const kind = GRAINS[view.grain], days = view.keys.length ? [kind.first(view.keys[0]), kind.last(view.keys.at(-1))] : ["", ""];
    const lines = [["name", "by", "currency", "cost", "from", "to", "amount", "before", "change"].join(","), ...shown.map((entry) =>
      [quoted(entry.name), quoted(state.by), quoted(nameOf("currency", state.currency)), state.cost, ...days, plain(entry.amount),
        entry.old === null ? "" : plain(entry.old), entry.change === null ? "" : plain(entry.change)].join(","))];
    const link = element("a", "", { download: `costs-by-${state.by.replace(/[^a-z0-9]+/gi, "-")}.csv` });
    link.href = URL.createObjectURL(new Blob([`${lines.join("\r\n")}\r\n`], { type: "text/csv" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  // -- the address: names, not places, so that a shared view means the same after the next refresh -------------------
  function remember() {
    const told = { ...state, currency: cube.raw[place.currency][state.currency],
      path: Object.fromEntries(Object.entries(state.path).map(([name, index]) => [name, cube.raw[place[name]][index]])) };
    history.replaceState(null, "", `#view=${encodeURIComponent(JSON.stringify(told))}`);
  }
  function recall() {
    if (!location.hash.startsWith("#view=")) return;
    try {
      const told = JSON.parse(decodeURIComponent(location.hash.slice(6)));
      if (Object.hasOwn(PERIODS, told.period)) state.period = told.period;
      if (["billed", "effective"].includes(told.cost)) state.cost = told.cost;
      if (["amount", "change"].includes(told.order)) state.order = told.order;
      if (DIMENSIONS.includes(told.by)) state.by = told.by;
      if (typeof told.filter === "string") state.filter = told.filter.slice(0, 200);
      const currency = cube.raw[place.currency].indexOf(told.currency, 1);
      if (currency > 0) state.currency = currency;
      for (const [name, value] of Object.entries(told.path ?? {})) {
        const index = Object.hasOwn(place, name) && name !== "currency" ? cube.raw[place[name]].indexOf(value, 1) : -1;
        if (index > 0) state.path[name] = index;
      }
    } catch { /* A fragment that was cut or made by hand: the page shows its first view. */ }
  }
  recall();
  const options = (id, entries) => at(id).append(...entries.map(([value, text]) => element("option", text, { value })));
  options("currency", cube.names[place.currency].map((name, index) => [index, name]).slice(1));
  options("period", Object.entries(PERIODS));
  options("by", DIMENSIONS.map((name) => [name, name]));
  const CHOICES = ["currency", "period", "cost", "by", "order", "filter"];
  const settle = () => { for (const id of CHOICES) at(id).value = state[id]; };
  settle();
  for (const id of CHOICES) {
    at(id).addEventListener("input", () => { state[id] = id === "currency" ? Number(at(id).value) : at(id).value; show(); });
  }
  at("csv").addEventListener("click", csv);
  for (const part of document.querySelectorAll(".scripted")) part.hidden = false;
  const hash = location.hash;
  if (hash.startsWith("#view=")) document.getElementById("explorer").scrollIntoView();
  show();
  // A view in which nothing was chosen leaves the address as it was.
  if (!hash.startsWith("#view=")) history.replaceState(null, "", hash || location.pathname + location.search);
  // Somebody opens a shared view in a page that is open already.
  addEventListener("hashchange", () => { if (location.hash.startsWith("#view=")) { state.path = {}; recall(); settle(); show(); } });
  addEventListener("resize", () => chart?.setSize({ width: Math.max(200, at("chart").clientWidth), height: 240 }));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show());
})();
