-- wrk's side of a run. Bodies come from a file, one a line; the result goes out as one line of JSON.
-- Environment: LOAD_BODIES, LOAD_PATH, LOAD_CLOSE (a new connection for each request), LOAD_DELAY_MS (pause before
-- each request of a connection: paces a run below saturation).

local requests, next_request = {}, 0

function init(_)
  local headers = { ["Content-Type"] = "application/json", ["User-Agent"] = "wrk" }
  if os.getenv("LOAD_CLOSE") then headers["Connection"] = "close" end
  for body in io.lines(os.getenv("LOAD_BODIES")) do
    requests[#requests + 1] = wrk.format("POST", os.getenv("LOAD_PATH"), headers, body)
  end
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
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
