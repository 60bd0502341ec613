// Questions whose answer may stay out: refused, signed out, given up in the middle, or the desk is away. Then it is null.

export const textOf = (address, options) => answered(address, "text", options);
export const dataOf = (address, options) => answered(address, "json", options);

/** A question that is asked again and again: an answer that a later one has overtaken is null, too. */
export function inTurn() {
  let asked = 0;
  let heard = 0;
  return async (address) => {
    const turn = ++asked;
    const data = await dataOf(address);
    if (data === null || turn < heard) return null;
    heard = turn;
    return data;
  };
}

async function answered(address, form, options) {
  try {
    const answer = await fetch(address, options);
    return answer.ok && !answer.redirected ? await answer[form]() : null;
  } catch {
    return null;
  }
}
