// Questions whose answer may stay out: refused, signed out, given up in the middle, or the desk is away. Then it is null.

export const textOf = (address, options) => answered(address, "text", options);
export const dataOf = (address, options) => answered(address, "json", options);

async function answered(address, form, options) {
  try {
    const answer = await fetch(address, options);
    return answer.ok && !answer.redirected ? await answer[form]() : null;
  } catch {
    return null;
  }
}
