-- uses time queue
-- A text waits for a number on its handset, all of which are in use by attempts of other threads. Others of its lane go
-- ahead; it comes back when one of those attempts is over, or after a while. ARGV: now, nid, token, handset, ms until
-- then, the version of the handset that was read. Returns DONE, STALE, or CONFLICT when one may be over since: then
-- nothing would bring it back.
local now, q, nid = clock(ARGV[1]), names('out'), ARGV[2]
local item = load_item(q.item .. nid)
if not item or item[F.token] ~= ARGV[3] then return 'STALE' end
if (redis.call('HGET', K.handset .. ARGV[4], F.version) or '') ~= ARGV[6] then return 'CONFLICT' end
local at, waiting = int(now + tonumber(ARGV[5])), K.stepped_aside .. ARGV[4]
put_back(q, nid, item, 'no number is free yet', at, now)
if item[F.limit] then leave_lines(q, nid, item) end   -- it gives up its turn
redis.call('HSET', q.item .. nid, F.waits_since, item[F.waits_since] or int(now))
redis.call('ZADD', waiting, at, nid)
redis.call('PEXPIRE', waiting, int(2 * tonumber(ARGV[5]) + 1000))
return 'DONE'
