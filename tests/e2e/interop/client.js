// The interop cases of the gRPC project by @grpc/grpc-js: as client.py beside it, which says what is printed.
"use strict";

const grpc = require("@grpc/grpc-js");
const crypto = require("crypto");
const fs = require("fs");

const SERVICE = "/grpc.testing.TestService/";
const SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
const REQUESTS = [27182, 8, 1828, 45904], ANSWERS = [31415, 9, 2653, 58979];
const LATE = 300;
const asIs = (bytes) => bytes;
let numbers = 0;

const message = (size = 0, asked = {}) => Buffer.from(JSON.stringify({...asked, body: "0".repeat(size)}));
const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

function fields(metadata) {
  const all = [];
  for (const name of Object.keys(metadata ? metadata.getMap() : {}))
    for (const value of metadata.get(name)) all.push([name, typeof value === "string" ? value : value.toString("hex")]);
  return all.sort();
}

class Target {
  constructor({address, lane, ca}, options = {}) {
    const credentials = ca ? grpc.credentials.createSsl(fs.readFileSync(ca)) : grpc.credentials.createInsecure();
    this.client = new grpc.Client(address, credentials, {"grpc.enable_http_proxy": 0, ...options});
    this.lane = lane;
  }

  metadata(call = "", more = []) {
    const metadata = new grpc.Metadata();
    metadata.set("x-lane", this.lane);
    if (call) metadata.set("x-call", call);
    for (const [name, value] of more) metadata.add(name, value);
    return metadata;
  }

  // A call to its end: what its client saw.
  seen(call, answer) {
    const seen = {initial: [], messages: []};
    const took = (bytes) => seen.messages.push([bytes.length, crypto.createHash("sha256").update(bytes).digest("hex")]);
    return new Promise((done) => {
      call.on("metadata", (metadata) => (seen.initial = fields(metadata)));
      if (answer) answer.then((bytes) => bytes && took(bytes));
      else call.on("data", took).on("error", () => {});
      call.on("status", async (status) => {
        if (answer) await answer;
        done({code: status.code, details: status.details, trailing: fields(status.metadata), ...seen});
      });
    });
  }

  one(method, sent, more = [], options = {}) {
    const path = method.startsWith("/") ? method : SERVICE + method;
    let call;
    const answer = new Promise((done) => {
      const callback = (error, bytes) => done(error ? null : bytes);
      if (Array.isArray(sent)) {
        call = this.client.makeClientStreamRequest(path, asIs, asIs, this.metadata("", more), options, callback);
        for (const each of sent) call.write(each);
        call.end();
      } else {
        call = this.client.makeUnaryRequest(path, asIs, asIs, sent, this.metadata("", more), options, callback);
      }
    });
    return this.seen(call, answer);
  }

  many(method, sent, more = []) {
    const path = SERVICE + method;
    if (!Array.isArray(sent))
      return this.seen(this.client.makeServerStreamRequest(path, asIs, asIs, sent, this.metadata("", more)));
    const call = this.duplex(method, this.metadata("", more));
    for (const each of sent) call.write(each);
    call.end();
    return this.seen(call);
  }

  duplex(method, metadata, options = {}) {
    return this.client.makeBidiStreamRequest(SERVICE + method, asIs, asIs, metadata, options);
  }

  async hasEnded(name) {
    const path = SERVICE + "HowEnded", asked = Buffer.from(name);
    for (let left = 2000; left; left--) {
      const said = await new Promise((done) => {
        this.client.makeUnaryRequest(path, asIs, asIs, asked, this.metadata(), (error, bytes) => done(String(bytes)));
      });
      if (said === "ended") return true;
      await sleep(10);
    }
    return false;
  }
}

const ECHOED = [
  ["x-grpc-test-echo-initial", "test_initial_metadata_value"],
  ["x-grpc-test-echo-trailing-bin", Buffer.from([0xab, 0xab, 0xab, 0])],
  ["x-twice", "one"],
  ["x-twice", "two, three"],
];

