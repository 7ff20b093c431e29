// What a reader would stumble over, measured in a frame that holds the dashboard. Returns a list of sentences.
function stumblingBlocks(view) {
  const page = view.document, found = [];
  const told = (what, element) => found.push(`${what}: <${element.localName} class="${element.getAttribute("class") || ""}"> ${element.textContent.trim().slice(0, 60)}`);
  // The box of an element's own text, which may be larger than the element.
  const extent = element => {
    const range = page.createRange();
    range.selectNodeContents(element);
    return range.getBoundingClientRect();
  };
  const shown = element => element.getClientRects().length > 0;
  const luminance = colour => {
    const parts = colour.match(/[\d.]+/g).slice(0, 3).map(part => part / 255);
    const [r, g, b] = parts.map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const ground = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = view.getComputedStyle(e).backgroundColor;
      if (!/, 0\)$|transparent/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  if (page.scrollingElement.scrollWidth > page.scrollingElement.clientWidth) found.push(`the page is ${page.scrollingElement.scrollWidth} wide in ${page.scrollingElement.clientWidth}`);
  for (const element of page.querySelectorAll("body *")) {
    const box = element.getBoundingClientRect();
    if (box.right > page.scrollingElement.clientWidth + 1 && !element.parentElement.closest(".scroll")) told("wider than the page", element);
  }
  for (const card of page.querySelectorAll(".card")) {
    const edge = card.getBoundingClientRect();
    for (const element of card.querySelectorAll("*")) {
      if (!shown(element) || element.closest("svg") || element.closest(".scroll") || !element.textContent.trim()) continue;
      const box = extent(element);
      if (box.right > edge.right + 0.5 || box.left < edge.left - 0.5) told("out of its card", element);
    }
  }
  for (const element of page.querySelectorAll("body *")) {
    if (!shown(element) || element.closest("svg") || !element.textContent.trim()) continue;
    const style = view.getComputedStyle(element);
    if (style.overflowX === "hidden" && element.scrollWidth > element.clientWidth) told("cut off", element);
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (own && contrast(style.color, ground(element)) < 4.5) told("text without contrast", element);
    if (style.overflowX === "auto" && element.scrollWidth > element.clientWidth && element.tabIndex !== 0) told("scrolls, and the Tab key does not reach it", element);
  }
  for (const row of page.querySelectorAll(".bars .what")) {
    if (!shown(row)) continue;
    const [name, amount] = [...row.children].map(extent);
    if (name.right > amount.left + 0.5 && name.bottom > amount.top + 0.5) told("name over amount", row);
  }
  for (const chart of page.querySelectorAll("svg.plot")) {
    const plot = chart.getBoundingClientRect();
    for (const bar of chart.querySelectorAll("rect")) {
      const box = bar.getBoundingClientRect();
      if (box.top < plot.top - 0.5 || box.bottom > plot.bottom + 0.5) told("bar out of its chart", bar);
      const fill = view.getComputedStyle(bar).fill;
      if (fill.startsWith("rgb") && contrast(fill, ground(chart)) < 3) told(`bar without contrast (${contrast(fill, ground(chart)).toFixed(2)})`, bar);
    }
    const lines = [...chart.querySelectorAll("line")].map(line => line.getBoundingClientRect().top);
    const bars = [...chart.querySelectorAll("rect")].map(bar => bar.getBoundingClientRect().top);
    if (Math.min(...bars) < Math.min(...lines) - 1) told("bar above the last line", chart);
  }
  for (const bar of page.querySelectorAll(".track span")) {
    const colour = view.getComputedStyle(bar).backgroundColor;
    if (shown(bar) && bar.clientWidth && contrast(colour, ground(bar.closest(".card"))) < 3) told("share without contrast", bar);
  }
  return found;
}
