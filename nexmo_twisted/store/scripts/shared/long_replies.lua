-- A long reply whose parts have not all come: HASH at K.parts .. name, name = handset:number:reference:total, listed in
-- K.parts_due. f rid of the part that came first, which will be that of the reply, i its messageId; h handset, n
-- number, what its thread is known by (see replies.lua), d when it came, o its place, all as of that part; z total; u
-- until when others are waited for; i<part> messageId and x<part> text of each part that came. The rid, and so the UUID
-- it is posted with, is that of the first part to come and not of part 1: whatever a Redis that lost its last writes
-- still has of a reply, this is in it. Once it is posted incomplete c = 1, and it has no texts and is not listed: parts
-- that come late are known by it.
local function load_parts(name)
  local parts = load_item(K.parts .. name)
  local sound = parts and parts.f and parts.i and parts.h and parts.n and parts.b and tonumber(parts.d)
    and tonumber(parts.o) and (tonumber(parts.z) or 256) <= 255 and (parts.c or tonumber(parts.u))
  return sound and parts or nil
end

local function missing(parts)
  local count = 0
  for part = 1, tonumber(parts.z) do
    if not parts['i' .. part] then count = count + 1 end
  end
  return count
end

-- What has come becomes a reply, in order, with [...] where something is missing.
local function close_parts(q, name, parts, now)
  local texts, kept, key = {}, {'c', 1}, K.parts .. name
  for part = 1, tonumber(parts.z) do
    local text = parts['x' .. part]
    if text then
      kept[#kept + 1] = 'i' .. part
      kept[#kept + 1] = parts['i' .. part]
    end
    if text or part == 1 or parts['x' .. part - 1] then texts[#texts + 1] = text or '[...]' end
  end
  redis.call('ZREM', K.parts_due, name)
  redis.call('DEL', q.item .. parts.f, key)
  local torn = missing(parts) > 0
  local reply = {h = parts.h, n = parts.n, x = table.concat(texts), i = parts.i, d = parts.d, o = parts.o}
  for _, field in ipairs(BINDING) do reply[field] = parts[field] end
  add_reply(q, parts.f, reply, now)
  if not torn then return end
  for _, field in ipairs({'f', 'i', 'h', 'n', 'b', 'd', 'o', 'z'}) do
    kept[#kept + 1] = field
    kept[#kept + 1] = parts[field]
  end
  redis.call('HSET', key, unpack(kept))
  redis.call('PEXPIRE', key, int(KEEP.late_parts))
end
