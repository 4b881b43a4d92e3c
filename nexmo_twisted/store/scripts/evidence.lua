-- uses time messages queue links attempts closing index receipts
-- A receipt came for an SMS, so it was accepted, whatever the receipt says and whoever sent it. What it says is kept with
-- what became of the SMS. When nothing is known of the SMS, its answer may not be stored yet: then the receipt is parked.
-- ARGV: now, nid that its client-ref names or '', the provider's message id or '', what it says (see shared/receipts.lua), 1
-- when its handset is to get no more texts, most receipts to be parked, the handset it names or '', the number of ours that
-- it names or '', the country of the handset or ''.
-- Returns {nid or '' when nothing is known, the state that this ended or '', what receipts said before, what they say, then
-- user, handset and number of a link whose map has to be written, or ''}.
local now, q, message_id, said, blocks = clock(ARGV[1]), names('out'), ARGV[3], ARGV[4], ARGV[5] == '1'
local nid, named, number = ARGV[2], ARGV[7], ARGV[8]
local sms = nid ~= '' and find_sms(q, nid)
if not sms and message_id ~= '' then
  nid = indexed_sms(message_id, now)
  sms = nid and find_sms(q, nid)
end
if not sms then
  if message_id ~= '' then park(message_id, said, blocks, now, tonumber(ARGV[6])) end
  return {'', '', '', '', '', '', ''}
end
if sms.item then redis.call('ZREM', q.uncertain, nid) end   -- draining: a first write that needs no memory
if ARGV[9] ~= '' then
  redis.call('HSET', K.receipts_seen, ARGV[9], int(now))
  redis.call('PEXPIRE', K.receipts_seen, int(KEEP.receipts_seen))
end

-- It proves the attempts from the number that it names; of others nothing is known.
local linked = {'', ''}
local function prove(item)
  local record, proven, open = redis.call('HGETALL', K.attempts .. nid), false, item and (item.s == 'S' or item.s == 'U')
  local handset = item and item.h or redis.call('HGET', K.attempts .. nid, 'h')
  for i = 1, #record, 2 do
    local how, from = string.match(record[i + 1], '^(%a+) (%d+) ')
    if string.match(record[i], '^%d+$') and how == 'unproven' and (number == '' or number == from) then
      end_attempt(nid, record[i], handset, from, 'accepted', '', now)
      proven, linked = true, {handset, from}
    end
  end
  if open and (item.n == number or not proven) then
    end_attempt_of(nid, item, 'accepted', now)
    linked = {item.h or '', item.n}
  elseif open then end_attempt_of(nid, item, 'unproven', now) end
end

-- Whoever it names, it is the handset of this SMS that is blocked: the one it was sent to, or where that is forgotten one on
-- which the user was texted.
local function handset_of(item)
  if item then return item.h or '' end
  if not sms.user then return named end
  local last, before = string.match(redis.call('GET', K.texted .. sms.user) or '', '^(%d+) ?(%d*)')
  return before ~= '' and before == named and before or last or ''
end

local ended, before, item = '', '', sms.item
prove(item)
if item then
  ended = item.s
  close_item(q, nid, item, (ended == 'S' and 'sent ' or 'receipt ') .. item.n .. ' ' .. message_id, now, said)
  if message_id ~= '' then index_sms(message_id, nid, now) end   -- the answer that told the id may never have come
  if ended == 'S' then lift_hold(item, now) end
else
  before = said_of(sms.outcome)
  hear(q, nid, sms, said)
end
if blocks and weight(said) > weight(before) then opt_out(handset_of(item), now) end
local user = item and item.m and item.l or sms.user
return {nid, ended, before, heavier(before, said), linked[1] ~= '' and user or '', linked[1], linked[2]}
