-- uses time messages queue closing index receipts
-- A receipt came for an SMS, so it was accepted, whatever the receipt says and whoever sent it. What it says is kept with
-- what became of the SMS. When nothing is known of the SMS, its answer may not be stored yet: then the receipt is parked.
-- ARGV: now, client-ref or '', the provider's message id or '', what it says (see shared/receipts.lua), the handset that
-- is to get no more texts or '', most receipts to be parked.
-- Returns {nid or '' when nothing is known, the state that this ended or '', what receipts said before, what they say}.
local now, q, message_id, said, handset = clock(ARGV[1]), names('out'), ARGV[3], ARGV[4], ARGV[5]
local nid = ARGV[2]
local sms = nid ~= '' and find_sms(q, nid)
if not sms and message_id ~= '' then
  nid = indexed_sms(message_id, now)
  sms = nid and find_sms(q, nid)
end
if not sms then
  if message_id ~= '' then park(message_id, said, handset ~= '', now, tonumber(ARGV[6])) end
  return {'', '', '', ''}
end
local ended, before, item = '', '', sms.item
if item then
  ended = item.s
  close_item(q, nid, item, (ended == 'S' and 'sent ' or 'receipt ') .. item.n .. ' ' .. message_id, now, said)
  introduced(item.h or '', item.n, item.i or '')
  if message_id ~= '' then index_sms(message_id, nid, now) end   -- the answer that told the id may never have come
  if ended == 'S' then lift_hold(item, now) end
else
  before = said_of(sms.outcome)
  hear(q, nid, sms, said)
end
if handset ~= '' and weight(said) > weight(before) then opt_out(handset, now) end
return {nid, ended, before, heavier(before, said)}
