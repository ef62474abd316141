// The interactive page of the steps of a pass. The script in page.py calls this function with its data;
// it needs no library, no network and no kernel.
(data) => {
  // A notebook can show one output twice, so the place is found from the running script; the id is for
  // notebooks that run scripts elsewhere.
  const place =
    document.currentScript?.closest(".glassgrad-steps") ?? document.getElementById(data.prefix + "-steps");
  if (!place || place.querySelector(".glassgrad-stepper")) return;

  // Labels are inserted as text, except in the SVG and MathML, which Python has escaped.
  const host = document.createElement("div");
  host.className = "glassgrad-stepper";
  // Keeps JupyterLab from handling the arrow keys.
  host.setAttribute("data-lm-suppress-shortcuts", "true");
  const page = host.attachShadow({ mode: "open" });
  page.innerHTML = `<style>${data.css}</style>
    <div role="group" class="all">
      <div class="bar">
        <button type="button" aria-label="Previous step">◀&#xFE0E;</button>
        <input type="range" min="0" step="1" aria-label="Step">
        <button type="button" aria-label="Next step">▶&#xFE0E;</button>
        <output></output>
      </div>
      <div class="picture" tabindex="0" role="group" aria-label="Graph">${data.svg}</div>
      <div class="caption" aria-live="polite" aria-atomic="true">
        <p class="sentence"></p><div class="equation"></div><p class="aside" hidden></p>
      </div>
    </div>`;
  const find = (selector) => page.querySelector(selector);
  const [back, next] = page.querySelectorAll("button");
  const slider = find("input");
  const picture = find(".picture");
  const svg = find("svg");
  const part = (id) => (id ? page.getElementById(`${data.prefix}-${id}`) : null);
  find(".all").setAttribute("aria-label", data.title);

  if (svg) {
    const width = parseFloat(svg.getAttribute("width"));
    svg.style.cssText = `width:100%;max-width:${width}pt;min-width:${data.shrink * width}pt`;
    svg.setAttribute("role", "img");
    svg.querySelector("polygon").setAttribute("class", "page");
  } else {
    picture.remove();
  }
  const cards = data.cards.map(([key, label]) => ({ key, label, text: part(key)?.querySelector(".grad") }));
  const appearing = Object.entries(data.appears).map(([id, since]) => [part(id), since]);

  // The text of a card's gradient after the step with that number: its last value up to that step.
  const gradient = (key, number) => data.gradients[key].findLast(([since]) => since <= number)?.[1] ?? "·";

  let at = 0;
  let marked = [];
  const mark = (id, ...classes) => {
    const element = part(id);
    element?.classList.add(...classes);
    if (element) marked.push([element, classes]);
    return element;
  };

  const show = (index) => {
    at = Math.max(0, Math.min(data.steps.length - 1, index));
    const [number, sentence, equation, node, operand, arrow, isForward] = data.steps[at];
    slider.value = at;
    back.setAttribute("aria-disabled", at === 0);
    next.setAttribute("aria-disabled", at === data.steps.length - 1);
    find("output").textContent = `${number} / ${data.last}`;

    const line = find(".sentence");
    line.textContent = "";
    sentence.forEach((piece, i) => {
      const element = document.createElement(i % 2 ? "b" : "span");
      element.textContent = piece;
      line.append(element);
    });
    slider.setAttribute("aria-valuetext", `step ${number} of ${data.last}: ${line.textContent}`);
    find(".equation").innerHTML = equation.replace(/[\uE000-\uF8FF]/g, (c) => data.tags[c.charCodeAt(0) - 0xe000]);
    if (!svg) return;

    for (const [element, since] of appearing) element?.classList.toggle("faint", since > number);
    for (const [element, classes] of marked) element.classList.remove(...classes);
    marked = [];
    const words = cards.map(({ key, label, text }) => {
      const shown = gradient(key, number);
      if (text) text.textContent = shown;
      const hidden = data.appears[key] > number;
      return `${label}${hidden ? ", not yet computed" : shown === "·" ? "" : `, gradient ${shown}`}`;
    });
    svg.setAttribute("aria-label", `${data.title}, so far: ${words.join("; ")}.`);
    const focus = [mark(node, "node-now", ...(isForward ? ["forward"] : [])), mark(operand, "operand-now")];
    mark(arrow, "arrow-now");
    const aside = find(".aside");
    const isHidden = !node && !operand;
    aside.hidden = !isHidden;
    aside.textContent = isHidden ? "This step is outside the part of the graph that is shown." : "";
    bringIntoView(focus.filter(Boolean));
  };

  // Scrolls only the picture, not the page; if both elements do not fit, to the last one.
  const bringIntoView = (elements) => {
    if (!elements.length) return;
    const frame = picture.getBoundingClientRect();
    const boxes = elements.map((element) => element.getBoundingClientRect());
    const along = (start, end) => {
      let low = Math.min(...boxes.map((box) => box[start]));
      let high = Math.max(...boxes.map((box) => box[end]));
      if (high - low > frame[end] - frame[start]) [low, high] = [boxes.at(-1)[start], boxes.at(-1)[end]];
      const inside = low >= frame[start] && high <= frame[end];
      return inside ? 0 : (low + high - frame[start] - frame[end]) / 2;
    };
    picture.scrollBy(along("left", "right"), along("top", "bottom"));
  };

  slider.max = data.steps.length - 1;
  slider.addEventListener("input", () => show(slider.valueAsNumber));
  back.addEventListener("click", () => show(at - 1));
  next.addEventListener("click", () => show(at + 1));
  const keys = { ArrowLeft: () => at - 1, ArrowRight: () => at + 1, Home: () => 0, End: () => Infinity };
  page.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    event.preventDefault();
    show(keys[event.key]());
  });

  // Light or dark as set in the notebook (JupyterLab, VS Code, Colab), else in the reader's system. The rules
  // are outside the shadow root, since rules inside it cannot depend on the elements around it.
  const theme = document.createElement("style");
  theme.textContent = `
    :is([data-jp-theme-light="true"], .vscode-light) .glassgrad-stepper { color-scheme: light; }
    :is([data-jp-theme-light="false"], .vscode-dark, .vscode-high-contrast, [theme="dark"]) .glassgrad-stepper
      { color-scheme: dark; }
    .vscode-high-contrast-light .glassgrad-stepper.glassgrad-stepper { color-scheme: light; }`;
  place.append(theme);

  const still = place.querySelector(".glassgrad-picture");
  if (still) still.replaceWith(host);
  else place.prepend(host);
  show(0);
  // A notebook can run this before the picture has a size to scroll in.
  const shown = new ResizeObserver(() => {
    if (!host.offsetWidth) return;
    shown.disconnect();
    show(at);
  });
  shown.observe(host);
}
