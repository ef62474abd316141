// Tells the outputs of the lessons which theme the page's button has chosen, in the words of JupyterLab, which they know.
const page = document.documentElement;
function tell() {
  const chosen = document.body.dataset.theme;
  if (chosen === "light" || chosen === "dark") page.setAttribute("data-jp-theme-light", String(chosen === "light"));
  else page.removeAttribute("data-jp-theme-light");
}
document.addEventListener("DOMContentLoaded", () => {
  tell();
  new MutationObserver(tell).observe(document.body, { attributes: true, attributeFilter: ["data-theme"] });
});
