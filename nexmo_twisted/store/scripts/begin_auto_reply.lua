-- uses time queue rate_limits
-- The last step before a notice goes out: records the attempt. Only the answers to a STOP, and to a START that
-- does not count, pass the block that they speak of.
-- ARGV: now, nid, token, lease ms, limits to pass (see load_limits()).
-- Returns OK, or why not: STALE, SUSPENDED, WAIT (as for begin_attempt), or the reason that it is needed no more.
local now, q, nid = clock(ARGV[1]), names('out'), ARGV[2]
local item = load_item(q.item .. nid)
if not item or item[F.token] ~= ARGV[3] or item[F.state] ~= 'C' then return 'STALE' end
local confirms = string.sub(nid, -5) == '.stop' or string.sub(nid, -6) == '.again'
if not confirms and redis.call('EXISTS', K.opted_out .. item[F.handset]) == 1 then return 'opted_out' end
if item[F.probes] ~= '1' and redis.call('EXISTS', K.suspended) == 1 then return 'SUSPENDED' end
local exactly = microseconds(ARGV[1])
local limits = load_limits(ARGV[5], exactly)
local limit = must_wait(q, nid, item, limits, exactly)
if limit then return 'WAIT ' .. limit end
redis.call('ZREM', q.queue, item[F.lane])
redis.call('HSET', q.item .. nid, F.state, 'S', F.attempts, int(tonumber(item[F.attempts] or '0') + 1))
redis.call('HDEL', q.item .. nid, F.crashes)
pass(q, nid, item, limits, exactly)
lease_lane(q, nid, item, now + tonumber(ARGV[4]))
return 'OK'
