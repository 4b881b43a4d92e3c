-- Shared by all scripts. Scripts are atomic, not transactional: read and decode everything before the first write.
-- The first write of a draining script is a ZREM, so that the backlog drains when Redis is out of memory.

local function clock(given)           -- absolute ms, or '' for Redis' own time
  if given ~= '' then return tonumber(given) end
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

local function int(n) return string.format('%.0f', n) end

-- A message record: d due, s sender, b packed body, r {user = rank}, n open notifications, o {user = outcome},
-- x why it is closed, t when. Never foreign JSON: b passes through as it came.
local function load_message(mid)
  local raw = redis.call('GET', K.message .. mid)
  if not raw then return nil end
  local ok, record = pcall(cmsgpack.unpack, raw)
  if ok and type(record) == 'table' then return record end
  return {x = 'undecodable'}
end

local function save_message(mid, record, ttl)   -- ttl in ms; nil keeps the record until it is closed
  local raw = cmsgpack.pack(record)
  if ttl then redis.call('SET', K.message .. mid, raw, 'PX', int(ttl))
  else redis.call('SET', K.message .. mid, raw) end
end

local function close_message(mid, record, why, now)
  local open = record.n and record.n > 0 and record.n or nil
  save_message(mid, {x = why, t = now, n = open, o = record.o}, KEEP.closed)
end

local function names(queue)
  return {queue = K[queue .. '_queue'], lane = K[queue .. '_lane'], item = K[queue .. '_item'],
          uncertain = K[queue .. '_uncertain'], buried = K[queue .. '_buried']}
end

local function load_item(key)
  if redis.call('TYPE', key).ok ~= 'hash' then return nil end
  local flat, item = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do item[flat[i]] = flat[i + 1] end
  return item
end

-- Takes an item out of its lane; when it was the head, the next one may be looked at at once.
local function leave_lane(q, lane, id, now)
  local head = redis.call('ZRANGE', q.lane .. lane, 0, 0)[1]
  redis.call('ZREM', q.lane .. lane, id)
  if redis.call('EXISTS', q.lane .. lane) == 0 then redis.call('ZREM', q.queue, lane)
  elseif head == id then redis.call('ZADD', q.queue, int(now), lane) end
end

local function set_aside(q, id, item, state, reason, now)
  leave_lane(q, item.l, id, now)
  redis.call('ZREM', q.uncertain, id)
  redis.call('HSET', q.item .. id, 's', state, 'e', reason, 'z', int(now), 'k', '')
  redis.call('PEXPIRE', q.item .. id, int(KEEP.aside))
  if item.m then redis.call('PEXPIRE', K.message .. item.m, int(KEEP.aside)) end
  redis.call('ZADD', state == 'U' and q.uncertain or q.buried, int(now), id)
end

local function held_so_far(now)
  local total = tonumber(redis.call('GET', K.held) or '0')
  local since = redis.call('HGET', K.hold, 'since')
  if since then total = total + now - tonumber(since) end
  return total
end

local function map_key(user)
  if string.sub(user, 1, 6) == 'phone-' then return K.escaped .. user end
  return K.map .. user
end

-- Whom the Node service last texted on a handset. It wrote the phone as it found it: digits, +digits, or raw.
local function owner_of(handset, raw)
  local owner = redis.call('GET', K.owner .. handset) or redis.call('GET', K.owner .. '+' .. handset)
  if not owner and raw ~= '' then owner = redis.call('GET', K.owner .. raw) end
  return owner or ''
end

-- A handset is a HASH: v counts its versions; <number> = what it carries (JSON of ours, opaque here);
-- i:<number> = the thread that was introduced there.
-- Links are chosen in Python and written only if everything the choice was based on is unchanged. a = positions in ARGV:
-- user, map as read, new map, handset, version as read, owner as read, owner's map as read, number, new entry, ttl, phone as its
-- owner wrote it, the thread when it was introduced there before or ''
local function links_unchanged(a)
  local user, handset, owner = ARGV[a], ARGV[a + 3], ARGV[a + 5]
  if (redis.call('GET', map_key(user)) or '') ~= ARGV[a + 1] then return false end
  if (redis.call('HGET', K.handset .. handset, 'v') or '') ~= ARGV[a + 4] then return false end
  if ARGV[a + 4] == '' then         -- a handset we have not texted yet: the Node service's keys were consulted
    if owner_of(handset, ARGV[a + 10]) ~= owner then return false end
    if owner ~= '' and (redis.call('GET', map_key(owner)) or '') ~= ARGV[a + 6] then return false end
  end
  return true
end

local function write_links(a)
  local user, handset, number, ttl = ARGV[a], ARGV[a + 3], ARGV[a + 7], ARGV[a + 9]
  redis.call('SET', map_key(user), ARGV[a + 2], 'PX', ttl)
  redis.call('SET', K.owner .. handset, user, 'PX', ttl)
  redis.call('HSET', K.handset .. handset, number, ARGV[a + 8])
  if ARGV[a + 11] ~= '' then redis.call('HSET', K.handset .. handset, 'i:' .. number, ARGV[a + 11]) end
  redis.call('HINCRBY', K.handset .. handset, 'v', 1)
  redis.call('PEXPIRE', K.handset .. handset, ttl)
end
