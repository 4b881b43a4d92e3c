-- uses time links
-- A reply came: its link lives on. ARGV: now, then those of links_unchanged(). Returns OK or CONFLICT.
if not links_unchanged(2) then return 'CONFLICT' end
redis.call('ZREM', K.in_queue, '')   -- draining: a first write that needs no memory lets the others pass
write_links(2)
return 'OK'
