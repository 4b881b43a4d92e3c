-- uses time links
-- A reply came: its link lives on. ARGV: now, the user's new map, then those of links_unchanged(). Returns OK or
-- CONFLICT.
if not links_unchanged(3) then return 'CONFLICT' end
local user, handset, number, entry, ttl = ARGV[3], ARGV[5], ARGV[10], ARGV[11], ARGV[12]
redis.call('ZREM', K.in_queue, '')   -- draining: a first write that needs no memory lets the others pass
adopt_links(3)
redis.call('HSET', K.handset .. handset, number, entry)
changed(handset, ttl)
write_map(user, ARGV[2], ttl)
return 'OK'
