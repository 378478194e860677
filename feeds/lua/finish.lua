-- Turns a building feed into a ready one. KEYS: feed. ARGV: token, floor, cap, ttl in s, post id...
-- Refused when the feed was invalidated, evicted or begun anew meanwhile: the token is gone.
if redis.call('ZSCORE', KEYS[1], '~') ~= '-' .. ARGV[1] then
  return 0
end
-- The sentinel goes too, as its score is negative. It returns last: while ids are trimmed by rank,
-- it must not be one of them.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2])
for i = 5, #ARGV do
  redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i])
end
local floor = ARGV[2]
local over = redis.call('ZCARD', KEYS[1]) - ARGV[3]
if over > 0 then
  floor = redis.call('ZRANGE', KEYS[1], over - 1, over - 1)[1]
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, over - 1)
end
if not tonumber(floor) then -- a member that we have not written
  redis.call('DEL', KEYS[1])
  return 0
end
redis.call('ZADD', KEYS[1], floor, '~')
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
