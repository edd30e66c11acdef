// Returns what is wrong with the page as it is shown now, one text each.
() => {
  const wrong = [];
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const seen = it => it.checkVisibility() && !it.closest(".hidden, .skip, [aria-hidden=true] *");
  const told = it => `\`${it.textContent.trim().slice(0, 40)}\``;

  // Only what scrolls in a box of its own may be wider than the screen.
  if (document.documentElement.scrollWidth > innerWidth) {
    const wide = all("body *").filter(it => it.getBoundingClientRect().right > innerWidth + 1 && !it.parentElement.closest(".scroll, .graph, .hidden"));
    wrong.push(`the page is ${document.documentElement.scrollWidth} wide: ${wide.slice(0, 3).map(it => it.tagName + "." + it.className)}`);
  }
  for (const it of all(".scroll, .graph")) {
    if (it.scrollWidth > it.clientWidth && it.tabIndex < 0) wrong.push(`a box that scrolls cannot be reached: ${told(it)}`);
  }
  for (const it of all("body *").filter(it => getComputedStyle(it).overflowX === "hidden" && seen(it))) {
    if (it.scrollWidth > it.clientWidth + 1) wrong.push(`text is cut: ${told(it)}`);
  }

  // Structure.
  if (!document.documentElement.lang || !document.title) wrong.push("no language or title");
  const levels = all("h1, h2, h3, h4").map(it => +it.tagName[1]);
  if (levels.filter(level => level === 1).length !== 1) wrong.push("not one first heading");
  levels.forEach((level, at) => at > 0 && level > levels[at - 1] + 1 && wrong.push(`a heading skips a level: ${level}`));
  for (const it of all("th")) if (!it.scope) wrong.push(`a header has no scope: ${told(it)}`);
  for (const it of all("table")) if (!it.caption) wrong.push("a table has no caption");
  for (const it of all("a")) {
    if (!document.getElementById(it.hash.slice(1))) wrong.push(`a link leads nowhere: ${it.hash}`);
    if (!it.textContent.trim()) wrong.push("a link has no text");
  }
  const ids = all("[id]").map(it => it.id);
  if (new Set(ids).size < ids.length) wrong.push("an id is there twice");

  // Graphs: text lies in its box, and boxes do not cover each other.
  const overlap = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  for (const svg of all(".graph svg")) {
    const boxes = all("g.box", svg).map(it => [it, it.querySelector("rect").getBoundingClientRect()]);
    for (const [it, box] of boxes) {
      for (const text of all("text", it)) {
        const own = text.getBoundingClientRect();
        if (own.left < box.left || own.right > box.right || own.top < box.top - 1 || own.bottom > box.bottom + 1) wrong.push(`text is wider than its box: ${told(text)}`);
      }
    }
    boxes.forEach(([it, box], at) => boxes.slice(at + 1).forEach(([other, place]) => overlap(box, place) && wrong.push(`boxes cover each other: ${told(it)}, ${told(other)}`)));
    const labels = all("g.label", svg).map(it => [it, it.querySelector("text").getBoundingClientRect()]);
    for (const [it, label] of labels) {
      for (const [other, box] of boxes) if (overlap(label, box)) wrong.push(`a label covers a box: ${told(it)}, ${told(other)}`);
      for (const [other, place] of labels) if (it !== other && overlap(label, place)) wrong.push(`labels cover each other: ${told(it)}, ${told(other)}`);
    }
  }

  // Contrast, as WCAG 2 counts it.
  const channels = text => (text.match(/[\d.]+/g) || []).map(Number);
  const light = text => {
    const [r, g, b] = channels(text).map(part => part / 255).map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const solid = text => text.startsWith("rgb") && (channels(text)[3] ?? 1) > 0;
  const ground = it => {
    for (; it; it = it.parentElement) {
      const rect = it.tagName === "g" && it.querySelector(":scope > rect");
      const colour = rect ? getComputedStyle(rect).fill : getComputedStyle(it).backgroundColor;
      if (solid(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const texts = all("body *").filter(it => [...it.childNodes].some(child => child.nodeType === 3 && child.data.trim()) && it.tagName !== "title" && seen(it));
  for (const it of texts) {
    const style = getComputedStyle(it);
    const [a, b] = [it.namespaceURI.endsWith("svg") ? style.fill : style.color, ground(it)].map(light).sort((a, b) => b - a);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) wrong.push(`contrast ${contrast.toFixed(2)}: ${told(it)}`);
  }
  return wrong;
}
