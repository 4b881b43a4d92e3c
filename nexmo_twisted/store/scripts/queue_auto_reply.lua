-- uses time queue links auto_replies
-- A reply cannot be posted anywhere; its writer gets a notice that says so, if we have texted that handset and it has
-- not asked us to stop. Made again, it does nothing new. ARGV: now, rid, handset, number it wrote to, text of the
-- notice or ''.
local now, handset = clock(ARGV[1]), ARGV[3]
redis.call('ZREM', K.out_queue, '')   -- draining: a first write that needs no memory lets the others pass
if known_to_us(handset) and redis.call('EXISTS', K.opted_out .. handset) == 0 then
  queue_notice(ARGV[2], 'lost', handset, ARGV[4], ARGV[5], now, 0)
end
return 'DONE'
