-- Where the links of one user are kept. Some user ids would reach the key of a handset: they get another.
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
-- user, map as read, new map, handset, version as read, owner as read, owner's map as read, number, new entry, ttl,
-- phone as its owner wrote it, the thread when it was introduced there before or '', then further entries of the handset
-- (field, value ...) that are taken over from the Node service's keys
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

-- What a number carries on a handset changes when an SMS begins. When that SMS has certainly not gone out, the handset knows
-- nothing of it, and answers belong where they did before: the item keeps what the number carried (pb) and the user's map
-- (pm), the version of its own change (pv) and the digest of its own map (ph). It is undone unless there were others since.
local function remember_link(key, a)
  local handset, number, entry = K.handset .. ARGV[a + 3], ARGV[a + 7], ARGV[a + 8]
  local before = redis.call('HGET', handset, number) or ''
  redis.call('HDEL', key, 'pb', 'pm', 'pv', 'ph')
  if string.match(before, '^(.*),%d+,%d+%]$') ~= string.match(entry, '^(.*),%d+,%d+%]$') then
    redis.call('HSET', key, 'pb', before, 'pv', int(tonumber(redis.call('HGET', handset, 'v') or '0') + 1),
      'pm', ARGV[a + 1], 'ph', redis.sha1hex(ARGV[a + 2]))
  end
end

local function link_again(item)
  local handset, map = K.handset .. (item.h or ''), map_key(item.l)
  if item.s ~= 'S' or not item.pv or redis.call('HGET', handset, 'v') ~= item.pv then return end
  if item.pb == '' then redis.call('HDEL', handset, item.n) else redis.call('HSET', handset, item.n, item.pb) end
  redis.call('HINCRBY', handset, 'v', 1)
  if redis.sha1hex(redis.call('GET', map) or '') ~= item.ph then return end
  if item.pm == '' then redis.call('DEL', map) else redis.call('SET', map, item.pm, 'KEEPTTL') end
end

local function write_links(a)
  local user, handset, number, ttl = ARGV[a], ARGV[a + 3], ARGV[a + 7], ARGV[a + 9]
  redis.call('SET', map_key(user), ARGV[a + 2], 'PX', ttl)
  redis.call('SET', K.owner .. handset, user, 'PX', ttl)
  redis.call('HSET', K.handset .. handset, number, ARGV[a + 8])
  for i = a + 12, #ARGV, 2 do redis.call('HSET', K.handset .. handset, ARGV[i], ARGV[i + 1]) end
  if ARGV[a + 11] ~= '' then redis.call('HSET', K.handset .. handset, 'i:' .. number, ARGV[a + 11]) end
  redis.call('HINCRBY', K.handset .. handset, 'v', 1)
  redis.call('PEXPIRE', K.handset .. handset, ttl)
end
