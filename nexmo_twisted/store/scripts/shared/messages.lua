-- A message record: d due, y the delay before that, s sender, b packed body, r {user = rank}, n open notifications,
-- o {user = outcome}, x why it is closed, t when. Never foreign JSON: b passes through as it came.
local function load_message(mid)
  local raw = redis.call('GET', K.message .. mid)
  if not raw then return nil end
  local ok, record = pcall(cmsgpack.unpack, raw)
  if ok and type(record) == 'table' then return record end
  return {x = 'undecodable'}
end

local function save_message(mid, record, ttl)   -- ttl in ms; without one it ends when it would have
  local raw = cmsgpack.pack(record)
  if record.n and redis.call('EXISTS', K.outcomes .. mid) == 1 then redis.call('HINCRBY', K.outcomes .. mid, 'v', 1) end
  if ttl then redis.call('SET', K.message .. mid, raw, 'PX', int(ttl))
  else redis.call('SET', K.message .. mid, raw, 'KEEPTTL') end
end

local function close_message(mid, record, why, now)
  local open = record.n and record.n > 0 and record.n or nil
  save_message(mid, {x = why, t = now, d = record.d, y = record.y, n = open, o = record.o}, KEEP.closed)
end

-- The notification of one recipient. 128 bits of the digest tell recipients apart, whatever they call themselves.
local function nid_of(mid, user) return mid .. '.' .. string.sub(redis.sha1hex(user), 1, 32) end

-- What became of each of many recipients stands in a hash of its own while notifications are open: to write the whole
-- record again for each of them would take the square of the time. The digits of the nid -> outcome, NUL, user; and under
-- '' how many are open, under v how often the record was written since. The items of such a message have j = the v that
-- their claim saw: while it is the same, nobody needs to read a thousand statuses for one.
local MANY = 50

local function version(mid) return redis.call('HGET', K.outcomes .. mid, 'v') or '?' end   -- ? when that was lost

local function outcome_apart(mid, digits)   -- and its user; nil when there is none
  return string.match(redis.call('HGET', K.outcomes .. mid, digits) or '', '^(.*)%z(.*)$')
end

local function tell_apart(mid, digits, outcome, user)
  redis.call('HSET', K.outcomes .. mid, digits, outcome .. '\0' .. user)
end

-- Puts into a record what stands apart. Returns whether anything does.
local function gather(mid, record)
  local flat = redis.call('HGETALL', K.outcomes .. mid)
  for i = 1, #flat, 2 do
    local outcome, user = string.match(flat[i + 1], '^(.*)%z(.*)$')
    record.o = record.o or {}
    if flat[i] == '' then record.n = tonumber(flat[i + 1]) elseif user then record.o[user] = outcome end
  end
  return #flat > 0
end

-- Why a claimed notification needs no SMS any more, nil when it does.
local function unneeded(item, ranks)
  local unchanged = item.j and item.j ~= '?' and item.j == version(item.m)
  if unchanged and redis.call('EXISTS', K.message .. item.m) == 1 then return nil end
  local record = load_message(item.m)
  if not record or record.x then return record and record.x or 'expired' end
  if not string.find(ranks, int(record.r[item.l] or 0), 1, true) then return 'read' end
end
