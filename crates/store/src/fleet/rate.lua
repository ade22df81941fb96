-- A rate, as a vessel with a leak: a request is 10^9 units, and "milli" units leak in a microsecond, so all numbers are whole and
-- below 2^53. What is stored is what was consumed; neither rate nor burst is part of it.
-- KEYS: the counter. ARGV: thousandths of a request per second, burst, how many are wanted (negative: given back).
-- Returns: granted, remaining, microseconds until one more would be, microseconds until all is free.
local REQUEST = 1000000000
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local milli, burst, want = tonumber(ARGV[1]), tonumber(ARGV[2]) * REQUEST, tonumber(ARGV[3])

local level, at = 0, now
local stored = redis.call('GET', KEYS[1])
if stored then
  local stored_level, stored_at = string.match(stored, '^(%d+) (%d+)$')
  if stored_level then
    level, at = tonumber(stored_level), tonumber(stored_at)
  end
end
-- A clock that was set back by more than ten seconds must not hold everybody up for as long.
if at > now + 10000000 then at = now end
if now > at then
  level = math.max(0, level - (now - at) * milli)
  at = now
end

local granted = 0
if want < 0 then
  level = math.max(0, level + want * REQUEST)
else
  granted = math.max(0, math.min(want, math.floor((burst - level) / REQUEST)))
  level = level + granted * REQUEST
end
if granted > 0 or (want < 0 and stored) then
  local empty_ms = math.ceil(level / milli / 1000) + 1000
  redis.call('SET', KEYS[1], string.format('%.0f %.0f', level, at), 'PX', empty_ms)
end

local retry = 0
if granted < want then
  retry = math.max(1, math.ceil((level + REQUEST - burst) / milli) + at - now)
end
return { granted, math.max(0, math.floor((burst - level) / REQUEST)), retry, math.ceil(level / milli) }
