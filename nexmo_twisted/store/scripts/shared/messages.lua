-- A message record is never foreign JSON: the payload passes through as it came. Statuses are {user = rank}, outcomes
-- {user = outcome}.
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

-- A closed record is kept for days, so as a list without names: {due, delay, closed_at since due, closed, sender,
-- conversation, open, {user = end}, id of the message if it has one of its own}; false is nothing, and true as closed
-- 'done'. An end is the rank, or as text the rank, or - if it is not known, and the outcome: the usual one without the
-- "sent " before the number, one that would look like that with a ! before it.
local function shortened(record)
  local ends = {}
  for user, rank in pairs(record[F.statuses] or {}) do
    if user ~= record[F.sender] then ends[user] = rank end
  end
  for user, outcome in pairs(record[F.outcomes] or {}) do
    local rank = ends[user]
    local short, usual = string.gsub(outcome, '^sent (%d)', '%1')
    if usual == 0 then short = string.gsub(outcome, '^[%d!]', '!%0') end
    ends[user] = (rank and int(rank) or '-') .. short
  end
  return {
    record[F.due] or false, record[F.delay] or false, record[F.closed_at] - (record[F.due] or 0),
    record[F.closed] == 'done' or record[F.closed], record[F.sender] or false, record[F.conversation] or false,
    record[F.open] or false, ends, record[F.message_id],
  }
end

local function lengthened(list)
  local due, delay, after, closed, sender, conversation, open, ends, id = unpack(list)
  local record = {
    [F.due] = due or nil, [F.delay] = delay or nil, [F.closed_at] = after + (due or 0),
    [F.closed] = closed == true and 'done' or closed, [F.sender] = sender or nil,
    [F.conversation] = conversation or nil, [F.open] = open or nil, [F.statuses] = {},
    [F.message_id] = id,
  }
  for user, known in pairs(ends) do
    if type(known) == 'number' then record[F.statuses][user] = known
    else
      record[F.statuses][user] = tonumber(string.sub(known, 1, 1))
      record[F.outcomes] = record[F.outcomes] or {}
      local outcome, usual = string.gsub(string.sub(known, 2), '^%d', 'sent %0')
      if usual == 0 then outcome = string.gsub(outcome, '^!', '') end
      record[F.outcomes][user] = outcome
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
  return {[F.closed] = 'undecodable'}
end

local function save_message(mid, record, ttl)   -- ttl in ms; without one it ends when it would have
  local raw = cmsgpack.pack(record[F.closed] and record[F.closed_at] and shortened(record) or record)
  if record[F.open] and redis.call('EXISTS', K.outcomes .. mid) == 1 then
    redis.call('HINCRBY', K.outcomes .. mid, F.version, 1)
  end
  if ttl then redis.call('SET', K.message .. mid, raw, 'PX', int(ttl))
  else redis.call('SET', K.message .. mid, raw, 'KEEPTTL') end
end

-- The conversation of a record in 22 digits, or = and its id; '' when it is not known. A closed one has 16 bytes.
local function conversation_of(record)
  local kept = record[F.conversation] or ''
  if type(kept) == 'table' then return '=' .. kept[1] end
  return #kept == 16 and to_digits(kept) or kept
end

local function in_closed_record(conversation)
  if type(conversation) == 'string' and #conversation == 22 then return to_bytes(conversation) end
  return conversation
end

local function close_message(mid, record, why, now)
  local open = record[F.open] and record[F.open] > 0 and record[F.open] or nil
  local closed = {
    [F.closed] = why, [F.closed_at] = now, [F.due] = record[F.due], [F.delay] = record[F.delay], [F.open] = open,
    [F.outcomes] = record[F.outcomes], [F.statuses] = record[F.statuses], [F.sender] = record[F.sender],
    [F.conversation] = in_closed_record(record[F.conversation]), [F.message_id] = record[F.message_id],
  }
  save_message(mid, closed, KEEP.closed)
end

-- The notification of one recipient. 128 bits of the digest tell recipients apart, whatever they call themselves.
local function nid_of(mid, user) return mid .. '.' .. string.sub(redis.sha1hex(user), 1, 32) end

-- What became of each of many recipients stands in a hash of its own while notifications are open: to write the whole
-- record again for each of them would take the square of the time. The digits of the nid -> outcome, NUL, user; and
-- how many are open, and as version how often the record was written since. The items of such a message have the
-- version that their claim saw: while it is the same, no claim has to read a thousand statuses for one.
local MANY = 50

local function version(mid) return redis.call('HGET', K.outcomes .. mid, F.version) or '?' end   -- ? when that was lost

local function outcome_apart(mid, digits)   -- and its user; nil when there is none
  return string.match(redis.call('HGET', K.outcomes .. mid, digits) or '', '^(.*)%z(.*)$')
end

local function save_apart(mid, digits, outcome, user)
  redis.call('HSET', K.outcomes .. mid, digits, outcome .. '\0' .. user)
end

-- Puts into a record what stands apart. Returns whether anything does.
local function gather(mid, record)
  local flat = redis.call('HGETALL', K.outcomes .. mid)
  for i = 1, #flat, 2 do
    local outcome, user = string.match(flat[i + 1], '^(.*)%z(.*)$')
    record[F.outcomes] = record[F.outcomes] or {}
    if flat[i] == F.open_of_many then record[F.open] = tonumber(flat[i + 1])
    elseif user then record[F.outcomes][user] = outcome end
  end
  return #flat > 0
end

-- Why a claimed notification needs no SMS any more, nil when it does.
local function unneeded(item, ranks)
  local seen = item[F.seen_version]
  local unchanged = seen and seen ~= '?' and seen == version(item[F.message])
  if unchanged and redis.call('EXISTS', K.message .. item[F.message]) == 1 then return nil end
  local record = load_message(item[F.message])
  if not record or record[F.closed] then return record and record[F.closed] or 'expired' end
  if not string.find(ranks, int(record[F.statuses][item[F.lane]] or 0), 1, true) then return 'read' end
end
