// Describes the page in the frame as JSON, for tests/host/page.rs.

const channels = (colour) => colour.match(/[\d.]+/g).map(Number);

// The relative luminance of a colour, as WCAG 2 defines it.
function luminance(colour) {
  const [red, green, blue] = channels(colour).map((value) =>
    value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function ground(view, element) {
  const colour = view.getComputedStyle(element).backgroundColor;
  return channels(colour)[3] === 0 ? ground(view, element.parentElement) : colour;
}

function contrast(view, element) {
  const style = view.getComputedStyle(element);
  const text = luminance(element.namespaceURI.endsWith("svg") ? style.fill : style.color);
  const behind = luminance(ground(view, element));
  return (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05);
}

function inspect(frame) {
  const [view, page] = [frame.contentWindow, frame.contentDocument];
  const all = (selector, from = page) => [...from.querySelectorAll(selector)];
  const text = (element) => element.textContent.trim();
  all("details").forEach((details) => { details.open = true; });
  const drawn = all("body *").filter((element) => !element.closest(".unseen, .defs, title, desc"));
  const holdsText = (element) =>
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  const named = (picture) => picture.closest("[aria-hidden]") || all("title, desc", picture).length >= 2;
  const part = (row, name) => {
    const [track, bar] = [row.querySelector(".track"), row.querySelector(`.${name}`)];
    return bar ? bar.getBBox().width / track.getBBox().width : 0;
  };
  const wider = (element) => {
    const { left, right } = element.getBoundingClientRect();
    return !element.closest(".scroll table") && (left < 0 || right > view.innerWidth + 0.5);
  };
  return {
    width: view.innerWidth,
    wider: [...drawn.filter(wider), ...(page.documentElement.scrollWidth > view.innerWidth ? [page.body] : [])]
      .map((element) => element.outerHTML.slice(0, 120)),
    faint: drawn.filter(holdsText).filter((element) => contrast(view, element) < 4.5)
      .map((element) => element.outerHTML.slice(0, 120)),
    requests: view.performance.getEntriesByType("resource").length,
    scripts: page.scripts.length,
    unnamed: all("svg").filter((picture) => !named(picture)).length,
    name: text(page.querySelector("h1")),
    id: text(page.querySelector("#container")),
    objects: text(page.querySelector("#objects")),
    numbers: Object.fromEntries(all("#numbers tbody tr").map((row) => [...row.children].slice(0, 2).map(text))),
    packs: all(".packs tbody tr").map((row) => ({
      number: text(row.children[0]),
      objects: text(row.children[2]),
      live: part(row, "packed"),
      dead: part(row, "dead"),
    })),
    counted: all("#sizes-objects g > title")
      .map((title) => Number(text(title).match(/: ([\d,]+) object/)[1].replaceAll(",", "")))
      .reduce((sum, number) => sum + number, 0),
    ground: view.getComputedStyle(page.body).backgroundColor,
  };
}

onload = () => {
  const found = JSON.stringify(inspect(document.querySelector("iframe")));
  // The markup in it stays text when the page is printed.
  const escaped = found.replace(/[<>&]/g, (letter) => "\\u00" + letter.charCodeAt(0).toString(16));
  document.querySelector("pre").textContent = escaped;
};
