"""The calls of a fleet's store that must be atomic, as scripts that Redis or Valkey runs (Lua; Redis 6.2 and later).

All keys of a fleet have one hash tag, so they live in one slot of a cluster. Times are those of the server (`TIME`).
"""

from __future__ import annotations

from proxy.control.fleet.store import LEADERSHIP_SECONDS

NUMBER_DIGITS = 15
"""Digits of a number that Lua keeps exactly. What is found in the store has fewer, so that there is a next one."""

_SOUND = (
    """
-- What is no value of a fleet is as if it were not there: somebody else wrote it, or a clock was set back.
local function sound(key, kind)
  local found = redis.call('TYPE', key).ok
  if found ~= kind and found ~= 'none' then redis.call('DEL', key) end
end
local function number(value)
  local found = tonumber(value or 0) or 0
  return found >= 0 and found < """
    f"1e{NUMBER_DIGITS - 1}"
    """ and found or 0
end
local function leadership(key)
  sound(key, 'string')
  local left = redis.call('PTTL', key)
  if left <= 0 or left > """
    f"{LEADERSHIP_SECONDS * 1000:.0f}"
    """ then return nil end
  local term, stamp, who = string.match(redis.call('GET', key), '^(%d+)|([^|]*)|(.*)$')
  if term and #term <= """
    f"{NUMBER_DIGITS}"
    """ then return term, stamp, who end
end
"""
)

ACQUIRE = (
    _SOUND
    + """
-- KEYS leader, term, state; ARGV instance, floor, stamp, milliseconds. Returns who judges, the term, and its stamp.
local term, stamp, who = leadership(KEYS[1])
local floor = tonumber(ARGV[2])
if who then
  if who ~= ARGV[1] then return {who, term, stamp} end
  if stamp == ARGV[3] then
    redis.call('PEXPIRE', KEYS[1], ARGV[4])
    return {who, term, stamp}
  end
end
sound(KEYS[2], 'string')
local known = number(redis.call('GET', KEYS[2]))
local committed = number(redis.call('HGET', KEYS[3], 't'))
term = string.format('%.0f', math.max(known, committed, floor) + 1)
redis.call('SET', KEYS[2], term)
redis.call('SET', KEYS[1], term .. '|' .. ARGV[3] .. '|' .. ARGV[1], 'PX', ARGV[4])
return {ARGV[1], term, ARGV[3]}
"""
)

REPORT = (
    _SOUND
    + """
local function add(key, most, label)
  local added = redis.pcall('XADD', key, 'MAXLEN', '~', most, '*', 'l', label)
  if type(added) == 'table' and added.err then
    redis.call('DEL', key)  -- something stands at the last place that a stream has, and so it takes nothing more
    redis.call('XADD', key, '*', 'l', label)
  end
end
local function later(one, other)
  local a, b = string.match(one, '^(%d+)-(%d+)$')
  local c, d = string.match(other, '^(%d+)-(%d+)$')
  a, b, c, d = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  return a > c or (a == c and b > d)
end
-- KEYS count, members, leader, state, labels; ARGV seq, body, member, seconds kept, most labels kept, labels before,
-- labels after, most labels returned, label... Returns who judges, term, look, stamp, place of the last label, labels,
-- and the time in seconds and microseconds.
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local kept = tonumber(ARGV[4])
sound(KEYS[1], 'hash')
sound(KEYS[2], 'zset')
sound(KEYS[5], 'stream')
if tonumber(ARGV[1]) > number(redis.call('HGET', KEYS[1], 's')) then
  redis.call('HSET', KEYS[1], 's', ARGV[1], 'b', ARGV[2])
end
local taken = number(redis.call('HGET', KEYS[1], 'l'))
for i = 9, #ARGV do
  local number = tonumber(ARGV[6]) + i - 8
  if number > taken then
    add(KEYS[5], ARGV[5], ARGV[i])
    taken = number
  end
end
redis.call('HSET', KEYS[1], 'l', string.format('%.0f', taken))
redis.call('EXPIRE', KEYS[1], kept)
redis.call('ZADD', KEYS[2], string.format('%.6f', now), ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.6f', now - kept))
redis.call('ZREMRANGEBYSCORE', KEYS[2], string.format('%.6f', now + kept), '+inf')
local _, _, judge = leadership(KEYS[3])
local state = redis.call('HMGET', KEYS[4], 't', 'l', 's')
local last = redis.call('XREVRANGE', KEYS[5], '+', '-', 'COUNT', 1)
last = last[1] and last[1][1] or '0-0'
local place, labels = ARGV[7], {}
-- A stream that ends before the place is another one than that of which labels were taken.
if place == '' or later(place, last) then place = last end
if place ~= last then  -- behind the last place that a stream can have there is no other
  for _, entry in ipairs(redis.call('XRANGE', KEYS[5], '(' .. place, '+', 'COUNT', ARGV[8])) do
    place = entry[1]
    if entry[2][1] == 'l' then labels[#labels + 1] = entry[2][2] end
  end
end
return {judge or '', state[1] or '0', state[2] or '0', state[3] or '', place, labels, time[1], time[2]}
"""
)

