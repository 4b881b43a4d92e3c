-- uses time messages queue links attempts completion
-- An item is done without an SMS, or its reply was posted. ARGV: now, queue, id, token, outcome for the record.
-- Returns DONE, or STALE when the token is not the item's, or GONE when it was done before.
local now, q, id = clock(ARGV[1]), names(ARGV[2]), ARGV[3]
local item = load_item(q.item .. id)
if item and item[F.token] ~= ARGV[4] then return 'STALE' end
redis.call('ZREM', q.uncertain, id)   -- draining: a first write that needs no memory lets the others pass
if not item then return 'GONE' end
end_attempt_of(id, item, 'unproven', now)
close_item(q, id, item, ARGV[5], now)
if item[F.probes] == '1' and redis.call('EXISTS', K.suspended) == 1 then
  redis.call('HSET', K.suspended, F.probe, int(now))   -- nothing was tried: the next may
end
return 'DONE'
