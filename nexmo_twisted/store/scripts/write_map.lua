-- uses time links
-- The map of a user says again what stands on the handset, which it did not when it had changed meanwhile.
-- ARGV: user, map as read, new map, its ttl. Returns OK or CONFLICT.
if (redis.call('GET', map_key(ARGV[1])) or '') ~= ARGV[2] then return 'CONFLICT' end
redis.call('ZREM', K.in_queue, '')   -- draining: a first write that needs no memory lets the others pass
write_map(ARGV[1], ARGV[3], ARGV[4])
return 'OK'
