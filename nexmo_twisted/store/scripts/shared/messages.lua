-- A message record: d due, y the delay before that, s sender, b packed body, r {user = rank}, n open notifications,
-- o {user = outcome}, x why it is closed, t when, c its conversation (16 bytes; while it is open b says so).
-- Never foreign JSON: b passes through as it came.
local DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

-- 22 digits of base64 are 16 bytes.
local function to_bytes(digits)
  local bytes = {}
  for i = 1, 22, 4 do
    local number = 0
    for j = i, i + 3 do number = number * 64 + (string.find(DIGITS, string.sub(digits, j, j), 1, true) or 1) - 1 end
    bytes[#bytes + 1] = string.char(math.floor(number / 65536), math.floor(number / 256) % 256, number % 256)
  end
  return string.sub(table.concat(bytes), 1, 16)
end

local function to_digits(bytes)
  local digits = {}
  for i = 1, 16, 3 do
    local one, two, three = string.byte(bytes, i, i + 2)
    local number = one * 65536 + (two or 0) * 256 + (three or 0)
    for _, unit in ipairs({262144, 4096, 64, 1}) do
      local digit = math.floor(number / unit) % 64 + 1
      digits[#digits + 1] = string.sub(DIGITS, digit, digit)
    end
  end
  return string.sub(table.concat(digits), 1, 22)
end

-- A closed record is kept for days, so as a list without names: {d, y, t since d, x, s, c, n, {user = end}}; false is
-- nothing, and true as x 'done'. An end is the rank, or as text the rank, or - if it is not known, and the outcome: the
-- usual one without the "sent " before the number, one that would look like that with a ! before it.
local function shortened(record)
  local ends = {}
  for user, rank in pairs(record.r or {}) do
    if user ~= record.s then ends[user] = rank end
  end
  for user, outcome in pairs(record.o or {}) do
    local rank = ends[user]
    local short, usual = string.gsub(outcome, '^sent (%d)', '%1')
    if usual == 0 then short = string.gsub(outcome, '^[%d!]', '!%0') end
    ends[user] = (rank and int(rank) or '-') .. short
  end
  return {record.d or false, record.y or false, record.t - (record.d or 0), record.x == 'done' or record.x,
    record.s or false,
          record.c or false, record.n or false, ends}
end

local function lengthened(list)
  local d, y, after, x, s, c, n, ends = unpack(list)
  local record = {d = d or nil, y = y or nil, t = after + (d or 0), x = x == true and 'done' or x, s = s or nil,
                  c = c or nil, n = n or nil, r = {}}
  for user, known in pairs(ends) do
    if type(known) == 'number' then record.r[user] = known
    else
      record.r[user] = tonumber(string.sub(known, 1, 1))
      record.o = record.o or {}
      local outcome, usual = string.gsub(string.sub(known, 2), '^%d', 'sent %0')
      if usual == 0 then outcome = string.gsub(outcome, '^!', '') end
      record.o[user] = outcome
    end
  end
  return record
end

local function load_message(mid)
  local found = redis.call('GET', K.message .. mid)
  if not found then return nil end
  local ok, record = pcall(cmsgpack.unpack, found)
  if ok and type(record) == 'table' and record[1] ~= nil then ok, record = pcall(lengthened, record) end
  if ok and type(record) == 'table' then return record end
  return {x = 'undecodable'}
end

local function save_message(mid, record, ttl)   -- ttl in ms; without one it ends when it would have
  local raw = cmsgpack.pack(record.x and record.t and shortened(record) or record)
  if record.n and redis.call('EXISTS', K.outcomes .. mid) == 1 then redis.call('HINCRBY', K.outcomes .. mid, 'v', 1) end
  if ttl then redis.call('SET', K.message .. mid, raw, 'PX', int(ttl))
  else redis.call('SET', K.message .. mid, raw, 'KEEPTTL') end
end

-- The conversation of a record, 16 bytes, or nil.
local function conversation_of(record)
  local digits = string.match(record.b or '', '^%["([%w_-]+)"')
  return record.c or digits and #digits == 22 and to_bytes(digits) or nil
end

local function close_message(mid, record, why, now)
  local open = record.n and record.n > 0 and record.n or nil
  save_message(mid, {x = why, t = now, d = record.d, y = record.y, n = open, o = record.o, r = record.r, s = record.s,
                     c = conversation_of(record)}, KEEP.closed)
end

-- The notification of one recipient. 128 bits of the digest tell recipients apart, whatever they call themselves.
local function nid_of(mid, user) return mid .. '.' .. string.sub(redis.sha1hex(user), 1, 32) end

-- What became of each of many recipients stands in a hash of its own while notifications are open: to write the whole
-- record again for each of them would take the square of the time. The digits of the nid -> outcome, NUL, user; and
-- under '' how many are open, under v how often the record was written since. The items of such a message have j = the
-- v that their claim saw: while it is the same, nobody needs to read a thousand statuses for one.
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
