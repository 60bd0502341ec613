// The Trade Manager: ticket, price ladder, and the tabs of the orders.

import "./price-ladder.js";
import "./ticket.js";

// A tab is a link to the same page; here only its region is asked again.
document.addEventListener("click", (event) => {
  const tab = event.target.closest("a[data-tab]");
  const region = tab?.closest("live-region");
  if (!region || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const address = new URL(region.getAttribute("src"), location.href);
  address.searchParams.set("tab", tab.dataset.tab);
  region.setAttribute("src", address.pathname + address.search);
  region.refresh();
});
