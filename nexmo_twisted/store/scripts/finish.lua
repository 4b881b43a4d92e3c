-- uses time messages queue closing index receipts
-- An item is done. That an SMS was accepted counts from anyone, also from a process that lost its lease: it is the truth.
-- ARGV: now, queue, id, token or '' (anyone), outcome for the record, then for an accepted SMS: handset, number, thread
-- introduced or '', the provider's id of each part. Returns {answer, what receipts that came before say or ''}; answer
-- is DONE, or STALE when the token is not the item's, or GONE when it was done before.
local now, q, id, token = clock(ARGV[1]), names(ARGV[2]), ARGV[3], ARGV[4]
local item, accepted = load_item(q.item .. id), ARGV[6] ~= nil
if item and token ~= '' and item.k ~= token then return {'STALE', ''} end
local said, blocks, early = '', false, {}
for i = 9, #ARGV do
  local before, blocked = parked(ARGV[i], now)
  if before ~= '' then early[#early + 1] = ARGV[i] end
  said, blocks = heavier(said, before), blocks or blocked
end
if item then
  close_item(q, id, item, ARGV[5], now, said)
  if accepted then introduced(ARGV[6], ARGV[7], ARGV[8]) end
else
  redis.call('ZREM', q.uncertain, id) -- draining: a first write that needs no memory lets the others pass
  local sms = said ~= '' and find_sms(q, id)   -- another receipt has closed it
  if sms then hear(q, id, sms, said) end
end
for i = 9, #ARGV do index_sms(ARGV[i], id, now) end
for _, message_id in ipairs(early) do unpark(message_id) end
if blocks then opt_out(ARGV[6], now) end
if item and accepted then lift_hold(item, now)
elseif item and item.p == '1' and redis.call('EXISTS', K.hold) == 1 then
  redis.call('HSET', K.hold, 'probe', int(now))   -- nothing was tried: the next may
end
return {item and 'DONE' or 'GONE', said}
