-- Announces a builder of a cold feed. KEYS: feed. ARGV: token, expiry in ms.
-- From here on pushes are kept, so a snapshot taken now misses nothing.
-- A key of another type, or one that tells no state, is as good as none.
if type(redis.pcall('ZSCORE', KEYS[1], '~')) == 'string' then
  return 0
end
if redis.call('EXISTS', KEYS[1]) == 1 then -- a script that has written may go on writing to a full Redis
  redis.call('DEL', KEYS[1])
end
redis.call('ZADD', KEYS[1], '-' .. ARGV[1], '~')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
