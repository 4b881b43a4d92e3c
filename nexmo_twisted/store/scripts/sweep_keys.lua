-- uses time messages queue links attempts replies long_replies sweep
-- A step of the sweep through all keys of ours. Every key is read here, and so repaired on fresh knowledge.
-- ARGV: now, cursor, about how many to look at, ranks to report, ms that links are kept. Returns that of report().
local now, cursor, count, ranks, links = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local out, in_ = names('out'), names('in')
redis.call('DEL', K.lock)   -- nothing: a first write that needs no memory; a Redis that takes none says so here

-- It is not known whether the SMS went out, nor from which number: it is uncertain, a receipt counts (as one attempt
-- was made), and the policy for those decides.
local function make_again(mid, record, user, nid, many)
  leave(out, user, nid)
  redis.call('DEL', out.item .. nid)
  redis.call('HSET', out.item .. nid, F.lane, user, F.message, mid, F.due, int(record[F.due]), F.attempts, 1,
    F.number, '?')
  if many then redis.call('HSET', out.item .. nid, F.seen_version, '1') end
  set_aside(out, nid, {[F.lane] = user, [F.message] = mid}, 'U', 'lost item', now)
  repaired('item')
end

-- n says how many notifications are open. When fewer are there, they were removed; after as long as items are kept
-- they ran out instead. Which ones is known from the users who should get an SMS and of whom no outcome is known.
local function look_at_open(mid, record)
  local many = gather(mid, record)
  local open, lost, expired = 0, {}, now - record[F.due] >= KEEP.aside
  for user, rank in pairs(record[F.statuses]) do
    local nid = nid_of(mid, user)
    if user ~= record[F.sender] and sound_item(out, nid) then open = open + 1
    elseif user ~= record[F.sender] and not (record[F.outcomes] and record[F.outcomes][user])
      and string.find(ranks, int(rank), 1, true) then
      lost[user] = nid
    end
  end
  if open == record[F.open] and open > 0 then return end
  local left = open
  for user, nid in pairs(open < record[F.open] and lost or {}) do
    if expired then
      record[F.outcomes] = record[F.outcomes] or {}
      record[F.outcomes][user] = 'expired @' .. int(now - record[F.due])
      if many then save_apart(mid, string.match(nid, '%x+$'), record[F.outcomes][user], user) end
    else
      make_again(mid, record, user, nid, many)
      left = left + 1
    end
  end
  if not expired and (left ~= record[F.open] or left == 0) then repaired('count') end
  record[F.open] = left
  if many then redis.call('HSET', K.outcomes .. mid, F.open_of_many, left) end
  if left > 0 and not many then save_message(mid, record) end
  if left > 0 then return end
  close_message(mid, record, 'done', now)
  redis.call('DEL', K.outcomes .. mid)
end

