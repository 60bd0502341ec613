// Words beside lines: moved up and down as little as it takes so that none lies on another.

/** Return the heights for words that would stand at `wanted`, in the same order: at least `room` between any two, all from `top` to `bottom`. */
export function apart(wanted, room, top, bottom) {
  const order = wanted.map((_, index) => index).sort((a, b) => wanted[a] - wanted[b] || a - b);
  const lowest = bottom - room * (wanted.length - 1);
  const blocks = []; // neighbours that touch each other move together, to the mean of what they want
  order.forEach((index, place) => {
    blocks.push({ sum: wanted[index] - place * room, count: 1 });
    while (blocks.length > 1 && mean(blocks.at(-2)) > mean(blocks.at(-1))) {
      const { sum, count } = blocks.pop();
      blocks.at(-1).sum += sum;
      blocks.at(-1).count += count;
    }
  });
  const heights = blocks.flatMap((block) => Array(block.count).fill(Math.max(top, Math.min(mean(block), lowest))));
  const found = [];
  order.forEach((index, place) => (found[index] = heights[place] + place * room));
  return found;
}

const mean = ({ sum, count }) => sum / count;