COMMIT = (
    _SOUND
    + """
-- KEYS leader, state, chain; ARGV term, look and stamp of before, the same of the new value, evidence, table, most
-- links kept, number of the chain's last link, milliseconds of a term, body and hash of each new link. Returns {0} when
-- done, {1} when another term is held, {2} when another value is there.
local term, stamp = leadership(KEYS[1])
if term ~= ARGV[4] or stamp ~= ARGV[6] then return {1} end
local state = redis.call('HMGET', KEYS[2], 't', 'l', 's')
if (state[1] or '0') ~= ARGV[1] or (state[2] or '0') ~= ARGV[2] or (state[3] or '') ~= ARGV[3] then return {2} end
sound(KEYS[3], 'list')
redis.call('HSET', KEYS[2], 't', ARGV[4], 'l', ARGV[5], 's', ARGV[6], 'c', ARGV[7], 'b', ARGV[8], 'e', ARGV[10])
for i = 12, #ARGV, 2 do
  redis.call('RPUSH', KEYS[3], ARGV[i + 1] .. ARGV[i])
end
redis.call('LTRIM', KEYS[3], '-' .. ARGV[9], -1)
redis.call('PEXPIRE', KEYS[1], ARGV[11])
return {0}
"""
)

TABLE = (
    _SOUND
    + """
-- KEYS state, chain; ARGV number of the last link that is known, most links returned. Returns term, look, stamp, body,
-- links.
local state = redis.call('HMGET', KEYS[1], 't', 'l', 's', 'b', 'e')
if not state[1] then return {} end
sound(KEYS[2], 'list')
local first = math.max(tonumber(ARGV[1]) - (number(state[5]) - redis.call('LLEN', KEYS[2])), 0)
local last = first + tonumber(ARGV[2]) - 1
return {state[1], state[2] or '0', state[3] or '', state[4] or '', redis.call('LRANGE', KEYS[2], first, last)}
"""
)

MEMBERS = (
    _SOUND
    + """
-- KEYS members, state; ARGV term, look and stamp that are known. Returns seconds and microseconds by the server's
-- clock, members and the times of their last reports, term, look, stamp, and evidence where it stands elsewhere.
local time = redis.call('TIME')
sound(KEYS[1], 'zset')
local state = redis.call('HMGET', KEYS[2], 't', 'l', 's')
local evidence = ''
if state[1] and not (state[1] == ARGV[1] and state[2] == ARGV[2] and state[3] == ARGV[3]) then
  evidence = redis.call('HGET', KEYS[2], 'c')
end
local members = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
return {time[1], time[2], members, state[1] or '0', state[2] or '0', state[3] or '', evidence}
"""
)
