-- uses time messages queue links attempts closing index receipts
-- An item is done. That an SMS was accepted counts from anyone, also from a process that lost its lease: it is the
-- truth.
-- ARGV: now, queue, id, token, outcome for the record, then for an accepted SMS: handset, number, thread introduced or
-- '', ms since its bytes went out or '', ms that its request took, SHA1 of the user's map as read, the new map and its
-- ttl (all '' for a notice), the provider's id of each part.
-- Returns {answer, what receipts that came before say or '', 'MAP' when the user's map has changed since it was read};
-- answer is DONE, or STALE when the token is not the item's, or GONE when it was done before.
local now, q, id, token = clock(ARGV[1]), names(ARGV[2]), ARGV[3], ARGV[4]
local item, accepted = load_item(q.item .. id), ARGV[6] ~= nil
if item and not accepted and item.k ~= token then return {'STALE', '', ''} end
local said, blocks, early, map = '', false, {}, ''
for i = 14, #ARGV do
  local before, blocked = parked(ARGV[i], now)
  if before ~= '' then early[#early + 1] = ARGV[i] end
  said, blocks = heavier(said, before), blocks or blocked
end
redis.call('ZREM', q.uncertain, id)   -- draining: a first write that needs no memory lets the others pass
if accepted then
  local out = tonumber(ARGV[9])
  end_attempt(id, token, ARGV[6], ARGV[7], 'accepted', ARGV[8], now, out and now - out, tonumber(ARGV[10]))
end
if item then
  end_attempt_of(id, item, 'unproven', now)   -- another one that is under way
  close_item(q, id, item, ARGV[5], now, said)
else
  local sms = said ~= '' and find_sms(q, id)   -- another receipt has closed it
  if sms then hear(q, id, sms, said) end
end
if item and accepted and ARGV[12] ~= '' then
  local key = map_key(item.l)
  local unchanged = redis.sha1hex(redis.call('GET', key) or '') == ARGV[11]
  if unchanged then write_map(item.l, ARGV[12], ARGV[13]) else map = 'MAP' end
end
for i = 14, #ARGV do index_sms(ARGV[i], id, now) end
for _, message_id in ipairs(early) do unpark(message_id) end
if blocks then opt_out(ARGV[6], now) end
if item and accepted then lift_hold(item, now)
elseif item and item.p == '1' and redis.call('EXISTS', K.hold) == 1 then
  redis.call('HSET', K.hold, 'probe', int(now))   -- nothing was tried: the next may
end
return {item and 'DONE' or 'GONE', said, map}
