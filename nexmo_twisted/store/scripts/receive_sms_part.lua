-- uses time queue links attempts replies long_replies
-- A part of a long inbound SMS is stored once. The last one to come makes a reply of them, at the place of the first.
-- A part that came before, with another messageId, says that its reference is used again: the old reply is closed as it
-- is, and a new one begins. A part of one that was posted incomplete, or should have been, is a reply by itself, if the
-- number still carries the same thread; else it belongs to another reply, whose reference is the same.
-- ARGV: now, rid, handset, number, text, messageId, reference, total, part, ms that others may take, ms in all, the rid
-- it gets when it comes late and has the messageId of the reply that it belonged to.
-- Returns {known, waiting, whole or late, 1 when one was closed incomplete, ms until this one will be or ''}
local now, q, rid, handset, number = clock(ARGV[1]), names('in'), ARGV[2], ARGV[3], ARGV[4]
local text, id, part, wait, longest = ARGV[5], ARGV[6], ARGV[9], tonumber(ARGV[10]), tonumber(ARGV[11])
local name = table.concat({handset, number, ARGV[7], ARGV[8]}, ':')
local key, parts, closed = K.long_reply .. name, load_parts(name), 0
local before = parts and parts[F.part_id .. part]
local late = parts and not before and (parts[F.incomplete] or now > parts[F.due] + longest)
local bound = late and binding(handset, number, now)
local other = bound and (bound[F.ambiguous] or bound[F.open_attempts]
  or not same_thread(bound[F.entry], parts[F.entry]))
if other then late = false end
-- Should all parts of one reply have the same messageId, they are still parts of it, and late ones replies.
if late and parts[F.first_rid] == rid then rid = ARGV[12] end
local sibling = parts and not parts[F.incomplete] and not before and not late and not other
  and parts[F.first_rid] == rid
if before == id or redis.call('EXISTS', q.item .. rid) == 1 and not sibling then return {'known', 0, ''} end

local function close()
  if parts[F.incomplete] then return end
  close_parts(q, name, parts, now)
  closed = 1
end

if late then
  local place = next_place()
  close()
  bound[F.handset], bound[F.number], bound[F.text], bound[F.message_id] = handset, number, text, id
  bound[F.due], bound[F.order] = int(now), place
  add_reply(q, rid, bound, now)
  parts[F.part_id .. part] = id
  if missing(parts) == 0 then redis.call('DEL', key) else redis.call('HSET', key, F.part_id .. part, id) end
  return {'late', closed, ''}
end

if before or other or not parts then
  local first, place = binding(handset, number, now), next_place()
  if parts then close() end
  if redis.call('EXISTS', key) == 1 then redis.call('DEL', key) end
  parts = first
  parts[F.first_rid], parts[F.message_id], parts[F.handset], parts[F.number] = rid, id, handset, number
  parts[F.due], parts[F.order], parts[F.total] = int(now), place, ARGV[8]
  for field, value in pairs(parts) do redis.call('HSET', key, field, value) end
end
local ends = math.min(now + wait, parts[F.due] + longest)
parts[F.part_id .. part], parts[F.part_text .. part] = id, text
redis.call('HSET', key, F.part_id .. part, id, F.part_text .. part, text, F.waits_until, int(ends))
redis.call('SET', q.item .. rid, 'part ' .. parts[F.first_rid], 'PX', int(KEEP.closed))
if missing(parts) == 0 then
  close_parts(q, name, parts, now)
  return {'whole', closed, ''}
end
redis.call('PEXPIRE', key, int(KEEP.pending))
redis.call('ZADD', K.long_due, int(ends), name)
return {'waiting', closed, int(math.max(0, ends - now))}
