-- Which nodes are alive. KEYS: a set of nodes by the time of their last sign. ARGV: this node, for how many milliseconds a sign holds;
-- 0 says goodbye. Returns how many there are.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local holds = tonumber(ARGV[2])
if holds > 0 then
  redis.call('ZADD', KEYS[1], now, ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - holds)
  redis.call('PEXPIRE', KEYS[1], holds)
else
  redis.call('ZREM', KEYS[1], ARGV[1])
end
return { redis.call('ZCARD', KEYS[1]) }
