-- A long reply whose parts have not all come: HASH at K.long_reply .. name, name = handset:number:reference:total,
-- listed in K.long_due. Its messageId, handset, number, due, order, and what its thread is known by (see replies.lua)
-- are those of the part that came first. Its rid, and so the UUID it is posted with, is that of the first part to come
-- and not of part 1: whatever a Redis that lost its last writes still has of a reply, this is in it. Once it is posted
-- incomplete it has no texts and is not listed: parts that come late are known by it.
local function load_parts(name)
  local parts = load_item(K.long_reply .. name)
  local sound = parts and parts[F.first_rid] and parts[F.message_id] and parts[F.handset] and parts[F.number]
    and parts[F.entry] and tonumber(parts[F.due]) and tonumber(parts[F.order])
    and (tonumber(parts[F.total]) or 256) <= 255 and (parts[F.incomplete] or tonumber(parts[F.waits_until]))
  return sound and parts or nil
end

local function missing(parts)
  local count = 0
  for part = 1, tonumber(parts[F.total]) do
    if not parts[F.part_id .. part] then count = count + 1 end
  end
  return count
end

-- What has come becomes a reply, in order, with [...] where something is missing.
local function close_parts(q, name, parts, now)
  local texts, kept, key = {}, {F.incomplete, 1}, K.long_reply .. name
  for part = 1, tonumber(parts[F.total]) do
    local text = parts[F.part_text .. part]
    if text then
      kept[#kept + 1] = F.part_id .. part
      kept[#kept + 1] = parts[F.part_id .. part]
    end
    if text or part == 1 or parts[F.part_text .. part - 1] then texts[#texts + 1] = text or '[...]' end
  end
  redis.call('ZREM', K.long_due, name)
  redis.call('DEL', q.item .. parts[F.first_rid], key)
  local torn = missing(parts) > 0
  local reply = {[F.text] = table.concat(texts)}
  for _, field in ipairs({F.handset, F.number, F.message_id, F.due, F.order, unpack(BINDING)}) do
    reply[field] = parts[field]
  end
  add_reply(q, parts[F.first_rid], reply, now)
  if not torn then return end
  local of_whole = {F.first_rid, F.message_id, F.handset, F.number, F.entry, F.due, F.order, F.total}
  for _, field in ipairs(of_whole) do
    kept[#kept + 1] = field
    kept[#kept + 1] = parts[field]
  end
  redis.call('HSET', key, unpack(kept))
  redis.call('PEXPIRE', key, int(KEEP.late_parts))
end
