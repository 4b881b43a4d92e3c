-- uses time queue links attempts rate_limits
-- The provider says that we are too fast: nothing passes a limit for a while. The SMS that it refused is the first one
-- to try again then; no attempt counts as failed. ARGV: now, id, token, name of the limit, ms, reason. Returns DONE, or
-- STALE when another process has claimed the item: then the limit pauses all the same.
local q, id, now = names('out'), ARGV[2], microseconds(ARGV[1])
local read = redis.call('HMGET', K.rate .. ARGV[4], F.next_slot, F.interval, F.tolerance)
local item = load_item(q.item .. id)
local limit = {name = ARGV[4], interval = tonumber(read[2] or '0'), tolerance = tonumber(read[3] or '0')}
limit.next = math.max(next_slot(read[1], now), now + tonumber(ARGV[5]) * 1000)
redis.call('ZREM', q.queue, '')       -- draining: a first write that needs no memory lets the others pass
save_limit(limit)
if not item or item[F.token] ~= ARGV[3] then return 'STALE' end
stand_in_line(q, id, item, {limit}, 1, limit.next)
end_attempt_of(id, item, 'refused', clock(ARGV[1]))
redis.call('HSET', q.item .. id, F.reason, ARGV[6])
return 'DONE'
