-- What receipts say of an SMS: a letter, then the error code if there is one. a accepted by the carrier, b buffered,
-- c something else, d delivered, e expired, f failed, r rejected, s the recipient has opted out. The later letter
-- outweighs, then the greater code, in whatever order they come and of whichever part: so it never goes back. It stands
-- at the end of what became of the SMS, as ' =f6'.
local function weight(said)
  return said == '' and 0 or string.byte(said) * 1000000 + (tonumber(string.sub(said, 2)) or 0)
end

local function heavier(one, other) return weight(one) >= weight(other) and one or other end

local function said_of(outcome) return string.match(outcome, ' =(%l%d*)$') or '' end

local function with_receipt(outcome, said)
  local before = said_of(outcome)
  local now = heavier(before, said)
  if now == before then return outcome end
  return (before == '' and outcome or string.sub(outcome, 1, -#before - 3)) .. ' =' .. now
end

-- An SMS of ours that may have been accepted: its item, if that was tried, or what became of it; nil when there is
-- none.
local function find_sms(q, nid)
  local item = load_item(q.item .. nid)
  if item then return tonumber(item[F.attempts] or '0') >= 1 and {item = item} or nil end
  if redis.call('TYPE', q.item .. nid).ok == 'string' then return {outcome = redis.call('GET', q.item .. nid)} end
  local mid, hash = string.match(nid, '^([^.]+)%.(%x+)$')
  local apart, whose
  if mid then apart, whose = outcome_apart(mid, hash) end
  if apart then return {outcome = apart, mid = mid, apart = hash, user = whose} end
  local record = mid and load_message(mid)
  for user, outcome in pairs(record and record[F.outcomes] or {}) do
    if nid_of(mid, user) == nid then
      return {outcome = outcome, mid = mid, record = record, user = user}
    end
  end
end

-- What a receipt says is kept with what became of the SMS.
local function keep_receipt(q, nid, sms, said)
  local outcome = with_receipt(sms.outcome, said)
  if outcome == sms.outcome then return end
  if sms.apart then save_apart(sms.mid, sms.apart, outcome, sms.user)
  elseif sms.record then
    sms.record[F.outcomes][sms.user] = outcome
    save_message(sms.mid, sms.record)
  else redis.call('SET', q.item .. nid, outcome, 'KEEPTTL') end
end

-- A receipt may come before the answer that contains its id: for a while it waits for that in a hash, with what it says
-- and whether it blocks the handset. When there are too many the oldest goes, since a genuine one waits for seconds
-- only.
local function early_field(message_id)
  local slot, field = place_of(message_id)
  return slot .. field
end

local function early_receipt(message_id, now)
  local entry = redis.call('HGET', K.early_receipts, early_field(message_id)) or ''
  local at, said, blocks = string.match(entry, '^(%d+) (%l%d*) (%d)$')
  if at and now - tonumber(at) <= KEEP.early_receipts then return said, blocks == '1' end
  return '', false
end

local function forget_early(message_id) redis.call('HDEL', K.early_receipts, early_field(message_id)) end

local function keep_early(message_id, said, blocks, now, most)
  local field, before, blocked = early_field(message_id), early_receipt(message_id, now)
  if redis.call('HEXISTS', K.early_receipts, field) == 0 and redis.call('HLEN', K.early_receipts) >= most then
    local all, oldest, since = redis.call('HGETALL', K.early_receipts), nil, math.huge
    for i = 1, #all, 2 do
      local at = tonumber(string.match(all[i + 1], '^%d+')) or 0
      if at < since then oldest, since = all[i], at end
    end
    redis.call('HDEL', K.early_receipts, oldest)
  end
  local kept = {int(now), heavier(before, said), (blocks or blocked) and 1 or 0}
  redis.call('HSET', K.early_receipts, field, table.concat(kept, ' '))
  redis.call('PEXPIRE', K.early_receipts, int(KEEP.early_receipts))
end

-- The recipient has asked, wherever that was, to get no more texts. Only a handset that we have texted can be meant.
local function opt_out(handset, now)
  if redis.call('EXISTS', K.handset .. handset) == 1 then
    redis.call('SET', K.opted_out .. handset, 'receipt ' .. int(now), 'NX')
  end
end
