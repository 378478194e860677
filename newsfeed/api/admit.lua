-- Admits a request if fewer than `limit` were admitted in the window that ends now.
--
-- KEYS[1]: a list of the times at which requests were admitted, newest first.
-- ARGV: limit, window. All times are in microseconds, by the clock of this server.
-- Returns {admitted (0 or 1), admitted in the window, time until one more may be}.
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

local newest = tonumber(redis.call('LINDEX', KEYS[1], 0) or 0)
if newest > now then
  if newest - now > window then
    redis.call('DEL', KEYS[1]) -- the clock was set back, by more than can be waited for
  else
    now = newest
  end
end

local oldest = redis.call('LINDEX', KEYS[1], -1)
while oldest and tonumber(oldest) <= now - window do
  redis.call('RPOP', KEYS[1])
  oldest = redis.call('LINDEX', KEYS[1], -1)
end

local used = redis.call('LLEN', KEYS[1])
local admitted = used < limit
if admitted then
  redis.call('LPUSH', KEYS[1], string.format('%.0f', now))
  redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
  used = used + 1
  oldest = oldest or now
elseif used > limit then
  oldest = redis.call('LINDEX', KEYS[1], limit - 1) -- the limit was higher before
end
return {admitted and 1 or 0, used, tonumber(oldest) + window - now}
