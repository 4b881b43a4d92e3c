-- uses time messages queue closing links hold
-- An item steps aside and blocks nobody: uncertain (U) or buried (D). It stays visible with its reason.
-- ARGV: now, queue, id, token, state, reason, 1 when it is proved that the account works. Returns DONE or STALE.
local now, q = clock(ARGV[1]), names(ARGV[2])
local item = load_item(q.item .. ARGV[3])
if not item or item.k ~= ARGV[4] then return 'STALE' end
set_aside(q, ARGV[3], item, ARGV[5], ARGV[6], now)
if ARGV[5] == 'D' then link_again(item) end
if ARGV[7] == '1' then lift_hold(item, now) else not_tried(item, now) end
return 'DONE'
