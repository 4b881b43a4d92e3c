-- uses time queue replies
-- An inbound SMS is stored once, together with what its number carries on that handset at this moment.
-- One that asks for no more texts blocks its handset at once, whatever it waits for itself; a = stop, until it is answered.
-- ARGV: now, rid, handset, number, text, messageId, 1 when it asks for that. Returns NEW or KNOWN.
local now, q, rid, handset = clock(ARGV[1]), names('in'), ARGV[2], ARGV[3]
if redis.call('EXISTS', q.item .. rid) == 1 then return 'KNOWN' end
local carried = carried_by(handset, ARGV[4])
add_reply(q, rid, {l = handset, n = ARGV[4], x = ARGV[5], i = ARGV[6], b = carried, d = int(now), o = next_place()}, now)
if ARGV[7] == '1' and redis.call('SET', K.opted_out .. handset, 'sms ' .. int(now), 'NX') then
  redis.call('HSET', q.item .. rid, 'a', 'stop')
end
return 'NEW'
