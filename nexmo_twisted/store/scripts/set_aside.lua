-- uses time messages queue completion links attempts suspension
-- An item leaves its lane and blocks no other: uncertain (U) or dead letter (D). It stays visible with its reason.
-- ARGV: now, queue, id, token, state, reason, ms since the bytes of its SMS went out or '', 1 when it is proved that
-- the account works. Returns DONE or STALE.
local now, q, id, state = clock(ARGV[1]), names(ARGV[2]), ARGV[3], ARGV[5]
local item = load_item(q.item .. id)
if not item or item[F.token] ~= ARGV[4] then return 'STALE' end
set_aside(q, id, item, state, ARGV[6], now)
if state == 'D' then end_attempt_of(id, item, 'refused', now)
elseif tonumber(ARGV[7] or '') then redis.call('HSET', q.item .. id, F.request_sent, int(now - tonumber(ARGV[7]))) end
if ARGV[8] == '1' then end_suspension(item, now) else not_tried(item, now) end
return 'DONE'
