-- uses time queue links
-- An operator says to which of its two threads an ambiguous reply belongs. ARGV: now, rid, conversation,
-- user or '' for either. Returns {DONE, ms until it is posted}, or {why not}: UNKNOWN, PLACED (it is not in
-- doubt any more), OTHER (it can belong to neither) or BOTH (say which user), then the candidates as entries.
local now, q, rid = clock(ARGV[1]), names('in'), ARGV[2]
local item = load_item(q.item .. rid)
if not item then return {'UNKNOWN'} end
if item[F.state] ~= 'D' or not item[F.ambiguous] then return {'PLACED'} end
local found = {}
for _, entry in ipairs({item[F.entry] or '', item[F.other_entry] or ''}) do
  local thread = entry ~= '' and cjson.decode(entry)
  if thread and thread[2] == ARGV[3] and (ARGV[4] == '' or thread[1] == ARGV[4]) then found[#found + 1] = entry end
end
if #found ~= 1 then return {#found == 0 and 'OTHER' or 'BOTH', item[F.entry] or '', item[F.other_entry] or ''} end
put_back(q, rid, item, '', now)
redis.call('HSET', q.item .. rid, F.entry, found[1])
redis.call('HDEL', q.item .. rid, F.ambiguous, F.other_entry, F.owner, F.owner_map, F.failures, F.aside_at)
redis.call('HSET', q.item .. rid, F.suspended_before, int(suspended_so_far(now) - (now - tonumber(item[F.due] or now))))
return {'DONE', int(math.max(0, look_now(q, rid, item, now) - now))}
