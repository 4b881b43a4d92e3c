-- uses time queue links attempts
-- The account is at fault: nothing goes out but one probe at a time, until the first success. The item keeps its place.
-- When a hold begins with the same item for the third time, though others went out between, the fault is the item's:
-- it is buried. ARGV: now, id, token, reason, ms until the next probe. Returns NEW when the hold begins here, DONE, BURIED,
-- or STALE.
local now, q, id = clock(ARGV[1]), names('out'), ARGV[2]
local item = load_item(q.item .. id)
if not item or item.k ~= ARGV[3] then return 'STALE' end
local begins = redis.call('EXISTS', K.hold) == 0
local begun = tonumber(item.y or '0') + (begins and 1 or 0)
if begun > 2 then
  set_aside(q, id, item, 'D', 'refused: ' .. ARGV[4], now)
  end_attempt_of(id, item, 'refused', now)
  return 'BURIED'
end
put_back(q, id, item, ARGV[4], now)
end_attempt_of(id, item, 'refused', now)
redis.call('HSET', q.item .. id, 'y', begun)
if begins then redis.call('HSET', K.hold, 'since', int(now)) end
redis.call('HSET', K.hold, 'reason', ARGV[4], 'probe', int(now + tonumber(ARGV[5])))
return begins and 'NEW' or 'DONE'
