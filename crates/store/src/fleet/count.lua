-- A quota in a period of the calendar. Follows calendar.lua in one script.
-- KEYS: the counter. ARGV: limit, how many are wanted (negative: given back), period, and of what is given back the second at which
-- its period began.
-- Returns: granted, remaining, microseconds until one more would be, microseconds until the period ends, the second at which it began.
local time = redis.call('TIME')
local now = tonumber(time[1])
local limit, want = tonumber(ARGV[1]), tonumber(ARGV[2])
local from, to = window(ARGV[3], now)

local used = 0
local stored = redis.call('GET', KEYS[1])
if stored then
  local stored_from, stored_to, stored_used = string.match(stored, '^(%d+) (%d+) (%d+)$')
  -- A later period than the present one: the clock was set back. It goes on, as nobody shall get a quota twice.
  if stored_from and tonumber(stored_from) >= from then
    from, to, used = tonumber(stored_from), tonumber(stored_to), tonumber(stored_used)
  end
end

local granted = 0
local left_us = math.max(1, (to - now) * 1000000 - tonumber(time[2]))
local changed = false
if want < 0 then
  if tonumber(ARGV[4]) == from then
    used = math.max(0, used + want)
    changed = true
  end
else
  granted = math.max(0, math.min(want, limit - used))
  used = used + granted
  changed = granted > 0
end
if changed then
  local value = string.format('%.0f %.0f %.0f', from, to, used)
  -- A minute more, for a store whose clock is behind.
  redis.call('SET', KEYS[1], value, 'PX', math.ceil(left_us / 1000) + 60000)
end

local retry = 0
if granted < want then retry = left_us end
return { granted, math.max(0, limit - used), retry, left_us, from }
