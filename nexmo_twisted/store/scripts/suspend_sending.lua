-- uses time queue links attempts suspension
-- The provider rejects the account: sending is suspended but for one probe at a time, until one is accepted. The item
-- steps aside until the next probe is due, so that others can be tried. When a suspension begins with the same item for
-- the third time, though others were accepted between, the fault is the item's: it becomes a dead letter.
-- ARGV: now, id, token, reason, ms until the next probe. Returns NEW when the suspension begins here, DOUBT when
-- another one is tried before it does, DONE, DEAD, or STALE.
local now, q, id, probe = clock(ARGV[1]), names('out'), ARGV[2], clock(ARGV[1]) + tonumber(ARGV[5])
local item = load_item(q.item .. id)
if not item or item[F.token] ~= ARGV[3] then return 'STALE' end
local suspension = load_suspension()
local begins, begun = false, tonumber(item[F.suspensions] or '0') + (suspension and 0 or 1)
if begun > 2 then
  set_aside(q, id, item, 'D', 'refused: ' .. ARGV[4], now)
  end_attempt_of(id, item, 'refused', now)
  return 'DEAD'
end
put_back(q, id, item, ARGV[4], probe, now)
end_attempt_of(id, item, 'refused', now)
redis.call('HSET', q.item .. id, F.suspensions, begun)
if not suspension then
  suspension, begins = {[F.first_refused] = id, [F.free] = 'item', [F.undecided] = '1'}, true
  redis.call('HSET', K.suspended, F.first_refused, id, F.undecided, '1')
  if redis.call('ZSCORE', q.queue, item[F.lane]) == int(probe) then
    redis.call('ZADD', q.queue, int(now), item[F.lane])   -- it is due, and how long that has been is shown
  end
end
local rank, probed = rank_of(suspension, id, item[F.suspensions]), item[F.probes] == '1'
redis.call('HSET', K.suspended, F.why, ARGV[4])
remember_refused(suspension, id)
-- What was on its way when it began says nothing of the others, but that a second recipient of a message is refused.
if begins or probed or rank == 2 then tried(suspension, rank, probe) end
if suspension[F.undecided] ~= '1' then return 'DONE' end
local settled = probed and (rank == 1 or rank == 4)
if not settled and another_waits(q, suspension, math.max(1, free_rank(suspension)), probe) then return 'DOUBT' end
redis.call('HDEL', K.suspended, F.undecided)
redis.call('HSET', K.suspended, F.since, int(now))
return 'NEW'
