-- A reply begins to wait at its place among those that its handset sent to the same number, which are its lane. To
-- which thread it belongs is decided by that moment: the entry is what the number carried then (see links.lua); where
-- that was nothing that we know of, owner and owner_map are the Node service's keys.

local BINDING = {F.entry, F.other_entry, F.open_attempts, F.ambiguous, F.owner, F.owner_map}

local function binding(handset, number, now)
  local key = K.handset .. handset
  local read = redis.call('HMGET', key, number, F.changes .. number, F.disputed .. number)
  local carried, fields = read[1] or '', {[F.entry] = read[1] or ''}
  if not read[1] then
    local owner = owner_of(handset, '')
    if owner ~= '' then fields[F.owner], fields[F.owner_map] = owner, redis.call('GET', map_key(owner)) or '' end
  end
  if read[3] then
    fields[F.other_entry], fields[F.ambiguous] = read[3], '1'
    return fields
  end
  local recent                        -- no person reads and answers a text so fast: it is the one before them all
  for at, took, before in string.gmatch(read[2] or '', '(%d+) (%d+) ([^\n]*)') do
    if now - tonumber(at) <= GRACE and before ~= '' then
      recent = recent or before
      if fields[F.ambiguous] then fields[F.other_entry] = fields[F.other_entry] or before end
      if tonumber(took) >= QUICK then fields[F.ambiguous] = '1' end
    end
  end
  if recent then fields[F.entry] = recent end
  if fields[F.ambiguous] then fields[F.other_entry] = fields[F.other_entry] or carried end
  local entry, attempts = unsettled(handset, number)
  if entry and not fields[F.ambiguous] and not same_thread(entry, carried)
    and not same_thread(entry, fields[F.entry]) then
    fields[F.other_entry], fields[F.open_attempts] = entry, attempts
    redis.call('HSET', key, F.awaited .. number, '1')
  end
  return fields
end

local function add_reply(q, rid, reply, now)
  local lane = reply_lane(reply[F.handset], reply[F.number])
  redis.call('HSET', q.item .. rid, F.lane, lane, F.handset, reply[F.handset], F.number, reply[F.number],
    F.text, reply[F.text], F.message_id, reply[F.message_id], F.due, reply[F.due], F.order, reply[F.order],
    F.state, 'R')
  for _, field in ipairs(BINDING) do
    if reply[field] then redis.call('HSET', q.item .. rid, field, reply[field]) end
  end
  redis.call('ZADD', q.lane .. lane, reply[F.order], rid)
  came(q, lane, rid, now)
end

local function next_place() return int(redis.call('INCR', K.seq)) end
