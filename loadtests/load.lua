-- wrk's side of a run. Bodies come from a file, one a line; the result goes out as one line of JSON.
-- Environment: LOAD_BODIES, LOAD_PATH, LOAD_CLOSE (a new connection for each request), LOAD_DELAY_MS (pause before
-- each request of a connection: paces a run below saturation), LOAD_UNIQUE (each request has an id and a trace parent of
-- its own, as behind an ingress: no two heads are the same).

local requests, next_request, serial = {}, 0, 0
local unique = os.getenv("LOAD_UNIQUE")
local ids = "\r\nX-Request-Id: 5d3c1f20-0000-4000-8000-%012x\r\nTraceparent: 00-%032x-%016x-01\r\n\r\n"

function init(_)
  local headers = { ["Content-Type"] = "application/json", ["User-Agent"] = "wrk" }
  if os.getenv("LOAD_CLOSE") then headers["Connection"] = "close" end
  for body in io.lines(os.getenv("LOAD_BODIES")) do
    local whole = wrk.format("POST", os.getenv("LOAD_PATH"), headers, body)
    requests[#requests + 1] = unique and { whole:sub(1, #whole - #body - 4), body } or whole
  end
end

function request()
  next_request = next_request % #requests + 1
  if not unique then return requests[next_request] end
  serial = serial + 1
  local head, body = requests[next_request][1], requests[next_request][2]
  return head .. string.format(ids, serial, serial, serial) .. body
end

local pause = tonumber(os.getenv("LOAD_DELAY_MS") or "")
if pause then
  -- Between half and one and a half times the pause, so that the connections do not march in step.
  function delay() return math.floor(pause * (0.5 + math.random()) + 0.5) end
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"bytes":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d,' ..
    '"p50":%.1f,"p90":%.1f,"p99":%.1f,"p999":%.1f,"mean":%.1f,"max":%.1f}\n',
    summary.requests, summary.duration / 1e6, summary.bytes, errors.connect, errors.read, errors.write,
    errors.status, errors.timeout, latency:percentile(50), latency:percentile(90), latency:percentile(99),
    latency:percentile(99.9), latency.mean, latency.max))
end
