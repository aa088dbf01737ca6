// Draws every chart on the page from the specification beside it, without eval (Vega's expression interpreter).
const dark = matchMedia("(prefers-color-scheme: dark)");

function config() {
  const ink = dark.matches ? "#c9d1d9" : "#30363d";
  const line = dark.matches ? "#30363d" : "#d8dee4";
  return {
    background: "transparent",
    font: "system-ui, sans-serif",
    view: { stroke: null },
    axis: { labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line, titleFontWeight: 500, labelFontSize: 11 },
    legend: { labelColor: ink, titleColor: ink, labelFontSize: 12 },
  };
}

function draw(figure) {
  const specification = JSON.parse(figure.querySelector("script").textContent);
  const place = figure.querySelector(".place");
  window.vegaEmbed(place, { ...specification, config: config() }, {
    actions: false, ast: true, renderer: "canvas", defaultStyle: false, tooltip: { disableDefaultStyle: true },
  }).catch((error) => { place.textContent = "The chart could not be drawn: " + error.message; });
}

const figures = document.querySelectorAll("figure.chart");
figures.forEach(draw);
dark.addEventListener("change", () => figures.forEach(draw));
