// Sets JupyterLab's attribute for the theme, which the outputs of the lessons read, to the theme of the page's button.
const page = document.documentElement;
function updateTheme() {
  const chosen = document.body.dataset.theme;
  if (chosen === "light" || chosen === "dark") page.setAttribute("data-jp-theme-light", String(chosen === "light"));
  else page.removeAttribute("data-jp-theme-light");
}
document.addEventListener("DOMContentLoaded", () => {
  updateTheme();
  new MutationObserver(updateTheme).observe(document.body, { attributes: true, attributeFilter: ["data-theme"] });
});
