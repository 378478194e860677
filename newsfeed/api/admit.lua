-- Admits a request if fewer than `limit` were admitted in the window that ends now.
--
-- KEYS[1]: a list of the times at which requests were admitted, newest first.
-- ARGV: limit, window. All times are in microseconds, by the clock of this server.
-- Returns {admitted (0 or 1), admitted in the window, time until one more may be, time of this one}.
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

-- The time at this place. A key that holds anything else is as good as none.
local function at(place)
  local found = redis.pcall('LINDEX', KEYS[1], place)
  local time = tonumber(found)
  if found and not (time and time < math.huge) then
    redis.call('DEL', KEYS[1])
    return nil
  end
  return time
end

local newest = at(0) or 0
if newest > now then
  if newest - now > window then
    redis.call('DEL', KEYS[1]) -- the clock was set back, by more than can be waited for
  else
    now = newest
  end
end

local oldest = at(-1)
while oldest and oldest <= now - window do
  redis.call('RPOP', KEYS[1])
  oldest = at(-1)
end

local used = redis.call('LLEN', KEYS[1])
local admitted = used < limit
if admitted then
  redis.call('LPUSH', KEYS[1], string.format('%.0f', now))
  redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
  used = used + 1
elseif used > limit then
  oldest = at(limit - 1) -- the limit was higher before
end
return {admitted and 1 or 0, used, (oldest or now) + window - now, admitted and now or 0}
