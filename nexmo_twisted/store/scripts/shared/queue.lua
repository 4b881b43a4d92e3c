local function names(queue)          -- the keys of one of the two queues
  if queue == 'out' then
    return {queue = K.out_queue, lane = K.out_lane, item = K.out_item, uncertain = K.out_uncertain, buried = K.out_buried}
  end
  return {queue = K.in_queue, lane = K.in_lane, item = K.in_item, uncertain = K.in_uncertain, buried = K.in_buried}
end

local function load_item(key)
  if redis.call('TYPE', key).ok ~= 'hash' then return nil end
  local flat, item = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do item[flat[i]] = flat[i + 1] end
  return item
end

-- Whether the lane of an item is leased to it: then the lane is to be looked at when the lease of the item (u) ends.
-- Another item may have come to the head of the lane meanwhile, or have taken the lane over after that lease.
local function holds(q, item)
  return (item.s == 'C' or item.s == 'S') and item.u and redis.call('ZSCORE', q.queue, item.l) == item.u
end

-- Takes an item out of its lane; when the lane was its own, the next one may be looked at at once.
local function leave_lane(q, id, item, now)
  redis.call('ZREM', q.lane .. item.l, id)
  if redis.call('EXISTS', q.lane .. item.l) == 0 then redis.call('ZREM', q.queue, item.l)
  elseif holds(q, item) then redis.call('ZADD', q.queue, int(now), item.l) end
end

-- Leases the lane of an item to it.
local function lease_lane(q, id, item, ends)
  redis.call('ZADD', q.queue, int(ends), item.l)
  redis.call('HSET', q.item .. id, 'u', int(ends))
end

local function set_aside(q, id, item, state, reason, now)
  leave_lane(q, id, item, now)
  redis.call('ZREM', q.uncertain, id)
  redis.call('ZREM', q.buried, id)
  redis.call('HSET', q.item .. id, 's', state, 'e', reason, 'z', int(now))
  redis.call('PEXPIRE', q.item .. id, int(KEEP.aside))
  if item.m then redis.call('PEXPIRE', K.message .. item.m, int(KEEP.aside)) end
  redis.call('ZADD', state == 'U' and q.uncertain or q.buried, int(now), id)
end

-- Puts an item back at its place. A definite word also counts when the lease ran out meanwhile, so that the item stands
-- aside: then it comes back, and waits for the one that its lane may be working on.
local function put_back(q, id, item, reason, at)
  redis.call('ZREM', q.uncertain, id)
  redis.call('ZREM', q.buried, id)
  if holds(q, item) then redis.call('ZREM', q.queue, item.l) end
  redis.call('ZADD', q.lane .. item.l, item.o or item.d, id)
  redis.call('HSET', q.item .. id, 's', 'R', 'k', '')
  redis.call('HDEL', q.item .. id, 'c')
  redis.call('PERSIST', q.item .. id)
  if item.m then redis.call('PERSIST', K.message .. item.m) end
  if reason ~= '' then redis.call('HSET', q.item .. id, 'e', reason) end
  redis.call('ZADD', q.queue, 'NX', int(at), item.l)
end

local function held_so_far(now)
  local total = tonumber(redis.call('GET', K.held) or '0')
  local since = redis.call('HGET', K.hold, 'since')
  if since then total = total + now - tonumber(since) end
  return total
end
