-- uses time queue links attempts suspension
-- An item is to be looked at again; an attempt at it has certainly not gone out. It keeps its place at the head of its
-- lane, so nothing overtakes it, unless it steps aside.
-- ARGV: now, queue, id, token, ms until then, reason, 1 when an introduction failed, 1 to step aside
-- Returns DONE or STALE.
local now, q, id = clock(ARGV[1]), names(ARGV[2]), ARGV[3]
local item = load_item(q.item .. id)
if not item or item[F.token] ~= ARGV[4] then return 'STALE' end
put_back(q, id, item, ARGV[6], now + tonumber(ARGV[5]), ARGV[8] == '1' and now)
end_attempt_of(id, item, 'refused', now)
not_tried(item, now)
redis.call('HINCRBY', q.item .. id, F.failures, 1)
if item[F.limit] then leave_lines(q, id, item) end   -- its turn would come before it does
if ARGV[7] == '1' then redis.call('HINCRBY', q.item .. id, F.failed_introductions, 1) end
return 'DONE'