local function look_at_message(key)
  local mid = string.sub(key, #K.message + 1)
  local record = load_message(mid)
  local sound = record
    and (record[F.closed] and record[F.closed_at] or not record[F.closed] and type(record[F.statuses]) == 'table')
    and type(record[F.due] or 0) == 'number' and type(record[F.open] or 0) == 'number'
  if not record then return end
  if sound and record[F.due] and not record[F.closed] and not record[F.open] then
    if tonumber(redis.call('ZSCORE', K.due, mid) or '') ~= record[F.due] then
      redis.call('ZADD', K.due, int(record[F.due]), mid)
      repaired('due')
    end
    must_end(key, math.max(0, record[F.due] - now) + KEEP.pending)
    return
  end
  if redis.call('ZREM', K.due, mid) == 1 then repaired('due') end
  if not sound then
    close_message(mid, {}, 'undecodable', now)
    repaired('undecodable')
  elseif record[F.closed] then        -- one with open notifications may be kept for them
    if (record[F.open] or 0) <= 0 or now - record[F.closed_at] >= KEEP.aside then must_end(key, KEEP.closed) end
  elseif record[F.open] then look_at_open(mid, record)
  else must_end(key, KEEP.statuses) end
end

-- When the lane of an item is to be looked at: not before the lease on it is over.
local function due(item) return item[F.state] ~= 'R' and item[F.lease_ends] or now end

local function look_at_item(q, key, kind)
  local id = string.sub(key, #q.item + 1)
  if kind == 'string' then return must_end(key, KEEP.closed) end
  local item = sound_item(q, id)
  if not item then
    if redis.call('PTTL', key) == -1 then
      redis.call('PEXPIRE', key, int(KEEP.aside))
      repaired('undecodable')
    end
    return
  end
  local aside, place = aside_of(q, item), redis.call('ZSCORE', q.lane .. item[F.lane], id)
  if aside then
    if place then leave(q, item[F.lane], id) end
    if not redis.call('ZSCORE', aside, id) then
      redis.call('ZADD', aside, int(item[F.aside_at] or now), id)
      repaired('aside')
    end
    must_end(key, KEEP.aside)
  elseif not place then
    redis.call('ZADD', q.lane .. item[F.lane], item[F.order] or item[F.due], id)
    redis.call('ZADD', q.queue, 'NX', int(due(item)), item[F.lane])
    repaired('lane')
  end
end

-- Only the first of a long lane: the others are looked at when they get there.
local function look_at_lane(q, key)
  local lane, at = string.sub(key, #q.lane + 1), now
  for _, id in ipairs(redis.call('ZRANGE', key, 0, 99)) do
    local item = sound_item(q, id)
    if not item or item[F.lane] ~= lane or not in_work(item) then
      leave(q, lane, id)
    elseif item[F.state] ~= 'R' then at = due(item) end
  end
  if redis.call('EXISTS', key) == 1 and redis.call('ZADD', q.queue, 'NX', int(at), lane) == 1 then repaired('queue') end
end

local function look_at_parts(key)
  local name = string.sub(key, #K.long_reply + 1)
  local parts = load_parts(name)
  if not parts then
    if redis.call('PTTL', key) == -1 then
      redis.call('PEXPIRE', key, int(KEEP.aside))
      repaired('undecodable')
    end
  elseif parts[F.incomplete] then must_end(key, KEEP.late_parts)
  else
    if tonumber(redis.call('ZSCORE', K.long_due, name) or '') ~= tonumber(parts[F.waits_until]) then
      redis.call('ZADD', K.long_due, parts[F.waits_until], name)
      repaired('parts')
    end
    must_end(key, KEEP.pending)
  end
end

local function look_at_outcomes(key)
  if redis.call('EXISTS', K.message .. string.sub(key, #K.outcomes + 1)) == 0 then must_end(key, KEEP.closed) end
end

local function look_at_suspension(key)
  local suspension = load_item(key)
  if (tonumber(suspension[F.since]) or suspension[F.undecided] == '1') and tonumber(suspension[F.probe]) then return end
  redis.call('HSET', key, F.since, tonumber(suspension[F.since]) and suspension[F.since] or int(now),
    F.probe, tonumber(suspension[F.probe]) and suspension[F.probe] or int(now), F.why, suspension[F.why] or 'unknown')
  repaired('suspension')
end

-- Attempts whose notification knows nothing of them keep a number from others.
local function look_at_handset(key)
  must_end(key, links)
  local handset = string.sub(key, #K.handset + 1)
  for _, field in ipairs(redis.call('HKEYS', key)) do
    local number = string.match(field, '^' .. F.unsettled .. '(%d+)$')
    local _, attempts = unsettled(handset, number or '')
    for nid, token in string.gmatch(attempts or '', '(%S+):(%d+):%d+') do
      local item = redis.call('HMGET', out.item .. nid, F.state, F.token, F.handset, F.number)
      if not ((item[1] == 'S' or item[1] == 'U') and item[2] == token and item[3] == handset and item[4] == number) then
        end_attempt(nid, token, handset, number, 'unproven', '', now)
        repaired('attempt')
      end
    end
  end
end

local families = {                    -- what the key begins with, the types it may have, what is looked at
  {K.message, 'string', look_at_message},
  {K.outcomes, 'hash', look_at_outcomes},
  {K.out_item, 'hash string', function(key, kind) look_at_item(out, key, kind) end},
  {K.in_item, 'hash string', function(key, kind) look_at_item(in_, key, kind) end},
  {K.out_lane, 'zset', function(key) look_at_lane(out, key) end},
  {K.in_lane, 'zset', function(key) look_at_lane(in_, key) end},
  {K.long_reply, 'hash', look_at_parts},
  {K.sms, 'hash', function(key) must_end(key, KEEP.closed) end},
  {K.early_receipts, 'hash', function(key) must_end(key, KEEP.early_receipts) end},
  {K.handset, 'hash', look_at_handset},
  {K.auto_replies, 'hash', function(key) must_end(key, KEEP.lock) end},
  {K.texted, 'string', function(key) must_end(key, links) end},
  {K.named, 'string', function(key) must_end(key, links) end},
  {K.attempts, 'hash', function(key) must_end(key, KEEP.closed) end},
  {K.stepped_aside, 'zset', function(key) must_end(key, KEEP.lock) end},
  {K.escaped, 'string', function(key) must_end(key, links) end},
  {K.owner, 'string', function(key) must_end(key, links) end},   -- if it is one of ours
  {K.lock, 'string', function(key) must_end(key, KEEP.lock) end},
  {K.beat, 'string', function(key) must_end(key, KEEP.lock) end},
  {K.rate, 'hash', function(key) must_end(key, KEEP.rate) end},
  {K.rate_wait, 'zset', function(key) must_end(key, KEEP.rate) end},
  {K.quarantine, 'list', function(key) must_end(key, KEEP.quarantine) end},
  {K.unsigned, 'list', function(key) must_end(key, KEEP.quarantine) end},
  {K.suspended, 'hash', look_at_suspension},
  {K.auto_replies_all, 'hash', function(key) must_end(key, KEEP.lock) end},
  {K.receipts_seen, 'hash', function(key) must_end(key, KEEP.receipts_seen) end},
  {K.schema, 'string'},
  {K.blocked_strangers, 'string'}, {K.turned_away, 'string'}, {K.unowned, 'set'}, {K.seq, 'string'},
  {K.suspended_ms, 'string'}, {K.due, 'zset'}, {K.long_due, 'zset'},
  {K.rate_turns, 'zset'}, {K.out_queue, 'zset'}, {K.out_uncertain, 'zset'}, {K.out_dead, 'zset'},
  {K.in_queue, 'zset'}, {K.in_uncertain, 'zset'}, {K.in_dead, 'zset'},
}

local function look_at(key)
  for _, family in ipairs(families) do
    local name, types, look = family[1], family[2], family[3]
    if key == name or string.sub(name, -1) == ':' and string.sub(key, 1, #name) == name then
      local kind = redis.call('TYPE', key).ok
      if kind == 'none' then return end   -- it ran out at this moment
      if not string.find(' ' .. types .. ' ', ' ' .. kind .. ' ', 1, true) then
        repaired('type')
        note('foreign ' .. name .. ' ' .. kind)
      elseif look then guarded(look, name, key, kind) end
      return
    end
  end
end

local batch = redis.call('SCAN', cursor, 'MATCH', K.prefix .. '*', 'COUNT', count)
for _, key in ipairs(batch[2]) do look_at(key) end
return report(batch[1], #batch[2])