const CASES = {
  empty_unary: (to) => to.one("EmptyCall", Buffer.alloc(0)),
  large_unary: (to) => to.one("UnaryCall", message(271828, {size: 314159})),
  client_streaming: (to) => to.one("StreamingInputCall", REQUESTS.map((size) => message(size))),
  server_streaming: (to) => to.many("StreamingOutputCall", message(0, {sizes: ANSWERS})),
  ping_pong: (to) => {
    const call = to.duplex("FullDuplexCall", to.metadata());
    let at = 0;
    const next = () =>
      at < REQUESTS.length ? call.write(message(REQUESTS[at], {sizes: [ANSWERS[at++]]})) : call.end();
    const seen = to.seen(call);
    call.on("data", next);
    next();
    return seen;
  },
  empty_stream: (to) => to.many("FullDuplexCall", []),
  status_code_and_message: async (to) => {
    const asked = message(0, {status: {code: 2, message: "test status message"}, size: 0, sizes: []});
    return [await to.one("UnaryCall", asked), await to.many("FullDuplexCall", [asked])];
  },
  special_status_message: (to) => to.one("UnaryCall", message(0, {status: {code: 2, message: SPECIAL}})),
  every_status: async (to) => {
    const seen = [];
    for (let code = 1; code < 17; code++)
      seen.push(await to.one("UnaryCall", message(0, {status: {code, message: `status ${code}`}})));
    return seen;
  },
  custom_metadata: async (to) => [
    await to.one("UnaryCall", message(271828, {size: 314159}), ECHOED),
    await to.many("FullDuplexCall", [message(271828, {sizes: [314159]})], ECHOED),
  ],
  unimplemented_method: (to) => to.one("UnimplementedCall", Buffer.alloc(0)),
  unimplemented_service: (to) => to.one("/grpc.testing.UnimplementedService/UnimplementedCall", Buffer.alloc(0)),
  cancel_after_begin: async (to) => {
    const path = SERVICE + "StreamingInputCall";
    const call = to.client.makeClientStreamRequest(path, asIs, asIs, to.metadata(), {}, () => {});
    const over = new Promise((done) => call.on("status", (status) => done(status.code)));
    call.cancel();
    const code = await over;
    return [code === grpc.status.CANCELLED, code];
  },
  cancel_after_first_response: async (to) => {
    const name = `${to.lane}-js-${numbers++}`;
    const call = to.duplex("FullDuplexCall", to.metadata(name));
    const over = new Promise((done) => call.on("error", () => {}).on("status", (status) => done(status.code)));
    const first = new Promise((done) => call.on("data", done));
    call.write(message(REQUESTS[0], {sizes: [ANSWERS[0]]}));
    const size = (await first).length;
    call.cancel();
    return [size, await over, await to.hasEnded(name)];
  },
  timeout_on_sleeping_server: async (to) => {
    const name = `${to.lane}-js-${numbers++}`, got = [];
    const call = to.duplex("FullDuplexCall", to.metadata(name), {deadline: Date.now() + LATE});
    const over = new Promise((done) => call.on("error", () => {}).on("status", (status) => done(status.code)));
    call.on("data", (bytes) => got.push(bytes.length));
    call.write(message(REQUESTS[0], {sizes: [9], sleeps: true}));
    return [got, await over, await to.hasEnded(name)];
  },
  client_compressed_unary: async (to) => {
    const seen = [];
    for (const how of [to.gzip, to.deflate]) seen.push(await how.one("UnaryCall", message(271828, {size: 314159})));
    return seen;
  },
  server_compressed_unary: (to) => to.one("UnaryCall", message(271828, {size: 314159}), [["x-compress", "1"]]),
  client_compressed_streaming: (to) => to.gzip.one("StreamingInputCall", REQUESTS.map((size) => message(size))),
  server_compressed_streaming: (to) =>
    to.many("StreamingOutputCall", message(0, {sizes: ANSWERS}), [["x-compress", "1"]]),
};

async function main(targets) {
  const found = [];
  for (const each of targets) {
    const target = new Target(each), seen = {};
    target.gzip = new Target(each, {"grpc.default_compression_algorithm": 2});
    target.deflate = new Target(each, {"grpc.default_compression_algorithm": 1});
    for (const [name, run] of Object.entries(CASES)) seen[name] = await run(target);
    found.push(seen);
    for (const used of [target, target.gzip, target.deflate]) used.client.close();
  }
  process.stdout.write(JSON.stringify(found), () => process.exit(0)); // channels stay for a while
}

main(JSON.parse(process.argv[2])).catch((error) => { console.error(error); process.exit(1); });
