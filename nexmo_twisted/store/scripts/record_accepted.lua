-- uses time messages queue links attempts completion sms_index receipts
-- An SMS was accepted, so its item is done. That counts from anyone, also from a process that lost its lease: it is the
-- truth.
-- ARGV: now, nid, token, outcome for the record, handset, number, thread introduced or '', ms since its bytes went out
-- or '', ms that its request took, SHA1 of the user's map as read, the new map and its ttl (all '' for a notice), the
-- provider's id of each part.
-- Returns {answer, what receipts that came before say or '', 'MAP' when the user's map has changed since it was read};
-- answer is DONE, or GONE when it was done before.
local FIRST = 13                      -- of the ids of its parts in ARGV
local now, q, id, token = clock(ARGV[1]), names('out'), ARGV[2], ARGV[3]
local item = load_item(q.item .. id)
local said, blocks, early, map = '', false, {}, ''
for i = FIRST, #ARGV do
  local before, blocked = early_receipt(ARGV[i], now)
  if before ~= '' then early[#early + 1] = ARGV[i] end
  said, blocks = heavier(said, before), blocks or blocked
end
redis.call('ZREM', q.uncertain, id)   -- draining: a first write that needs no memory lets the others pass
local out = tonumber(ARGV[8])
end_attempt(id, token, ARGV[5], ARGV[6], 'accepted', ARGV[7], now, out and now - out, tonumber(ARGV[9]))
if item then
  end_attempt_of(id, item, 'unproven', now)   -- another one that is under way
  close_item(q, id, item, ARGV[4], now, said)
else
  local sms = said ~= '' and find_sms(q, id)   -- another receipt has closed it
  if sms then keep_receipt(q, id, sms, said) end
end
if item and ARGV[11] ~= '' then
  local key = map_key(item[F.lane])
  local unchanged = redis.sha1hex(redis.call('GET', key) or '') == ARGV[10]
  if unchanged then write_map(item[F.lane], ARGV[11], ARGV[12]) else map = 'MAP' end
end
for i = FIRST, #ARGV do index_sms(ARGV[i], id, now) end
for _, message_id in ipairs(early) do forget_early(message_id) end
if blocks then opt_out(ARGV[5], now) end
if item then end_suspension(item, now) end
return {item and 'DONE' or 'GONE', said, map}
