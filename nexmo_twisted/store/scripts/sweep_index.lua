-- uses time messages queue links attempts completion replies long_replies sweep
-- A step of the sweep through what is listed somewhere: entries that lead nowhere go.
-- ARGV: now, index (its name in schema.py), cursor, about how many to look at. Returns that of report().
local now, name, cursor, count = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
redis.call('DEL', K.lock)   -- nothing: a first write that needs no memory; a Redis that takes none says so here

-- A message that is closed or has its notifications takes itself out, see sweep_keys.lua: here that would cost a
-- decode.
local function look_at_due(mid)
  if redis.call('EXISTS', K.message .. mid) == 0 then
    redis.call('ZREM', K.due, mid)
    repaired('due')
  end
end

local function look_at_long_due(long_reply)
  local parts = load_parts(long_reply)
  if not parts or parts[F.incomplete] then
    redis.call('ZREM', K.long_due, long_reply)
    repaired('parts')
  end
end

local function look_at_queued(q, lane)
  if redis.call('EXISTS', q.lane .. lane) == 0 then
    redis.call('ZREM', q.queue, lane)
    repaired('queue')
  end
end

-- Uncertain items and dead letters are kept for a limited time; their expiry is reported, and is no repair.
local function look_at_aside(q, index, reason, id, since)
  local item = sound_item(q, id)
  local old = now - KEEP.aside
  if item and aside_of(q, item) ~= index then
    redis.call('ZREM', index, id)
    repaired('aside')
  elseif item and since <= old and (item[F.aside_at] or since) > old then
    redis.call('ZADD', index, int(item[F.aside_at]), id)
    repaired('aside')
  elseif since <= old then
    redis.call('ZREM', index, id)
    if item then
      end_attempt_of(id, load_item(q.item .. id), 'unproven', now)
      close_item(q, id, item, 'expired', now)
    end
    note('expired ' .. reason)
  elseif not item then
    redis.call('ZREM', index, id)
    repaired('aside')
  end
end

local out, in_ = names('out'), names('in')
local looks = {
  due = {K.due, look_at_due},
  long_due = {K.long_due, look_at_long_due},
  out_queue = {K.out_queue, function(lane) look_at_queued(out, lane) end},
  in_queue = {K.in_queue, function(lane) look_at_queued(in_, lane) end},
  out_uncertain = {K.out_uncertain, function(id, at) look_at_aside(out, out.uncertain, 'uncertain', id, at) end},
  in_uncertain = {K.in_uncertain, function(id, at) look_at_aside(in_, in_.uncertain, 'uncertain', id, at) end},
  out_dead = {K.out_dead, function(id, at) look_at_aside(out, out.dead, 'out', id, at) end},
  in_dead = {K.in_dead, function(id, at) look_at_aside(in_, in_.dead, 'in', id, at) end},
}
local index, look = unpack(looks[name])
if redis.call('TYPE', index).ok ~= 'zset' then return report('0', 0) end   -- there is none; sweep_keys tells of others
local batch = redis.call('ZSCAN', index, cursor, 'COUNT', count)
local entries = batch[2]
for i = 1, #entries, 2 do guarded(look, index, entries[i], tonumber(entries[i + 1])) end
return report(batch[1], #entries / 2)
