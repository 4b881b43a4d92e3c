-- uses time queue
-- The account is at fault: nothing goes out but one probe at a time, until the first success. The item keeps its place.
-- ARGV: now, id, token, reason, ms until the next probe. Returns NEW when the hold begins here, DONE, or STALE.
local now, q, id = clock(ARGV[1]), names('out'), ARGV[2]
local item = load_item(q.item .. id)
if not item or item.k ~= ARGV[3] then return 'STALE' end
put_back(q, id, item, ARGV[4], now)
local new = redis.call('HSETNX', K.hold, 'since', int(now))
redis.call('HSET', K.hold, 'reason', ARGV[4], 'probe', int(now + tonumber(ARGV[5])))
return new == 1 and 'NEW' or 'DONE'
