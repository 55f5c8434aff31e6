// The stream of documents. `fetch` and not EventSource, because a token must be able to come along.

const QUIET = 15000; // ms without a heartbeat (one each 5 s) after which the connection is taken for dead
const HIDDEN = 60000; // ms in the background after which the place is given to somebody else
const SLOWEST = 15000;

let secret = sessionStorage.getItem("penumbra-token") ?? "";

export const token = () => secret;

export function setToken(value) {
  secret = value;
  if (value) sessionStorage.setItem("penumbra-token", value);
  else sessionStorage.removeItem("penumbra-token");
}

export const headers = (more = {}) => (secret ? { ...more, Authorization: `Bearer ${secret}` } : more);

// What a refusal says, whoever refused.
export async function refusal(response) {
  try {
    const problem = await response.json();
    return { status: response.status, text: [problem.title, problem.detail].filter(Boolean).join(": ") };
  } catch {
    return { status: response.status, text: `HTTP ${response.status}` };
  }
}

// Calls `told(document)` for each document and `stands(state, text)` whenever the connection's state changes.
export class Feed {
  constructor(told, stands) {
    Object.assign(this, { told, stands, wait: 500, timer: 0, controller: null });
    document.addEventListener("visibilitychange", () => this.seen());
  }

  start() {
    clearTimeout(this.timer);
    this.controller?.abort();
    this.controller = new AbortController();
    this.listen(this.controller);
  }

  seen() {
    clearTimeout(this.away);
    if (document.hidden) this.away = setTimeout(() => this.sleep(), HIDDEN);
    else if (this.asleep) this.wake();
  }

  sleep() {
    this.asleep = true;
    clearTimeout(this.timer);
    this.controller?.abort();
    this.stands("lost", "paused in the background");
  }

  wake() {
    this.asleep = false;
    this.start();
  }

  async listen(controller) {
    let why = "connection lost";
    try {
      const response = await fetch("v1/events", { headers: headers(), signal: controller.signal, cache: "no-store" });
      if (response.ok) await this.read(response.body, controller);
      else {
        const refused = await refusal(response);
        why = refused.text;
        if (refused.status === 401) return this.stands("token", why);
      }
    } catch {
      // The network's own words help nobody; that it is lost, and since when, is shown.
    }
    if (controller === this.controller && !this.asleep) this.again(why);
  }

  async read(body, controller) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const dead = setTimeout(() => controller.abort(), QUIET);
      const { value, done } = await reader.read();
      clearTimeout(dead);
      if (done) return;
      this.wait = 500;
      this.stands("live", "live");
      const events = (rest + value).split("\n\n");
      rest = events.pop();
      events.forEach((event) => this.take(event));
    }
  }

  take(event) {
    const lines = event.split("\n");
    const data = lines.find((line) => line.startsWith("data: "));
    if (!lines.includes("event: document") || !data) return;
    try {
      this.told(JSON.parse(data.slice(6)));
    } catch (error) {
      console.error(error); // one document that cannot be drawn must not end the others
    }
  }

  again(why) {
    this.stands("lost", `${why}; trying again`);
    this.timer = setTimeout(() => this.start(), this.wait);
    this.wait = Math.min(2 * this.wait, SLOWEST);
  }
}
