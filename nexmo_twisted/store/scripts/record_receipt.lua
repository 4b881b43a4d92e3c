-- uses time messages queue links attempts completion sms_index receipts
-- A receipt came for an SMS, so it was accepted, whatever the receipt says and whichever process sent it. What it says
-- is kept with what became of the SMS. When nothing is known of the SMS, its answer may not be stored yet: then the
-- receipt is kept as an early one. ARGV: now, nid that its client-ref names or '', the provider's message id or '',
-- what it says (see shared/receipts.lua), 1 when its handset is to get no more texts, most early receipts to be kept,
-- the handset it names or '', the number of ours that it names or '', the country of the handset or ''. Returns {nid or
-- '' when nothing is known, the state that this ended or '', what receipts said before, what they say, then user,
-- handset and number of a link whose map has to be written, or ''}.
local now, q, message_id, said, blocks = clock(ARGV[1]), names('out'), ARGV[3], ARGV[4], ARGV[5] == '1'
local nid, named, number = ARGV[2], ARGV[7], ARGV[8]
local sms = nid ~= '' and find_sms(q, nid)
if not sms and message_id ~= '' then
  nid = indexed_sms(message_id, now)
  sms = nid and find_sms(q, nid)
end
if not sms then
  if message_id ~= '' then keep_early(message_id, said, blocks, now, tonumber(ARGV[6])) end
  return {'', '', '', '', '', '', ''}
end
if sms.item then redis.call('ZREM', q.uncertain, nid) end   -- draining: a first write that needs no memory
if ARGV[9] ~= '' then
  redis.call('HSET', K.receipts_seen, ARGV[9], int(now))
  redis.call('PEXPIRE', K.receipts_seen, int(KEEP.receipts_seen))
end

-- It proves the attempts at the handset and from the number that it names; of others nothing is known. Where none was
-- made from there, it proves the one that is open.
local linked, handsets = {'', ''}, {}
local function prove(item)
  local record = redis.call('HGETALL', K.attempts .. nid)
  local open = item and (item[F.state] == 'S' or item[F.state] == 'U')
  local attempts, tried = {}, {}
  if open then
    attempts[1] = {token = item[F.token], number = item[F.number], handset = item[F.handset], open = true}
  end
  for i = 1, #record, 2 do
    local how, from, to = string.match(record[i + 1], '^(%a+) (%d+) %d+ %S+ %d+ (%d+)$')
    if how then handsets[to] = true end
    if how == 'unproven' then attempts[#attempts + 1] = {token = record[i], number = from, handset = to} end
  end
  for _, attempt in ipairs(attempts) do tried[attempt.handset or ''] = true end
  local proven = false
  for i = #attempts, 1, -1 do
    local attempt = attempts[i]
    local meant = (number == '' or attempt.number == number) and
      (named == '' or not tried[named] or attempt.handset == named)
    if meant or attempt.open and not proven then
      proven, linked = true, {attempt.handset or '', attempt.number}
      if attempt.open then end_attempt_of(nid, item, 'accepted', now)
      else end_attempt(nid, attempt.token, attempt.handset, attempt.number, 'accepted', '', now) end
    elseif attempt.open then end_attempt_of(nid, item, 'unproven', now) end
  end
end

-- Whatever handset it names, it is the handset of this SMS that is blocked: the one it was sent to, or where that is
-- forgotten one on which the user was texted. A notice that is closed has left word with its handset only.
local function handset_of(item)
  if handsets[named] then return named end
  if item then return item[F.handset] or '' end
  if not sms.user then
    return redis.call('HEXISTS', K.auto_replies .. named, string.match(nid, '[^.]*$')) == 1 and named or ''
  end
  local last, _, before = string.match(redis.call('GET', K.texted .. sms.user) or '', '^(%d+) ?(%d*) ?(%d*)')
  return before ~= '' and before == named and before or last or ''
end

local ended, before, item = '', '', sms.item
prove(item)
if item then
  ended = item[F.state]
  close_item(q, nid, item, (ended == 'S' and 'sent ' or 'receipt ') .. item[F.number] .. ' ' .. message_id, now, said)
  if message_id ~= '' then index_sms(message_id, nid, now) end   -- the answer with the id may never have come
  if ended == 'S' then end_suspension(item, now) end
else
  before = said_of(sms.outcome)
  keep_receipt(q, nid, sms, said)
end
if blocks and weight(said) > weight(before) then opt_out(handset_of(item), now) end
local user = item and item[F.message] and item[F.lane] or sms.user
return {nid, ended, before, heavier(before, said), linked[1] ~= '' and user or '', linked[1], linked[2]}
