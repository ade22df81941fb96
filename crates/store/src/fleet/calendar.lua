-- The period of the calendar, in UTC, that a second lies in: its first second and that of the next. The same as limits::window.
local DAY = 86400
local function first_of_month(day)
  local cycle = (day + 719468) % 146097
  local leap_days = math.floor(cycle / 1460) + math.floor(cycle / 146096) - math.floor(cycle / 36524)
  local year = math.floor((cycle - leap_days) / 365)
  local in_year = cycle - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local month = math.floor((5 * in_year + 2) / 153)
  return day - (in_year - math.floor((153 * month + 2) / 5))
end
local function window(period, now)
  local day = math.floor(now / DAY)
  if period == 'month' then
    local first = first_of_month(day)
    return first * DAY, first_of_month(first + 31) * DAY
  elseif period == 'week' then
    local monday = day - (day + 3) % 7
    return math.max(0, monday) * DAY, (monday + 7) * DAY
  end
  local lengths = { hour = 3600, ['6h'] = 21600, ['12h'] = 43200, day = DAY }
  local length = lengths[period]
  local from = now - now % length
  return from, from + length
end
