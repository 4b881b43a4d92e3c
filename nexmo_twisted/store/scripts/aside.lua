-- uses time queue links
-- An item steps aside and blocks nobody: uncertain (U) or buried (D). It stays visible with its reason.
-- ARGV: now, queue, id, token, state, reason. Returns DONE or STALE.
local q = names(ARGV[2])
local item = load_item(q.item .. ARGV[3])
if not item or item.k ~= ARGV[4] then return 'STALE' end
set_aside(q, ARGV[3], item, ARGV[5], ARGV[6], clock(ARGV[1]))
if ARGV[5] == 'D' then link_again(item) end
return 'DONE'
