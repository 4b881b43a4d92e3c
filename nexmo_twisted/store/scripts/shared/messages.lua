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
  if ttl then redis.call('SET', K.message .. mid, raw, 'PX', int(ttl))
  else redis.call('SET', K.message .. mid, raw, 'KEEPTTL') end
end

local function close_message(mid, record, why, now)
  local open = record.n and record.n > 0 and record.n or nil
  save_message(mid, {x = why, t = now, d = record.d, y = record.y, n = open, o = record.o}, KEEP.closed)
end

-- The notification of one recipient. 128 bits of the digest tell recipients apart, whatever they call themselves.
local function nid_of(mid, user) return mid .. '.' .. string.sub(redis.sha1hex(user), 1, 32) end
