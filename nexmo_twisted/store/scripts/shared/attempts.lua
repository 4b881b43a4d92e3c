-- Attempts at a text. Until its outcome is known, an attempt changes nothing of what its number carries: it stands at
-- F.unsettled .. number of its handset, with others of the same thread. Line one there is the entry that the number
-- will have, line two the attempts, each as 'nid:token:since'. An attempt that is over leaves it; if its SMS was
-- accepted, the number carries its thread from then on.
--
-- What is still of interest of an attempt that is over is in a HASH at K.attempts .. nid. For each token <token> = 'how
-- number at out took handset', where how is accepted, refused or unproven (it is not known), at is when that became
-- known, out when its bytes went out or '-', took how many ms its request took, or that was open; and of one that is
-- unproven what is needed should its SMS prove to be accepted after all (F.attempt_entry .. token and so on).
local GRACE, QUICK = 3000, 5000   -- ms: see the table in docs/replies.md

local function unsettled(handset, number)
  local field = redis.call('HGET', K.handset .. handset, F.unsettled .. number) or ''
  return string.match(field, '^([^\n]*)\n(.*)$')
end

local function add_attempt(nid, token, handset, number, entry, ttl, now)
  local _, others = unsettled(handset, number)
  local attempts = (others and others .. ' ' or '') .. nid .. ':' .. token .. ':' .. int(now)
  redis.call('HSET', K.handset .. handset, F.unsettled .. number, entry .. '\n' .. attempts)
  changed(handset, ttl)
end

