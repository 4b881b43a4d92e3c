-- Where the links of one user are kept. Some user ids would reach the key of a handset: they get another.
local function map_key(user)
  if string.sub(user, 1, 6) == 'phone-' then return K.escaped .. user end
  return K.map .. user
end

-- Whom the Node service last texted on a handset. It wrote the phone as it found it: digits, +digits, or raw. The map
-- of a user whom we have texted on another handset since proves nothing of this one.
local function owner_of(handset, raw)
  local owner = redis.call('GET', K.owner .. handset) or redis.call('GET', K.owner .. '+' .. handset)
  if not owner and raw ~= '' then owner = redis.call('GET', K.owner .. raw) end
  local last = owner and redis.call('GET', K.texted .. owner)
  if not owner or last and string.match(last, '^%d+') ~= handset then return '' end
  return owner
end

-- A handset is a HASH. Under each of our numbers is what that carries: the thread of the last SMS from there that is
-- known to be accepted. An entry is JSON of ours, [user, conversation, expires, used], and opaque here but for its end.
-- Besides (name .. number): introduced, the thread that was introduced there; accepted_at, when the last SMS from there
-- was accepted; changes, a line 'when took before' for each SMS that changed what it carries, as long as such lines are
-- of interest (see carry()): when that was known, how long after its attempt began (both ms), and the entry that it
-- carried before, or nothing; unsettled, the attempts at an SMS from there whose outcome is not known (see
-- attempts.lua); awaited, 1 when a reply, or a part of one, came meanwhile and waits for that; disputed, the entry of
-- an SMS that came to be known as accepted when the number carried something else: which of the two is the last on the
-- handset, is not known. And there is a version, another one after every change.
local function thread_in(entry) return string.match(entry, '^(.*),%-?%d+,%-?%d+%]$') or entry end

local function over(entry)            -- the same, expired
  return thread_in(entry) .. ',0,' .. string.match(entry, '(%d+)%]$') .. ']'
end

local function same_thread(one, other) return thread_in(one) == thread_in(other) end

local function changed(handset, ttl)
  local key = K.handset .. handset
  redis.call('HSET', key, F.version, int(redis.call('INCR', K.seq)))
  if ttl and redis.call('PTTL', key) < tonumber(ttl) then redis.call('PEXPIRE', key, int(tonumber(ttl))) end
end

-- Links are chosen in Python and written only if everything the choice was based on is unchanged. a = positions in
-- ARGV: user, map as read, handset, version as read, owner as read, owner's map as read, phone as its owner wrote it,
-- number, new entry, ttl, then further fields of the handset (field, value ...) that are taken over from the Node
-- service's keys
local function links_unchanged(a)
  local user, handset, owner = ARGV[a], ARGV[a + 2], ARGV[a + 4]
  if (redis.call('GET', map_key(user)) or '') ~= ARGV[a + 1] then return false end
  if (redis.call('HGET', K.handset .. handset, F.version) or '') ~= ARGV[a + 3] then return false end
  if ARGV[a + 3] == '' then         -- a handset we have not texted yet: the Node service's keys were consulted
    if owner_of(handset, ARGV[a + 6]) ~= owner then return false end
    if owner ~= '' and (redis.call('GET', map_key(owner)) or '') ~= ARGV[a + 5] then return false end
  end
  return true
end

local function adopt_links(a)
  for i = a + 10, #ARGV, 2 do redis.call('HSET', K.handset .. ARGV[a + 2], ARGV[i], ARGV[i + 1]) end
end

local function write_map(user, map, ttl) redis.call('SET', map_key(user), map, 'PX', int(tonumber(ttl))) end

-- A user was texted on a handset. When that is another one than before, the links on the other end, though late replies
-- still find them. What is kept is the handset, the token of that attempt, and the handset before: what becomes known
-- of an earlier attempt (of one user they follow each other, so its token is less) says nothing of where the user is
-- now. Returns whether that is the handset.
local function texted(user, handset, entry, token)
  local key, ttl = K.texted .. user, int(math.max(1, redis.call('PTTL', K.handset .. handset)))
  local last, latest, before = string.match(redis.call('GET', key) or '', '^(%d+) ?(%d*) ?(%d*)')
  redis.call('SET', K.owner .. handset, user, 'PX', ttl)
  if last and last ~= handset and (tonumber(latest) or 0) > tonumber(token) then return false end
  if last ~= handset then before = last end
  token = math.max(tonumber(latest or '') or 0, tonumber(token))
  redis.call('SET', key, handset .. ' ' .. int(token) .. (before and ' ' .. before or ''), 'PX', ttl)
  if not last or last == handset then return true end
  local old, ended = redis.call('HGETALL', K.handset .. last), false
  for i = 1, #old, 2 do
    local whose = string.match(old[i + 1], '^(%[".*",)".*",%d+,%d+%]$')
    if string.match(old[i], '^%d+$') and whose and string.sub(entry, 1, #whose) == whose
      and cjson.decode(old[i + 1])[1] == cjson.decode(entry)[1] then
      redis.call('HSET', K.handset .. last, old[i], over(old[i + 1]))
      ended = true
    end
  end
  if ended then changed(last) end
  return true
end
