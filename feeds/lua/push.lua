-- Adds posts to a feed that exists. KEYS: feed. ARGV: cap, slack, post id...
-- A cold feed stays cold: the rebuild that warms it reads the posts from MySQL.
local state = redis.call('ZSCORE', KEYS[1], '~')
if not state then
  return 0
end
local floor = tonumber(state)
for i = 3, #ARGV do
  if tonumber(ARGV[i]) > floor then
    redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i])
  end
end
-- Trimming once in a while costs a third less than trimming at every push.
local over = redis.call('ZCARD', KEYS[1]) - 1 - ARGV[1]
if floor >= 0 and over > tonumber(ARGV[2]) then
  local highest_dropped = redis.call('ZRANGE', KEYS[1], over, over)[1]
  if not tonumber(highest_dropped) then -- we have not written it: the next read rebuilds all
    redis.call('DEL', KEYS[1])
    return 0
  end
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, over)
  redis.call('ZADD', KEYS[1], highest_dropped, '~')
end
return 1
