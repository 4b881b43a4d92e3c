-- A reply begins to wait at its place among those that its handset sent to the same number: l that lane, h handset, n
-- number of ours, x text, i messageId, d when it came, o its place. To which thread it belongs is decided by that
-- moment: b what the number carried then (see links.lua); where that was nothing that we know of, owner and map the
-- Node service's keys; new what it may carry instead, wait the attempts that decide it, doubt = 1 when nothing does.

local BINDING = {'b', 'new', 'wait', 'doubt', 'owner', 'map'}

local function binding(handset, number, now)
  local key = K.handset .. handset
  local read = redis.call('HMGET', key, number, 't:' .. number, 'q:' .. number)
  local carried, fields = read[1] or '', {b = read[1] or ''}
  if not read[1] then
    local owner = owner_of(handset, '')
    if owner ~= '' then fields.owner, fields.map = owner, redis.call('GET', map_key(owner)) or '' end
  end
  if read[3] then
    fields.new, fields.doubt = read[3], '1'
    return fields
  end
  local recent                        -- nobody reads and answers a text so fast: it is the one before them all
  for at, took, before in string.gmatch(read[2] or '', '(%d+) (%d+) ([^\n]*)') do
    if now - tonumber(at) <= GRACE and before ~= '' then
      recent = recent or before
      if fields.doubt then fields.new = fields.new or before end
      if tonumber(took) >= QUICK then fields.doubt = '1' end
    end
  end
  if recent then fields.b = recent end
  if fields.doubt then fields.new = fields.new or carried end
  local entry, attempts = unsettled(handset, number)
  if entry and not fields.doubt and not same_thread(entry, carried) and not same_thread(entry, fields.b) then
    fields.new, fields.wait = entry, attempts
    redis.call('HSET', key, 'w:' .. number, '1')
  end
  return fields
end

local function add_reply(q, rid, reply, now)
  local lane = reply_lane(reply.h, reply.n)
  redis.call('HSET', q.item .. rid, 'l', lane, 'h', reply.h, 'n', reply.n, 'x', reply.x, 'i', reply.i, 'd', reply.d,
    'o', reply.o, 's', 'R')
  for _, field in ipairs(BINDING) do
    if reply[field] then redis.call('HSET', q.item .. rid, field, reply[field]) end
  end
  redis.call('ZADD', q.lane .. lane, reply.o, rid)
  came(q, lane, rid, now)
end

local function next_place() return int(redis.call('INCR', K.fence)) end