-- Takes an attempt out. Returns the entry it was to make and when it began, or nil when it is not there.
local function take_attempt(nid, token, handset, number)
  local entry, attempts = unsettled(handset, number)
  local left, since = {}, nil
  for attempt in string.gmatch(attempts or '', '%S+') do
    local id, of, at = string.match(attempt, '^(.*):(%d+):(%d+)$')
    if id == nid and of == token then since = tonumber(at) else left[#left + 1] = attempt end
  end
  if not since then return nil end
  if #left == 0 then redis.call('HDEL', K.handset .. handset, F.unsettled .. number, F.awaited .. number)
  else redis.call('HSET', K.handset .. handset, F.unsettled .. number, entry .. '\n' .. table.concat(left, ' ')) end
  return entry, since
end

local function reply_lane(handset, number) return handset .. ':' .. number end

-- The replies that wait for an attempt on that number, and the texts that wait for a number, are looked at again.
local function wake(handset, number, now)
  local lane = reply_lane(handset, number)
  local first = redis.call('ZRANGE', K.in_lane .. lane, 0, 0)[1]
  local reply = first and redis.call('HMGET', K.in_item .. first, F.state, F.open_attempts)
  if reply and reply[1] == 'R' and reply[2] then redis.call('ZADD', K.in_queue, int(now), lane) end
  for _, nid in ipairs(redis.call('ZRANGE', K.stepped_aside .. handset, 0, 99)) do
    redis.call('ZREM', K.stepped_aside .. handset, nid)
    local item = redis.call('HMGET', K.out_item .. nid, F.lane, F.state, F.passed_until, F.due)
    if item[2] == 'R' and item[3] then
      redis.call('HDEL', K.out_item .. nid, F.passed_until)
      redis.call('ZADD', K.out_lane .. item[1], item[4], nid)
      if redis.call('ZSCORE', K.out_queue, item[1]) == item[3] then redis.call('ZADD', K.out_queue, int(now), item[1])
      else came(names('out'), item[1], nid, now) end
    end
  end
end

local function keep_outcome(nid, token, how, handset, number, at, out, took)
  redis.call('HSET', K.attempts .. nid, token,
    table.concat({how, number, int(at), out and int(out) or '-', int(took), handset}, ' '))
  redis.call('PEXPIRE', K.attempts .. nid, int(KEEP.closed))
end

-- A number carries what an accepted SMS says. What it carried just before still counts for replies that come now.
local function carry(handset, number, entry, mark, now, took, token)
  local key = K.handset .. handset
  local read = redis.call('HMGET', key, number, F.changes .. number, F.disputed .. number)
  local before, lines = read[1] or '', {}
  if read[3] and not same_thread(read[3], entry) then before, took = read[3], KEEP.closed end   -- not known
  redis.call('HSET', key, number, entry, F.accepted_at .. number, int(now))
  redis.call('HDEL', key, F.disputed .. number)
  if not same_thread(before, entry) then
    for line in string.gmatch(read[2] or '', '[^\n]+') do
      if now - tonumber(string.match(line, '^%d+')) <= GRACE then lines[#lines + 1] = line end
    end
    lines[#lines + 1] = int(now) .. ' ' .. int(took) .. ' ' .. before
    redis.call('HSET', key, F.changes .. number, table.concat(lines, '\n'))
  end
  if not same_thread(read[1] or '', entry) then redis.call('HDEL', key, F.introduced .. number) end
  if mark ~= '' then redis.call('HSET', key, F.introduced .. number, mark) end
  changed(handset)
  if not texted(cjson.decode(entry)[1], handset, entry, token) then redis.call('HSET', key, number, over(entry)) end
end

-- The SMS of an attempt was accepted though that had been taken back: it is the number's again if no other SMS from
-- there was accepted since.
local function carry_late(nid, token, handset, number, now)
  local record, key = K.attempts .. nid, K.handset .. handset
  local kept = redis.call('HMGET', record, F.attempt_entry .. token, F.attempt_introduces .. token,
    F.attempt_before .. token, F.attempt_accepted_at .. token)
  if not kept[1] then return end
  redis.call('HDEL', record, F.attempt_entry .. token)
  local current = redis.call('HMGET', key, number, F.accepted_at .. number)
  if same_thread(current[1] or '', kept[3] or '') and (current[2] or '') == (kept[4] or '') then
    carry(handset, number, kept[1], kept[2] or '', now, KEEP.closed, token)
  elseif not same_thread(current[1] or '', kept[1]) then
    redis.call('HSET', key, F.disputed .. number, kept[1])
    changed(handset)
  end
end

-- An attempt is over: its SMS was accepted, or refused, or nothing is known and it is not waited for any more. out is
-- when its bytes went out, took how long its request took (ms), where that is known. Replies that come from now on go
-- by how long it was open: the handset may have had the SMS all the while, however fast the answer was that was not
-- stored.
local function end_attempt(nid, token, handset, number, how, mark, now, out, took)
  if not handset or not number or not token or token == '' then return end
  local key, record = K.handset .. handset, K.attempts .. nid
  local waits = redis.call('HEXISTS', key, F.awaited .. number) == 1
  local entry, since = take_attempt(nid, token, handset, number)
  if not entry then
    local state = how == 'accepted' and redis.call('HGET', record, token)
    if state and string.match(state, '^unproven ') then
      keep_outcome(nid, token, how, handset, number, now, out, KEEP.closed)
      carry_late(nid, token, handset, number, now)
      wake(handset, number, now)
    end
    return
  end
  local open = now - since
  if how == 'unproven' then
    local before = redis.call('HMGET', key, number, F.accepted_at .. number)
    redis.call('HSET', record, F.attempt_entry .. token, entry, F.attempt_introduces .. token, mark or '',
      F.attempt_before .. token, before[1] or '', F.attempt_accepted_at .. token, before[2] or '')
  end
  if how == 'unproven' or waits then
    keep_outcome(nid, token, how, handset, number, now, out, took or open)
  end
  if how == 'accepted' then carry(handset, number, entry, mark or '', now, math.max(took or 0, open), token)
  else changed(handset) end
  wake(handset, number, now)
end

-- When an attempt of unknown outcome was over: when it stepped aside, or before, if only its lease was over then.
local function over_since(item, now)
  local leased = tonumber(item[F.lease_ends] or '') or now
  return item[F.state] == 'U' and math.min(tonumber(item[F.aside_at] or '') or now, leased) or leased
end

-- The attempt of an item in work or of unknown outcome, if it has one.
local function end_attempt_of(nid, item, how, now)
  if item[F.state] ~= 'S' and item[F.state] ~= 'U' then return end
  local at = how == 'unproven' and item[F.state] == 'U' and over_since(item, now) or now
  end_attempt(nid, item[F.token], item[F.handset], item[F.number], how, item[F.introduces], at,
    tonumber(item[F.request_sent] or ''))
end
