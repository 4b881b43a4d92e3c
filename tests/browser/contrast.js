// The contrast of every text that can be seen, by WCAG 2.2, "contrast ratio": [{text, color, back, ratio}, ...].
() => {
  const parse = (color) => {
    const [red, green, blue, alpha = 1] = color.match(/[\d.]+/g).map(Number);
    return { channels: [red, green, blue], alpha };
  };
  const over = (top, under, alpha) => top.map((channel, place) => channel * alpha + under[place] * (1 - alpha));
  const luminance = (channels) => {
    const [red, green, blue] = channels.map((channel) => channel / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const background = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) {
      layers.push(parse(getComputedStyle(each).backgroundColor));
      if (layers.at(-1).alpha === 1) break;
    }
    return layers.reduceRight((under, { channels, alpha }) => over(channels, under, alpha), [255, 255, 255]);
  };
  const opacity = (element) => {
    let product = 1;
    for (let each = element; each; each = each.parentElement) product *= Number(getComputedStyle(each).opacity);
    return product;
  };
  const seen = (element) => {
    const box = element.getBoundingClientRect();
    return element.checkVisibility() && box.width > 1 && box.height > 1 && !element.closest("option, .hidden, :disabled");
  };

  const found = [];
  const look = (element, text, pseudo) => {
    const style = getComputedStyle(element, pseudo), back = background(element), { channels, alpha } = parse(style.color);
    const ink = over(channels, back, alpha * opacity(element) * (pseudo ? Number(style.opacity) : 1));
    const [light, dark] = [luminance(ink), luminance(back)].sort((one, other) => other - one);
    found.push({ text: text.trim(), color: style.color, back: back.map(Math.round).join(" "), ratio: (light + 0.05) / (dark + 0.05) });
  };
  for (const element of document.body.querySelectorAll("*")) {
    if (!seen(element)) continue;
    const own = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data).join("");
    if (element.matches("input, textarea")) {
      if (element.value) look(element, element.value);
      if (element.placeholder) look(element, element.placeholder, "::placeholder");
    } else if (element.matches("select")) look(element, element.selectedOptions[0]?.text ?? "");
    else if (own.trim()) look(element, own);
  }
  return found;
};
