-- uses time queue links attempts suspension
-- An item is given back untouched, at its place; an attempt at it has certainly not gone out.
-- ARGV: now, queue, id, token. Returns DONE or STALE.
local now, q, id = clock(ARGV[1]), names(ARGV[2]), ARGV[3]
local item = load_item(q.item .. id)
if not item or item[F.token] ~= ARGV[4] then return 'STALE' end
put_back(q, id, item, '', now)
end_attempt_of(id, item, 'refused', now)
not_tried(item, now)
return 'DONE'
