// Which events the rail shows: all, trades, signals or risk. The choice outlives a refresh of the region.

class EventFilter extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) this.choose(button.dataset.area);
    });
  }

  choose(area) {
    this.closest(".event-rail").dataset.show = area;
    for (const button of this.querySelectorAll("button")) {
      button.ariaPressed = String(button.dataset.area === area);
    }
  }
}

customElements.define("event-filter", EventFilter);
