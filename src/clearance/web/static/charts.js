// Draws every chart on the page from the specification beside it, without eval (Vega's expression interpreter).
for (const figure of document.querySelectorAll("figure.chart")) {
  const specification = JSON.parse(figure.querySelector("script").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const ink = dark ? "#c9d1d9" : "#30363d";
  const line = dark ? "#30363d" : "#d8dee4";
  specification.config = {
    background: "transparent",
    font: "system-ui, sans-serif",
    view: { stroke: null },
    axis: { labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line, titleFontWeight: 500 },
    legend: { labelColor: ink, titleColor: ink },
    title: { color: ink },
    ...specification.config,
  };
  const place = document.createElement("div");
  figure.prepend(place);
  window.vegaEmbed(place, specification, {
    actions: false, ast: true, renderer: "canvas", defaultStyle: false, tooltip: { disableDefaultStyle: true },
  }).catch((error) => { place.textContent = "The chart could not be drawn: " + error.message; });
}
