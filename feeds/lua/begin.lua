-- Announces a builder of a cold feed. KEYS: feed. ARGV: token, expiry in ms.
-- From here on pushes are kept, so a snapshot taken now misses nothing.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
redis.call('ZADD', KEYS[1], '-' .. ARGV[1], '~')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
