-- uses time queue links attempts replies
-- A reply came while attempts at an SMS of another thread were open on its number. Decides to which of the two threads
-- it belongs, once and for all, or lets it wait for what decides it (see the table in docs/replies.md).
-- ARGV: now, rid, token, ms that a receipt may take after the end of an attempt, country of the handset, 1 when the
-- Node service's keys gave the number to a thread.
-- Returns {answer, entry}: THREAD and the entry it belongs to or '', DOUBT, WAIT (it is given back), or STALE.
local now, q, rid, patience = clock(ARGV[1]), names('in'), ARGV[2], tonumber(ARGV[4])
local key = q.item .. rid
local item = load_item(key)
if not item or item[F.token] ~= ARGV[3] then return {'STALE', ''} end
local arrived, wait_until, unsure = tonumber(item[F.due]), nil, nil

local function wait(at) wait_until = math.min(wait_until or at, at) end

-- What is known of one attempt: how it ended, when, when its bytes went out, if that is known, how long it took. A
-- notification that lies with its sender has not ended, one that stands aside, or whose sender lost it, has no outcome.
local function known(nid, token, since)
  local kept = redis.call('HGET', K.attempts .. nid, token) or ''
  local how, at, out, took = string.match(kept, '^(%a+) %d+ (%d+) (%S+) (%d+)')
  if how then return how, tonumber(at), tonumber(out), tonumber(took) end
  local sms = load_item(K.out_item .. nid)
  if sms and sms[F.token] == token and (sms[F.state] == 'S' or sms[F.state] == 'U') then
    local ends = tonumber(sms[F.lease_ends]) or 0
    if sms[F.state] == 'S' and ends > now then return 'open', ends end
    return 'unproven', over_since(sms, now), tonumber(sms[F.request_sent] or '')
  end
  return 'unproven', since
end

-- An SMS that had not gone out when the reply came tells nothing.
local accepted, quick, others, unproven_out = false, true, {}, nil
for nid, token, since in string.gmatch(item[F.open_attempts] or '', '(%S+):(%d+):(%d+)') do
  local how, at, out, took = known(nid, token, tonumber(since))
  local read_for = arrived - (out or tonumber(since))   -- so long at most, when the reply came
  if how == 'accepted' and read_for >= 0 then
    accepted, quick = true, quick and took < QUICK and read_for < QUICK
  elseif how == 'open' or how == 'unproven' and read_for >= 0 then
    others[#others + 1] = {how = how, at = at, out = out, since = tonumber(since)}
  end
end
for _, other in ipairs(others) do
  -- Like the accepted one, an SMS that went out so shortly before cannot have been answered.
  local too_late = accepted and arrived - (other.out or other.since) < QUICK
  if other.how == 'open' and not too_late then
    wait(math.max(other.at, now + 1000))
  elseif not too_late then
    unsure = math.max(unsure or 0, other.at + patience)
    unproven_out = math.min(unproven_out or math.huge, other.out or math.huge)
  end
end

local function decided(entry)
  redis.call('HDEL', key, F.open_attempts, F.other_entry)
  redis.call('HSET', key, F.entry, entry)
  return {'THREAD', entry}
end

local function doubted()
  redis.call('HDEL', key, F.open_attempts)
  redis.call('HSET', key, F.ambiguous, '1')
  return {'DOUBT', ''}
end

local nothing_before = item[F.entry] == '' and ARGV[6] ~= '1'
if accepted and nothing_before then return decided(item[F.other_entry]) end
if accepted and not quick then return doubted() end
if unsure and now < unsure then wait(unsure) end
if wait_until then
  put_back(q, rid, item, '', wait_until)
  return {'WAIT', int(wait_until - now)}
end
if not unsure then return decided(item[F.entry]) end
local receipts = tonumber(redis.call('HGET', K.receipts_seen, ARGV[5]) or '')
if receipts and now - receipts <= KEEP.receipts_seen then return decided(item[F.entry]) end
if nothing_before and arrived >= unproven_out then return decided(item[F.other_entry]) end
return doubted()
