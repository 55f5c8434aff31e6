// A pointer over the plots, and keys on their axis: a place among the steps, or a range that is dragged. What is meant is
// told, nothing is drawn here.

const CLICK = 6; // pixels within which a press is a click
const FAR = 10; // steps

// `told`: over(part | null), press(part), drag(from, to | null), range(from, to); parts of the width, 0 to 1.
export function pointing(element, plotOf, told) {
  let begun = null;
  const part = (event, { left, width }) => Math.min(Math.max((event.clientX - left) / width, 0), 1);
  element.addEventListener("pointerdown", (event) => {
    const plot = plotOf(event.target);
    if (!plot || event.button) return;
    const place = plot.getBoundingClientRect(); // the plot itself may be drawn anew before the end
    begun = { place, x: event.clientX, part: part(event, place) };
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", (event) => {
    const place = begun?.place ?? plotOf(event.target)?.getBoundingClientRect();
    if (!place) return told.over(null);
    told.over(part(event, place));
    if (begun) told.drag(begun.part, Math.abs(event.clientX - begun.x) > CLICK ? part(event, place) : null);
  });
  element.addEventListener("pointerup", (event) => {
    if (!begun) return;
    const [from, to] = [begun.part, part(event, begun.place)];
    const clicked = Math.abs(event.clientX - begun.x) <= CLICK;
    begun = null;
    told.drag(from, null);
    if (clicked) told.press(from);
    else told.range(Math.min(from, to), Math.max(from, to));
  });
  element.addEventListener("pointercancel", () => {
    begun = null;
    told.drag(0, null);
  });
  element.addEventListener("pointerleave", () => told.over(null));
}

const MOVES = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, Home: -Infinity, End: Infinity };

// `told`: move(steps), change(direction), zoom(factor), clear().
export function keys(element, told) {
  const others = { PageUp: () => told.change(-1), PageDown: () => told.change(1), "+": () => told.zoom(0.5), "-": () => told.zoom(2),
    Escape: () => told.clear() };
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = MOVES[event.key];
    if (move !== undefined) told.move(move * (event.shiftKey ? FAR : 1));
    else if (others[event.key]) others[event.key]();
    else return;
    event.preventDefault();
  });
}
