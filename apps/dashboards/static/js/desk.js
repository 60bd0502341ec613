// What every page runs. Each part is an element of its own; without it the page still reads right.

import "./live-value.js";
import "./live-region.js";
import "./toast.js";
import "./sound.js";
import "./clock.js";
import "./ladder.js";
import "./position.js";
import "./keys.js";
import "./ask.js";
import "./send.js";
import "./copy.js";
import "./events.js";
