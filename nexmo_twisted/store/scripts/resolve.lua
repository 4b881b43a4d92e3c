-- uses time queue links attempts replies
-- A reply came while attempts at an SMS of another thread were open on its number. Decides to which of the two threads it
-- belongs, once and for all, or lets it wait for what decides it (see the table in docs/replies.md).
-- ARGV: now, rid, token, ms that a receipt may take after the end of an attempt, country of the handset, 1 when the Node
-- service's keys gave the number to a thread.
-- Returns {answer, entry}: THREAD and the entry it belongs to or '', DOUBT, WAIT (it is given back), or STALE.
local now, q, rid, patience = clock(ARGV[1]), names('in'), ARGV[2], tonumber(ARGV[4])
local key = q.item .. rid
local item = load_item(key)
if not item or item.k ~= ARGV[3] then return {'STALE', ''} end
local came, first, unsure, wait_until = tonumber(item.d), nil, nil, nil

local function wait(at) wait_until = math.min(wait_until or at, at) end

-- What is known of one attempt: how it ended, when, when its bytes went out, how long its request took. A notification
-- that lies with its sender has not ended, one that stands aside has no outcome.
local function known(nid, token, since)
  local how, at, out, took = string.match(redis.call('HGET', K.attempts .. nid, token) or '', '^(%a+) %d+ (%d+) (%S+) (%d+)$')
  if how then return how, tonumber(at), tonumber(out), tonumber(took) end
  local sms = load_item(K.out_item .. nid)
  if sms and sms.k == token and sms.s == 'S' then return 'open', tonumber(sms.u) or now end
  if sms and sms.k == token and sms.s == 'U' then return 'unproven', tonumber(sms.z) or now, tonumber(sms.out or '') end
  return 'unproven', since
end

local unproven_out
for nid, token, since in string.gmatch(item.wait or '', '(%S+):(%d+):(%d+)') do
  local how, at, out, took = known(nid, token, tonumber(since))
  if how == 'accepted' and (not first or at < first.at) then first = {at = at, out = out or tonumber(since), took = took}
  elseif how == 'open' then wait(math.max(at, now + 1000))
  elseif how == 'unproven' then
    unsure = math.max(unsure or 0, at + patience)
    unproven_out = math.min(unproven_out or math.huge, out or tonumber(since))
  end
end

local function decided(entry)
  redis.call('HDEL', key, 'wait', 'new')
  redis.call('HSET', key, 'b', entry)
  return {'THREAD', entry}
end

local function doubted()
  redis.call('HDEL', key, 'wait')
  redis.call('HSET', key, 'doubt', '1')
  return {'DOUBT', ''}
end

local nothing_before = item.b == '' and ARGV[6] ~= '1'
if first then
  if came < first.out then return decided(item.b) end
  if nothing_before then return decided(item.new) end
  if first.took < QUICK then return decided(item.b) end
  return doubted()
end
if unsure and now < unsure then wait(unsure) end
if wait_until then
  put_back(q, rid, item, '', wait_until)
  return {'WAIT', int(wait_until - now)}
end
if not unsure then return decided(item.b) end
local receipts = tonumber(redis.call('HGET', K.receipts_seen, ARGV[5]) or '')
if receipts and now - receipts <= KEEP.receipts_seen then return decided(item.b) end
if nothing_before and came >= unproven_out then return decided(item.new) end
return doubted()
