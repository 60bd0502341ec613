// A button with data-copy puts what stands in the field of that id on the clipboard, and says so. Without this it stays hidden.

for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  button.hidden = false;
  button.ariaLive = "polite";
  button.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Selected: press Ctrl C"; // the browser lets no page of this address at the clipboard
    }
  });
}
