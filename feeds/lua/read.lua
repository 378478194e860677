-- One page, newest first. KEYS: feed. ARGV: id to stay below, count, ttl in s.
-- Returns the floor and then the ids above it, or nothing when the feed is cold or being built.
local state = redis.call('ZSCORE', KEYS[1], '~')
if not state or tonumber(state) < 0 then
  return {}
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
local page = redis.call('ZRANGE', KEYS[1], '(' .. ARGV[1], '(' .. state, 'BYSCORE', 'REV', 'LIMIT', 0, ARGV[2])
table.insert(page, 1, state)
return page
