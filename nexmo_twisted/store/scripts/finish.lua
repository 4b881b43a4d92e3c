-- uses time messages queue closing
-- An item is done. That an SMS was accepted counts from anyone, also from a process that lost its lease: it is the truth.
-- ARGV: now, queue, id, token or '' (anyone), outcome for the record, then for an accepted SMS: handset, number, thread
-- introduced or ''. Returns DONE, or STALE when the token is not the item's, or GONE when it was done before.
local now, q, id, token = clock(ARGV[1]), names(ARGV[2]), ARGV[3], ARGV[4]
local item, accepted = load_item(q.item .. id), ARGV[6] ~= nil
if item and token ~= '' and item.k ~= token then return 'STALE' end
if item then
  close_item(q, id, item, ARGV[5], now)
  if accepted then introduced(ARGV[6], ARGV[7], ARGV[8]) end
end
local since = redis.call('HGET', K.hold, 'since')
if accepted and since then            -- the account works
  redis.call('DEL', K.hold)
  redis.call('INCRBY', K.held, int(now - tonumber(since)))
elseif item and item.p == '1' and since then
  redis.call('HSET', K.hold, 'probe', int(now))   -- nothing was tried: the next may
end
return item and 'DONE' or 'GONE'
