-- uses time messages queue
-- An item is done. That an SMS was accepted counts from anyone, also from a process that lost its lease: it is the truth.
-- ARGV: now, queue, id, token or '' (anyone), outcome for the record, then for an accepted SMS: handset, number, thread
-- introduced or ''. Returns DONE, or STALE when the token is not the item's, or GONE when it was done before.
local now, queue, id, token, outcome = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local q, accepted = names(queue), ARGV[6] ~= nil
local item = load_item(q.item .. id)
if not item then return 'GONE' end
if token ~= '' and item.k ~= token then return 'STALE' end
local record = item.m and load_message(item.m)
leave_lane(q, item.l, id, now)
redis.call('ZREM', q.uncertain, id)
redis.call('ZREM', q.buried, id)
redis.call('DEL', q.item .. id)
if queue == 'in' then redis.call('SET', q.item .. id, outcome, 'PX', int(KEEP.closed)) end
if record then
  record.o = record.o or {}
  record.o[item.l] = outcome
  record.n = (record.n or 1) - 1
  if record.n <= 0 then close_message(item.m, record, record.x or 'done', now)
  elseif record.x then save_message(item.m, record, KEEP.closed)
  else save_message(item.m, record) end
end
if accepted then
  if ARGV[8] ~= '' and redis.call('EXISTS', K.handset .. ARGV[6]) == 1 then
    redis.call('HSET', K.handset .. ARGV[6], 'i:' .. ARGV[7], ARGV[8])
  end
  local since = redis.call('HGET', K.hold, 'since')
  redis.call('DEL', K.hold)
  if since then redis.call('INCRBY', K.held, int(now - tonumber(since))) end
elseif item.p == '1' and redis.call('EXISTS', K.hold) == 1 then
  redis.call('HSET', K.hold, 'probe', int(now))   -- nothing was tried: the next may
end
return 'DONE'
