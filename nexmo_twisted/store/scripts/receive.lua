-- uses time queue replies
-- An inbound SMS is stored once, together with what its number carries on that handset at this moment.
-- ARGV: now, rid, handset, number, text, messageId. Returns NEW or KNOWN.
local now, q, rid, handset = clock(ARGV[1]), names('in'), ARGV[2], ARGV[3]
if redis.call('EXISTS', q.item .. rid) == 1 then return 'KNOWN' end
local carried = carried_by(handset, ARGV[4])
add_reply(q, rid, {l = handset, n = ARGV[4], x = ARGV[5], i = ARGV[6], b = carried, d = int(now), o = next_place()}, now)
return 'NEW'
